"""What happened: exchanges, sampled bodies, pulses, rows, pairs, and the routing in force."""

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
    pair_id: int | None = None
    """On a shadow's rows: the id of the serving exchange they copy. `None` otherwise."""
    share: float = 1.0
    """Rows kept per row of the body; below 1 when a long batch was thinned, evenly."""
    timings: dict[str, list[Scalar]] = {}
    """How a streamed answer arrived and ended, column by column; apart from `values`, since it
    tells of load and clients and not of what was answered. Empty: it did not come as a stream."""


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
    timings: dict[str, list[Scalar]] = {}
    """As in `Rows`, of a stream whose end was not seen."""


class Pair(Struct, frozen=True, kw_only=True):
    """The outputs of both models for the same request."""

    pair_id: int
    at_s: float
    candidate: Rows
    stable: Rows


class Compared(Struct, frozen=True, kw_only=True):
    """A pair, and how far its answers lie apart by the certified rule, row by row."""

    pair: Pair
    differ: tuple[bool, ...]
    """By compared row: people would say that the answers differ."""
    distances: tuple[float, ...]
    """Of the compared rows that have numbers: in standard deviations of the certified answers."""
    apart: float
    """Of the rows that differ, how far the worst lies apart, for an order of pairs. 0: none."""


class Case(Struct, frozen=True, kw_only=True):
    """What one model was asked and what it answered, row by row: both sides have equally many."""

    input: Rows
    output: Rows


class Health(Struct, frozen=True, kw_only=True):
    """Answer of one readiness probe of one model."""

    model: Model
    at_s: float
    ready: bool
    reason: str
    """What the probe saw when it is not ready; empty when it is."""


class FleetState(Struct, frozen=True, kw_only=True):
    """How this replica stood with its fleet at one tick."""

    at_s: float
    name: str
    """Of the fleet."""
    replica: str
    """The name of this one."""
    up: bool
    """What was folded last was the fleet's sum; if not, only what this replica counted."""
    replicas: int
    """Replicas in the last sum, this one included."""
    others: int
    """Live replicas of the same fleet that have another benchmark, and are not added up."""
    late: int
    """Ticks of this replica that came too late for the sum, since it started."""
    skew_s: float
    """How far the clock of Redis is ahead of this replica's."""
    trouble: str
    """What is wrong, in one sentence; empty when nothing is."""


Observation: TypeAlias = (
    Exchange | Rows | Undecodable | Compared | Case | Health | Pulse | FleetState
)
"""What monitors may be shown."""
