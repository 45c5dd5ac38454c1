"""Rows of any kind as numbers, coded without a look at where they came from."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Scalar
from proxy.stats.explain.design_matrix import MAX_FEATURES, DesignMatrix, design_matrix
from proxy.stats.reference.column import build_column

RNG = np.random.default_rng(6)
Columns = dict[str, list[Scalar]]


def coded(reference: Columns, current: Columns) -> DesignMatrix:
    """Code two samples with the profiles of the first."""
    profiles = [build_column(name, values, ordered=False) for name, values in reference.items()]
    return design_matrix(profiles, reference, current)


def test_numbers_categories_and_missing_values_have_features_of_their_own() -> None:
    """Each feature has mean 0 and sd 1 and knows its column."""
    reference: Columns = {
        "x": RNG.normal(size=100).tolist(),
        "c": ["a", "b"] * 50,
        "m": [None, 1.0, 2.0, 3.0, 4.0] * 20,
    }
    found = coded(reference, reference)
    assert found.owners == ("x", "c", "c", "m", "m", "m", "m", "m", "m")
    assert found.numbers == (0, 3)
    assert found.n_reference == 100
    np.testing.assert_allclose(found.values.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(found.values.std(axis=0), 1)


def test_an_outlier_does_not_flatten_the_others() -> None:
    """Scaled by the central part and clipped, a sentinel is far but not infinitely so."""
    found = coded({"x": [*RNG.normal(size=99).tolist(), -1e30]}, {"x": RNG.normal(size=100)})
    assert np.abs(found.values).max() < 10
    assert np.median(np.abs(found.values)) > 0.3


def test_unknown_categories_count_as_missing_as_in_a_kept_sample() -> None:
    """Rare strings are left out of the sample of the reference, so they are here, too."""
    reference: Columns = {"c": ["a"] * 80 + [None] * 20}
    found = coded(reference, {"c": ["a"] * 80 + [f"person {n}" for n in range(20)]})
    assert found.owners == ("c", "c")
    halves = found.values[:100], found.values[100:]
    np.testing.assert_allclose(halves[0].sum(axis=0), halves[1].sum(axis=0), atol=1e-9)


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        ([3.0] * 100, [3.0] * 100),
        ([None] * 100, [None] * 100),
        ([f"id {n}" for n in range(100)], [f"other {n}" for n in range(100)]),
        ([1.0], [2.0]),
        ([], []),
        ([float("inf")] * 100, [float("nan")] * 5),
        (["a"] * 100, [["list"]] * 100),
    ],
)
def test_what_tells_no_rows_apart_gives_no_broken_feature(
    reference: list[Scalar], current: list[Scalar]
) -> None:
    """Constant, empty, all distinct, infinite, of another type: finite features or none."""
    found = coded({"x": reference}, {"x": current})
    assert len(found.values) == len(reference) + len(current)
    assert np.isfinite(found.values).all()


def test_ten_thousand_columns_are_cut_at_the_bound() -> None:
    """The first columns are coded; how many were not is known."""
    columns: Columns = {f"x{place}": [0.0, 1.0, 3.0] for place in range(10_000)}
    profiles = [build_column(name, columns[name], ordered=False) for name in columns]
    found = design_matrix(profiles, columns, columns)
    assert found.values.shape == (6, MAX_FEATURES)
    assert found.n_left_out == 10_000 - MAX_FEATURES


def test_a_column_that_only_one_side_has_is_left_out() -> None:
    """There is nothing to lay beside it."""
    profile = build_column("x", [1.0, 2.0], ordered=False)
    assert design_matrix([profile], {"x": [1.0, 2.0]}, {}).owners == ()
