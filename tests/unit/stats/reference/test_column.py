"""The reference of one column: bins and masses of anything."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.schema import MAX_CATEGORIES
from proxy.records import Scalar
from proxy.stats.reference.column import Kind, build_column

RNG = np.random.default_rng(0)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([1])
)


def test_continuous_columns_share_their_masses() -> None:
    """Without ties there are 66 value bins whose masses do not depend on the values."""
    first = build_column("a", list(RNG.normal(size=5000)), ordered=False)
    second = build_column("b", list(RNG.gamma(1.0, size=5000)), ordered=False)
    assert first.masses == second.masses
    assert len(first.masses) == 68
    assert sum(first.masses) == pytest.approx(1.0)
    assert first.masses[0] == pytest.approx(1 / 5001, rel=0.01)


def test_masses_are_the_shares_of_the_reference() -> None:
    """The reference counted in its own bins gives its masses, with and without ties."""
    columns = [list(RNG.normal(size=4000)), [float(i % 24) for i in range(4000)], [0.0] * 4000]
    for values in columns:
        column = build_column("a", values, ordered=False)
        counts = np.bincount(column.binner().bins(values), minlength=len(column.masses))
        assert np.abs(counts / 4000 - np.array(column.masses)).max() < 2e-3


def test_few_distinct_numbers_have_a_bin_each() -> None:
    """Hours, flags and class numbers are compared value by value."""
    column = build_column("hour", [i % 24 for i in range(2400)], ordered=False)
    assert column.edges == tuple(float(i) for i in range(24))
    bins = column.binner().bins(list(range(24)))
    assert len(set(bins.tolist())) == 24


def test_kinds() -> None:
    """Mostly numbers is numeric; texts and booleans are categories."""
    assert build_column("a", [1, 2.5, "x"], ordered=False).kind is Kind.NUMERIC
    assert build_column("a", ["x", "y", 1], ordered=False).kind is Kind.CATEGORICAL
    assert build_column("a", [True, False], ordered=False).kind is Kind.CATEGORICAL


def test_rare_categories_are_pooled_and_their_number_is_bounded() -> None:
    """A category of fewer than five rows could be a person; more than 200 would be a register."""
    values = ["a"] * 50 + ["b"] * 4 + [f"c{i % 300}" for i in range(3000)]
    column = build_column("city", values, ordered=False)
    assert "a" in column.categories
    assert "b" not in column.categories
    assert len(column.categories) == MAX_CATEGORIES
    assert column.bin_names()[-3:] == ["other", "missing", "wrong type"]


def test_order_decides_whether_dependence_is_measured() -> None:
    """`None` means not measured; an empty table means measured, and none found."""
    values = list(RNG.normal(size=2000))
    assert build_column("a", values, ordered=False).design_effects is None
    assert build_column("a", values, ordered=True).design_effects is not None


def test_bin_names_match_the_bins() -> None:
    """Every bin has a name people can read."""
    for values in ([1.0, 2.0, 3.0], [5.0], [None], list(RNG.normal(size=1000)), ["a"] * 9):
        column = build_column("a", values, ordered=False)
        assert len(column.bin_names()) == len(column.masses)


@given(st.lists(ANYTHING, max_size=30))
def test_any_column_has_a_profile(values: list[object]) -> None:
    """Odd columns make a profile with masses that sum to one, and no error."""
    column = build_column("a", values, ordered=True)
    assert sum(column.masses) == pytest.approx(1.0)
    assert all(math.isfinite(mass) and mass > 0 for mass in column.masses)
    assert len(column.masses) == column.binner().n_bins
    assert column.functionals()


def test_a_number_that_is_mostly_infinite_stays_a_number() -> None:
    """Infinities are values of another type in a numeric column, not its only category."""
    values: list[Scalar] = [math.inf, math.inf, 1.0, -math.inf, math.inf, 2.0] * 100
    column = build_column("x", values, ordered=False)
    assert (column.kind, column.edges) == (Kind.NUMERIC, (1.0, 2.0))
    assert column.masses[-1] == pytest.approx(4 / 6, rel=0.01)
    nothing = build_column("x", [math.inf] * 100, ordered=False)
    assert nothing.kind is Kind.CATEGORICAL, "there is no number at all"
