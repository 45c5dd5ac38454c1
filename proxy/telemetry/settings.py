"""Settings of the voice: the admin door, the metrics, the logs, the journal.

Frozen dataclasses without a reader: `config.py` validates them. This file stays light, since the
supervisor imports it.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Final

from annotated_types import Ge, Gt, Le, MinLen

from proxy.units import STRICT, Bytes, Count, NonEmpty, Port, Positive, Seconds

HTTP_EDGES_S: Final = (
    0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
)  # fmt: skip
"""OpenTelemetry's advice for `http.server.request.duration`, and two edges for small models."""

FIRST_TOKEN_EDGES_S: Final = (
    0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0,
)  # fmt: skip
"""vLLM's edges of its own time to first token, without the rarest ones."""

GAP_EDGES_S: Final = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""vLLM's edges of its own inter-token latency, without the rarest ones."""

Edges = Annotated[tuple[Annotated[float, Gt(0)], ...], MinLen(1)]


def _check_rising(name: str, edges: tuple[float, ...]) -> None:
    """Refuse bucket edges that do not grow.

    Raises:
        ValueError: two neighbours are equal or fall.
    """
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"{name}: bucket edges must grow from left to right, got {edges}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The admin door: health, metrics, status page, API."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    host: NonEmpty = "127.0.0.1"
    """Address the admin port binds. Default: loopback only, since who can reach the port can read
    the status. In a pod set `0.0.0.0`, so that the kubelet and Prometheus reach it, and a token."""

    port: Port = 8101
    """TCP port of the admin door. Default 8101; 0 lets the system choose."""

    token: str = ""
    """Bearer token that calls which change something must show, at least 32 characters; write it as
    `${file:PATH}` or `${env:NAME}`. Default empty: such calls are taken from the loopback interface
    only. With a token set, loopback callers still need none."""

    allowed_hosts: tuple[NonEmpty, ...] = ()
    """Host names, without port, under which browsers and scrapers may address the door, beside IP
    addresses and `localhost`. Default none: a web page that rebinds its name to this address is
    refused with 403."""

    max_calls_per_s: Positive = 5.0
    """Changing calls answered per second, all callers together; more get 429. Default 5: a person
    never needs more, and a wrong token cannot be guessed."""

    watcher_timeout_s: Seconds = 5.0
    """How long the door waits for the watcher's answer before it says 503. Default 5 seconds: less
    than Prometheus' default scrape timeout of 10."""

    def __post_init__(self) -> None:
        """Refuse a token that can be guessed."""
        shortest = 32
        if self.token and len(self.token) < shortest:
            raise ValueError(
                f"token: has {len(self.token)} characters, needs at least {shortest}; "
                "make one with `openssl rand -hex 32`"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsSettings:
    """Buckets and bounds of `/metrics`."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    request_edges_s: Edges = HTTP_EDGES_S
    """Upper edges of the latency buckets, in seconds. Default: OpenTelemetry's for HTTP, with 1 and
    2 ms before. Add the figure of your service level objective as an edge: quantiles are exact
    there."""

    first_token_edges_s: Edges = FIRST_TOKEN_EDGES_S
    """Upper edges for the time to the first token, in seconds. Default: vLLM's."""

    gap_edges_s: Edges = GAP_EDGES_S
    """Upper edges for the time between tokens, in seconds. Default: vLLM's."""

    max_routes: Count = 8
    """Distinct `route` labels; later ones fold into `other`. Default 8: each costs about 40 series
    per model, and with 8 all series together stay below 2,000 whatever the traffic."""

    max_features: Count = 48
    """Distinct `feature` labels per side; the ones with the least evidence are left out. Default
    48."""

    def __post_init__(self) -> None:
        """Refuse edges that do not grow."""
        _check_rising("request_edges_s", self.request_edges_s)
        _check_rising("first_token_edges_s", self.first_token_edges_s)
        _check_rising("gap_edges_s", self.gap_edges_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The JSON log on standard error."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    level: NonEmpty = "INFO"
    """Least level written: DEBUG, INFO, WARNING or ERROR. Default INFO: a few lines a minute, none
    per request."""

    max_lines: Annotated[int, Ge(16), Le(1_000_000)] = 2_000
    """Lines that may wait for a standard error that nobody reads; more are dropped and counted.
    Default 2,000: about half a megabyte."""

    def __post_init__(self) -> None:
        """Refuse a level that logging does not know."""
        if self.level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError(f"level: {self.level!r} is not one of DEBUG, INFO, WARNING, ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """The append-only record of what was concluded, decided and done."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    max_bytes: Annotated[Bytes, Ge(4096)] = 16 * 1024 * 1024
    """Size at which the journal file is put aside as `journal.jsonl.1` and a new one begun. Default
    16 MiB: months of a calm deployment."""

    keep: Count = 4
    """Files put aside that are kept; the oldest is deleted. Default 4."""

    sync: bool = True
    """Wait until each entry is on the disk. Default true: entries are rare, and a decision that a
    power cut erases cannot be explained. False saves a few milliseconds per entry."""
