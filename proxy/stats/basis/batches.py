"""Batch means of a stream: the design effect of columns that are read once and not kept.

The same figure as `design_effect.batch_means`, of many functionals at once, in chunks of any size.
Sums of 16 rows are joined in pairs to sums of 32, 64, ...; of each length only the number of
blocks, the sum of their means and the sum of squares stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from proxy.stats.basis.design_effect import (
    BLOCK_GROWTH,
    FIRST_BLOCK_ROWS,
    MIN_BLOCKS,
    by_chance,
    is_rare,
    with_borrowed,
)
from proxy.stats.basis.functionals import Bins, Floats, Functional


class BatchMeans:
    """Design effects of `width` series that come together."""

    def __init__(self, width: int) -> None:
        """Begin with no row; memory grows with the logarithm of their number."""
        self._width = width
        self._rest: Floats = np.empty((0, width))
        self._odd: list[Floats] = []
        """By block length: the sums of one block that waits for its neighbour, if any."""
        self._n: list[int] = []
        self._means: list[Floats] = []
        self._squares: list[Floats] = []
        self._centre: Floats | None = None
        self.n = 0
        self.sums: Floats = np.zeros(width)
        self._sums_of_squares: Floats = np.zeros(width)

    def add(self, values: Floats) -> None:
        """Take rows in order of time: float array [rows, width], without NaN."""
        if not len(values):
            return
        self.n += len(values)
        self.sums += values.sum(axis=0)
        if self._centre is None:
            # Squares are summed about a value of the series: nothing cancels.
            self._centre = values.mean(axis=0)
        self._sums_of_squares += ((values - self._centre) ** 2).sum(axis=0)
        rows = np.concatenate([self._rest, values])
        n_blocks = len(rows) // FIRST_BLOCK_ROWS
        whole = n_blocks * FIRST_BLOCK_ROWS
        self._rest = rows[whole:]
        if n_blocks:
            blocks = rows[:whole].reshape(n_blocks, FIRST_BLOCK_ROWS, self._width).sum(axis=1)
            self._climb(blocks, self._centre)

    def _climb(self, blocks: Floats, centre: Floats) -> None:
        """Count blocks, join them in pairs, count those, and so on."""
        level, length = 0, FIRST_BLOCK_ROWS
        while len(blocks):
            if level == len(self._n):
                self._n.append(0)
                self._means.append(np.zeros(self._width))
                self._squares.append(np.zeros(self._width))
                self._odd.append(np.empty((0, self._width)))
            means = blocks / length - centre
            self._n[level] += len(blocks)
            self._means[level] += means.sum(axis=0)
            self._squares[level] += (means**2).sum(axis=0)
            waiting = np.concatenate([self._odd[level], blocks])
            paired = len(waiting) // BLOCK_GROWTH * BLOCK_GROWTH
            self._odd[level] = waiting[paired:]
            blocks = waiting[0:paired:2] + waiting[1:paired:2]
            level, length = level + 1, length * BLOCK_GROWTH

    def figures(self) -> Floats:
        """Give the design effect of each series, at least 1."""
        largest = np.ones(self._width)
        if self._centre is None:
            return largest
        offset = self.sums / self.n - self._centre
        variance = self._sums_of_squares / self.n - offset**2
        for level, n_blocks in enumerate(self._n):
            if n_blocks < MIN_BLOCKS:
                break
            length = FIRST_BLOCK_ROWS * BLOCK_GROWTH**level
            spread = self._squares[level] - self._means[level] ** 2 / n_blocks
            known = variance > 1e-12  # noqa: PLR2004 - of values in [0, 1]: a constant
            figure = length * spread / (n_blocks - 1) / np.where(known, variance, 1.0)
            beyond = figure > by_chance(n_blocks - 1)
            largest = np.where(known & beyond, np.maximum(largest, figure), largest)
        result: Floats = largest
        return result


class StreamedEffects:
    """The design effects of all functionals of one column, from the bins of its rows."""

    def __init__(self, functionals: Sequence[Functional]) -> None:
        """Measure `functionals`; those that count the same rows are measured together."""
        self._groups: list[tuple[Functional, ...]] = []
        for functional in functionals:
            for place, group in enumerate(self._groups):
                if np.array_equal(group[0].applies, functional.applies):
                    self._groups[place] = (*group, functional)
                    break
            else:
                self._groups.append((functional,))
        self._tables = [np.stack([f.values for f in group], axis=1) for group in self._groups]
        self._means = [BatchMeans(len(group)) for group in self._groups]

    def add(self, bins: Bins) -> None:
        """Take the bins of rows in order of time."""
        for group, table, means in zip(self._groups, self._tables, self._means, strict=True):
            counted = bins[group[0].applies[bins]]
            means.add(table[counted])

    def measured(self) -> dict[str, float]:
        """Give the design effects by functional, the rare ones borrowed: see `design_effect`."""
        found: dict[str, float] = {}
        rare: list[str] = []
        for group, means in zip(self._groups, self._means, strict=True):
            for functional, figure, hits in zip(group, means.figures(), means.sums, strict=True):
                if is_rare(functional, float(hits)):
                    rare.append(functional.name)
                else:
                    found[functional.name] = float(figure)
        return with_borrowed(found, rare)
