"""What one column of the reference looked like, small enough to store and to read.

A profile keeps bin borders and masses, not rows. Current rows are counted in the same bins, so that
counts of several relays add up exactly, and everything the monitors conclude comes from counts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from proxy.payload.schema import MAX_CATEGORIES, MIN_CATEGORY_ROWS
from proxy.records import Scalar
from proxy.stats.basis import design_effect
from proxy.stats.basis.binning import N_EDGES, Binner, CategoryBinner, NumericBinner, category_text
from proxy.stats.basis.functionals import (
    Floats,
    Functional,
    categorical_functionals,
    numeric_functionals,
)

LEVELS: Final[Floats] = np.concatenate(
    [[0.001, 0.01], np.linspace(0.01, 0.99, 61)[1:-1], [0.99, 0.999]]
)
"""Quantile levels of the inner edges: 60 equal bins, and finer tails."""
LARGEST: Final = 1e150
"""Numbers beyond this are no measurements: their squares overflow. They do not shape a profile."""

MASS_ERROR: Final = 1e-3
"""Masses of a file add up to 1 within this."""
LARGEST_EFFECT: Final = 1e12
MOST_ROWS: Final = 10**15


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

    def trouble(self) -> str:
        """Say how a profile read from a file contradicts itself; empty when it does not."""
        bins, masses = self.binner().n_bins, self.masses
        effects = (self.design_effects or {}).values()
        wrong = {
            "has more bins than any": len(self.edges) > N_EDGES
            or len(self.categories) > MAX_CATEGORIES,
            "has an impossible number of rows": not 0 <= self.n <= MOST_ROWS,
            "has edges that do not increase": any(
                low >= high for low, high in itertools.pairwise(self.edges)
            ),
            "has one category twice": len(set(self.categories)) < len(self.categories),
            f"has {len(masses)} masses for {bins} bins": len(masses) != bins,
            "has a mass outside 0 to 1": not all(0 <= mass <= 1 for mass in masses),
            "has masses that do not add up to 1": abs(sum(masses) - 1) > MASS_ERROR,
            "has a design effect below 1 or beyond any reason": not all(
                1 <= effect <= LARGEST_EFFECT for effect in effects
            ),
        }
        found = next((text for text, is_wrong in wrong.items() if is_wrong), "")
        return f"column {self.name!r} {found}" if found else ""

    def binner(self) -> Binner:
        """Give the way from values to the bins of this profile."""
        if self.kind is Kind.NUMERIC:
            return NumericBinner(self.edges)
        return CategoryBinner(self.categories)

    def functionals(self) -> tuple[Functional, ...]:
        """Give what is watched about this column."""
        if self.kind is Kind.NUMERIC:
            repeated = len(self.edges) < N_EDGES
            names = self.bin_names() if repeated else ()
            return numeric_functionals(np.asarray(self.masses), names)
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


def build_column(
    name: str,
    values: Sequence[Scalar],
    *,
    ordered: bool,
    categories: Sequence[str] | None = None,
) -> ColumnProfile:
    """Give the profile of one column; numeric when most of its values are numbers.

    Args:
        name: of the column.
        values: its reference rows.
        ordered: the rows are in order of time. Then the design effect is measured.
        categories: all that a categorical column can have, however rare. `None`: not known.
    """
    present = [value for value in values if value is not None and value == value]  # noqa: PLR0124 - drops NaN
    numbers = np.array([value for value in present if _is_finite_number(value)], dtype=np.float64)
    # An infinity is no measurement, but it is no word either.
    n_numeric = sum(isinstance(v, (int, float)) and not isinstance(v, bool) for v in present)
    if len(numbers) and n_numeric * 2 > len(present):
        column = _numeric(name, numbers, values)
    else:
        column = _categorical(name, present, values, categories)
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


def _categorical(
    name: str,
    present: Sequence[Scalar],
    values: Sequence[Scalar],
    categories: Sequence[str] | None,
) -> ColumnProfile:
    if categories is None:
        counted = Counter(category_text(value) for value in present)
        # Rarer ones are pooled in `other`.
        most = counted.most_common(MAX_CATEGORIES)
        categories = [text for text, count in most if count >= MIN_CATEGORY_ROWS]
    binner = CategoryBinner(categories)
    counts = np.bincount(binner.bins(values), minlength=binner.n_bins).astype(np.float64)
    return ColumnProfile(
        name=name,
        kind=Kind.CATEGORICAL,
        n=len(values),
        categories=tuple(categories),
        masses=masses_of(counts, len(values)),
    )


def _is_finite_number(value: Scalar) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, (int, float)) and abs(value) < LARGEST
