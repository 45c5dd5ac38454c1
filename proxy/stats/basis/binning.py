"""From values of any kind to bin numbers: the door at which odd values are handled.

Nothing raises here. `None` and NaN are missing; infinities, text in a numeric column and containers
are values of another type; a category that the reference did not have is `other`.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import Final, cast

import numpy as np

from proxy.records import Scalar
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Bins, Floats

N_EDGES: Final = 65
"""Edges of a column without ties: minimum, 63 inner quantiles, maximum."""
FINITE: Final = -1.7976931348623157e308
"""The least finite number."""
SCALARS: Final[tuple[type, ...]] = (bool, int, float)
"""What counts as a number."""


def category_text(value: Scalar) -> str:
    """Give the text under which a category is known: 3 and 3.0 are the same, true is `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return str(value)


class NumericBinner:
    """Bins of a numeric column: below, between the edges, above, missing, wrong type."""

    def __init__(self, edges: Sequence[float]) -> None:
        """Take strictly increasing edges; none at all when the reference had no number."""
        borders = np.array(edges, dtype=np.float64)
        if len(borders):
            # The reference's maximum itself is inside, so a border lies just beyond it. With fewer
            # edges than levels there are ties: then the maximum may be common and has its own bin.
            beyond = np.nextafter(borders[-1], np.inf)
            inner = borders[:-1] if len(borders) >= N_EDGES else borders
            borders = np.append(inner, beyond)
        self._borders = borders
        self.n_value_bins = len(borders) + 1
        self.n_bins = self.n_value_bins + N_SPECIAL_BINS

    def bins(self, values: Sequence[Scalar]) -> Bins:
        """Give the bin of each value. A boolean counts as 0 or 1."""
        numbers = to_numbers(values)
        bins: Bins = np.searchsorted(self._borders, numbers, side="right")
        if not np.isfinite(numbers).all():
            bins[np.isnan(numbers)] = self.n_value_bins
            bins[np.isinf(numbers)] = self.n_value_bins + 1
        return bins

    def count(self, numbers: Floats) -> Bins:
        """Give the number of values in each bin; NaN is missing, infinities are of another type.

        Sorting first and looking up the borders among the numbers takes a third of the time of
        looking up each number among the borders.
        """
        ordered = np.sort(numbers)
        # NaN is sorted to the end, the infinities to either side of the finite numbers.
        n_numbers = int(np.searchsorted(ordered, np.inf, side="right"))
        first, last = np.searchsorted(ordered, FINITE, side="left"), n_numbers
        if last and ordered[last - 1] == np.inf:
            last = int(np.searchsorted(ordered, np.inf, side="left"))
        counts: Bins = np.empty(self.n_bins, dtype=np.intp)
        places = np.searchsorted(ordered[:last], self._borders, side="left")
        counts[: self.n_value_bins] = np.diff(places, prepend=first, append=last)
        counts[-2] = len(ordered) - n_numbers
        counts[-1] = n_numbers - last + int(first)
        return counts


class CategoryBinner:
    """Bins of a categorical column: its categories, other, missing, wrong type."""

    def __init__(self, categories: Sequence[str]) -> None:
        """Take the categories in the order of their bins."""
        self._index = {name: index for index, name in enumerate(categories)}
        self._other = len(categories)
        self.n_value_bins = len(categories) + 1
        self.n_bins = self.n_value_bins + N_SPECIAL_BINS

    def bins(self, values: Sequence[Scalar]) -> Bins:
        """Give the bin of each value."""
        return np.fromiter((self._bin(value) for value in values), np.intp, len(values))

    def _bin(self, value: Scalar) -> int:
        if isinstance(value, str):
            return self._index.get(value, self._other)
        if value is None or value != value:  # noqa: PLR0124 - NaN is the value that differs from itself
            return self.n_value_bins
        if isinstance(value, SCALARS):
            return self._index.get(category_text(value), self._other)
        return self.n_value_bins + 1


Binner = NumericBinner | CategoryBinner


def to_numbers(values: Sequence[Scalar]) -> Floats:
    """Give numbers: NaN for what is missing, infinity for what is none; a boolean is 0 or 1."""
    try:
        # `array` refuses None, text and containers, and is the fastest way from a list.
        return np.frombuffer(array("d", cast("Sequence[float]", values)))
    except (TypeError, ValueError, OverflowError):
        return np.fromiter((_number(value) for value in values), np.float64, len(values))


def _number(value: Scalar) -> float:
    """Give the number; NaN for a missing value, infinity for a value of another type."""
    if value is None:
        return math.nan
    if not isinstance(value, SCALARS):
        return math.inf
    try:
        return float(value)
    except OverflowError:
        return math.inf
