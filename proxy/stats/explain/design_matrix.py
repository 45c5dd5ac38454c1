"""Rows of any kind as numbers: what classifiers and kernels are given.

Two samples are coded together, without looking at which row came from which, so that whatever is
found afterwards is a difference of the samples and not of the coding. Numbers are centred at the
median, scaled and clipped, so that a single outlier or infinity cannot carry a model; categories
become indicators; missing values and values of another type have indicators of their own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.records import Scalar
from proxy.stats.basis.binning import category_text, to_numbers
from proxy.stats.basis.functionals import Floats
from proxy.stats.reference.column import LARGEST, ColumnProfile, Kind

MAX_FEATURES: Final = 150
"""Coded columns; squares and products come on top, up to 200 in all."""
MAX_INDICATORS: Final = 20
"""Categories of one column that have an indicator."""
FEW_VALUES: Final = 10
"""A numeric column with at most as many values is coded value by value, too."""
MIN_ROWS: Final = 10
"""An indicator must be 1, and be 0, in as many rows."""
MIN_SHARE: Final = 0.01
FARTHEST: Final = 5.0
"""Numbers are clipped at so many standard deviations."""
CENTRAL: Final = (0.05, 0.95)
"""The spread is measured between these quantiles, 3.29 standard deviations of a normal apart."""
CENTRAL_WIDTH: Final = 3.29
LEAST: Final = 1e-150
"""Least spread that is divided by; with the largest number there is, the quotient is still one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DesignMatrix:
    """Two samples of rows, coded: those of the reference first."""

    values: Floats
    """float array [rows, features], each feature with mean 0 and standard deviation 1."""
    n_reference: int
    owners: tuple[str, ...]
    """By feature: the column it was made of."""
    numbers: tuple[int, ...]
    """Places of the features that are the numbers themselves."""
    n_left_out: int
    """Columns that were not coded because there were too many."""


@dataclass(frozen=True, slots=True)
class _Feature:
    values: Floats
    is_number: bool = False


def design_matrix(
    profiles: Sequence[ColumnProfile],
    reference: Mapping[str, Sequence[Scalar]],
    current: Mapping[str, Sequence[Scalar]],
) -> DesignMatrix:
    """Give both samples as numbers.

    Args:
        profiles: the certified columns, the most important first: they say which columns are
            numeric, and which categories are known. A string that is not among the certified
            categories counts as missing, because a kept sample of the reference leaves it out, too.
        reference: values by column, all of one length.
        current: likewise.

    Returns:
        The coded rows; without a feature when no column tells any two rows apart.
    """
    n_reference = max((len(values) for values in reference.values()), default=0)
    n_current = max((len(values) for values in current.values()), default=0)
    features: list[Floats] = []
    owners: list[str] = []
    numbers: list[int] = []
    n_coded = 0
    shared = [p for p in profiles if p.name in reference and p.name in current]
    for profile in shared:
        if len(features) >= MAX_FEATURES:
            break
        n_coded += 1
        values = [*reference[profile.name], *current[profile.name]]
        for feature in _coded(profile, values):
            scaled = _scaled(feature.values)
            if scaled is None or len(features) >= MAX_FEATURES:
                continue
            if feature.is_number:
                numbers.append(len(features))
            features.append(scaled)
            owners.append(profile.name)
    n = n_reference + n_current
    return DesignMatrix(
        values=np.stack(features, axis=1) if features else np.zeros((n, 0)),
        n_reference=n_reference,
        owners=tuple(owners),
        numbers=tuple(numbers),
        n_left_out=len(shared) - n_coded,
    )


def _coded(profile: ColumnProfile, values: Sequence[Scalar]) -> Iterator[_Feature]:
    """Give the features of one column."""
    if profile.kind is Kind.NUMERIC:
        yield from _coded_numbers(to_numbers(values))
        return
    known = frozenset(profile.categories)
    texts = [_category(value, known) for value in values]
    absent = np.array([text is None for text in texts])
    yield from _indicators(texts)
    yield from _indicator(absent)


def _coded_numbers(numbers: Floats) -> Iterator[_Feature]:
    missing, odd = np.isnan(numbers), np.isinf(numbers)
    numbers = np.clip(numbers, -LARGEST, LARGEST)
    present = numbers[~missing & ~odd]
    if not len(present):
        yield from _indicator(missing)
        return
    centre = float(np.median(present))
    low, high = np.quantile(present, CENTRAL)
    # What is spread by less than a number can tell is not divided by it.
    spread = max((float(high) - float(low)) / CENTRAL_WIDTH, LEAST) if high > low else 0.0
    spread = spread or max(float(present.std()), LEAST)
    standard = np.clip((numbers - centre) / spread, -FARTHEST, FARTHEST)
    standard[missing | odd] = 0.0
    yield _Feature(standard, is_number=True)
    yield from _indicator(missing)
    yield from _indicator(odd)
    distinct, places = np.unique(present, return_inverse=True)
    if 2 < len(distinct) <= FEW_VALUES:  # noqa: PLR2004  # two values are one number
        whole = np.full(len(numbers), -1)
        whole[~missing & ~odd] = places
        for place in range(len(distinct)):
            yield from _indicator(whole == place)


def _category(value: Scalar, known: frozenset[str]) -> str | None:
    if value is None or value != value:  # noqa: PLR0124  # NaN
        return None
    text = category_text(value)
    return text if text in known else None


def _indicators(texts: Sequence[str | None]) -> Iterator[_Feature]:
    """Give an indicator for each frequent category; the last of several would add nothing."""
    counted = Counter(text for text in texts if text is not None)
    least = max(MIN_ROWS, MIN_SHARE * len(texts))
    for name, count in counted.most_common(MAX_INDICATORS):
        if count >= least:
            yield from _indicator(np.array([text == name for text in texts]))


def _indicator(members: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Iterator[_Feature]:
    n = int(np.count_nonzero(members))
    if MIN_ROWS <= n <= len(members) - MIN_ROWS:
        yield _Feature(members.astype(np.float64))


def _scaled(values: Floats) -> Floats | None:
    """Give values with mean 0 and standard deviation 1; `None` when they are all the same."""
    spread = float(values.std())
    if not 0 < spread < np.inf:
        return None
    scaled: Floats = (values - values.mean()) / spread
    return scaled
