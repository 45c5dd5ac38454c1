"""Learning from live traffic how many dependent rows are worth one.

Many training sets are shuffled: they show what rows look like, not how they follow each other. This
learner watches the counts of a period of traffic and measures, for blocks of 1, 4, 16, ... ticks,
how much more the means of blocks near each other differ than independent rows would make them. Only
blocks two apart are compared, and the four largest differences of each length are left out (and
what that takes from the mean is put back), so a fault that begins and ends meanwhile hardly makes
the detector blind.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy.special import chdtr, chdtri

from proxy.stats.basis.design_effect import by_chance, is_rare, with_borrowed
from proxy.stats.basis.functionals import Floats
from proxy.stats.engine.e_detector import Layout, Singles
from proxy.stats.engine.streams import WatchedStream

GROWTH: Final = 4
MIN_BLOCKS: Final = 16
"""Block lengths with fewer blocks in the period are not used."""
APART: Final = 2
"""Blocks that are compared are this many apart: neighbours may still be alike."""
LEFT_OUT: Final = 4
"""Largest differences that are left out: the beginning and the end of one fault, twice each."""


class _Level:
    """Differences between neighbouring blocks of one length."""

    def __init__(self, n_ticks: int, size: int) -> None:
        self.n_ticks = n_ticks
        self.ticks = 0
        self.sums = np.zeros(size)
        self.rows = np.zeros(size)
        self.before: deque[tuple[Floats, Floats]] = deque(maxlen=APART)
        self.n = np.zeros(size)
        self.total = np.zeros(size)
        self.largest = np.zeros((LEFT_OUT, size))

    def add(self, sums: Floats, rows: Floats) -> None:
        """Add one tick; a full block is compared with the one before."""
        self.sums += sums
        self.rows += rows
        self.ticks += 1
        if self.ticks < self.n_ticks:
            return
        means = self.sums / np.maximum(self.rows, 1)
        if len(self.before) == APART:
            last, last_rows = self.before[0]
            both = (self.rows > 0) & (last_rows > 0)
            # Half the squared difference, in units of what independent rows give on average.
            unit = (1 / np.maximum(self.rows, 1) + 1 / np.maximum(last_rows, 1)) / 2
            squared = np.where(both, (means - last) ** 2 / 2 / unit, 0.0)
            self.n += both
            self.total += squared
            for place in range(LEFT_OUT):
                larger = np.maximum(squared, self.largest[place])
                squared = np.minimum(squared, self.largest[place])
                self.largest[place] = larger
        self.before.append((means, self.rows))
        self.sums, self.rows = np.zeros_like(self.sums), np.zeros_like(self.rows)
        self.ticks = 0

    def figures(self, variances: Floats) -> Floats:
        """Give the design effect of each functional; 1 where it is within chance."""
        kept = np.maximum(self.n - LEFT_OUT, 1)
        trimmed = np.maximum(self.total - self.largest.sum(axis=0), 0)
        # Differences are normal, their squares chi-square with one degree of freedom: the mean of
        # those below their quantile t is P(chi2(3) <= t) / P(chi2(1) <= t).
        left_out = np.minimum(LEFT_OUT / np.maximum(self.n, 1), 0.5)
        lost = chdtr(3, chdtri(1, left_out)) / (1 - left_out)
        figures: Floats = trimmed / kept / lost / np.maximum(variances, 1e-300)
        freedom = np.maximum(kept / 2, 1)
        known = (self.n >= MIN_BLOCKS - APART) & (variances > 0) & (figures > by_chance(freedom))
        result: Floats = np.where(known, figures, 1.0)
        return result


class DependenceLearner:
    """The learner of all streams of one watch."""

    def __init__(self, streams: Sequence[WatchedStream], layout: Layout, n_ticks: int) -> None:
        """Learn for `n_ticks` ticks with rows; memory is a few numbers per functional."""
        self._streams = tuple(streams)
        self._layout = layout
        self.left = n_ticks
        self._size = sum(len(stream.functionals) for stream in streams)
        self._counted = np.zeros(layout.n_bins)
        self._applies = [np.stack([f.applies for f in s.functionals], axis=1) for s in streams]
        self._values = [
            np.stack([f.applies * f.values for f in s.functionals], axis=1) for s in streams
        ]
        lengths = [GROWTH**power for power in range(12) if GROWTH**power * MIN_BLOCKS <= n_ticks]
        self._levels = [_Level(length, self._size) for length in lengths]

    def add(self, counts: Singles) -> None:
        """Learn from the counts of one tick."""
        own = [counts[bins].astype(np.float64) for bins in self._layout.bins]
        rows = np.concatenate([c @ a for c, a in zip(own, self._applies, strict=True)])
        sums = np.concatenate([c @ v for c, v in zip(own, self._values, strict=True)])
        for level in self._levels:
            level.add(sums, rows)
        self._counted += counts
        self.left -= 1

    def learnt(self) -> list[dict[str, float]]:
        """Give the design effects by functional for each stream."""
        variances = np.array(
            [
                functional.variance(self._counted[bins])
                for stream, bins in zip(self._streams, self._layout.bins, strict=True)
                for functional in stream.functionals
            ]
        )
        figures = np.ones(self._size)
        for level in self._levels:
            figures = np.maximum(figures, level.figures(variances))
        found: list[dict[str, float]] = []
        place = 0
        for stream, bins in zip(self._streams, self._layout.bins, strict=True):
            own = self._counted[bins]
            measured: dict[str, float] = {}
            rare: list[str] = []
            for functional in stream.functionals:
                hits = float((own * functional.applies) @ functional.values)
                if is_rare(functional, hits):
                    rare.append(functional.name)
                else:
                    measured[functional.name] = round(float(figures[place]), 2)
                place += 1
            found.append(with_borrowed(measured, rare))
        return found
