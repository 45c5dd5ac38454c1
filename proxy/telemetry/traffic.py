"""The traffic of the last minutes, for people: rates, errors and waits in a ring of time buckets.

Prometheus keeps the long history; this ring lets the status page show the last minutes without it.
Bounded: 4 places (model and position) of at most `N_BUCKETS` buckets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from proxy.records import Exchange, Failure, Model, Position
from proxy.telemetry.desk import TrafficView
from proxy.telemetry.tally import Buckets

BUCKET_S: Final = 5.0
N_BUCKETS: Final = 72
"""Six minutes: long enough to see a switch with its before and after."""

RECENT_S: Final = 60.0
"""The figures of the page are over the last minute."""

_FIRST_EDGE_S: Final = 0.0002
_GROWTH: Final = 1.2
_N_EDGES: Final = 70
EDGES_S: Final = tuple(_FIRST_EDGE_S * _GROWTH**step for step in range(_N_EDGES))
"""0.2 ms to 58 s in steps of 20 %: a quantile is off by less than that."""

_SERVER_ERROR: Final = 500


class _Bucket:
    __slots__ = ("failed", "number", "waits")

    def __init__(self, number: int) -> None:
        self.number = number
        self.failed = 0
        self.waits = Buckets(EDGES_S)


class Traffic:
    """The last minutes by model and position."""

    def __init__(self) -> None:
        """Start empty."""
        self._rings: dict[tuple[Model, Position], deque[_Bucket]] = {}

    def observe(self, exchange: Exchange) -> None:
        """Count one exchange where it ended; one that ended long ago is left out."""
        ring = self._rings.get((exchange.model, exchange.position))
        if ring is None:
            ring = deque(maxlen=N_BUCKETS + 1)
            self._rings[exchange.model, exchange.position] = ring
        number = int(exchange.finished_s // BUCKET_S)
        if not ring or number > ring[-1].number:
            ring.append(_Bucket(number))
        bucket: _Bucket | None = ring[-1]
        if number < ring[-1].number:
            # Several relays and slow answers arrive a little out of order: look back.
            bucket = next((old for old in reversed(ring) if old.number <= number), None)
        if bucket is not None:
            bucket.waits.observe(exchange.finished_s - exchange.started_s)
            bucket.failed += _is_failed(exchange)

    def view(self, now_s: float, in_flight: Mapping[str, int]) -> tuple[TrafficView, ...]:
        """Give what the page shows at `now_s`, serving first.

        `in_flight`: running exchanges by `model/position`, as relays pulse them.
        """
        places = [
            (model, position)
            for position in Position
            for model in Model
            if (model, position) in self._rings
        ]
        return tuple(
            self._place(model, position, now_s, in_flight.get(f"{model}/{position}", 0))
            for model, position in places
        )

    def _place(self, model: Model, position: Position, now_s: float, in_flight: int) -> TrafficView:
        """Give one place: the figures of the last minute and the series of whole buckets."""
        by_number = {bucket.number: bucket for bucket in self._rings[model, position]}
        now = int(now_s // BUCKET_S)
        recent = Buckets(EDGES_S)
        failed = 0
        # The running bucket is cut to its elapsed part, so that the rate does not dip in it.
        elapsed_s = RECENT_S - BUCKET_S + (now_s - now * BUCKET_S)
        for number in range(now + 1 - int(RECENT_S / BUCKET_S), now + 1):
            bucket = by_number.get(number)
            if bucket is not None:
                recent.counts = [
                    a + b for a, b in zip(recent.counts, bucket.waits.counts, strict=True)
                ]
                failed += bucket.failed
        first_s = min(by_number) * BUCKET_S
        elapsed_s = max(1.0, min(elapsed_s, now_s - first_s))
        past = [
            by_number.get(number) for number in range(max(now - N_BUCKETS, min(by_number)), now)
        ]
        return TrafficView(
            model=model,
            position=position,
            per_s=recent.n / elapsed_s,
            error_share=failed / recent.n if recent.n else None,
            p50_s=recent.quantile(0.5),
            p95_s=recent.quantile(0.95),
            p99_s=recent.quantile(0.99),
            in_flight=in_flight,
            bucket_s=BUCKET_S,
            rates=tuple(bucket.waits.n / BUCKET_S if bucket else 0.0 for bucket in past),
            p50s_s=tuple(bucket.waits.quantile(0.5) if bucket else None for bucket in past),
            p99s_s=tuple(bucket.waits.quantile(0.99) if bucket else None for bucket in past),
            errors=tuple(bucket.failed if bucket else 0 for bucket in past),
        )


def _is_failed(exchange: Exchange) -> bool:
    """Give whether the model or the way to it failed; a client that left is not their fault."""
    if exchange.failure is Failure.CLIENT_GONE:
        return False
    return exchange.failure is not None or exchange.status >= _SERVER_ERROR
