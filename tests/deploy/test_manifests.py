"""The Kubernetes manifests load, build, satisfy the API's schemas and keep our promises."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from proxy.relay.settings import Listen
from proxy.telemetry.settings import Admin

K8S = Path(__file__).resolve().parents[2] / "k8s"
SIDECARS = ("stablehand", "transformer-container")
VARIANTS = {
    "native": ["components/monitoring", "components/network-policy"],
    "classic": ["components/classic"],
}
VERSIONS = {"native": ("1.29", "1.33", "1.37"), "classic": ("1.29", "1.37")}

Manifest = dict[str, Any]


def documents(path: Path) -> list[Any]:
    """Give the YAML documents of a file."""
    return [d for d in yaml.safe_load_all(path.read_text("utf-8")) if d is not None]


def containers(pod: Manifest) -> list[Manifest]:
    """Give all containers of a pod's specification."""
    return [*pod.get("initContainers", []), *pod.get("containers", [])]


def pods(manifest: Manifest) -> Iterator[Manifest]:
    """Give the pod specification in a manifest, if there is one."""
    match manifest:
        case {"kind": "Deployment", "spec": {"template": {"spec": pod}}}:
            yield pod
        case {"kind": "InferenceService", "spec": {"predictor": pod}}:
            yield pod


def sidecars() -> list[tuple[str, Manifest]]:
    """Give every place where the sidecar's container is written down."""
    return [
        (str(path.relative_to(K8S)), container)
        for path in sorted(K8S.rglob("*.yaml"))
        for manifest in documents(path)
        for pod in pods(manifest)
        for container in containers(pod)
        if container["name"] in SIDECARS
    ]


