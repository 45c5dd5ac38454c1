"""The configuration as a whole: the rooms' own settings, put together and validated.

Each room says in its `settings.py` what can be set. Here they become one tree; YAML and environment
are laid over the defaults (`document.py`), and every mistake is reported at once, with file, line
and key. Files named in the configuration are looked for beside it.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Final

from pydantic import TypeAdapter, ValidationError

from proxy import document
from proxy.actuators.settings import (
    AlertsSettings,
    CapacitySettings,
    CapacityStep,
    Receiver,
    SinkSettings,
)
from proxy.alarms import AlarmSettings
from proxy.document import HIDDEN, Document, DocumentError, Path_, Problem, Value
from proxy.fleet.settings import FleetSettings
from proxy.monitors.settings import Monitors
from proxy.payload.protocols import ROUTES
from proxy.payload.settings import Payload, Redact
from proxy.policy.settings import PolicySettings
from proxy.policy.settings import step as read_step
from proxy.records import StepKind
from proxy.relay import settings as relay
from proxy.relay import tls
from proxy.relay.settings import Listen, Mirror, Models, RelaySettings
from proxy.telemetry.settings import Admin, JournalSettings, LogSettings, MetricsSettings
from proxy.units import STRICT, NonEmpty, Seconds

LINK_SOCKET: Final = "link.sock"
API_SOCKET: Final = "watcher.sock"
"""Sockets in the run folder, under the names by which supervisor, relays and watcher meet."""
ROUTING_FILE: Final = "routing.bin"
"""The routing in force, in the state's folder: the watcher writes it, a relay starts from it."""

SECRET_WORDS: Final = ("token", "secret", "password", "key")
"""A text under a key with one of these words in its name is never shown, however it was written."""
URLS: Final = frozenset({"url", "undo_url"})
"""Keys of addresses, which may carry a secret path: shown for models, hidden for receivers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture(relay.Capture):
    """Which requests are sampled with their bodies, and what of them may be kept."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    redact: Redact = field(default_factory=Redact)
    """What is removed, hashed or masked before anything is kept."""
    sink: SinkSettings | None = None
    """Where sampled requests and answers are sent as CloudEvents, redacted. Default: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What survives a restart: routing, evidence, alarms, journal, waiting alerts."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    dir: NonEmpty = "state"
    """Folder for it, made when missing; relative to this file. Default `state`. Losing it costs
    history and evidence, never a request."""
    snapshot_s: Seconds = 5.0
    """How often evidence and alarms are written. Default 5 seconds: so much is forgotten when the
    watcher is killed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Metrics, logs and journal."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    """Buckets and bounds of `/metrics`."""
    log: LogSettings = field(default_factory=LogSettings)
    """The JSON log on standard error."""
    journal: JournalSettings = field(default_factory=JournalSettings)
    """The record of what was concluded, decided and done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything that can be set. Only `models.candidate.url` must be."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    models: Models
    """The model under watch and the last known good one."""
    listen: Listen = field(default_factory=Listen)
    """The data port, where clients connect."""
    admin: Admin = field(default_factory=Admin)
    """The admin door: health, metrics, status page, API."""
    payload: Payload = field(default_factory=Payload)
    """How sampled bodies become rows."""
    capture: Capture = field(default_factory=Capture)
    """Which requests are sampled, and what of them may be kept."""
    benchmark: str | None = None
    """File written by `stablehand certify`; relative to this file. Default: none, and then input,
    output, agreement and latency are shown but cannot alarm, since nothing says what is normal."""
    mirror: Mirror = field(default_factory=Mirror)
    """Copies of requests for the model that is not serving."""
    monitors: Monitors = field(default_factory=Monitors)
    """What is watched, and what difference counts."""
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    """How sure an alarm must be, and how long a breach must last."""
    policy: PolicySettings = field(default_factory=PolicySettings)
    """Which remedies are allowed, in which order."""
    capacity: CapacitySettings = field(default_factory=CapacitySettings)
    """The capacity steps that `expand` takes."""
    alerts: AlertsSettings = field(default_factory=AlertsSettings)
    """Who is told, and who is called when nobody answers."""
    state: State = field(default_factory=State)
    """What survives a restart."""
    telemetry: Telemetry = field(default_factory=Telemetry)
    """Metrics, logs and journal."""
    fleet: FleetSettings | None = None
    """Replicas that add up what they count, so that all judge the same. Default: each for itself.
    Needs the extra `fleet` (`pip install "stablehand[fleet]"`); the container has it."""

    @property
    def has_stable(self) -> bool:
        """Whether there is a model to compare with and to go back to."""
        return self.models.stable is not None


