"""Rows of a model's input or output, counted into the streams of a watch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.records import Rows, Scalar
from proxy.stats.binning import Binner
from proxy.stats.profile import ColumnProfile
from proxy.stats.watch import Watch

FLUSH_ROWS: Final = 1024
"""Rows are binned many at a time: binning row by row costs ten times as much."""


class ColumnCounter:
    """Counts the columns of rows; a column that a row lacks counts as missing there."""

    def __init__(self, columns: Sequence[ColumnProfile], watch: Watch, max_rows: int) -> None:
        """Count into `watch`, whose first streams are these columns in this order.

        Args:
            columns: the certified columns.
            watch: where to count.
            max_rows: rows of one exchange that are counted; more are thinned evenly.
        """
        self._watch = watch
        self._max_rows = max_rows
        self._binners: list[Binner] = [column.binner() for column in columns]
        self._index = {column.name: place for place, column in enumerate(columns)}
        self._waiting: list[list[Scalar]] = [[] for _ in columns]
        self._n_waiting = 0
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
        for place, values in enumerate(self._waiting):
            self._watch.add(place, self._binners[place].bins(values))
            values.clear()
        self._n_waiting = 0

    def clear(self) -> None:
        """Drop what is waiting."""
        for values in self._waiting:
            values.clear()
        self._n_waiting = 0

    def _level(self) -> None:
        """Make all waiting columns equally long: what a row lacks is missing there."""
        for values in self._waiting:
            lacking = self._n_waiting - len(values)
            if lacking > 0:
                values.extend([None] * lacking)
            elif lacking < 0:
                del values[self._n_waiting :]
