"""Rows of a model's input or output, counted into the streams of a watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from proxy.records import Rows, Scalar
from proxy.stats.basis.binning import Binner, NumericBinner, to_numbers
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile, Kind
from proxy.stats.reference.multivariate import Multivariate, derive, least_fitting, standardise

FLUSH_ROWS: Final = 1024
"""Rows are binned many at a time: binning row by row costs ten times as much."""


MIN_STRANGE_ROWS: Final = 100
"""Fewer rows cannot show that a column belongs to something else."""
FIRST_ROWS: Final = 1000
"""What these were tells whether a column has always been strange."""
FEW_OTHERS: Final = 0.2


def _is_closed(column: ColumnProfile) -> bool:
    """Tell whether the reference says of which type or categories nearly all values are."""
    if column.kind is Kind.NUMERIC:
        return column.masses[-1] < FEW_OTHERS
    return bool(column.categories) and column.masses[-N_SPECIAL_BINS - 1] < FEW_OTHERS


class ColumnCounter:
    """Counts the columns of rows; a column that a row lacks counts as missing there."""

    def __init__(
        self,
        columns: Sequence[ColumnProfile],
        multivariate: Multivariate | None,
        watch: Watch,
        max_rows: int,
    ) -> None:
        """Count into `watch`: first these columns in this order, then the derived ones.

        Args:
            columns: the certified columns.
            multivariate: derived columns; all that they are made of must be among `columns`.
            watch: where to count.
            max_rows: rows of one exchange that are counted; more are thinned evenly.
        """
        self._watch = watch
        self._multivariate = multivariate
        derived = multivariate.derived if multivariate is not None else ()
        self._derived: list[Binner] = [column.binner() for column in derived]
        self._together = multivariate.columns if multivariate is not None else ()
        self._max_rows = max_rows
        self._binners: list[Binner] = [column.binner() for column in columns]
        self._index = {column.name: place for place, column in enumerate(columns)}
        self._waiting: list[list[Scalar]] = [[] for _ in columns]
        self._n_waiting = 0
        own = enumerate(watch.certified[: len(columns)])
        self._clocks = frozenset(place for place, stream in own if stream.by_day is not None)
        self._weights: list[float] = []
        """Of waiting rows, where a clock needs them: how many rows of traffic each stands for."""
        self._columns = tuple(columns)
        self._strange = np.zeros(len(columns))
        self._strange_first = np.zeros(len(columns))
        self._n_first = 0
        self.n_rows = 0
        """Rows counted since the start."""
        self.n_foreign = 0
        """Rows without a single certified column: they belong to another model or another form."""

    def count(self, rows: Rows) -> None:
        """Take rows; they reach the watch with the next flush."""
        places = [self._index.get(name) for name in rows.columns]
        known = {place for place in places if place is not None}
        if not known:
            self.n_foreign += rows.n
            return
        n = min(rows.n, self._max_rows)
        chosen = range(rows.n) if n == rows.n else [i * rows.n // n for i in range(n)]
        for place, column in zip(places, rows.values, strict=False):
            if place is not None:
                self._waiting[place].extend(column if n == rows.n else [column[i] for i in chosen])
        if self._clocks and n:
            self._weights.extend([rows.weight * rows.n / n] * n)
        self._n_waiting += n
        self.n_rows += n
        if len(known) < len(self._waiting) or len(known) < len(rows.columns):
            self._level()
        if self._n_waiting >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Bin what is waiting and count it into the watch."""
        if not self._n_waiting:
            return
        numbers: dict[str, Floats] = {}
        for name, place in self._index.items():
            binner, values = self._binners[place], self._waiting[place]
            if isinstance(binner, NumericBinner):
                numbers[name] = to_numbers(values)
                counts = binner.count(numbers[name])
                self._strange[place] += counts[-1]
            else:
                counts = np.bincount(binner.bins(values), minlength=binner.n_bins)
                self._strange[place] += counts[-1] + counts[-N_SPECIAL_BINS - 1]
            if place in self._clocks:
                # How busy each hour is belongs to a day: busy hours are sampled more thinly.
                counts = np.bincount(binner.bins(values), self._weights, binner.n_bins)
            self._watch.add_counts(place, counts)
            values.clear()
        self._count_derived(numbers)
        self._n_waiting = 0
        self._weights.clear()
        if self._n_first < FIRST_ROWS:
            self._strange_first, self._n_first = self._strange.copy(), self.n_rows

    def _count_derived(self, numbers: dict[str, Floats]) -> None:
        """Count what only columns together show."""
        if self._multivariate is None:
            return
        standard = standardise(self._multivariate, [numbers[name] for name in self._together])
        first = len(self._binners)
        for place, values in enumerate(derive(self._multivariate, standard)):
            binner = self._derived[place]
            if isinstance(binner, NumericBinner):
                self._watch.add_counts(first + place, binner.count(values))
        if self._multivariate.contrasts:
            # Its categories are the columns in their order, so places are bins.
            last = len(self._derived) - 1
            self._watch.add(first + last, least_fitting(self._multivariate, standard))

    @property
    def n_columns(self) -> int:
        """The number of certified columns that are counted."""
        return len(self._columns)

    def strangers(self) -> list[str]:
        """Give the columns most of whose values the reference cannot know, from the first row on.

        Text among numbers, and categories that it has not, where it has hardly any but its own. A
        column that only became so later drifts; one that ceased to be so long enough ago fits.
        """
        n = self.n_rows - self._n_waiting
        if n < MIN_STRANGE_ROWS:
            return []
        counts = zip(self._columns, self._strange_first, self._strange, strict=True)
        return [
            column.name
            for column, first, now in counts
            if first > self._n_first / 2 and now > n / 2 and _is_closed(column)
        ]

    def into(self, watch: Watch) -> None:
        """Count into another watch of the same streams from now on."""
        self._watch = watch

    def clear(self) -> None:
        """Drop what is waiting."""
        for values in self._waiting:
            values.clear()
        self._weights.clear()
        self._n_waiting = 0

    def _level(self) -> None:
        """Make all waiting columns equally long: what a row lacks is missing there."""
        for values in self._waiting:
            lacking = self._n_waiting - len(values)
            if lacking > 0:
                values.extend([None] * lacking)
            elif lacking < 0:
                del values[self._n_waiting :]
