"""The values that flow through stablehand, in the order of the flow: read this file first.

A request enters a relay and leaves one `Exchange`, and sometimes a `Capture`, behind. The watcher
turns captures into `Rows`, pairs the rows of two models into a `Pair`, and lets monitors conclude a
`Finding`. Findings move an `Alarm`; alarms move the `Posture` and ask for an `Action`; what came of
it is an `Outcome`. The one value that flows back is `Routing`.

Nothing here computes. Times ending in `_s` are seconds on the monotonic clock of the host
(the same clock in every process of one sidecar); wall time appears only in the journal, as `_utc`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

Scalar: TypeAlias = float | int | str | bool | None
"""One cell of a row. `None`: the cell is missing."""


class Model(StrEnum):
    """Which model: the one under watch, or the last known good."""

    CANDIDATE = "candidate"
    STABLE = "stable"

    @property
    def other(self) -> Model:
        """The model that this one is compared with."""
        return Model.STABLE if self is Model.CANDIDATE else Model.CANDIDATE


class Position(StrEnum):
    """Which job a model had for one exchange: it answered the client, or it got a copy."""

    SERVING = "serving"
    SHADOW = "shadow"


class Side(StrEnum):
    """Which half of an exchange a value was read from."""

    INPUT = "input"
    OUTPUT = "output"


class Failure(StrEnum):
    """Why an exchange has no complete answer. The value is the `reason` label of the metrics."""

    REFUSED = "refused"
    """The upstream refused the connection: nothing was sent."""
    CONNECT_TIMEOUT = "connect_timeout"
    """No connection within the connect timeout: nothing was sent."""
    RESET = "reset"
    """The connection died before the first byte of the answer."""
    TIMEOUT = "timeout"
    """The upstream did not answer, or stopped answering, for longer than its response timeout."""
    TRUNCATED = "truncated"
    """The connection died in the middle of the answer."""
    PROTOCOL = "protocol"
    """The upstream's bytes were not a valid HTTP answer."""
    CLIENT_GONE = "client_gone"
    """The client left before its answer was complete. Not the model's fault."""
    OVERLOAD = "overload"
    """The relay was at its limit of running exchanges and refused this one itself."""


class Routing(Struct, frozen=True, kw_only=True, tag=True):
    """Where traffic goes: the only value that flows back from the watcher to the relays."""

    serving: Model = Model.CANDIDATE
    shadow: Model | None = None
    """The model that gets copies. `None`: nothing is mirrored."""
    mirror_fraction: float = 0.0
    """Share of requests copied to the shadow, 0 to 1."""
    epoch: int = 0
    """Grows with every change; a relay never goes back to an older epoch."""


class Stream(Struct, frozen=True, array_like=True):
    """How an answer that came in pieces arrived (event stream, NDJSON, untyped chunks)."""

    first_content_s: float | None
    """When the first non-empty body bytes arrived. `None`: no body byte came."""
    n_chunks: int
    mean_gap_s: float
    """Mean time between chunks; 0 with fewer than two."""
    longest_gap_s: float


class Exchange(Struct, frozen=True, array_like=True, tag="X"):
    """One request with its response, as one model handled it. Made once, read by everyone."""

    id: int
    """63 random bits, unique per exchange; written as 16 hexadecimal digits for people."""
    pair_id: int | None
    """On a shadow's exchange: the id of the serving exchange it copies. `None` otherwise."""
    model: Model
    position: Position
    route: str
    """Normalised path, such as `/v1/models/{name}:predict`; unknown paths are `other`."""
    started_s: float
    """When the request's head was complete (shadow: when the copy was begun)."""
    connected_s: float | None
    """When an upstream connection was ready. `None`: there never was one."""
    first_byte_s: float | None
    """When the first byte of the answer arrived. `None`: no answer came."""
    finished_s: float
    status: int
    """Status the client was sent (shadow: that the shadow answered). 0: no status was sent."""
    failure: Failure | None
    """`None`: a complete answer was relayed, whatever its status."""
    failed_over: bool
    """The first model refused the connection and this model answered instead."""
    replayed: bool
    """The request was sent a second time because a reused connection had died."""
    request_bytes: int
    response_bytes: int
    in_flight: int
    """Exchanges running on this model, in this relay, when this one began (itself included)."""
    stream: Stream | None
    """`None`: the answer did not come as a stream."""
    capture: float
    """Probability with which this exchange was sampled; 0 when its bodies were not kept."""


