"""Reservoirs: a bounded, exactly recent, uniform sample of the rows that passed.

A single reservoir over all history is no picture of now: half of its rows are older than half of
the traffic. So each tick has a small reservoir of its own, kept for a number of ticks, and beside
them run larger ones per hour and per day. Each holds every row of its span with equal chance; the
number of rows it stands for is kept, so that spans and replicas can be joined by weight.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")
NEVER: Final = 1 << 62


class Dice(Protocol):
    """What is needed of a random generator: `numpy.random.Generator` has it."""

    def random(self) -> float:
        """Give a number in [0, 1)."""

    def integers(self, low: int, high: int) -> int:
        """Give a whole number in [low, high)."""

    def hypergeometric(self, ngood: int, nbad: int, nsample: int) -> int:
        """Give how many of `nsample` draws without replacement are among `ngood`."""


@dataclass(frozen=True, slots=True)
class Span(Generic[Item]):
    """The sample of one closed span of time."""

    began_s: float
    items: tuple[Item, ...]
    n: int
    """Rows the sample stands for: each item stands for n / len(items) of them."""
    n_bytes: int


class Reservoir(Generic[Item]):
    """A uniform sample of at most `size` items of a stream of unknown length.

    Between the items it takes it computes how many to skip, so that an offer costs one comparison.
    Source: Li (1994), "Reservoir-sampling algorithms of time complexity O(n(1 + log(N/n)))", ACM
    Transactions on Mathematical Software 20(4), algorithm L.
    """

    def __init__(self, size: int, rng: Dice) -> None:
        """Hold at most `size` items; `rng` decides which."""
        self._size = size
        self._rng = rng
        self.items: list[Item] = []
        self.sizes: list[int] = []
        self.n = 0
        self._take_at = 1 if size > 0 else NEVER
        self._weight = 1.0

    def offer(self, item: Item, n_bytes: int) -> None:
        """Show an item; it is kept, or not."""
        self.n += 1
        if self.n < self._take_at:
            return
        if len(self.items) < self._size:
            self.items.append(item)
            self.sizes.append(n_bytes)
            if len(self.items) < self._size:
                self._take_at = self.n + 1
                return
        else:
            place = int(self._rng.integers(0, self._size))
            self.items[place], self.sizes[place] = item, n_bytes
        self._skip()

    def would_take(self) -> bool:
        """Tell whether the next item will be kept: making it may be spared otherwise."""
        return self.n + 1 >= self._take_at

    def skip(self) -> None:
        """Let one item pass that `would_take` said is not kept."""
        self.n += 1

    def _skip(self) -> None:
        """Draw which item is taken next."""
        self._weight *= math.exp(math.log(1 - self._rng.random()) / self._size)
        gap = math.log(1 - self._rng.random()) / math.log1p(-min(self._weight, 1 - 1e-12))
        self._take_at = self.n + 1 + min(int(gap), NEVER)

    def close(self, began_s: float) -> Span[Item]:
        """Give the sample."""
        return Span(began_s, tuple(self.items), self.n, sum(self.sizes))


@dataclass(slots=True)
class _Layer(Generic[Item]):
    """Reservoirs of equal length, one after the other."""

    length_s: float
    keep: int
    size: int
    open: Reservoir[Item]
    began_s: float | None = None
    closed: deque[Span[Item]] = field(default_factory=deque)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How long the spans are, how many are kept, and how many items each holds."""

    length_s: float
    keep: int
    size: int


STANDARD: Final = (
    Shape(length_s=60.0, keep=60, size=50),
    Shape(length_s=3600.0, keep=24, size=200),
    Shape(length_s=86_400.0, keep=7, size=200),
    Shape(length_s=10.0, keep=12, size=150),
)
"""Minutes of the last hour, hours of the last day, days of the last week, and a closer look at the
last two minutes, in which a breach is explained: at most 11,000 items."""


