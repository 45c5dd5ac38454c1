"""The counts of the last ticks: what people are shown, and where a breach began.

The last ticks are kept one by one, older ones in sums of many ticks. It is no part of the evidence:
losing it costs a picture, not an alarm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.stats.basis.functionals import Floats
from proxy.stats.engine.e_detector import Layout, Singles

FINE_TICKS: Final = 64
COARSE_SUMS: Final = 15
"""With the fine ticks: the last 64 ticks one by one, and up to 960 older ones in 15 sums."""


@dataclass(frozen=True, slots=True)
class WholeDay:
    """The last day of a stream that is counted by whole days."""

    counts: Floats
    """float array [bins]."""
    n_ticks: int


class CountHistory:
    """Counts per tick of all bins of a monitor, newest last."""

    def __init__(self, n_bins: int) -> None:
        """Make an empty history for `n_bins` bins; its size is fixed from now on."""
        self._fine: NDArray[np.float32] = np.zeros((FINE_TICKS, n_bins), dtype=np.float32)
        self._coarse: NDArray[np.float32] = np.zeros((COARSE_SUMS, n_bins), dtype=np.float32)
        self.n_ticks = 0

    def push(self, counts: Singles) -> None:
        """Remember the counts of one tick. The tick that falls out joins a sum."""
        place = self.n_ticks % FINE_TICKS
        if self.n_ticks >= FINE_TICKS:
            block = (self.n_ticks - FINE_TICKS) // FINE_TICKS % COARSE_SUMS
            if place == 0:
                self._coarse[block] = 0
            self._coarse[block] += self._fine[place]
        self._fine[place] = counts
        self.n_ticks += 1

    def ticks(self, bins: slice) -> NDArray[np.float32]:
        """Give the last ticks one by one, oldest first: float array [ticks <= 64, bins]."""
        if self.n_ticks <= FINE_TICKS:
            return self._fine[: self.n_ticks, bins]
        return np.roll(self._fine[:, bins], -(self.n_ticks % FINE_TICKS), axis=0)

    def last(self, n_ticks: int, bins: slice) -> Floats:
        """Give the sum of the last `n_ticks` ticks; beyond 64, rounded up to whole sums."""
        fine = self.ticks(bins)
        total: Floats = fine[-min(n_ticks, FINE_TICKS) :].sum(axis=0, dtype=np.float64)
        older = self.n_ticks - FINE_TICKS
        if n_ticks <= FINE_TICKS or older <= 0:
            return total
        newest = (older - 1) // FINE_TICKS
        wanted = min(COARSE_SUMS, -(-(n_ticks - FINE_TICKS) // FINE_TICKS), newest + 1)
        for back in range(wanted):
            total += self._coarse[(newest - back) % COARSE_SUMS, bins]
        return total

    def clear(self) -> None:
        """Forget everything."""
        self._fine[:] = 0
        self._coarse[:] = 0
        self.n_ticks = 0


class ExpectedCounts:
    """How many rows the reference would have had in each bin, tick by tick.

    Where the reference changes with the hour, it is what the history is to be compared with.
    """

    def __init__(self, layout: Layout, n_ticks: int) -> None:
        """Begin beside a history that has seen `n_ticks` ticks; no stream is known yet."""
        self._bins = layout.bins
        self._starts = np.sort([bins.start for bins in layout.bins])
        self._lengths = np.diff(self._starts, append=layout.n_bins)
        self._masses = np.zeros(layout.n_bins, dtype=np.float32)
        self._history = CountHistory(layout.n_bins)
        self._history.n_ticks = n_ticks

    def set(self, stream: int, masses: Floats) -> None:
        """Compare a stream with these masses from now on."""
        self._masses[self._bins[stream]] = masses

    def push(self, counts: Singles) -> None:
        """Remember what was to be expected of a tick with as many rows as `counts`."""
        rows = np.add.reduceat(counts, self._starts)
        self._history.push(self._masses * np.repeat(rows, self._lengths))

    def masses(self, stream: int, n_ticks: int, least: float = 0.0) -> Floats | None:
        """Give the mixture over the last ticks; `None` when it is of no more than `least` rows."""
        expected = self._history.last(n_ticks, self._bins[stream])
        total = float(expected.sum())
        if total <= least:
            return None
        masses: Floats = expected / total
        return masses


def onset_ticks(ticks: NDArray[np.float32], score: Floats) -> int:
    """Give how many ticks ago a breach began: where the evidence since then is largest.

    Args:
        ticks: float array [ticks, bins], oldest first.
        score: float array [bins], evidence per row, negative within tolerance.

    Returns:
        At least 1, at most the number of ticks. The estimate is the maximum-likelihood change
        point of Page (1954), "Continuous inspection schemes", Biometrika 41.
    """
    evidence = ticks.astype(np.float64) @ score
    if not len(evidence):
        return 1
    since = np.cumsum(evidence[::-1])
    return int(np.argmax(since)) + 1
