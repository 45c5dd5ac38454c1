"""Binning: any value has a bin, and none raises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.basis.binning import CategoryBinner, NumericBinner, category_text, to_numbers

EDGES = (0.0, 1.0, 2.0)
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)


def test_numbers_fall_between_edges_and_the_maximum_is_inside() -> None:
    """Below, two bins, the tied maximum, above: the reference's extremes are no outliers."""
    binner = NumericBinner(EDGES)
    assert binner.n_bins == 7
    assert binner.bins([-0.1, 0.0, 0.99, 1.0, 1.99, 2.0, 2.01]).tolist() == [0, 1, 1, 2, 2, 3, 4]


def test_without_ties_the_last_bin_holds_the_maximum() -> None:
    """With all 65 edges there are 66 value bins, and the maximum is in the last inner one."""
    binner = NumericBinner([float(i) for i in range(65)])
    assert binner.n_bins == 68
    assert binner.bins([-1.0, 0.0, 63.5, 64.0, 64.1]).tolist() == [0, 1, 64, 64, 65]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (None, -2),
        (math.nan, -2),
        (math.inf, -1),
        (-math.inf, -1),
        ("1.0", -1),
        ([1.0], -1),
        (10**400, -1),
        (True, 2),
        (1, 2),
    ],
)
def test_odd_values_in_a_numeric_column(value: object, place: int) -> None:
    """Nothing is missing, text and infinities are of another type, a boolean counts as a number."""
    binner = NumericBinner(EDGES)
    expected = place % binner.n_bins if place < 0 else place
    assert binner.bins([value]).tolist() == [expected]
    assert binner.bins([value, None]).tolist()[0] == expected


def test_categories_by_their_text() -> None:
    """Known ones have their bin, unknown ones are other; 3 and 3.0 are the same."""
    binner = CategoryBinner(["a", "3", "true"])
    values = ["a", 3, 3.0, True, "b", None, math.nan, [1]]
    assert binner.bins(values).tolist() == [0, 1, 1, 2, 3, 4, 4, 5]
    assert category_text(2.5) == "2.5"
    assert category_text(value=False) == "false"


@given(st.lists(ANYTHING, max_size=30))
def test_counting_is_the_same_as_binning_one_by_one(values: list[object]) -> None:
    """The fast way over sorted numbers gives the counts of the slow way."""
    for edges in (EDGES, (), (5.0,), tuple(float(i) for i in range(65))):
        binner = NumericBinner(edges)
        expected = np.bincount(binner.bins(values), minlength=binner.n_bins)
        assert binner.count(to_numbers(values)).tolist() == expected.tolist()


@given(st.lists(ANYTHING, max_size=20))
def test_no_value_raises_or_is_lost(values: list[object]) -> None:
    """Every value has exactly one bin within the range, for any values."""
    for binner in (NumericBinner(EDGES), NumericBinner(()), CategoryBinner(["a"])):
        bins = binner.bins(values)
        assert len(bins) == len(values)
        assert all(0 <= place < binner.n_bins for place in bins)
