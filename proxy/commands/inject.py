"""Add the sidecar to Deployments: `stablehand inject`.

The manifests are changed as trees of YAML nodes, so that everything else stays as it was written:
quotes, order, anchors, unknown kinds; only comments and blank lines are lost. What is added is what
k8s/components/sidecar adds, and a test holds the two together. Nothing is sent anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

NAME: Final = "stablehand"
IMAGE: Final = "stablehand"
CONFIG_MAP: Final = "stablehand"
GRACE_S: Final = 75
"""Longer than the model's preStop and the sidecar's drain together; see k8s/README.md."""

CONTAINER: Final = """\
name: stablehand
image: stablehand
restartPolicy: Always
args: [run, /etc/stablehand/stablehand.yaml]
ports:
  - {name: data, containerPort: 8100}
  - {name: admin, containerPort: 8101}
startupProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /healthz, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 2
  timeoutSeconds: 2
  failureThreshold: 2
lifecycle:
  preStop:
    exec: {command: [stablehand, drain]}
resources:
  requests: {cpu: 100m, memory: 256Mi}
  limits: {memory: 512Mi}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  readOnlyRootFilesystem: true
  allowPrivilegeEscalation: false
  capabilities: {drop: [ALL]}
  seccompProfile: {type: RuntimeDefault}
volumeMounts:
  - {name: stablehand-config, mountPath: /etc/stablehand, readOnly: true}
  - {name: stablehand-state, mountPath: /var/lib/stablehand}
"""
VOLUMES: Final = """\
- name: stablehand-config
  configMap: {name: stablehand}
- name: stablehand-state
  emptyDir: {sizeLimit: 256Mi}
"""


class InjectError(Exception):
    """Manifests that the sidecar cannot be added to; the message says where and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Injected:
    """Manifests with the sidecar, and what a person has yet to do."""

    text: str
    notes: tuple[str, ...]


def inject(text: str, *, image: str = IMAGE, config_map: str = CONFIG_MAP) -> Injected:
    """Add the native sidecar to every Deployment in `text`; a second time changes nothing.

    Raises:
        InjectError: not YAML, no Deployment in it, or one without a pod.
    """
    try:
        composed = yaml.compose_all(text, Loader=yaml.SafeLoader)
        documents = [one for one in composed if not _is_empty(one)]
    except (yaml.YAMLError, RecursionError) as error:
        raise InjectError(f"not valid YAML: {' '.join(str(error).split())}") from error
    manifests = [one for document in documents for one in _manifests(document)]
    deployments = [one for one in manifests if _text(one, "kind") == "Deployment"]
    if not deployments:
        raise InjectError("there is no Deployment in it; give the manifest of the model")
    notes: list[str] = []
    for deployment in deployments:
        notes += _add(deployment, image, config_map)
    notes += _around(manifests, config_map)
    _quote_times(documents)
    written = yaml.serialize_all(
        documents,
        Dumper=yaml.SafeDumper,
        explicit_start=len(documents) > 1,
        allow_unicode=True,
        width=4096,
    )
    return Injected(text=written, notes=tuple(dict.fromkeys(notes)))


def _is_empty(node: yaml.Node) -> bool:
    """Tell the document that a last `---` begins."""
    return bool(node.value == "" and node.tag.endswith(":null"))


def _manifests(node: yaml.Node) -> Iterator[yaml.MappingNode]:
    """Give the manifest of a document, or those of a `List`."""
    if not isinstance(node, yaml.MappingNode):
        return
    yield node
    items = _get(node, "items")
    if _text(node, "kind") == "List" and isinstance(items, yaml.SequenceNode):
        for item in items.value:
            yield from _manifests(item)