class ConfigError(Exception):
    """A configuration that cannot be used; carries every problem found."""

    def __init__(self, problems: list[Problem]) -> None:
        """Keep the problems in the order of the file."""
        ordered = sorted(problems, key=lambda problem: (problem.line, problem.path))
        super().__init__("\n".join(str(problem) for problem in ordered))
        self.problems = ordered


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A valid configuration with where it came from."""

    config: Config
    path: Path
    document: Document
    """The tree before secrets were filled in."""
    text: str = field(repr=False)
    """What stood in the file."""
    sha256: str
    """Hash of file and environment overlay, as the metrics show it."""
    benchmark_sha256: str = ""
    """Hash of the benchmark's file; empty when there is none, or none can be read."""

    @property
    def state_dir(self) -> Path:
        """Folder of the state, resolved."""
        return self._beside(self.config.state.dir)

    @property
    def benchmark_path(self) -> Path | None:
        """File of the benchmark, resolved. `None`: none is configured."""
        return None if self.config.benchmark is None else self._beside(self.config.benchmark)

    def _beside(self, name: str) -> Path:
        return (self.path.parent / name).resolve()

    def behaves_like(self, other: Loaded) -> bool:
        """Tell whether putting one into force after the other would change nothing.

        A secret that was rotated and a benchmark that was written again change something, although
        the file that names them is the same.
        """
        return (self.sha256, self.benchmark_sha256, self.config) == (
            other.sha256,
            other.benchmark_sha256,
            other.config,
        )

    def relay_settings(self, worker: int, link_path: Path, routing_path: Path) -> RelaySettings:
        """Give what one relay is told."""
        config = self.config
        names = [one.name for one in dataclasses.fields(relay.Capture)]
        capture = relay.Capture(**{name: getattr(config.capture, name) for name in names})
        own = tuple((pattern, pattern) for pattern in config.payload.paths)
        return RelaySettings(
            models=config.models,
            listen=config.listen,
            mirror=config.mirror,
            capture=capture,
            routes=(*own, *ROUTES),
            link_path=str(link_path),
            routing_path=str(routing_path),
            worker=worker,
            log_level=config.telemetry.log.level,
            log_lines=config.telemetry.log.max_lines,
        )

    def shown(self) -> dict[str, object]:
        """Give the configuration in force as plain values, secrets hidden.

        What was written as a reference is shown as the reference.
        """
        return {
            name: _shown(getattr(self.config, name), (name,), self.document.references)
            for name in (one.name for one in dataclasses.fields(self.config))
        }


_ADAPTER: Final = TypeAdapter(Config)


def load(
    path: Path, environment: Mapping[str, str] | None = None, text: str | None = None
) -> Loaded:
    """Read, complete and validate the configuration at `path`.

    With `text` the file is not read: that is what stood in it when it was put into force.

    Raises:
        ConfigError: everything that is wrong with it, each with file, line and key.
    """
    environment = MappingProxyType(os.environ) if environment is None else environment
    text = _read(path) if text is None else text
    try:
        parsed = document.parse(text, str(path))
        document.overlay(parsed, environment)
        tree = document.filled(parsed, environment)
    except DocumentError as error:
        raise ConfigError(error.problems) from error
    overlay = sorted(f"{name}={environment[name]}" for name in parsed.variables.values())
    digest = hashlib.sha256("\n".join([text, *overlay]).encode()).hexdigest()
    config = _validated(tree, parsed)
    listen, models = tls.beside(path.parent, config.listen, config.models)
    fleet = None if config.fleet is None else config.fleet.beside(path.parent)
    config = dataclasses.replace(config, listen=listen, models=models, fleet=fleet)
    found = Loaded(config=config, path=path, document=parsed, text=text, sha256=digest)
    return dataclasses.replace(found, benchmark_sha256=_digest(found.benchmark_path))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"the configuration cannot be read: {why}"
        raise ConfigError([Problem(str(path), 0, "", message)]) from error


def _digest(path: Path | None) -> str:
    try:
        return "" if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def schema() -> dict[str, object]:
    """Give the JSON Schema of the configuration, with every key's docstring."""
    whole = _ADAPTER.json_schema()
    for kind in (Capture, Receiver, CapacityStep, SinkSettings):
        _describe_inherited(kind, whole["$defs"][kind.__name__]["properties"])
    return whole


