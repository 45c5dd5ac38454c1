"""How streamed answers arrived: time to the first token, and the time between tokens.

The relay notes of every stream when its chunks came. Of a sampled one the watcher has read the
pieces of content themselves, which is what people mean by tokens: an event stream may begin with
events that say nothing, and one chunk may hold several pieces. Each stream is counted once, from
what was read where that is known, else from the relay's record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from proxy.records import Exchange, Model, Position, Scalar
from proxy.telemetry.settings import MetricsSettings
from proxy.telemetry.tally import Buckets

Timings: TypeAlias = Mapping[str, Sequence[Scalar]]

MAX_WAITING: Final = 1024
"""Sampled streams whose bodies were not read yet: five seconds at the usual limit of captures."""
WAIT_S: Final = 5.0
"""A body follows its exchange on the same link at once; after this long it was lost on the way."""


class _Place:
    """The streams of one model in one position."""

    __slots__ = ("first", "gap")

    def __init__(self, settings: MetricsSettings) -> None:
        self.first = Buckets(settings.first_token_edges_s)
        self.gap = Buckets(settings.gap_edges_s)

    def take_record(self, exchange: Exchange) -> None:
        """Count a stream by the chunks that the relay saw."""
        self._first_chunk(exchange)
        self._chunk_gaps(exchange)

    def take_timings(self, exchange: Exchange, timings: Timings) -> None:
        """Count a stream by its pieces of content; one exchange may carry several answers."""
        firsts = _numbers(timings.get("ttft_s", ()))
        pieces = timings.get("deltas", ())
        if firsts:
            self.first.observe(min(firsts))
        elif not pieces or any(n is None for n in pieces):
            self._first_chunk(exchange)
        if any(n is None for n in pieces):
            # Its end was not seen, so the pieces cannot be counted: the chunks can.
            self._chunk_gaps(exchange)
            return
        means, longest = timings.get("gap_mean_s", ()), timings.get("gap_max_s", ())
        for n, mean_s, longest_s in zip(pieces, means, longest, strict=False):
            if isinstance(n, int) and isinstance(mean_s, float) and isinstance(longest_s, float):
                self._gaps(n - 1, mean_s, longest_s)

    def _first_chunk(self, exchange: Exchange) -> None:
        stream = exchange.stream
        if stream is not None and stream.first_content_s is not None:
            self.first.observe(stream.first_content_s - exchange.started_s)

    def _chunk_gaps(self, exchange: Exchange) -> None:
        stream = exchange.stream
        if stream is not None and stream.first_content_s is not None:
            self._gaps(stream.n_chunks - 1, stream.mean_gap_s, stream.longest_gap_s)

    def _gaps(self, n: int, mean_s: float, longest_s: float) -> None:
        """Count `n` gaps of which the mean and the longest are known.

        The longest goes into its own bucket, the others at their mean, so that sum and number are
        exact and the tail is seen.
        """
        if n < 1:
            return
        self.gap.observe(longest_s)
        if n > 1:
            self.gap.observe((mean_s * n - longest_s) / (n - 1), n - 1)


class Tokens:
    """The streams of every model and position."""

    def __init__(self, settings: MetricsSettings) -> None:
        """Start at zero."""
        self._settings = settings
        self._places: dict[tuple[Model, Position], _Place] = {}
        self._waiting: dict[int, Exchange] = {}

    def observe(self, exchange: Exchange) -> None:
        """Take an exchange; a stream that was sampled waits for what is read of its body."""
        place = self._place(exchange)
        if exchange.stream is None:
            return
        if not exchange.capture:
            place.take_record(exchange)
            return
        self._waiting[exchange.id] = exchange
        if len(self._waiting) > MAX_WAITING:
            self._give_up(next(iter(self._waiting)))

    def read(self, exchange: Exchange, timings: Timings) -> None:
        """Take what was read of a sampled answer; empty timings tell nothing of pieces."""
        waiting = self._waiting.pop(exchange.id, None)
        if waiting is None:
            return
        if timings:
            self._place(waiting).take_timings(waiting, timings)
        else:
            self._place(waiting).take_record(waiting)

    def settle(self, now_s: float) -> None:
        """Count what waited too long by the relay's record: its body was lost or not readable."""
        late = [
            number
            for number, exchange in self._waiting.items()
            if now_s - exchange.finished_s > WAIT_S
        ]
        for number in late:
            self._give_up(number)

    def firsts(self) -> Iterable[tuple[tuple[str, ...], Buckets]]:
        """Give the time to the first token by model and position."""
        return [(key, place.first) for key, place in self._places.items()]

    def gaps(self) -> Iterable[tuple[tuple[str, ...], Buckets]]:
        """Give the time between tokens by model and position."""
        return [(key, place.gap) for key, place in self._places.items()]

    def _give_up(self, number: int) -> None:
        exchange = self._waiting.pop(number)
        self._place(exchange).take_record(exchange)

    def _place(self, exchange: Exchange) -> _Place:
        key = (exchange.model, exchange.position)
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(self._settings)
        return place


def _numbers(cells: Sequence[Scalar]) -> list[float]:
    return [float(cell) for cell in cells if isinstance(cell, float | int)]