class Message(Struct, frozen=True, array_like=True):
    """A sampled request or response body with what is needed to read it."""

    fields: dict[str, str]
    """Header fields from the relay's allow-list, names in lower case. Never credentials."""
    body: bytes
    truncated: bool
    """The body was longer than the capture limit, or the exchange broke off."""
    arrivals: tuple[tuple[float, int], ...] = ()
    """Streams only: (`at_s`, bytes of body before this chunk) for each chunk, bounded."""


class Capture(Struct, frozen=True, array_like=True, tag="C"):
    """The sampled bodies of one exchange."""

    exchange: Exchange
    target: str
    """Request path without its query."""
    request: Message | None
    """`None` on a shadow's exchange: the request is in the serving exchange's capture."""
    response: Message | None
    """`None`: no answer came."""


class Pulse(Struct, frozen=True, array_like=True, tag="P"):
    """A relay's sign of life, once a second, with what it dropped since it started."""

    worker: int
    pid: int
    at_s: float
    listening: bool
    draining: bool
    connections: int
    in_flight: dict[str, int]
    """Running exchanges by `model/position`."""
    lag_s: float
    """Longest delay of the event loop since the last pulse."""
    epoch: int
    """Epoch of the `Routing` in force."""
    dropped: dict[str, int]
    """Records dropped since the start, by kind (`exchange`, `capture`, `mirror_<reason>`)."""


Report: TypeAlias = Exchange | Capture | Pulse
"""What a relay sends to the watcher."""


class Rows(Struct, frozen=True, kw_only=True):
    """Decoded rows of one side of one exchange, column by column."""

    exchange_id: int
    at_s: float
    model: Model
    """The model that received (input) or produced (output) the rows."""
    side: Side
    columns: tuple[str, ...]
    values: tuple[list[Scalar], ...]
    """One list per column, each of length `n`."""
    n: int
    weight: float = 1.0
    """1 / inclusion probability: how many rows of the traffic each row stands for."""
    correlation: tuple[str, ...] = ()
    """Ids under which clients know this exchange (`id`, `x-request-id`, `ce-id`, trace id)."""


class Undecodable(Struct, frozen=True, kw_only=True):
    """A sampled body that could not be turned into rows: a measured state, not a hole."""

    exchange_id: int
    at_s: float
    model: Model
    side: Side
    reason: str
    """Low-cardinality word, such as `not_json`, `truncated`, `too_deep`, `unknown_protocol`."""
    detail: str
    """One sentence for people, without payload values."""


class Pair(Struct, frozen=True, kw_only=True):
    """The outputs of both models for the same request."""

    pair_id: int
    at_s: float
    candidate: Rows
    stable: Rows


class Health(Struct, frozen=True, kw_only=True):
    """Answer of one readiness probe of one model."""

    model: Model
    at_s: float
    ready: bool
    reason: str
    """What the probe saw when it is not ready; empty when it is."""


Observation: TypeAlias = Exchange | Rows | Undecodable | Pair | Health | Pulse
"""What monitors may be shown."""


class AlarmName(StrEnum):
    """The watched qualities that can alarm: the `alarm` label of the metrics."""

    INPUT_DRIFT = "input_drift"
    OUTPUT_DRIFT = "output_drift"
    SCHEMA = "schema"
    DISAGREEMENT = "disagreement"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    ERRORS = "errors"
    LABEL_QUALITY = "label_quality"
    STABLE_UNREADY = "stable_unready"
    WATCHING = "watching"


class Verdict(StrEnum):
    """What a monitor concluded. Not knowing is a verdict and moves no alarm."""

    OK = "ok"
    BREACH = "breach"
    UNKNOWN = "unknown"


class Blame(Struct, frozen=True, kw_only=True):
    """One stream that carries a finding, with its own effect and evidence."""

    subject: str
    """The stream: a column, a load cell, an outcome class."""
    effect: float
    interval: tuple[float, float] | None
    """Anytime-valid interval of the effect. `None`: not computed for this kind of stream."""
    unit: str
    evidence: float
    """Natural logarithm of the stream's e-value."""
    n_current: int
    summary: str
    """One sentence for people, in units they know."""