def build(variant: str, folder: Path) -> list[Manifest]:
    """Build the base with the components of a variant, as kubectl does it."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed")
    shutil.copytree(K8S, folder / "k8s")
    overlay = {
        "resources": ["k8s/base"],
        "components": [f"k8s/{component}" for component in VARIANTS[variant]],
        "images": [{"name": "stablehand", "newName": "example.com/stablehand", "newTag": "1"}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(overlay), "utf-8")
    answer = subprocess.run(
        [kubectl, "kustomize", str(folder)], capture_output=True, check=False, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return [d for d in yaml.safe_load_all(answer.stdout) if d is not None]


def test_every_file_is_used() -> None:
    """Each manifest is YAML and is named by the kustomization beside it."""
    for path in sorted(K8S.rglob("*.yaml")):
        assert documents(path), f"{path} is empty"
        if path.name != "kustomization.yaml":
            beside = (path.parent / "kustomization.yaml").read_text("utf-8")
            assert path.name in beside, f"{path} is in no kustomization"


def test_the_sidecar_is_written_down_in_two_places() -> None:
    """Deployment and InferenceService need their own patch; a third copy would be one too many."""
    assert [place for place, _ in sidecars()] == [
        "components/kserve/inferenceservice.yaml",
        "components/sidecar/deployment.yaml",
    ]


@pytest.mark.parametrize(("place", "container"), sidecars(), ids=[p for p, _ in sidecars()])
def test_the_sidecar_can_do_no_more_than_it_needs(place: str, container: Manifest) -> None:
    """Not root, read-only root, no capability, no new privilege, seccomp, bounded memory."""
    assert place
    assert container["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert "memory" in container["resources"]["limits"]
    assert "cpu" not in container["resources"]["limits"], "a CPU limit adds waiting to requests"
    writable = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert writable == ["/var/lib/stablehand"]


@pytest.mark.parametrize(("place", "container"), sidecars(), ids=[p for p, _ in sidecars()])
def test_the_probes_ask_the_admin_door(place: str, container: Manifest) -> None:
    """Liveness asks for the sidecar alone, readiness for the pod; preStop begins the drain."""
    assert place
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    admin = Admin().port
    for probe, path in (
        ("startupProbe", "/healthz"),
        ("livenessProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
    ):
        asked = container[probe]["httpGet"]
        assert ports.get(asked["port"], asked["port"]) == admin
        assert asked["path"] == path
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["stablehand", "drain"]


def test_the_model_outlives_the_drain_of_the_sidecar() -> None:
    """The model sleeps longer than the sidecar drains, and the pod waits longer than both."""
    (deployment,) = documents(K8S / "base" / "deployment.yaml")
    pod = deployment["spec"]["template"]["spec"]
    (model,) = pod["containers"]
    sleep_s = model["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep_s > Listen().grace_s
    assert pod["terminationGracePeriodSeconds"] > sleep_s + Listen().grace_s
    assert pod["automountServiceAccountToken"] is False


def test_the_model_does_not_speak_for_the_pod() -> None:
    """A readiness probe of the model would take a pod out of service that serves by the stable."""
    (deployment,) = documents(K8S / "base" / "deployment.yaml")
    assert all(
        "readinessProbe" not in container
        for container in deployment["spec"]["template"]["spec"]["containers"]
    )


def test_the_service_leads_to_the_data_port(tmp_path: Path) -> None:
    """Clients keep their address and meet the sidecar."""
    (service,) = [m for m in build("native", tmp_path) if m["kind"] == "Service"]
    assert service["spec"]["ports"][0]["targetPort"] == Listen().port


def test_the_native_sidecar_starts_before_the_model_and_stops_after_it(tmp_path: Path) -> None:
    """It is an init container that is always restarted, and the model stays the only container."""
    (deployment,) = [m for m in build("native", tmp_path) if m["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["initContainers"]] == ["stablehand"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    assert pod["initContainers"][0]["image"] == "example.com/stablehand:1"
    assert [c["name"] for c in pod["containers"]] == ["model"]


def test_the_classic_sidecar_is_the_same_container(tmp_path: Path) -> None:
    """Only the place and the restart policy differ."""
    (deployment,) = [m for m in build("classic", tmp_path) if m["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    assert not pod["initContainers"]
    sidecar, model = pod["containers"]
    assert (sidecar["name"], model["name"]) == ("stablehand", "model")
    (native,) = [c for place, c in sidecars() if place.startswith("components/sidecar")]
    assert {**sidecar, "image": "stablehand", "restartPolicy": "Always"} == native


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_what_is_built_satisfies_the_schemas_of_kubernetes(variant: str, tmp_path: Path) -> None:
    """Strict validation against old and new API versions; foreign kinds have no schema there."""
    checked = []
    for manifest in build(variant, tmp_path):
        if manifest["apiVersion"].startswith("monitoring.coreos.com/"):
            continue
        for version in VERSIONS[variant]:
            kubernetes_validate.validate(manifest, version, strict=True)
        checked.append(manifest["kind"])
    assert {"ConfigMap", "Service", "Deployment"} <= set(checked)


def test_an_older_kubernetes_needs_the_classic_sidecar(tmp_path: Path) -> None:
    """1.27 refuses the native form and takes the classic one, but for the model's own sleep."""
    for variant in VARIANTS:
        (tmp_path / variant).mkdir()
    native, classic = (
        next(m for m in build(variant, tmp_path / variant) if m["kind"] == "Deployment")
        for variant in VARIANTS
    )
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(native, "1.27", strict=True)
    model = classic["spec"]["template"]["spec"]["containers"][1]
    assert "sleep" in model.pop("lifecycle")["preStop"]
    kubernetes_validate.validate(classic, "1.27", strict=True)


def test_the_network_policy_hides_the_model() -> None:
    """Only the data port is open to all; the admin port asks for a namespace."""
    (policy,) = documents(K8S / "components" / "network-policy" / "network-policy.yaml")
    opened = {
        port["port"]: "from" in rule for rule in policy["spec"]["ingress"] for port in rule["ports"]
    }
    assert opened == {Listen().port: False, Admin().port: True}
