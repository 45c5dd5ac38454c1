"""What the reference looked like, column by column, small enough to store and to read.

A profile keeps bin borders and masses, not rows. Current rows are counted in the same bins, so that
counts of several relays add up exactly, and everything the monitors conclude comes from counts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from proxy.records import Scalar
from proxy.stats import design_effect
from proxy.stats.binning import N_EDGES, Binner, CategoryBinner, NumericBinner, category_text
from proxy.stats.functionals import (
    N_SPECIAL_BINS,
    Floats,
    Functional,
    categorical_functionals,
    numeric_functionals,
)

LEVELS: Final[Floats] = np.concatenate(
    [[0.001, 0.01], np.linspace(0.01, 0.99, 61)[1:-1], [0.99, 0.999]]
)
"""Quantile levels of the inner edges: 60 equal bins, and finer tails."""
MAX_CATEGORIES: Final = 200
MIN_CATEGORY_ROWS: Final = 5
"""Rarer categories are pooled in `other`: fewer rows could point at a person."""
SMALL_REFERENCE: Final = 1000
MAX_ROWS: Final = 500_000
"""More rows hardly sharpen a profile: their sampling error is far below every tolerance."""
LARGEST: Final = 1e150
"""Numbers beyond this are no measurements: their squares overflow. They do not shape a profile."""
MOSTLY: Final = 0.5
DEPENDENT: Final = 50.0
"""Design effects above this are worth a warning."""


class Kind(StrEnum):
    """What a column is made of."""

    NUMERIC = "numeric"
    CATEGORICAL = "categorical"


class ColumnProfile(Struct, frozen=True, kw_only=True):
    """The reference of one column."""

    name: str
    kind: Kind
    n: int
    """Reference rows, those with a missing value included."""
    edges: tuple[float, ...] = ()
    """Numeric: strictly increasing, from the minimum to the maximum of the reference."""
    categories: tuple[str, ...] = ()
    """Categorical: the most frequent first."""
    masses: tuple[float, ...]
    """Share of each bin; the last two are missing values and values of another type."""
    design_effects: dict[str, float] | None = None
    """Design effect by functional; a functional that is not named has 1. `None`: not measured,
    because the reference was not in order of time."""
    mean: float = 0.0
    """Numeric, for people only: mean of the reference."""
    sd: float = 0.0
    """Numeric, for people only: standard deviation of the reference."""

    def binner(self) -> Binner:
        """Give the way from values to the bins of this profile."""
        if self.kind is Kind.NUMERIC:
            return NumericBinner(self.edges)
        return CategoryBinner(self.categories)

    def functionals(self) -> tuple[Functional, ...]:
        """Give what is watched about this column."""
        if self.kind is Kind.NUMERIC:
            return numeric_functionals(np.asarray(self.masses))
        return categorical_functionals(self.categories, len(self.masses))

    def bin_names(self) -> list[str]:
        """Give a name for each bin, for people."""
        special = ["missing", "wrong type"]
        if self.kind is Kind.CATEGORICAL:
            return [*self.categories, "other", *special]
        if not self.edges:
            return ["any", *special]
        borders = itertools.pairwise(self.edges)
        inner = [f"{low:.6g} to {high:.6g}" for low, high in borders]
        last = [f"{self.edges[-1]:.6g}"] if len(self.edges) < N_EDGES else []
        low, high = f"below {self.edges[0]:.6g}", f"above {self.edges[-1]:.6g}"
        return [low, *inner, *last, high, *special]


class Profile(Struct, frozen=True, kw_only=True):
    """The reference of one side of a model."""

    n: int
    """Reference rows."""
    ordered: bool
    """The rows were in order of time, so that their dependence could be measured."""
    columns: tuple[ColumnProfile, ...]
    warnings: tuple[str, ...] = ()
    """What a reader of the certificate should know, one sentence each."""


def build_profile(
    columns: Mapping[str, Sequence[Scalar]], rng: np.random.Generator, *, ordered: bool
) -> Profile:
    """Give the profile of reference rows.

    Args:
        columns: values by column name, all of one length. Any values are taken; odd ones are
            counted and warned about.
        rng: draws 500,000 rows, kept in their order, when there are more.
        ordered: the rows are in order of time. Then the design effect is measured.

    Returns:
        The profile. It is usable for any input, down to no row at all; its warnings say what it
        cannot see.
    """
    n = max((len(values) for values in columns.values()), default=0)
    if n > MAX_ROWS:
        kept = np.sort(rng.choice(n, MAX_ROWS, replace=False))
        columns = {name: [values[row] for row in kept] for name, values in columns.items()}
        n = MAX_ROWS
    profiles = tuple(
        build_column(name, values, ordered=ordered) for name, values in columns.items()
    )
    warnings = [*_warn_of_size(n), *(text for column in profiles for text in _warn_of(column))]
    return Profile(n=n, ordered=ordered, columns=profiles, warnings=tuple(warnings))


def build_column(name: str, values: Sequence[Scalar], *, ordered: bool) -> ColumnProfile:
    """Give the profile of one column; numeric when most of its values are numbers."""
    present = [value for value in values if value is not None and value == value]  # noqa: PLR0124 - drops NaN
    numbers = np.array([value for value in present if _is_finite_number(value)], dtype=np.float64)
    if len(numbers) * 2 > len(present):
        column = _numeric(name, numbers, values)
    else:
        column = _categorical(name, present, values)
    if not ordered:
        return column
    bins = column.binner().bins(values)
    measured = design_effect.measure(column.functionals(), bins)
    rounded = {key: round(value, 2) for key, value in measured.items() if value > 1}
    return msgspec.structs.replace(column, design_effects=rounded)


def masses_of(counts: Floats, n: int) -> tuple[float, ...]:
    """Give the share of each bin; an empty bin gets 1 / (n + 1): unseen is not impossible."""
    least = 1.0 / (n + 1)
    masses = np.maximum(counts / max(n, 1), least)
    return tuple(float(mass) for mass in masses / masses.sum())


def _numeric(name: str, numbers: Floats, values: Sequence[Scalar]) -> ColumnProfile:
    """Give edges at the distinct values when they are few, else at the quantile levels."""
    distinct = np.unique(numbers)
    if len(distinct) < N_EDGES:
        edges = distinct
    else:
        levels = np.concatenate([[0.0], LEVELS, [1.0]])
        edges = np.unique(np.quantile(numbers, levels))
    binner = NumericBinner([float(edge) for edge in edges])
    counts = np.bincount(binner.bins(values), minlength=binner.n_bins).astype(np.float64)
    if len(edges) == N_EDGES:
        # Without ties the masses are known exactly, and the same for all such columns.
        inside = np.diff(np.concatenate([[0.0], LEVELS, [1.0]]))
        counts[1 : binner.n_value_bins - 1] = inside * len(numbers)
    return ColumnProfile(
        name=name,
        kind=Kind.NUMERIC,
        n=len(values),
        edges=tuple(float(edge) for edge in edges),
        masses=masses_of(counts, len(values)),
        mean=float(numbers.mean()),
        sd=float(numbers.std()),
    )


def _categorical(name: str, present: Sequence[Scalar], values: Sequence[Scalar]) -> ColumnProfile:
    counted = Counter(category_text(value) for value in present)
    frequent = [
        text for text, count in counted.most_common(MAX_CATEGORIES) if count >= MIN_CATEGORY_ROWS
    ]
    binner = CategoryBinner(frequent)
    counts = np.bincount(binner.bins(values), minlength=binner.n_bins).astype(np.float64)
    return ColumnProfile(
        name=name,
        kind=Kind.CATEGORICAL,
        n=len(values),
        categories=tuple(frequent),
        masses=masses_of(counts, len(values)),
    )


def _is_finite_number(value: Scalar) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) and abs(value) < LARGEST


def _warn_of_size(n: int) -> list[str]:
    if n >= SMALL_REFERENCE:
        return []
    least = 0.1 + 3.07 / max(n, 1) ** 0.5
    return [
        f"only {n} reference rows: a shift must exceed {least:.2f} standard deviations to be seen"
    ]


def _warn_of(column: ColumnProfile) -> list[str]:
    missing = column.masses[-N_SPECIAL_BINS]
    texts: list[str] = []
    if column.n and not column.edges and not column.categories:
        seen = "has no value" if missing > MOSTLY else "has no value that repeats"
        texts.append(f"{column.name}: {seen}; only missing values and types are watched")
    elif len(column.edges) == 1 or len(column.categories) == 1:
        texts.append(f"{column.name}: always the same value; any other value will be reported")
    largest = max((column.design_effects or {}).values(), default=1.0)
    if largest > DEPENDENT:
        texts.append(
            f"{column.name}: rows depend on each other ({largest:.0f} rows are worth one): small "
            f"shifts of this column need many rows"
        )
    return texts
