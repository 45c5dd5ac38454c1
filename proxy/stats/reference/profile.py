"""What one side of a model looked like when it was certified: all its columns together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.records import Scalar
from proxy.stats.basis.functionals import N_SPECIAL_BINS
from proxy.stats.reference.column import ColumnProfile, build_column
from proxy.stats.reference.conditional import Conditional
from proxy.stats.reference.multivariate import Multivariate, build_multivariate, derived_columns
from proxy.stats.reference.season import Seasons, about_seasons, find_seasons

SMALL_REFERENCE: Final = 1000
MAX_ROWS: Final = 500_000
"""More rows hardly sharpen a profile: their sampling error is far below every tolerance."""
MOSTLY: Final = 0.5
ODD_ROWS: Final = 1.5
"""An empty bin has the mass of one row: from two rows on a share of odd values is worth a word."""
DEPENDENT: Final = 50.0
"""Design effects above this are worth a warning."""


class Profile(Struct, frozen=True, kw_only=True):
    """The reference of one side of a model."""

    n: int
    """Reference rows."""
    ordered: bool
    """The rows were in order of time, so that their dependence could be measured."""
    columns: tuple[ColumnProfile, ...]
    multivariate: Multivariate | None = None
    """Derived columns that show changed correlations. `None`: there is nothing to look at."""
    conditional: Conditional | None = None
    """Answers only: columns within predicted classes. `None`: there is nothing to look at."""
    seasons: Seasons | None = None
    """Columns that depend on the hour. `None`: none does, or the times of rows were not known."""
    warnings: tuple[str, ...] = ()
    """What a reader of the certificate should know, one sentence each."""


def build_profile(
    columns: Mapping[str, Sequence[Scalar]],
    rng: np.random.Generator,
    *,
    ordered: bool,
    times_s: Sequence[float] | None = None,
    known: Sequence[ColumnProfile] | None = None,
    is_even: bool = True,
) -> Profile:
    """Give the profile of reference rows.

    Args:
        columns: values by column name, all of one length. Any values are taken; odd ones are
            counted and warned about.
        rng: draws 500,000 rows, kept in their order, when there are more.
        ordered: the rows are in order of time. Then the design effect is measured.
        times_s: seconds since 1970 in UTC of each row, rising; then the rows are in order of time,
            and columns that depend on the hour are found. `None`: not known.
        known: profiles of all rows, when `columns` is only a sample of them.
        is_even: rows stand for as much traffic at every hour. Else no column is taken for a clock.

    Returns:
        The profile. It is usable for any input, down to no row at all; its warnings say what it
        cannot see.
    """
    ordered = ordered or times_s is not None
    n = max((len(values) for values in columns.values()), default=0)
    if n > MAX_ROWS:
        kept = np.sort(rng.choice(n, MAX_ROWS, replace=False))
        columns = {name: [values[row] for row in kept] for name, values in columns.items()}
        times_s = None if times_s is None else [times_s[row] for row in kept]
        n = MAX_ROWS
    profiles = tuple(known or ())
    if known is None:
        profiles = tuple(build_column(name, columns[name], ordered=ordered) for name in columns)
    n = max((one.n for one in profiles), default=n)
    multivariate = build_multivariate(columns, profiles, ordered=ordered)
    seasons, notes = _seasons(columns, profiles, multivariate, times_s, is_even=is_even)
    seasonal = frozenset[str]() if seasons is None else seasons.names()
    warnings = [*_warn_of_size(n), *notes]
    for column in profiles:
        warnings += _warn_of(column, is_seasonal=column.name in seasonal)
    return Profile(
        n=n,
        ordered=ordered,
        columns=profiles,
        multivariate=multivariate,
        seasons=seasons,
        warnings=tuple(warnings),
    )


def _seasons(
    columns: Mapping[str, Sequence[Scalar]],
    profiles: Sequence[ColumnProfile],
    multivariate: Multivariate | None,
    times_s: Sequence[float] | None,
    *,
    is_even: bool,
) -> tuple[Seasons | None, list[str]]:
    """Give the seasons of columns and of derived columns, and what to say about them."""
    if times_s is None or not profiles:
        return None, []
    derived = () if multivariate is None else multivariate.derived
    values = {} if multivariate is None else derived_columns(multivariate, columns)
    both = (*profiles, *derived)
    seasons = find_seasons({**columns, **values}, both, times_s, is_even=is_even)
    return seasons, about_seasons(times_s, seasons)


def _warn_of_size(n: int) -> list[str]:
    if n >= SMALL_REFERENCE:
        return []
    least = 0.1 + 3.07 / max(n, 1) ** 0.5
    return [
        f"only {n} reference rows: a shift must exceed {least:.2f} standard deviations to be seen"
    ]


def _warn_of(column: ColumnProfile, *, is_seasonal: bool) -> list[str]:
    missing = column.masses[-N_SPECIAL_BINS]
    texts: list[str] = []
    if column.n and not column.edges and not column.categories:
        seen = "has no value" if missing > MOSTLY else "has no value that repeats"
        texts.append(f"{column.name}: {seen}; only missing values and types are watched")
    elif len(column.edges) == 1 or len(column.categories) == 1:
        texts.append(f"{column.name}: always the same value; any other value will be reported")
    odd = column.masses[-1]
    if odd > ODD_ROWS / (column.n + 1):
        texts.append(
            f"{column.name}: {odd:.1%} of the values are infinite, too large or of another type; "
            "that share is taken as normal"
        )
    largest = max((column.design_effects or {}).values(), default=1.0)
    if largest > DEPENDENT and not is_seasonal:
        texts.append(
            f"{column.name}: rows depend on each other ({largest:.0f} rows are worth one): small "
            f"shifts of this column need many rows"
        )
    return texts
