"""What the exchanges add up to: per route the codes and waits, per model the times and bytes.

The hot part of the metrics: called once per exchange. Routes and codes are bounded, so that neither
clients nor models can make series without end. `metrics.py` gives these numbers their names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from proxy.records import Exchange, Model, Position
from proxy.telemetry import catalogue as of
from proxy.telemetry.settings import MetricsSettings
from proxy.telemetry.tally import OTHER, Buckets

MAX_CODES: Final = 8
"""Distinct status codes per route; rarer ones are counted as `4xx`, `5xx`."""

_FIRST_CLASS: Final = 100
_LAST_CLASS: Final = 600

Series: TypeAlias = tuple[tuple[str, ...], float | Buckets]
"""Label values in the family's order, and a number or a histogram."""


class _Line:
    """What one model in one position did on one route."""

    __slots__ = ("codes", "duration")

    def __init__(self, edges: tuple[float, ...]) -> None:
        self.codes: dict[str, int] = {}
        self.duration = Buckets(edges)

    def count(self, status: int) -> None:
        code = str(status) if status else "none"
        if code not in self.codes and len(self.codes) >= MAX_CODES:
            known = _FIRST_CLASS <= status < _LAST_CLASS
            code = f"{status // 100}xx" if known else OTHER
        self.codes[code] = self.codes.get(code, 0) + 1


class _Upstream:
    """What one model in one position did, over all routes."""

    __slots__ = ("duration", "first_byte", "received", "sent")

    def __init__(self, settings: MetricsSettings) -> None:
        self.duration = Buckets(settings.request_edges_s)
        self.first_byte = Buckets(settings.request_edges_s)
        self.sent = 0
        self.received = 0

    def observe(self, exchange: Exchange) -> None:
        self.sent += exchange.request_bytes
        self.received += exchange.response_bytes
        if exchange.connected_s is not None:
            self.duration.observe(exchange.finished_s - exchange.connected_s)
        if exchange.first_byte_s is not None:
            self.first_byte.observe(exchange.first_byte_s - exchange.started_s)


class Lines:
    """The sums over exchanges, by model, position and (bounded) route."""

    def __init__(self, settings: MetricsSettings) -> None:
        """Start at zero."""
        self._settings = settings
        self._routes: set[str] = set()
        self._lines: dict[tuple[Model, Position, str], _Line] = {}
        self._upstreams: dict[tuple[Model, Position], _Upstream] = {}
        self.n_folded = {"route": 0}
        """Exchanges whose label value was counted under `other`, by label."""

    def observe(self, exchange: Exchange) -> None:
        """Add one exchange."""
        model, position = exchange.model, exchange.position
        line = self._lines.get((model, position, exchange.route))
        if line is None:
            line = self._line(model, position, exchange.route)
        line.count(exchange.status)
        line.duration.observe(exchange.finished_s - exchange.started_s)
        upstream = self._upstreams.get((model, position))
        if upstream is None:
            upstream = self._upstreams[model, position] = _Upstream(self._settings)
        upstream.observe(exchange)

    def _line(self, model: Model, position: Position, route: str) -> _Line:
        if route != OTHER and route not in self._routes:
            if len(self._routes) < self._settings.max_routes:
                self._routes.add(route)
            else:
                self.n_folded["route"] += 1
                route = OTHER
        return self._lines.setdefault(
            (model, position, route), _Line(self._settings.request_edges_s)
        )

    def series(self) -> dict[str, Iterable[Series]]:
        """Give the series by the name of their family."""
        upstreams = self._upstreams.items()
        return {
            of.REQUESTS.name: [
                ((*key, code), n)
                for key, line in self._lines.items()
                for code, n in line.codes.items()
            ],
            of.REQUEST_DURATION.name: [(key, line.duration) for key, line in self._lines.items()],
            of.UPSTREAM_DURATION.name: [(key, one.duration) for key, one in upstreams],
            of.FIRST_BYTE.name: [(key, one.first_byte) for key, one in upstreams],
            of.REQUEST_BYTES.name: [(key, one.sent) for key, one in upstreams],
            of.RESPONSE_BYTES.name: [(key, one.received) for key, one in upstreams],
        }
