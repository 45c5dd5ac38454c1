"""Derived columns: correlations that change while every column stays as it was."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from proxy.records import Scalar
from proxy.stats.basis.binning import to_numbers
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.reference.multivariate import derive, derived_names, standardise
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch

NAMES = tuple(f"x{i}" for i in range(6))


def draw(rng: np.random.Generator, n: int, correlation: float = 0.7) -> dict[str, list[Scalar]]:
    """Give rows in which x0 and x1, x2 and x3, x4 and x5 are correlated."""
    rows = rng.normal(size=(n, 6))
    for left in (0, 2, 4):
        rows[:, left + 1] *= math.sqrt(1 - correlation**2)
        rows[:, left + 1] += correlation * rows[:, left]
    return {name: rows[:, i].tolist() for i, name in enumerate(NAMES)}


def certified() -> Profile:
    """Give the profile of 5,000 rows."""
    rng = np.random.default_rng(1)
    return build_profile(draw(rng, 5000), rng, ordered=False)


PROFILE = certified()


def watch() -> ProfileWatch:
    """Give a watch on the profile."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    return ProfileWatch(PROFILE, rule, Certainty(run_length_ticks=1e6))


def show(watched: ProfileWatch, columns: dict[str, list[Scalar]]) -> None:
    """Show rows in ticks of 50."""
    n = len(columns["x0"])
    for start in range(0, n, 50):
        watched.count(made.rows({name: columns[name][start : start + 50] for name in NAMES}))
        watched.tick()


def test_the_correlated_pairs_and_the_plane_are_found() -> None:
    """Three pairs are watched, and the error of the main directions."""
    assert PROFILE.multivariate is not None
    assert set(derived_names(PROFILE.multivariate)) == {
        "x0 with x1",
        "x2 with x3",
        "x4 with x5",
        "all columns together",
    }


def test_a_correlation_that_vanishes_is_found_and_named() -> None:
    """No column changed, but x2 and x3 came apart."""
    watched = watch()
    rng = np.random.default_rng(2)
    rows = draw(rng, 3000)
    rows["x3"] = rng.normal(size=3000).tolist()
    show(watched, rows)
    assert watched.watch.breach is not None
    blamed = {watched.watch.streams[stream].name for stream in watched.watch.blamed()}
    assert "x2 with x3" in blamed
    assert not blamed & set(NAMES)


def test_unchanged_correlations_are_quiet() -> None:
    """Rows as certified do not breach."""
    watched = watch()
    show(watched, draw(np.random.default_rng(2), 20_000))
    assert watched.watch.breach is None


def test_a_shifted_column_is_blamed_itself_and_not_its_products() -> None:
    """People are told the column, not everything that is computed from it."""
    watched = watch()
    rows = draw(np.random.default_rng(2), 2000)
    rows["x2"] = [float(x or 0) + 3 for x in rows["x2"]]
    show(watched, rows)
    blamed = [watched.watch.streams[stream].name for stream in watched.watch.blamed()]
    assert blamed == ["x2"]


@given(
    st.lists(
        st.one_of(st.none(), st.floats(), st.text(max_size=2), st.just(10**400)),
        min_size=6,
        max_size=6,
    )
)
def test_odd_values_become_missing_products(values: list[Scalar]) -> None:
    """Whatever a row holds, products are finite or missing, and the error is finite."""
    assert PROFILE.multivariate is not None
    standard = standardise(PROFILE.multivariate, [to_numbers([value]) for value in values])
    found = derive(PROFILE.multivariate, standard)
    assert all(np.isfinite(column).all() or np.isnan(column).all() for column in found[:-1])
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("n", [0, 1, 50])
def test_small_references_have_no_derived_columns(n: int) -> None:
    """Correlations of fifty rows are chance."""
    rng = np.random.default_rng(1)
    assert build_profile(draw(rng, n), rng, ordered=True).multivariate is None


def test_constant_columns_are_left_out() -> None:
    """A column that never varies has no correlation."""
    rng = np.random.default_rng(1)
    rows = draw(rng, 1000) | {"c": [1.0] * 1000}
    together = build_profile(rows, rng, ordered=True).multivariate
    assert together is not None
    assert "c" not in together.columns
