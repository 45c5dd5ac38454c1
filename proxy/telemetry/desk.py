"""What the doors need from those who know: `Desk` (the watcher) and `Vitals` (the supervisor).

The API and the page ask a `Desk`; the admin door asks `Vitals`. Both are protocols, so that neither
side imports the other, and the values they hand over are records: `status()` has a fixed, typed
shape that the status page and users rely on. No computing, no HTTP here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

from msgspec import Raw, Struct

from proxy.records import (
    AlarmName,
    AlarmState,
    FleetState,
    Model,
    Pace,
    Position,
    Receipt,
    Side,
    Truth,
    Verdict,
)

if TYPE_CHECKING:
    from proxy.telemetry.report.values import IncidentReport

JsonObject: TypeAlias = dict[str, object]
"""A JSON object of values that msgspec can write (structs included)."""


class DeskError(Exception):
    """A call that cannot be done, said so that a person can act: becomes a JSON error."""

    def __init__(self, status: int, code: str, message: str, hint: str = "") -> None:
        """Keep the HTTP status, a stable word, what happened, and what to do."""
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint


class ModelView(Struct, frozen=True, kw_only=True):
    """One model as the page shows it."""

    model: Model
    name: str
    url: str
    """Address without user information and query."""
    position: Position | None
    """`None`: it neither serves nor shadows now."""
    ready: bool | None
    """Result of the last health probe. `None`: not probed yet."""
    reason: str = ""
    """What the probe said when `ready` is not true."""


class RoutingView(Struct, frozen=True, kw_only=True):
    """Where traffic goes, and why."""

    serving: Model
    shadow: Model | None
    mirror_fraction: float
    because: str
    since_utc: str
    override: Model | None = None
    """A person's routing. `None`: automatic."""
    locked: str = ""
    """Why no automatic switch is allowed; empty when it is."""
    dry_run: bool = False
    switches_today: int = 0
    epoch: int = 0
    caution: str = ""
    """That the serving model does not answer its probe; empty when it does, or is not known to."""


class TrafficView(Struct, frozen=True, kw_only=True):
    """What one model in one position handled in the last minute, and the minutes before."""

    model: Model
    position: Position
    per_s: float
    error_share: float | None
    """Share of failed exchanges and 5xx answers. `None`: no traffic."""
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    """Quantiles of what the client waited. `None`: no traffic."""
    in_flight: int
    bucket_s: float
    """Seconds per entry of the series below."""
    rates: tuple[float, ...] = ()
    """Requests per second, oldest first."""
    p50s_s: tuple[float | None, ...] = ()
    p99s_s: tuple[float | None, ...] = ()
    errors: tuple[int, ...] = ()
    """Failed exchanges per bucket."""


class AlarmView(Struct, frozen=True, kw_only=True):
    """One alarm with its evidence in words."""

    name: AlarmName
    state: AlarmState
    since_utc: str
    episode: int
    verdict: Verdict | None
    """`None`: no finding yet."""
    words: str
    """What was seen, in one or two sentences."""
    evidence_words: str
    """How sure this is, in one sentence."""
    blamed: tuple[str, ...] = ()
    """One sentence per stream that carries the finding."""
    strength: float = 0.0
    """Evidence over threshold, 0 to 1 and above: the length of the bar."""
    shared: Verdict | None = None
    pace: Pace = Pace.UNKNOWN
    """Whether a drift came suddenly or slowly; empty when that is not known."""
    acknowledged: str = ""
    """By whom and why; empty when nobody did."""
    next_step: str = ""
    """What happens next, or what a person should do."""


class StreamView(Struct, frozen=True, kw_only=True):
    """One monitored stream with its distance from the reference."""

    side: Side
    subject: str
    effect: float
    unit: str
    interval: tuple[float, float] | None
    strength: float
    """Evidence over threshold, 0 to 1 and above."""
    n_current: int
    summary: str
    reference: tuple[float, ...] = ()
    """Shares per histogram bin in the reference; empty when there is no histogram."""
    current: tuple[float, ...] = ()
    """Shares per histogram bin in the recent window."""
    labels: tuple[str, ...] = ()
    """A name per bin."""


class AgreementView(Struct, frozen=True, kw_only=True):
    """How often the two models differ on the same request."""

    estimate: float | None
    """Share of pairs that differ. `None`: not measured."""
    interval: tuple[float, float] | None
    floor: float | None
    """Share that differed at certification. `None`: no benchmark."""
    n_pairs: int
    words: str


class EntryView(Struct, frozen=True, kw_only=True):
    """One line of the timeline."""

    at_utc: str
    kind: str
    """Word for the icon: `alarm`, `switch`, `action`, `alert`, `person`, `start`, `note`."""
    text: str
    severity: str = "info"
    """`info`, `good`, `warn` or `bad`."""


