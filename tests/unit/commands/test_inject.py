"""The sidecar is added to Deployments as k8s/ adds it, and everything else stays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.commands.inject import CONTAINER, VOLUMES, InjectError, inject

ROOT = Path(__file__).resolve().parents[3]
SIDECAR = ROOT / "k8s" / "components" / "sidecar"
MODEL = (ROOT / "k8s" / "base" / "deployment.yaml").read_text("utf-8")
ODD = """\
# written by hand
apiVersion: v1
kind: Service
metadata: {name: model, annotations: {odd/on: "on", odd/time: 12:30, odd/octal: 0644}}
spec: {selector: {app: model}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: odd
  annotations: {date: 2026-01-02, version: "1.10", yes: 'no', big: 1e3}
spec:
  template:
    metadata: {labels: &labels {app: model}}
    spec:
      terminationGracePeriodSeconds: 300
      initContainers:
        - {name: first, image: "first:1"}
      containers:
        - name: model
          image: model:1.0.0
          readinessProbe: {httpGet: {path: /ready, port: 8080}}
          env: [{name: A, value: "1"}]
      volumes:
        - {name: data, emptyDir: {}}
  selector: {matchLabels: *labels}
---
apiVersion: example.com/v1
kind: Unknown
spec:
  text: |
    two
    lines
"""


def documents(text: str) -> list[Any]:
    """Give the documents of a text, every scalar as it was written."""
    return list(yaml.load_all(text, Loader=yaml.BaseLoader))


def pod(text: str, kind: str = "Deployment") -> dict[str, Any]:
    """Give the pod of the only Deployment in a text."""
    (one,) = [d for d in yaml.safe_load_all(text) if d and d["kind"] == kind]
    found: dict[str, Any] = one["spec"]["template"]["spec"]
    return found


def without_sidecar(found: list[Any]) -> list[Any]:
    """Take away what is added, with the lists that are empty then."""
    for document in found:
        if document.get("kind") != "Deployment":
            continue
        spec = document["spec"]["template"]["spec"]
        for key in ("initContainers", "volumes"):
            kept = [one for one in spec[key] if not one["name"].startswith("stablehand")]
            spec[key] = kept
            if not kept:
                del spec[key]
    return found


def test_what_is_added_is_what_the_component_adds() -> None:
    """Container and volumes are those of k8s/components/sidecar, key by key."""
    component = yaml.safe_load((SIDECAR / "deployment.yaml").read_text("utf-8"))
    spec = component["spec"]["template"]["spec"]
    assert [yaml.safe_load(CONTAINER)] == spec["initContainers"]
    assert yaml.safe_load(VOLUMES) == spec["volumes"]


def test_the_example_gets_a_native_sidecar() -> None:
    """First of the init containers, with its volumes; the model is untouched."""
    found = pod(inject(MODEL).text)
    assert found["initContainers"] == [yaml.safe_load(CONTAINER)]
    assert found["initContainers"][0]["restartPolicy"] == "Always"
    assert found["volumes"] == yaml.safe_load(VOLUMES)
    assert found["containers"] == pod(MODEL)["containers"]
    assert found["terminationGracePeriodSeconds"] == 75


def test_everything_else_stays_as_it_was_written() -> None:
    """Other kinds, other containers, quotes, times, octal numbers and blocks of text."""
    added = inject(ODD).text
    assert without_sidecar(documents(added)) == documents(ODD)
    for piece in (
        "odd/time: '12:30'",
        "odd/octal: 0644",
        '"on"',
        "date: 2026-01-02",
        "'no'",
        '"1.10"',
    ):
        assert piece in added
    names = [one["name"] for one in pod(added)["initContainers"]]
    assert names == ["stablehand", "first"]
    assert pod(added)["volumes"][0]["name"] == "data"


@pytest.mark.parametrize(
    "text", [MODEL, ODD, f"---\n{MODEL}\n---\n"], ids=["example", "odd", "end"]
)
def test_a_second_time_changes_nothing(text: str) -> None:
    """What was injected may be injected again, by a pipeline that knows no state."""
    once = inject(text).text
    assert inject(once).text == once


def test_a_second_time_with_another_image_replaces_it() -> None:
    """Injecting is how the sidecar is brought up to date."""
    once = inject(MODEL, image="stablehand:1").text
    twice = inject(once, image="registry.example.com/stablehand@sha256:ab", config_map="mine").text
    (sidecar,) = pod(twice)["initContainers"]
    assert sidecar["image"] == "registry.example.com/stablehand@sha256:ab"
    assert pod(twice)["volumes"][0]["configMap"] == {"name": "mine"}
    assert len(pod(twice)["volumes"]) == 2


def test_every_deployment_gets_it() -> None:
    """In several documents and in lists; other kinds get nothing."""
    a, b = MODEL, MODEL.replace("name: model\n", "name: other\n", 1)
    items = [yaml.safe_load(a), {"kind": "ConfigMap", "metadata": {"name": "stablehand"}}]
    text = f"{a}\n---\n{yaml.safe_dump({'kind': 'List', 'items': items})}---\n{b}"
    found = inject(text)
    assert found.text.count("image: stablehand\n") == 3
    assert len(list(yaml.safe_load_all(found.text))) == 3
    assert not any("ConfigMap" in note for note in found.notes)


def test_what_a_person_has_yet_to_do_is_told_once() -> None:
    """Readiness, the model's end, the Service, the ConfigMap; the example lacks only the last."""
    notes = inject(ODD).notes
    assert [note.split(":")[0] for note in notes] == [
        "Deployment odd",
        "Deployment odd",
        "Service model",
        "the sidecar reads stablehand.yaml from the ConfigMap stablehand",
    ]
    assert "readinessProbe of model" in notes[0]
    assert "preStop" in notes[1]
    assert len(inject(MODEL).notes) == 1


def test_a_short_grace_is_set_only_where_none_is() -> None:
    """A pod that says nothing would be cut after 30 seconds, in the middle of the drain."""
    bare = MODEL.replace("      terminationGracePeriodSeconds: 75\n", "")
    assert pod(inject(bare).text)["terminationGracePeriodSeconds"] == 75
    assert pod(inject(ODD).text)["terminationGracePeriodSeconds"] == 300


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no Deployment in it"),
        ("kind: Service\n", "there is no Deployment in it"),
        ("- a\n", "there is no Deployment in it"),
        ("kind: Deployment\n  spec: {\n", "not valid YAML: "),
        ("[" * 5000, "not valid YAML: "),
        ("kind: Deployment\nmetadata: {name: m}\nspec: 1\n", "Deployment m: no spec.template.spec"),
        ("kind: Deployment\nspec: {template: }\n", "Deployment without a name: no spec.template"),
        (
            "kind: Deployment\nspec: {template: {spec: {containers: {name: x}}}}\n",
            "containers is not a list",
        ),
        (
            "kind: Deployment\nspec: {template: {spec: {containers: [{name: stablehand}]}}}\n",
            "stablehand is an ordinary container in it",
        ),
    ],
)
def test_what_it_cannot_be_added_to_is_one_line(text: str, told: str) -> None:
    """Which Deployment and why; nothing is half done."""
    with pytest.raises(InjectError) as caught:
        inject(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(deadline=None)  # the machine may be busy
@given(JSON, JSON)
def test_whatever_stands_beside_it_is_kept(around: object, inside: object) -> None:
    """Annotations and pods may hold any value."""
    one = {
        "kind": "Deployment",
        "metadata": {"annotations": around},
        "spec": {"template": {"spec": {"containers": [], "x": inside}}},
    }
    text = yaml.safe_dump_all([one, around], allow_unicode=True)
    added = inject(text).text
    expected = documents(text)
    found = documents(added)
    grace = found[0]["spec"]["template"]["spec"].pop("terminationGracePeriodSeconds")
    assert grace == "75"
    assert without_sidecar([found[0]]) == [expected[0]]
    assert found[1:] == expected[1:]
    assert inject(added).text == added
