"""Profiles of references that do not fit into memory, from two passes over their rows.

The first pass sketches every column (`Digest`): what it is made of, where its quantiles lie, which
categories are frequent. That fixes the bins. The second pass counts them exactly and measures the
design effects (`Tally`). Memory is bounded by the number of columns, not of rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import structs

from proxy.payload.schema import MAX_CATEGORIES, MIN_CATEGORY_ROWS
from proxy.records import Scalar
from proxy.stats.basis.batches import StreamedEffects
from proxy.stats.basis.binning import (
    N_EDGES,
    CategoryBinner,
    NumericBinner,
    category_text,
    to_numbers,
)
from proxy.stats.basis.functionals import Floats
from proxy.stats.reference.column import LARGEST, LEVELS, ColumnProfile, Kind, masses_of
from proxy.stats.reference.sketch import HeavyHitters, Quantiles

_NUMBERS = frozenset({int, float, type(None)})
_ALL_LEVELS = np.concatenate([[0.0], LEVELS, [1.0]])


class ColumnDigest:
    """What the first pass keeps of one column."""

    def __init__(self, rng: np.random.Generator, n_before: int = 0) -> None:
        """Begin; the column was missing in `n_before` rows before."""
        self.quantiles = Quantiles(rng)
        self.categories = HeavyHitters()
        self.n = n_before
        self.n_present = 0
        """Rows with a value of any type."""
        self.n_numeric = 0
        """Rows with a number; an infinity is no measurement, but it is no word either."""
        self._distinct: set[float] = set()
        self._sum = 0.0
        self._squares = 0.0
        self._centre = 0.0

    @property
    def missing_share(self) -> float:
        """The share of rows without a value."""
        return 1 - self.n_present / self.n if self.n else 0.0

    @property
    def kind(self) -> Kind:
        """Numeric when most of the values are numbers, as in `reference.build_column`."""
        is_numeric = self.quantiles.n > 0 and self.n_numeric * 2 > self.n_present
        return Kind.NUMERIC if is_numeric else Kind.CATEGORICAL

    def add(self, values: Sequence[Scalar]) -> None:
        """Take the values of one chunk of rows."""
        self.n += len(values)
        if set(map(type, values)) <= _NUMBERS:
            numbers = to_numbers(values)
            n_present = len(numbers) - int(np.isnan(numbers).sum())
            self.n_present += n_present
            self.n_numeric += n_present
        else:
            present = [value for value in values if value is not None and value == value]  # noqa: PLR0124 - drops NaN
            self.n_present += len(present)
            self.categories.add(Counter(map(category_text, present)))
            numeric = [value for value in present if not isinstance(value, bool | str)]
            self.n_numeric += len(numeric)
            numbers = to_numbers(numeric)
        self._add_numbers(numbers[np.abs(numbers) < LARGEST])

    def _add_numbers(self, numbers: Floats) -> None:
        if not len(numbers):
            return
        if not self.quantiles.n:
            self._centre = float(numbers[0])
        self.quantiles.add(numbers)
        centred = numbers - self._centre
        self._sum += float(centred.sum())
        self._squares += float(centred @ centred)
        if len(self._distinct) < N_EDGES:
            self._distinct.update(np.unique(numbers)[:N_EDGES].tolist())

    def merge(self, other: ColumnDigest) -> None:
        """Take in the digest of other rows of the same column."""
        if not self.quantiles.n:
            self._centre = other._centre
        n, shift = other.quantiles.n, other._centre - self._centre
        self._squares += other._squares + 2 * shift * other._sum + n * shift * shift
        self._sum += other._sum + n * shift
        self.quantiles.merge(other.quantiles)
        self.categories.merge(other.categories)
        self.n += other.n
        self.n_present += other.n_present
        self.n_numeric += other.n_numeric
        self._distinct |= other._distinct

    def frame(self, name: str) -> ColumnProfile:
        """Give the profile's bins, with masses as far as the sketch tells them."""
        if self.kind is Kind.CATEGORICAL:
            return self._categorical(name)
        edges = self.quantiles.quantiles(_ALL_LEVELS)
        if len(self._distinct) < N_EDGES:
            edges = np.array(sorted(self._distinct))
        edges = np.unique(edges)
        n = self.quantiles.n
        mean = self._sum / n
        spread = max(self._squares / n - mean * mean, 0.0) ** 0.5
        counts = self._numeric_counts(edges)
        return ColumnProfile(
            name=name,
            kind=Kind.NUMERIC,
            n=self.n,
            edges=tuple(edges.tolist()),
            masses=masses_of(counts, self.n),
            mean=self._centre + mean,
            sd=spread,
        )

    def _numeric_counts(self, edges: Floats) -> Floats:
        """Give about how many rows each bin has, by the ranks of the sketch."""
        binner = NumericBinner(edges.tolist())
        counts = np.zeros(binner.n_bins)
        borders = edges[:-1] if len(edges) >= N_EDGES else edges
        # A bin begins with its border, a rank ends with it: the ranks just below are meant.
        upto = self.quantiles.ranks(np.nextafter(borders, -np.inf))
        inside = np.diff(np.concatenate([[0.0], upto, [1.0]])) * self.quantiles.n
        counts[: len(inside)] = inside
        counts[-2] = self.n - self.n_present
        counts[-1] = self.n_present - self.quantiles.n
        return counts

    def _categorical(self, name: str) -> ColumnProfile:
        found = self.categories.most_common(MAX_CATEGORIES)
        kept = [(text, n) for text, n in found if n + self.categories.error >= MIN_CATEGORY_ROWS]
        counts = np.array([*(n for _, n in kept), 0.0, self.n - self.n_present, 0.0])
        counts[-3] = max(self.n_present - counts[:-3].sum(), 0)
        return ColumnProfile(
            name=name,
            kind=Kind.CATEGORICAL,
            n=self.n,
            categories=tuple(text for text, _ in kept),
            masses=masses_of(counts, self.n),
        )