class Finding(Struct, frozen=True, kw_only=True):
    """What one monitor concluded at one tick."""

    monitor: AlarmName
    subject: str
    """The stream that carries most of the evidence; empty when there is none."""
    at_s: float
    effect: float
    interval: tuple[float, float] | None
    unit: str
    """Unit of `effect`, such as `sd`, `ratio`, `share`."""
    evidence: float
    """Natural logarithm of the detector's e-value; a breach begins at `threshold`."""
    threshold: float
    confirmation: float
    """Log e-value of the data seen after the breach began; 0 before."""
    recovery: float
    """Log e-value for "back within tolerance" since the breach began; 0 before."""
    n_reference: int
    n_current: int
    verdict: Verdict
    shared: Verdict
    """The same measurement on the stable model (or, for input, on what both models meet):
    BREACH means that the cause is shared, OK that the candidate is alone with it, UNKNOWN that the
    stable was not measured."""
    since_s: float | None
    """Estimated onset of the breach. `None`: no breach."""
    blamed: tuple[Blame, ...]
    reason: str
    """One sentence for people: what was seen, or why nothing can be said."""


class AlarmState(StrEnum):
    """The states of an alarm; `alarms.py` has the table of its transitions."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Alarm(Struct, frozen=True, kw_only=True):
    """One alarm as it stands."""

    name: AlarmName
    state: AlarmState = AlarmState.INACTIVE
    since_s: float = 0.0
    """When `state` was entered."""
    began_s: float | None = None
    """When the current or last episode became pending. `None`: never."""
    episode: int = 0
    """Counts the episodes: it makes the alert of each one distinct."""
    transients: int = 0
    """Episodes that went back to inactive without ever firing."""
    finding: Finding | None = None
    """The finding of the last tick. `None`: none yet."""
    recent: tuple[bool, ...] = ()
    """Of the last ticks of this breach that said anything: did the data speak for it?"""
    is_hard: bool = False
    """The last known tick was a failure so plain that nothing waits for a hold."""
    calm_since_s: float | None = None
    """Since when every tick was OK, less the unknown time. `None`: the last known tick was not."""


class Transition(Struct, frozen=True, kw_only=True):
    """A change of an alarm's state, with the finding that caused it."""

    alarm: AlarmName
    episode: int
    was: AlarmState
    to: AlarmState
    at_s: float
    finding: Finding


class StepKind(StrEnum):
    """The kinds of remedy an operator may allow."""

    ALERT = "alert"
    EXPAND = "expand"
    DOWNGRADE = "downgrade"
    RESTORE = "restore"
    ESCALATE = "escalate"
    UNDO = "undo"
    """Takes the last capacity step back."""


class Step(Struct, frozen=True, kw_only=True):
    """One rung of a ladder."""

    kind: StepKind
    argument: str = ""
    """Name of the capacity step or receiver, where the kind needs one."""


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """A person has seen an alarm and takes it from here."""

    by: str
    why: str
    at_s: float
    episode: int


class Posture(Struct, frozen=True, kw_only=True):
    """Where the remedies stand now."""

    serving: Model = Model.CANDIDATE
    override: Model | None = None
    """A person's routing, which beats every decision. `None`: automatic."""
    because: str = "initial routing"
    """Why `serving` is what it is."""
    steps_taken: dict[str, int] = {}
    """Rungs already taken, by `alarm#episode`."""
    last_step_s: dict[str, float] = {}
    """When the last rung was taken, by `alarm#episode`."""
    switches_s: tuple[float, ...] = ()
    """Times of the automatic switches of the last day."""
    locked: str = ""
    """Why no automatic switch is allowed; empty when it is."""
    capacity_step: int = 0
    """Capacity steps in force."""
    acknowledgements: dict[str, Acknowledgement] = {}
    """By alarm name."""
    incidents: dict[str, str] = {}
    """Id of the incident that each firing `alarm#episode` belongs to: one incident per cause."""
    escalations: dict[str, float] = {}
    """When a person was called, by `incident>receiver` (no receiver: the configured levels)."""
    capacity_ids: tuple[str, ...] = ()
    """Ids of the actions whose capacity steps are in force, first taken first."""
    relieved_s: float | None = None
    """Since when no alarm needs the capacity steps in force. `None`: needed, or none in force."""


class Action(Struct, frozen=True, kw_only=True):
    """One thing the policy asks the shell to do."""

    id: str
    """Stable across restarts, so that an action repeated after a crash is recognised."""
    step: Step
    because: str
    """One sentence for people."""
    alarms: tuple[AlarmName, ...]
    at_s: float


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an action."""

    action: Action
    ok: bool
    error: str
    """Empty when `ok`."""
    took_s: float
