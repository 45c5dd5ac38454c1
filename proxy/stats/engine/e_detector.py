"""Evidence over time: Shiryaev-Roberts e-detectors, averaged over all bets of all streams.

Every bet has a wealth that is restarted with one unit at every tick: R <- (1 + R) * e, where e is
the factor of the tick. While all functionals are within tolerance, the weighted average of all R
minus the number of ticks is a supermartingale, whatever the dependence between streams. So the
expected number of ticks until the average exceeds A is at least A: one inequality for significance,
many streams, many bets and continuous looking.

Source: Shin, Ramdas and Rinaldo (2022), "E-detectors: a nonparametric framework for sequential
change detection", arXiv 2203.03532, definition 2.2 and proposition 2.4 (average run length).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from proxy.stats.basis.bets import BetTable

Singles = NDArray[np.float32]
CEILING = math.e
"""Wealth beyond e times what an alarm needs adds nothing; the bound keeps recovery short."""


LARGEST_LOG = 85.0
"""Logarithm of the largest wealth that a 32-bit float holds, with room to spare."""


@dataclass(frozen=True, slots=True)
class Group:
    """Streams of one shape, whose bets are scored in one matrix product."""

    growth: Singles
    """[bins, bets] when the streams share one table, else [streams, bins, bets]."""
    streams: slice
    bins: slice
    bets: slice
    n_bets: int


class Layout:
    """Where each stream's bins and bets stand in the flat arrays of a detector.

    Streams with equal shapes stand together, and streams with the very same table share it: fifty
    continuous columns cost one matrix.
    """

    def __init__(self, tables: Sequence[BetTable], weights: Sequence[float]) -> None:
        """Lay out the streams; the weights are scaled to sum to 1."""
        first_use: dict[int, int] = {}
        for place, table in enumerate(tables):
            first_use.setdefault(id(table), place)
        order = sorted(
            range(len(tables)), key=lambda i: (tables[i].growth.shape, first_use[id(tables[i])], i)
        )
        self.n_streams = len(tables)
        self.order = order
        """Stream of each place."""
        self.tables = tuple(tables)
        self.groups: list[Group] = []
        self._homes: dict[int, tuple[int, int]] = {}
        """By stream: its group, and its place there."""
        self.bins: list[slice] = [slice(0)] * len(tables)
        """By stream: its bins in the flat counts."""
        self.bets: list[slice] = [slice(0)] * len(tables)
        """By stream: its bets in the flat wealth."""
        total = sum(weights) or 1.0
        self.weights = np.array([weight / total for weight in weights])
        self.n_bins = self.n_bets = 0
        place = 0
        while place < len(order):
            place = self._add_group(place)
        self.bet_weights: Singles = np.zeros(self.n_bets, dtype=np.float32)
        for stream, bets in enumerate(self.bets):
            self.bet_weights[bets] = self.weights[stream] / tables[stream].n_bets

    def swap(self, stream: int, table: BetTable) -> None:
        """Score a stream by another table of the same shape from now on.

        The factor of each tick is then a bet against the null hypothesis of that tick, so what the
        evidence promises holds whatever table each tick was scored by.
        """
        number, offset = self._homes[stream]
        group = self.groups[number]
        if group.growth.ndim == 2:  # noqa: PLR2004 - [bins, bets]: shared until now
            n_streams = group.streams.stop - group.streams.start
            group = replace(group, growth=np.repeat(group.growth[np.newaxis], n_streams, axis=0))
            self.groups[number] = group
        group.growth[offset] = table.growth

    def _add_group(self, start: int) -> int:
        """Add the longest run of streams that fit together; give the place after it."""
        first = self.tables[self.order[start]]
        shape = first.growth.shape
        same_shape = start
        while (
            same_shape < len(self.order)
            and self.tables[self.order[same_shape]].growth.shape == shape
        ):
            same_shape += 1
        members = [self.tables[stream] for stream in self.order[start:same_shape]]
        shared = all(table is first for table in members)
        growth = first.growth if shared else np.stack([table.growth for table in members])
        n_bins, n_bets = shape
        for place in range(start, same_shape):
            stream, offset = self.order[place], place - start
            self._homes[stream] = (len(self.groups), offset)
            low = self.n_bins + offset * n_bins
            self.bins[stream] = slice(low, low + n_bins)
            low = self.n_bets + offset * n_bets
            self.bets[stream] = slice(low, low + n_bets)
        size = same_shape - start
        bins = slice(self.n_bins, self.n_bins + size * n_bins)
        bets = slice(self.n_bets, self.n_bets + size * n_bets)
        streams = slice(start, same_shape)
        self.groups.append(Group(growth, streams, bins, bets, n_bets))
        self.n_bins, self.n_bets = bins.stop, bets.stop
        return same_shape


class EDetector:
    """The averaged e-detector of all streams of one monitor."""

    def __init__(self, layout: Layout, run_length_ticks: float, min_ticks: int) -> None:
        """Make a detector without evidence.

        Args:
            layout: the streams.
            run_length_ticks: A, the expected ticks to a false alarm, at least 2.
            min_ticks: ticks that an alarm needs at least.
        """
        self.layout = layout
        self._min_ticks = min_ticks
        self.threshold = math.log(run_length_ticks)
        needed = math.log(run_length_ticks) - np.log(layout.bet_weights.astype(np.float64))
        # One tick may add a part of what one bet alone needs, and never so much that all bets
        # together could alarm in fewer ticks: min(e, cap) <= e keeps every guarantee.
        cap = needed / max(1, min_ticks)
        if min_ticks > 1:
            cap = np.minimum(cap, max(0.1, (self.threshold - 0.5) / (min_ticks - 1)))
        ceiling = np.exp(np.minimum(needed + math.log(CEILING), LARGEST_LOG))
        self._cap = _compact(cap)
        self._ceiling = _compact(ceiling)
        self.wealth: Singles = np.zeros(layout.n_bets, dtype=np.float32)

    def sibling(self) -> EDetector:
        """Give a detector of the same streams and threshold, without evidence."""
        return EDetector(self.layout, math.exp(self.threshold), self._min_ticks)

    def score(self, counts: Singles) -> Singles:
        """Give the log factor of every bet for one tick.

        Args:
            counts: float array [bins of all streams], the rows of the tick.

        Returns:
            float array [bets of all streams], capped.
        """
        factors = np.empty(self.layout.n_bets, dtype=np.float32)
        for group in self.layout.groups:
            n_streams = group.streams.stop - group.streams.start
            rows = counts[group.bins].reshape(n_streams, -1)
            if group.growth.ndim == 2:  # noqa: PLR2004 - [bins, bets]: one table for all
                scored = rows @ group.growth
            else:
                scored = np.matmul(rows[:, np.newaxis, :], group.growth)[:, 0, :]
            factors[group.bets] = scored.ravel()
        return np.minimum(factors, self._cap, out=factors)

    def fold(self, factors: Singles) -> None:
        """Add the factors of one tick to the wealth. A tick without rows for a bet leaves it."""
        grown = (1 + self.wealth) * np.exp(factors)
        np.minimum(grown, self._ceiling, out=grown)
        self.wealth = np.where(factors == 0, self.wealth, grown)

    def evidence(self) -> float:
        """Give the logarithm of the weighted average wealth, at least 0."""
        return math.log(max(1.0, float(self.layout.bet_weights @ self.wealth)))

    def stream_wealth(self) -> NDArray[np.float64]:
        """Give the average wealth of each stream's bets: an e-detector of its own."""
        return np.array([float(self.wealth[bets].mean()) for bets in self.layout.bets])

    def reset(self) -> None:
        """Forget all evidence."""
        self.wealth = np.zeros(self.layout.n_bets, dtype=np.float32)


def _compact(values: NDArray[np.float64]) -> Singles:
    """Give one number where all are equal: with equal streams it spares a third of the state."""
    kept = values[:1] if np.ptp(values) == 0 else values
    return kept.astype(np.float32)
