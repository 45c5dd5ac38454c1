"""What no single column shows: correlations that change while every column stays as it was.

Three kinds of derived columns are watched like any other. The products of the most correlated pairs
of numeric columns show that a pair came apart. The reconstruction error, what is left of a row
when only the main directions of the reference are kept, shows that rows left the reference's plane.
And each row names the column that fits the others least, which tells whose fault it is. Whitened
scores and random projections were tried and never found such changes sooner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from msgspec import Struct, structs

from proxy.records import Scalar
from proxy.stats.basis.binning import to_numbers
from proxy.stats.basis.functionals import Bins, Floats
from proxy.stats.reference.column import ColumnProfile, Kind, build_column

MAX_COLUMNS: Final = 100
"""More numeric columns are not looked at together: the cost grows with their square."""
MAX_PAIRS: Final = 10
MIN_CORRELATION: Final = 0.3
"""Pairs that are less correlated have little to lose."""
MAX_DIRECTIONS: Final = 10
KEPT_VARIANCE: Final = 0.8
"""The main directions together carry at least this part of the variance, if ten can."""
BEYOND_CHANCE: Final = 0.1
"""k of n uncorrelated columns carry k / n of the variance; a plane must carry clearly more."""
FARTHEST: Final = 4.0
"""Standardised values are clipped here: one outlier must not be a correlation."""
MIN_ROWS: Final = 100
WEIGHT: Final = 0.5
"""Weight of a derived column beside the weight 1 of a real one."""
TOGETHER: Final = "all columns together"
"""Name of the reconstruction error."""
FITS_LEAST: Final = "column that fits least"
"""Name of the derived column whose values are names of columns."""
RIDGE: Final = 1e-3
"""Part of its own variance that each column is given on top, so that twins can be told apart."""
SWEEPS: Final = 3
"""Passes over the columns that complete rows with several missing numbers."""
ROWS_PER_COLUMN: Final = 10
"""Fewer reference rows cannot tell what a column should be, given all others."""


class Multivariate(Struct, frozen=True, kw_only=True):
    """How the derived columns are computed, and their certified profiles."""

    columns: tuple[str, ...]
    """Numeric columns that are looked at together."""
    means: tuple[float, ...]
    sds: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...]
    """Places of the most correlated pairs in `columns`."""
    directions: tuple[tuple[float, ...], ...]
    """Main directions, each of unit length; empty when there is no plane to leave."""
    contrasts: tuple[tuple[float, ...], ...] = ()
    """[columns, columns]: row i weighs the standardised columns to what column i has that the
    others do not explain, of variance 1 in the reference; empty when there are too few rows."""
    derived: tuple[ColumnProfile, ...] = ()
    """Profiles of the derived columns: the products, the reconstruction error, and the column that
    fits least."""

    def trouble(self) -> str:
        """Say how what was read from a file contradicts itself; empty when it does not."""
        n = len(self.columns)
        widths = {n, len(self.means), len(self.sds), *map(len, self.directions)}
        if self.contrasts:
            widths |= {len(self.contrasts), *map(len, self.contrasts)}
        if len(widths) > 1 or len(set(self.columns)) < n:
            return "correlated columns, their means, deviations and directions are not equally many"
        if not all(sd > 0 for sd in self.sds):
            return "a standard deviation of correlated columns is not positive"
        if not all(0 <= place < n for pair in self.pairs for place in pair):
            return "a pair of correlated columns names a column that is not there"
        if [column.name for column in self.derived] != derived_names(self):
            return "the derived columns are not those of the pairs and directions"
        if len(self.derived) > len(self.pairs) and self.derived[-1].name == FITS_LEAST:
            named = self.derived[-1].categories
            return "" if named == self.columns else "the columns that fit least are others"
        return ""


def build_multivariate(
    columns: Mapping[str, Sequence[Scalar]], profiles: Sequence[ColumnProfile], *, ordered: bool
) -> Multivariate | None:
    """Give the derived columns of a reference; `None` when there are no two correlated columns.

    Args:
        columns: reference rows by column name.
        profiles: certified columns.
        ordered: the rows are in order of time.
    """
    numeric = [p for p in profiles if p.kind is Kind.NUMERIC and p.sd > 0][:MAX_COLUMNS]
    n = len(next(iter(columns.values()), ()))
    if len(numeric) < 2 or n < MIN_ROWS:  # noqa: PLR2004 - a pair
        return None
    basis = Multivariate(
        columns=tuple(p.name for p in numeric),
        means=tuple(p.mean for p in numeric),
        sds=tuple(p.sd for p in numeric),
        pairs=(),
        directions=(),
    )
    standard = standardise(basis, [to_numbers(columns[name]) for name in basis.columns])
    filled = np.nan_to_num(standard)
    centred = filled - filled.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.maximum(spread, 1e-12)
    correlation: Floats = scaled.T @ scaled / len(scaled)
    pairs, directions = _pairs(correlation), _directions(correlation)
    if not pairs and not directions:
        return None
    basis = structs.replace(basis, pairs=pairs, directions=directions, contrasts=_contrasts(filled))
    found = derived_of(basis, standard)
    derived = [build_column(name, cells, ordered=ordered) for name, cells in found.items()]
    if basis.contrasts:
        votes = found[FITS_LEAST]
        derived[-1] = build_column(FITS_LEAST, votes, ordered=ordered, categories=basis.columns)
    return structs.replace(basis, derived=tuple(derived))


def standardise(basis: Multivariate, columns: Sequence[Floats]) -> Floats:
    """Give standardised values, clipped, NaN where there is no number: [rows, columns]."""
    numbers = np.stack(columns, axis=1)
    with np.errstate(over="ignore", invalid="ignore"):
        standard = (numbers - np.array(basis.means)) / np.array(basis.sds)
    standard[np.isinf(numbers)] = np.nan
    clipped: Floats = np.clip(standard, -FARTHEST, FARTHEST)
    return clipped


def derived_names(basis: Multivariate) -> list[str]:
    """Give the names of the derived columns."""
    names = [f"{basis.columns[a]} with {basis.columns[b]}" for a, b in basis.pairs]
    names += [TOGETHER] if basis.directions else []
    return [*names, FITS_LEAST] if basis.contrasts else names


def derive(basis: Multivariate, standard: Floats) -> list[Floats]:
    """Give the derived columns of rows that are numbers.

    Args:
        basis: how to compute them.
        standard: float array [rows, columns] from `standardise`.

    Returns:
        One float array [rows] per derived column: products, then the reconstruction error. A
        product is NaN where one of its columns has no number.
    """
    found = [standard[:, a] * standard[:, b] for a, b in basis.pairs]
    if basis.directions:
        rows = np.nan_to_num(standard)
        directions = np.array(basis.directions)
        left = rows - (rows @ directions.T) @ directions
        found.append(np.sqrt((left**2).sum(axis=1)))
    return found


def least_fitting(basis: Multivariate, standard: Floats) -> Bins:
    """Give the column of each row that is farthest from what all others make of it.

    The residual of a regression on the other columns, in its own standard deviations, is the row of
    the inverse covariance times the values. When one column moves by d, its own moves by d times
    the root of its diagonal element, and every other by that times their partial correlation, so by
    less: the column that moved comes first. A missing number is taken for what the others make of
    it, so that it accuses none of them, and cannot be the one.
    Source: Alcala and Qin (2009), "Reconstruction-based contribution for process monitoring",
    Automatica 45(7), sections 3 and 4, for the statistic of all directions.

    Args:
        basis: how to compute it; it has contrasts.
        standard: float array [rows, columns] from `standardise`.

    Returns:
        int array [rows]: places in `basis.columns`, which are also the bins of the derived column;
        the bin of missing values for a row without any number.
    """
    contrasts = np.array(basis.contrasts)
    misfit = np.abs(_completed(standard, contrasts) @ contrasts.T)
    misfit[np.isnan(standard)] = -1.0
    farthest: Bins = misfit.argmax(axis=1)
    farthest[misfit.max(axis=1) < 0] = len(basis.columns) + 1
    return farthest


def _completed(standard: Floats, contrasts: Floats) -> Floats:
    """Give rows whose missing numbers are their means given the others, by Gauss-Seidel.

    One missing number of a row is exact after the first sweep.
    """
    missing = np.isnan(standard)
    rows = np.nan_to_num(standard)
    columns = np.flatnonzero(missing.any(axis=0))
    for _ in range(SWEEPS if len(columns) > 1 else 1):
        for column in columns:
            lost = missing[:, column]
            weights = contrasts[column]
            rows[lost, column] -= rows[lost] @ weights / weights[column]
    return rows


def derived_columns(
    multivariate: Multivariate, columns: Mapping[str, Sequence[Scalar]]
) -> dict[str, list[Scalar]]:
    """Give the derived columns of rows by name; NaN where a product has no number."""
    standard = standardise(multivariate, [to_numbers(columns[n]) for n in multivariate.columns])
    return derived_of(multivariate, standard)


def derived_of(basis: Multivariate, standard: Floats) -> dict[str, list[Scalar]]:
    """Give the derived columns of standardised rows by name."""
    cells: list[list[Scalar]] = [[*values.tolist()] for values in derive(basis, standard)]
    if basis.contrasts:
        names = (*basis.columns, None, None)
        cells.append([names[place] for place in least_fitting(basis, standard)])
    return dict(zip(derived_names(basis), cells, strict=True))


def _pairs(correlation: Floats) -> tuple[tuple[int, int], ...]:
    """Give the most correlated pairs, the strongest first."""
    above = np.argwhere(np.triu(np.abs(correlation), k=1) >= MIN_CORRELATION)
    ranked = sorted(above.tolist(), key=lambda pair: -abs(float(correlation[pair[0], pair[1]])))
    return tuple((int(a), int(b)) for a, b in ranked[:MAX_PAIRS])


def _directions(correlation: Floats) -> tuple[tuple[float, ...], ...]:
    """Give the main directions; none when they carry little more than any."""
    n = len(correlation)
    values, vectors = np.linalg.eigh(correlation)
    order = np.argsort(-values)
    share = np.cumsum(values[order]) / max(float(values.sum()), 1e-12)
    wanted = int(np.searchsorted(share, KEPT_VARIANCE)) + 1
    n_kept = min(MAX_DIRECTIONS, n - 1, wanted)
    if float(share[n_kept - 1]) < n_kept / n + BEYOND_CHANCE:
        return ()
    return tuple(
        tuple(round(float(part), 9) for part in vectors[:, place]) for place in order[:n_kept]
    )


def _contrasts(rows: Floats) -> tuple[tuple[float, ...], ...]:
    """Give what weighs standardised columns to what each has of its own; none with few rows."""
    n, width = rows.shape
    if n < ROWS_PER_COLUMN * width:
        return ()
    covariance = np.atleast_2d(np.cov(rows, rowvar=False))
    variances = np.maximum(np.diag(covariance), 1e-12)
    inverse = np.linalg.inv(covariance + RIDGE * np.diag(variances))
    own = np.sqrt(((rows @ inverse) ** 2).mean(axis=0))
    scaled = inverse / own[:, None]
    return tuple(tuple(float(f"{weight:.6g}") for weight in row) for row in scaled)