def _describe_inherited(kind: type[object], keys: dict[str, dict[str, str]]) -> None:
    """Take over the docstrings of inherited fields, which pydantic reads from one class only."""
    for base in kind.__bases__:
        for name, inherited in TypeAdapter(base).json_schema().get("properties", {}).items():
            if "description" in inherited:
                keys[name].setdefault("description", inherited["description"])


def _validated(tree: dict[str, Value], parsed: Document) -> Config:
    try:
        config = _ADAPTER.validate_python(tree)
    except ValidationError as error:
        problems = []
        for found in error.errors(include_url=False):
            path = tuple(key for key in found["loc"] if not _is_tag(key))
            message = _message(found["type"], found["msg"], path, found.get("input"))
            problems.append(parsed.problem(path, message))
        raise ConfigError(problems) from error
    ends = itertools.chain(_loose_ends(config), _missing_extra(config))
    loose = [parsed.problem(path, message) for path, message in ends]
    if loose:
        raise ConfigError(loose)
    return config


def _loose_ends(config: Config) -> Iterator[tuple[Path_, str]]:
    """Give each rung of a ladder that names a receiver or a capacity step that is not there."""
    known = {
        StepKind.ESCALATE: ("receiver", [one.name for one in config.alerts.receivers]),
        StepKind.EXPAND: ("capacity step", [one.name for one in config.capacity.steps]),
    }
    for alarm, rungs in config.policy.ladders.items():
        for at, rung in enumerate(rungs):
            step = read_step(rung)
            kind, names = known.get(step.kind, ("", []))
            if step.argument and step.argument not in names:
                there = f"there are: {', '.join(names)}" if names else "there is none"
                message = f"{rung!r} names no {kind}; {there}"
                yield ("policy", "ladders", alarm.value, at), message


def _missing_extra(config: Config) -> Iterator[tuple[Path_, str]]:
    """Say when the configuration needs a package that is not installed."""
    if config.fleet is not None and find_spec("redis") is None:
        yield ("fleet",), 'needs the extra `fleet`: pip install "stablehand[fleet]"'


def _is_tag(key: int | str) -> bool:
    """Tell pydantic's own marks in a location from keys of the file."""
    return isinstance(key, str) and key.startswith(("[key]", "function-", "lax-or-strict"))


def _message(kind: str, text: str, path: tuple[int | str, ...], given: object) -> str:
    match kind:
        case "unexpected_keyword_argument":
            close = difflib.get_close_matches(str(path[-1]), _known_keys(), n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            return f"unknown key{hint}"
        case "missing" | "missing_argument" | "missing_keyword_only_argument":
            return "is required"
        case "value_error":
            return text.removeprefix("Value error, ")
        case _:
            shown = f", got {given!r}" if _may_be_told(kind, path, given) else ""
            return f"{text[:1].lower()}{text[1:]}{shown}"


def _may_be_told(kind: str, path: tuple[int | str, ...], given: object) -> bool:
    """Tell whether a wrong value is surely no secret.

    A text may be one in the wrong place, such as an address where a section belongs; it is told
    where a number or one of some words was asked for.
    """
    if any(isinstance(key, str) and _is_secret(key) for key in path):
        return False
    if isinstance(given, str):
        return kind.endswith("_parsing") or kind in {"literal_error", "enum"}
    return isinstance(given, int | float)


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in SECRET_WORDS)


@cache
def _known_keys() -> list[str]:
    return sorted(set(_keys(schema())))


def _keys(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        for value in node.values():
            yield from _keys(value)


def _shown(value: object, path: Path_, references: Mapping[Path_, str]) -> object:
    """Give a settings value as plain values, with what must not be seen replaced."""
    key = next(key for key in reversed(path) if isinstance(key, str))
    if path in references:
        return references[path]
    if isinstance(value, str) and (_is_secret(key) or (key in URLS and path[0] != "models")):
        return HIDDEN if value else ""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [one.name for one in dataclasses.fields(value)]
        return {name: _shown(getattr(value, name), (*path, name), references) for name in names}
    if isinstance(value, Mapping):
        items = {str(key): item for key, item in value.items()}
        return {key: _shown(item, (*path, key), references) for key, item in items.items()}
    if isinstance(value, tuple | list):
        return [_shown(item, (*path, at), references) for at, item in enumerate(value)]
    return value