class Digest:
    """The first pass over all columns."""

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin with no column."""
        self._rng = rng
        self.columns: dict[str, ColumnDigest] = {}
        self.n = 0

    def add(self, columns: Mapping[str, Sequence[Scalar]]) -> None:
        """Take a chunk of rows, column by column; a column that it lacks is missing there."""
        n = max((len(values) for values in columns.values()), default=0)
        for name, values in columns.items():
            digest = self.columns.get(name)
            if digest is None:
                digest = self.columns[name] = ColumnDigest(self._rng, self.n)
            digest.add(values)
        self.n += n
        self._level()

    def merge(self, other: Digest) -> None:
        """Take in the digest of other rows, such as another file's."""
        for name, theirs in other.columns.items():
            own = self.columns.get(name)
            if own is None:
                own = self.columns[name] = ColumnDigest(self._rng, self.n)
            own.merge(theirs)
        self.n += other.n
        self._level()

    def _level(self) -> None:
        for digest in self.columns.values():
            digest.n = self.n


class _ColumnTally:
    """The second pass over one column."""

    def __init__(self, frame: ColumnProfile, *, ordered: bool) -> None:
        self._frame = frame
        self._binner = frame.binner()
        self._counts = np.zeros(self._binner.n_bins)
        self._effects = StreamedEffects(frame.functionals()) if ordered else None

    def add(self, values: Sequence[Scalar]) -> None:
        """Count the values of one chunk of rows."""
        bins = self._binner.bins(values)
        self._counts += np.bincount(bins, minlength=len(self._counts))
        if self._effects is not None:
            self._effects.add(bins)

    def profile(self) -> ColumnProfile:
        """Give the profile with exact masses."""
        counts, frame = self._counts, self._frame
        n = round(float(counts.sum()))
        if isinstance(self._binner, CategoryBinner):
            # The sketch may have kept what is rarer than it knew: a few rows may be a person.
            frequent = counts[: len(frame.categories)] >= MIN_CATEGORY_ROWS
            kept = [name for name, keep in zip(frame.categories, frequent, strict=True) if keep]
            rest = counts[len(frame.categories) :].copy()
            rest[0] += counts[: len(frame.categories)][~frequent].sum()
            counts = np.concatenate([counts[: len(frame.categories)][frequent], rest])
            frame = structs.replace(frame, categories=tuple(kept))
        exact = structs.replace(frame, n=n, masses=masses_of(counts, n))
        if self._effects is None:
            return exact
        measured = self._effects.measured()
        largest = max(measured.values(), default=1.0)
        # A share at the border of what is watched may only now be: it takes the largest figure.
        effects = {f.name: measured.get(f.name, largest) for f in exact.functionals()}
        rounded = {name: round(figure, 2) for name, figure in effects.items() if figure > 1}
        return structs.replace(exact, design_effects=rounded)


class Tally:
    """The second pass over all columns."""

    def __init__(self, digest: Digest, *, ordered: bool) -> None:
        """Count in the bins that `digest` found; with `ordered` rows their dependence, too."""
        self._columns = {
            name: _ColumnTally(column.frame(name), ordered=ordered)
            for name, column in digest.columns.items()
        }
        self.n = 0

    def add(self, columns: Mapping[str, Sequence[Scalar]]) -> None:
        """Take a chunk of rows, the same as the digest saw."""
        n = max((len(values) for values in columns.values()), default=0)
        missing = [None] * n
        for name, tally in self._columns.items():
            tally.add(columns.get(name, missing))
        self.n += n

    def profiles(self) -> tuple[ColumnProfile, ...]:
        """Give the certified columns."""
        return tuple(tally.profile() for tally in self._columns.values())
