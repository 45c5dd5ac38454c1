"""Reading the reference: whole while it is small, in two passes over its files when it is not.

Up to 1.5 million cells are held in memory. Beyond, the first pass sketches every column and draws
blocks of neighbouring rows at random; the second pass counts exactly. What needs rows rather than
counts (correlations, seasons, the self-test, the kept sample) is made of the blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from proxy.certify.files import CertifyError
from proxy.certify.reference import Chunk, Reference
from proxy.certify.rows import RowMaker
from proxy.certify.times import read_times, sort_by_time
from proxy.records import Scalar
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.streaming import Digest, Tally

MAX_HELD_CELLS: Final = 1_500_000
"""About 50 MB of Python numbers."""
MAX_DRAWN_CELLS: Final = 750_000
BLOCK_ROWS: Final = 1024
"""Rows that are drawn together: dependence between rows shows only in neighbours."""
MIN_BLOCKS: Final = 16
TIME: Final = "\0time"
"""Under this name the time column goes through the memory of blocks; no column is called so."""

Columns: TypeAlias = dict[str, list[Scalar]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Studied:
    """What the reference is."""

    columns: Columns
    """All rows in order, or blocks of them when `profiles` are given."""
    n: int
    """Reference rows altogether."""
    times_s: list[float] | None
    """UTC seconds of the rows in `columns`, rising; `None`: not known."""
    profiles: tuple[ColumnProfile, ...] | None
    """Profiles of all rows. `None`: `columns` holds all of them."""
    digest: Digest | None
    text_columns: frozenset[str]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Blocks:
    """A uniform sample of blocks of neighbouring rows, in their order.

    Source: Vitter (1985), "Random sampling with a reservoir", algorithm R.
    """

    rng: np.random.Generator
    kept: list[tuple[int, Columns]] = field(default_factory=list)
    n: int = 0
    room: int = 0

    def offer(self, rows: Mapping[str, list[Scalar]]) -> None:
        """Offer the blocks of a chunk."""
        length = _length(rows)
        for first in range(0, length, BLOCK_ROWS):
            last = min(first + BLOCK_ROWS, length)
            if not self.room:
                cells = (last - first) * max(len(rows), 1)
                self.room = max(MIN_BLOCKS, MAX_DRAWN_CELLS // cells)
            place = len(self.kept)
            if place == self.room:
                place = int(self.rng.integers(self.n + 1))
            self.n += 1
            if place < self.room:
                block = {name: values[first:last] for name, values in rows.items()}
                self.kept[place : place + 1] = [(self.n, block)]

    def columns(self) -> Columns:
        """Give the rows of the kept blocks."""
        return _joined([block for _, block in sorted(self.kept, key=lambda one: one[0])])


class Study:
    """One reading of a reference."""

    def __init__(
        self, reference: Reference, maker: RowMaker, time_column: str, rng: np.random.Generator
    ) -> None:
        """Read `reference` through `maker`; an empty `time_column`: times are not known."""
        self._reference = reference
        self._maker = maker
        self._time_column = time_column
        self._rng = rng
        self._latest_s = 0.0

    def run(self, *, ordered: bool) -> Studied:
        """Read the reference.

        Raises:
            CertifyError: a file cannot be read, has damaged rows or none, its times cannot be read,
                or go backwards in a reference that is too large to be sorted.
        """
        known = self._maker.text_columns
        studied = self._read(ordered=ordered)
        if self._maker.text_columns - known and self._is_late(studied):
            # A column turned out to be free text in the middle: now it is known from the beginning.
            studied = self._read(ordered=ordered)
        if not studied.n:
            files = ", ".join(map(str, self._reference.files[:3]))
            raise CertifyError(f"{files}: the reference sample has no rows")
        return studied

    def _is_late(self, studied: Studied) -> bool:
        return bool(self._maker.text_columns & studied.columns.keys())

    def _chunks(self) -> Iterator[Columns]:
        """Give the rows as they will be watched, their times under `TIME`."""
        n_before = 0
        for chunk in self._reference.chunks():
            n = max((len(values) for values in chunk.values()), default=0)
            times = self._times(chunk, n_before) if self._time_column else None
            if times is not None:
                chunk.pop(self._time_column)
            rows = self._maker.rows(chunk)
            n_before += n
            if times is not None:
                rows[TIME] = list(times)
            yield rows

    def _times(self, chunk: Chunk, n_before: int) -> list[float]:
        cells = {
            name: [v if isinstance(v, str | int | float) else None for v in chunk[name]]
            for name in ([self._time_column] if self._time_column in chunk else chunk)
        }
        return read_times(self._time_column, cells, n_before)

    def _read(self, *, ordered: bool) -> Studied:
        held: list[Columns] = []
        n_cells = n = 0
        chunks = self._chunks()
        for rows in chunks:
            held.append(rows)
            n += _length(rows)
            n_cells += _length(rows) * len(rows)
            if n_cells > MAX_HELD_CELLS:
                return self._stream(held, chunks, ordered=ordered)
        columns, times_s, note = _joined(held), None, ""
        if self._time_column:
            times = [float(at_s) for at_s in columns.pop(TIME, []) if at_s is not None]
            columns, times_s, note = sort_by_time(columns, times)
        return Studied(
            columns=columns,
            n=n,
            times_s=times_s,
            profiles=None,
            digest=None,
            text_columns=self._maker.text_columns,
            warnings=(note,) if note else (),
        )

    def _stream(self, held: list[Columns], chunks: Iterator[Columns], *, ordered: bool) -> Studied:
        """Go on with what does not fit into memory."""
        digest, blocks = Digest(self._rng), _Blocks(self._rng)
        while held:
            self._sketch(held.pop(0), digest, blocks)
        for rows in chunks:
            self._sketch(rows, digest, blocks)
        tally = Tally(digest, ordered=ordered or bool(self._time_column))
        for rows in self._chunks():
            rows.pop(TIME, None)
            tally.add(rows)
        columns = blocks.columns()
        times = columns.pop(TIME, None)
        n_drawn = _length(columns)
        return Studied(
            columns=columns,
            n=digest.n,
            times_s=None if times is None else [float(at_s) for at_s in times if at_s is not None],
            profiles=tally.profiles(),
            digest=digest,
            text_columns=self._maker.text_columns,
            warnings=(_warn_of_size(digest.n, n_drawn),),
        )

    def _sketch(self, rows: Columns, digest: Digest, blocks: _Blocks) -> None:
        blocks.offer(rows)
        times = rows.pop(TIME, None)
        if times:
            self._check_order([float(at_s) for at_s in times if at_s is not None], digest.n)
        digest.add(rows)

    def _check_order(self, times_s: list[float], n_before: int) -> None:
        """Refuse times that go backwards where rows cannot be sorted.

        Raises:
            CertifyError: with the first such row.
        """
        steps = np.diff(np.array([self._latest_s if n_before else times_s[0], *times_s]))
        backwards = np.flatnonzero(steps < 0)
        if len(backwards):
            raise CertifyError(
                f"--time {self._time_column}: the times go backwards at row "
                f"{n_before + int(backwards[0]) + 1}, and the reference is too large to be sorted "
                "here: sort the file by time, or thin it to 1.5 million cells"
            )
        self._latest_s = times_s[-1]


def _warn_of_size(n: int, n_drawn: int) -> str:
    return (
        f"The reference has {n:,} rows, more than are held in memory: shares and design effects "
        "are of all of them; correlations, the self-test and the kept sample are of "
        f"{n_drawn:,} of them, drawn in blocks."
    )


def _length(rows: Mapping[str, list[Scalar]]) -> int:
    return max((len(values) for values in rows.values()), default=0)


def _joined(parts: list[Columns]) -> Columns:
    """Put parts one below the other; a column that a part lacks is missing there."""
    names = dict.fromkeys(name for part in parts for name in part)
    joined: Columns = {name: [] for name in names}
    for part in parts:
        n = _length(part)
        for name, values in joined.items():
            values.extend(part.get(name) or [None] * n)
    return joined