class ReservoirRing(Generic[Item]):
    """Samples of the last minutes, hours and days within a bound of bytes."""

    def __init__(
        self, rng: Dice, *, max_bytes: int = 64 << 20, shapes: Sequence[Shape] = STANDARD
    ) -> None:
        """Make an empty ring.

        Args:
            rng: decides which items are kept.
            max_bytes: bound on all items together, as told by `offer`.
            shapes: the layers; the first is what `recent` gives.
        """
        self._rng = rng
        self._max_bytes = max_bytes
        self._layers: list[_Layer[Item]] = [
            _Layer(shape.length_s, shape.keep, shape.size, Reservoir(shape.size, rng))
            for shape in shapes
        ]
        self.n_evicted = 0
        """Items that were dropped before their time for want of bytes."""
        self.n_refused = 0
        """Items too large to be kept at all."""

    def offer(self, item: Item, n_bytes: int, now_s: float) -> None:
        """Show an item to every layer.

        Args:
            item: what may be kept.
            n_bytes: its size, as far as memory counts; a single one may take 1 % of the bound.
            now_s: when it passed; a clock that goes back counts into the open spans.
        """
        self.turn(now_s)
        if n_bytes * 100 > self._max_bytes:
            self.n_refused += 1
            return
        took = False
        for layer in self._layers:
            took = took or layer.open.would_take()
            layer.open.offer(item, n_bytes)
        if took and self.n_bytes() > self._max_bytes:
            self._evict()

    def wants(self, now_s: float) -> bool:
        """Tell whether the next item will be kept: making it may be spared otherwise."""
        self.turn(now_s)
        return any(layer.open.would_take() for layer in self._layers)

    def skip(self) -> None:
        """Let one item pass that `wants` said is not kept."""
        for layer in self._layers:
            layer.open.skip()

    def turn(self, now_s: float) -> None:
        """Close the spans that are over, and forget those that are too old."""
        for layer in self._layers:
            if layer.began_s is None:
                layer.began_s = now_s
            elif now_s - layer.began_s >= layer.length_s:
                if layer.open.n:
                    layer.closed.append(layer.open.close(layer.began_s))
                n_passed = int((now_s - layer.began_s) // layer.length_s)
                layer.began_s += n_passed * layer.length_s
                layer.open = Reservoir(layer.size, self._rng)
            oldest_s = now_s - layer.keep * layer.length_s
            while layer.closed and layer.closed[0].began_s < oldest_s:
                layer.closed.popleft()

    def n_bytes(self) -> int:
        """Give the bytes of all items; one that is in two layers counts twice."""
        return sum(
            sum(layer.open.sizes) + sum(span.n_bytes for span in layer.closed)
            for layer in self._layers
        )

    def spans(self, layer: int) -> list[Span[Item]]:
        """Give the samples of one layer, oldest first, the open one last."""
        chosen = self._layers[layer]
        began_s = chosen.began_s if chosen.began_s is not None else 0.0
        return [*chosen.closed, chosen.open.close(began_s)]

    def recent(self, max_items: int) -> list[Item]:
        """Give items of the first layer, the newest span first, at most `max_items`."""
        found: list[Item] = []
        for span in reversed(self.spans(0)):
            found.extend(reversed(span.items))
            if len(found) >= max_items:
                break
        return found[:max_items]

    def between(
        self, since_s: float, until_s: float, at_s: Callable[[Item], float]
    ) -> list[tuple[Item, float]]:
        """Give the items of a time, each with the number of items that it stands for.

        The shortest spans that reach back so far are taken; what is older comes from the next
        layer.

        Args:
            since_s: the first moment that counts.
            until_s: the first moment that does not count any more.
            at_s: gives the moment of an item.
        """
        found: list[tuple[Item, float]] = []
        order = sorted(range(len(self._layers)), key=lambda at: self._layers[at].length_s)
        for layer in order:
            spans = [span for span in self.spans(layer) if span.items]
            if not spans:
                continue
            start_s = max(since_s, spans[0].began_s)
            for span in spans:
                stands_for = span.n / len(span.items)
                found += [
                    (item, stands_for) for item in span.items if start_s <= at_s(item) < until_s
                ]
            until_s = min(until_s, start_s)
            if until_s <= since_s:
                break
        return found

    def clear(self) -> None:
        """Forget everything."""
        for layer in self._layers:
            layer.closed.clear()
            layer.open = Reservoir(layer.size, self._rng)
            layer.began_s = None

    def _evict(self) -> None:
        """Drop the oldest closed span of the layer that takes most, until all fits; then open ones.

        So every layer keeps some of its picture: large items of a week do not cost the last hour.
        """
        while self.n_bytes() > self._max_bytes:
            largest = max(self._layers, key=lambda layer: sum(s.n_bytes for s in layer.closed))
            if not largest.closed:
                break
            self.n_evicted += len(largest.closed.popleft().items)
        for layer in self._layers:
            if self.n_bytes() > self._max_bytes:
                self.n_evicted += len(layer.open.items)
                layer.open = Reservoir(layer.size, self._rng)


def merge(first: Span[Item], second: Span[Item], size: int, rng: Dice) -> Span[Item]:
    """Give a uniform sample of both streams together, of at most `size` items.

    How many come from the first is hypergeometric in the numbers of rows both stand for, so that
    a replica with ten times the traffic has ten times the say.
    """
    wanted = min(size, first.n + second.n)
    if wanted <= 0:
        return Span(min(first.began_s, second.began_s), (), 0, 0)
    from_first = int(rng.hypergeometric(first.n, second.n, wanted))
    from_first = min(from_first, len(first.items))
    from_second = min(wanted - from_first, len(second.items))
    items = _draw(first.items, from_first, rng) + _draw(second.items, from_second, rng)
    mean_bytes = (first.n_bytes + second.n_bytes) / max(1, len(first.items) + len(second.items))
    n_bytes = round(mean_bytes * len(items))
    return Span(min(first.began_s, second.began_s), items, first.n + second.n, n_bytes)


def _draw(items: tuple[Item, ...], n: int, rng: Dice) -> tuple[Item, ...]:
    """Draw `n` of the items without replacement (Fisher and Yates)."""
    pool = list(items)
    for place in range(min(n, len(pool))):
        other = int(rng.integers(place, len(pool)))
        pool[place], pool[other] = pool[other], pool[place]
    return tuple(pool[:n])