def _add(deployment: yaml.MappingNode, image: str, config_map: str) -> Iterator[str]:
    """Add the sidecar to one Deployment; give what a person has yet to do.

    Raises:
        InjectError: it has no pod, or the sidecar as an ordinary container.
    """
    metadata = _get(deployment, "metadata")
    name = _text(metadata, "name") or "without a name"
    pod = deployment
    for key in ("spec", "template", "spec"):
        below = _get(pod, key)
        if not isinstance(below, yaml.MappingNode):
            raise InjectError(f"Deployment {name}: no spec.template.spec that is a mapping")
        pod = below
    containers = _items(pod, "containers", name)
    if NAME in map(_name, containers):
        raise InjectError(
            f"Deployment {name}: {NAME} is an ordinary container in it; take it out first"
        )
    added = _composed(CONTAINER)
    if isinstance(added, yaml.MappingNode):
        _set(added, "image", _scalar(image))
    others = [one for one in _items(pod, "initContainers", name) if _name(one) != NAME]
    # First, so that it is ready before what else starts, and ends after it.
    _set(pod, "initContainers", _sequence([added, *others]))
    _set(pod, "volumes", _sequence(_volumes(_items(pod, "volumes", name), config_map)))
    if _get(pod, "terminationGracePeriodSeconds") is None:
        _set(pod, "terminationGracePeriodSeconds", _scalar(str(GRACE_S), "int"))
    for container in containers:
        if _get(container, "readinessProbe") is not None:
            yield (
                f"Deployment {name}: take the readinessProbe of {_name(container)} away; "
                "while the stable model serves, it would take the pod out of service"
            )
        if _get(_get(container, "lifecycle"), "preStop") is None:
            yield (
                f"Deployment {name}: give {_name(container)} a preStop sleep of 40 seconds; "
                "it must answer until the sidecar has drained"
            )


def _volumes(before: Sequence[yaml.Node], config_map: str) -> list[yaml.Node]:
    added: list[yaml.Node] = list(_composed(VOLUMES).value)
    source = _get(added[0], "configMap")
    if isinstance(source, yaml.MappingNode):
        _set(source, "name", _scalar(config_map))
    names = [_name(one) for one in added]
    return [*(one for one in before if _name(one) not in names), *added]


def _around(manifests: Sequence[yaml.MappingNode], config_map: str) -> Iterator[str]:
    """Give what the manifests beside the Deployments still lack."""
    for manifest in manifests:
        if _text(manifest, "kind") == "Service":
            name = _text(_get(manifest, "metadata"), "name")
            yield f"Service {name}: lead it to the sidecar with `targetPort: 8100`"
    maps = [
        _text(_get(one, "metadata"), "name")
        for one in manifests
        if _text(one, "kind") == "ConfigMap"
    ]
    if config_map not in maps:
        yield (
            f"the sidecar reads stablehand.yaml from the ConfigMap {config_map}: "
            "`stablehand init` writes one to begin with"
        )


def _quote_times(documents: Sequence[yaml.Node]) -> None:
    """Make times such as `12:30` the texts that Kubernetes reads.

    YAML 1.1 counts them in sixties, and they would be written as `!!int '12:30'`.
    """
    waiting = list(documents)
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        match node:
            case yaml.MappingNode():
                waiting += [inner for pair in node.value for inner in pair]
            case yaml.SequenceNode():
                waiting += node.value
            case yaml.ScalarNode() if not node.style and ":" in node.value:
                node.tag = "tag:yaml.org,2002:str"


# Reading and changing nodes.


def _composed(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        raise ValueError("nothing to compose")  # our own texts are never empty
    return node


def _get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Give the value of a key; `None` when it is missing, empty, or `node` is no mapping."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key and not value.tag.endswith(":null"):
                found: yaml.Node = value
                return found
    return None


def _text(node: yaml.Node | None, key: str) -> str:
    value = _get(node, key)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else ""


def _name(node: yaml.Node) -> str:
    return _text(node, "name")


def _items(pod: yaml.Node, key: str, name: str) -> list[yaml.Node]:
    """Give the items of a list; none when it is missing.

    Raises:
        InjectError: it is no list.
    """
    found = _get(pod, key)
    if found is None:
        return []
    if not isinstance(found, yaml.SequenceNode):
        raise InjectError(f"Deployment {name}: {key} is not a list")
    return list(found.value)


def _set(node: yaml.MappingNode, key: str, value: yaml.Node) -> None:
    """Put a value under a key: in its place, or behind all others."""
    for at, (name, _) in enumerate(node.value):
        if name.value == key:
            node.value[at] = (name, value)
            return
    node.value.append((_scalar(key), value))


def _scalar(text: str, kind: str = "str") -> yaml.ScalarNode:
    return yaml.ScalarNode(f"tag:yaml.org,2002:{kind}", text)


def _sequence(items: list[yaml.Node]) -> yaml.SequenceNode:
    return yaml.SequenceNode("tag:yaml.org,2002:seq", items, flow_style=False)
