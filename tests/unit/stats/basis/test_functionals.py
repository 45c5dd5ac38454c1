"""Functionals: what is watched about a histogram."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.functionals import (
    Form,
    categorical_functionals,
    mid_ranks,
    numeric_functionals,
)

UNIFORM = np.concatenate([[0.0], np.full(100, 0.0098), [0.0, 0.01, 0.01]])
"""A hundred equal bins, 1 % missing, 1 % of another type."""


def test_mid_ranks_are_the_middle_of_each_bin_among_values() -> None:
    """The special bins do not count, and a value's rank is the mass below plus half its own."""
    ranks = mid_ranks(UNIFORM)
    assert ranks[1] == pytest.approx(0.005)
    assert ranks[100] == pytest.approx(0.995)
    assert list(ranks[-2:]) == [0.5, 0.5]
    assert mid_ranks(np.array([0.0, 1.0, 0.0])).tolist() == [0.5, 0.5, 0.5]


def test_numeric_functionals_of_the_reference_itself() -> None:
    """Location, spread, skew and shape of uniform ranks are one half, tails their share."""
    by_name = {functional.name: functional for functional in numeric_functionals(UNIFORM)}
    for name in ("location", "spread", "skew", "shape"):
        assert by_name[name].form is Form.MEAN
        assert by_name[name].mean(UNIFORM) == pytest.approx(0.5, abs=0.01)
    assert by_name["location"].variance(UNIFORM) == pytest.approx(1 / 12, rel=0.01)
    assert by_name["lowest 1 %"].mean(UNIFORM) == pytest.approx(0.01)
    assert by_name["below the reference"].mean(UNIFORM) == 0.0
    assert by_name["missing"].mean(UNIFORM) == pytest.approx(0.01)
    assert by_name["location"].share_of_rows(UNIFORM) == pytest.approx(0.98)


def test_missing_values_say_nothing_about_the_location() -> None:
    """The mean of ranks is over the rows that have a value."""
    location = numeric_functionals(UNIFORM)[0]
    counts = np.zeros(len(UNIFORM))
    counts[100], counts[-2] = 10, 90
    assert location.mean(counts) == pytest.approx(0.995)
    assert location.mean(np.zeros(len(UNIFORM))) == 0.0
    assert location.variance(np.zeros(len(UNIFORM))) == 0.0


def test_categories_have_one_share_each_and_one_for_all_others() -> None:
    """Two categories, other, missing and wrong type: five shares."""
    functionals = categorical_functionals(("a", "b"), 5)
    assert [f.name for f in functionals] == [
        "category a",
        "category b",
        "category other",
        "missing",
        "wrong type",
    ]
    assert functionals[1].mean(np.array([6.0, 2.0, 0.0, 2.0, 0.0])) == pytest.approx(0.25)
