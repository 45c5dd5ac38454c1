"""Summaries of bounded size of columns that do not fit into memory; two of them can be merged.

`Quantiles` is the sketch of Karnin, Lang and Liberty: it tells every quantile of any number of
values with a rank error that depends on its size only. `HeavyHitters` is that of Misra and Gries:
it tells which categories are frequent. Certification places bin borders and categories by them; a
second pass over the data then counts exactly, so that the error of a sketch moves a border by a
thousandth and costs no evidence.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from proxy.stats.basis.functionals import Floats

SKETCH_SIZE: Final = 2000
"""`k` of the sketch: about 48 kB, and a rank error of 0.14 % at 99 % confidence."""
SHRINK: Final = 2.0 / 3.0
"""Each level below the top has two thirds of the room of the one above."""
MIN_ROOM: Final = 8
MAX_COUNTERS: Final = 2000
"""Categories that are counted at a time: every one with more than 0.05 % of the rows is among
them at the end."""


class Quantiles:
    """The quantiles of a stream of numbers, by the sketch of Karnin, Lang and Liberty.

    Values stand in levels; one of level h speaks for 2^h values. A level that is too full is sorted
    and every other value, beginning with the first or the second by chance, moves up one level. So
    the largest values stay exact while few were seen, and the error grows with none of them.

    Source: Karnin, Lang and Liberty (2016), "Optimal quantile approximation in streams", FOCS,
    section 3; the error at 99 % confidence as fitted by Apache DataSketches.

    >>> import numpy as np
    >>> sketch = Quantiles(np.random.default_rng(0))
    >>> sketch.add(np.arange(100_000.0))
    >>> bool(abs(sketch.quantiles([0.5])[0] - 50_000) < 100_000 * sketch.rank_error)
    True
    """

    def __init__(self, rng: np.random.Generator, size: int = SKETCH_SIZE) -> None:
        """Begin empty; memory is about 3 `size` numbers for any number of values."""
        self._rng = rng
        self._size = size
        self._levels: list[Floats] = [np.empty(0)]
        self.n = 0
        """Values seen."""
        self.low = math.inf
        self.high = -math.inf
        """The extremes, exact."""

    @property
    def rank_error(self) -> float:
        """The error of a rank, as a share, at 99 % confidence; 0 while all values are kept."""
        return 0.0 if len(self._levels) == 1 else 2.296 / self._size**0.9723

    def add(self, values: Floats) -> None:
        """Take values, none of them NaN."""
        if not len(values):
            return
        self.n += len(values)
        self.low = min(self.low, float(values.min()))
        self.high = max(self.high, float(values.max()))
        self._levels[0] = np.concatenate([self._levels[0], values])
        self._compress()

    def merge(self, other: Quantiles) -> None:
        """Take in what another sketch has seen; the error is that of one sketch of all values."""
        self.n += other.n
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        while len(self._levels) < len(other._levels):
            self._levels.append(np.empty(0))
        for height, values in enumerate(other._levels):
            self._levels[height] = np.concatenate([self._levels[height], values])
        self._compress()

    def quantiles(self, levels: Sequence[float] | Floats) -> Floats:
        """Give the values at `levels` in [0, 1]; 0 and 1 are the exact extremes.

        Returns:
            float array [levels]; NaN when nothing was seen.
        """
        wanted = np.asarray(levels, dtype=np.float64)
        if not self.n:
            return np.full(len(wanted), math.nan)
        values, upto = self._cumulated()
        places = np.searchsorted(upto, wanted * upto[-1], side="left")
        found = values[places.clip(0, len(values) - 1)]
        found = np.where(wanted <= 0, self.low, found)
        result: Floats = np.where(wanted >= 1, self.high, found)
        return result

    def ranks(self, values: Sequence[float] | Floats) -> Floats:
        """Give the share of all values at or below each of `values`."""
        if not self.n:
            return np.zeros(len(values))
        kept, upto = self._cumulated()
        places = np.searchsorted(kept, np.asarray(values, dtype=np.float64), side="right")
        shares: Floats = np.concatenate([[0.0], upto])[places] / upto[-1]
        return shares

    def _cumulated(self) -> tuple[Floats, Floats]:
        """Give the kept values, sorted, and how many values stand at or below each."""
        values = np.concatenate(self._levels)
        weights = np.concatenate([np.full(len(v), 2.0**h) for h, v in enumerate(self._levels)])
        order = np.argsort(values, kind="stable")
        return values[order], np.cumsum(weights[order])

    def _room(self, height: int) -> int:
        depth = len(self._levels) - 1 - height
        return max(MIN_ROOM, math.ceil(self._size * SHRINK**depth))

    def _compress(self) -> None:
        """Halve levels, from below, until all of them together have room."""
        height = 0
        while height < len(self._levels):
            if sum(map(len, self._levels)) <= sum(map(self._room, range(len(self._levels)))):
                return
            if len(self._levels[height]) > self._room(height):
                self._halve(height)
            height += 1

    def _halve(self, height: int) -> None:
        values = np.sort(self._levels[height])
        # An odd one stays: its weight cannot be halved.
        odd = len(values) % 2
        kept, moved = values[:odd], values[odd:]
        if height + 1 == len(self._levels):
            self._levels.append(np.empty(0))
        first = int(self._rng.integers(2))
        self._levels[height + 1] = np.concatenate([self._levels[height + 1], moved[first::2]])
        self._levels[height] = kept


class HeavyHitters:
    """The frequent categories of a stream, by the counters of Misra and Gries.

    Each count is at most `error` too low. When there are more categories than counters, the count
    of the first that has none is taken from all, and those that reach zero go.

    Source: Misra and Gries (1982), "Finding repeated elements", Science of Computer Programming
    2(2); merging: Agarwal et al. (2012), "Mergeable summaries", PODS, section 2.
    """

    def __init__(self, size: int = MAX_COUNTERS) -> None:
        """Begin with no category; at most `size` are counted at a time."""
        self._size = size
        self._counts: Counter[str] = Counter()
        self.n = 0
        """Values seen."""
        self.error = 0
        """What a count may lack, at most n / (size + 1)."""

    def add(self, counts: Mapping[str, int]) -> None:
        """Take values, counted."""
        self._counts.update(counts)
        self.n += sum(counts.values())
        self._shrink()

    def merge(self, other: HeavyHitters) -> None:
        """Take in what another sketch has counted; the errors add up."""
        self._counts.update(other._counts)
        self.n += other.n
        self.error += other.error
        self._shrink()

    def most_common(self, n: int) -> list[tuple[str, int]]:
        """Give the `n` largest counts, largest first; equal counts by name."""
        return heapq.nsmallest(n, self._counts.items(), key=lambda one: (-one[1], one[0]))

    def _shrink(self) -> None:
        if len(self._counts) <= self._size:
            return
        lost = heapq.nlargest(self._size + 1, self._counts.values())[-1]
        self.error += lost
        self._counts = Counter({name: n - lost for name, n in self._counts.items() if n > lost})