class Status(Struct, frozen=True, kw_only=True):
    """All that the status page shows: the answer of `GET /api/v1/status`."""

    title: str
    """What is watched, as the operator calls it."""
    version: str
    at_utc: str
    started_utc: str
    go: bool
    """The verdict of `/api/v1/verdict`."""
    headline: str
    """One sentence: how things stand."""
    routing: RoutingView
    models: tuple[ModelView, ...]
    traffic: tuple[TrafficView, ...]
    alarms: tuple[AlarmView, ...]
    streams: tuple[StreamView, ...]
    """Drift list, most suspicious first; bounded by the desk."""
    agreement: AgreementView
    timeline: tuple[EntryView, ...]
    """Newest first; bounded by the desk."""
    config_sha256: str = ""
    fleet: FleetState | None = None
    """How this replica stands with the others. `None`: it is in no fleet."""
    notes: tuple[str, ...] = ()
    """Things to know: no benchmark, no stable model, the journal cannot be written."""


class Desk(Protocol):
    """What the admin API needs from the watcher. Reads are cheap: values that are at hand.

    Each method may raise `DeskError`.
    """

    def status(self) -> Status:
        """Give everything the page shows."""
        ...

    def alarms(self) -> Sequence[AlarmView]:
        """Give every alarm, firing ones first."""
        ...

    def detail(self, name: AlarmName) -> JsonObject:
        """Give the streams of one monitor (`/api/v1/drift`, `agreement`, `latency`, `labels`)."""
        ...

    def routing(self) -> RoutingView:
        """Give where traffic goes and why."""
        ...

    def journal(self, n: int) -> Sequence[Raw]:
        """Give the last `n` entries of the journal as they were written, newest last."""
        ...

    async def report(self, name: AlarmName | None) -> IncidentReport:
        """Report on the last incident of an alarm, or with `None` on the worst or last of all."""
        ...

    def samples(self, n: int) -> Sequence[JsonObject]:
        """Give at most `n` sampled rows, redacted."""
        ...

    def disagreements(self) -> Sequence[JsonObject]:
        """Give the strongest disagreements of the last hour with both answers, redacted."""
        ...

    def reference(self, part: int | None) -> JsonObject:
        """Give how far a collection for a reference is, or with a number a part of its rows."""
        ...

    async def collect(self, rows: int, *, force: bool, by: str, why: str) -> JsonObject:
        """Collect the next rows for a reference; 0 forgets them. `force`: even in an alarm."""
        ...

    def config(self) -> JsonObject:
        """Give the configuration in force, secrets redacted."""
        ...

    def verdict(self) -> tuple[bool, Sequence[str]]:
        """Give go or stop, with the reasons for stop."""
        ...

    def metrics(self, accept: str) -> tuple[bytes, str]:
        """Give the metrics and their content type for an `Accept` field."""
        ...

    async def route(self, model: Model | None, by: str, why: str) -> RoutingView:
        """Lead traffic to a model, or back to automatic with `None`; return when journalled."""
        ...

    async def acknowledge(self, name: AlarmName | None, by: str, why: str) -> Sequence[AlarmName]:
        """Acknowledge one alarm, or all with `None`; give the ones that were waiting for it."""
        ...

    async def reload(self, by: str) -> JsonObject:
        """Read the configuration again; asked only where no door stands before the API."""
        ...

    async def label(self, truths: Sequence[Truth]) -> Receipt:
        """Take the true outcomes of past requests; give what became of each."""
        ...


class ProcessVitals(Struct, frozen=True, kw_only=True):
    """One process as the supervisor sees it."""

    up: bool
    restarts: int


class Vitals(Protocol):
    """What the admin door needs from the supervisor: answers even while the watcher is down."""

    def alive(self) -> tuple[bool, Sequence[str]]:
        """Give whether the supervisor and a relay live, with the reasons when not."""
        ...

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Give whether traffic may come, with the reasons when not."""
        ...

    def processes(self) -> Mapping[str, ProcessVitals]:
        """Give each process by its name: `relay-0`, `watcher`."""
        ...

    def drain(self, by: str) -> JsonObject:
        """Begin to drain (readiness falls, connections end); give how it stands. Never blocks."""
        ...

    def reloaded(self) -> bool:
        """Give whether the last configuration that was read is in force."""
        ...

    async def reload(self, by: str) -> JsonObject:
        """Read the configuration again, all or nothing; give whether it changed.

        Raises:
            DeskError: it cannot be used; the old one stays in force.
        """
        ...
