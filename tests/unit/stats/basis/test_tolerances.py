"""Deviations in tolerances: 1 is the shift that just begins to matter, whatever the functional."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from proxy.stats.basis.functionals import Form, Functional, numeric_functionals
from proxy.stats.basis.tolerances import error_in_tolerances, in_tolerances, tolerated_shift
from proxy.stats.reference.column import build_column

COLUMN = build_column("x", list(norm.ppf((np.arange(20_000) + 0.5) / 20_000)), ordered=False)
MASSES = np.array(COLUMN.masses)
LOCATION = numeric_functionals(MASSES)[0]
SHARE = Functional(
    name="s",
    form=Form.SHARE,
    values=np.array([0.0, 1.0]),
    applies=np.ones(2, dtype=np.bool_),
)


def test_a_shift_of_a_tenth_of_a_standard_deviation_is_one_tolerance() -> None:
    """The location of a normal that moved by the tolerance deviates by 1."""
    edges = np.concatenate([[0.0], norm.cdf(np.array(COLUMN.edges), loc=0.1), [1.0]])
    moved = np.append(np.diff(edges), [0.0, 0.0])
    deviation = LOCATION.mean(moved) - LOCATION.mean(MASSES)
    assert in_tolerances(LOCATION, MASSES, np.array([deviation]), 0.1) == pytest.approx(1, rel=0.02)


def test_a_share_is_measured_by_cohens_h() -> None:
    """Cohen (1988), section 6.2: from .5 to .599 is h = .2, two tolerances of .1."""
    masses = np.array([0.5, 0.5])
    (two,) = in_tolerances(SHARE, masses, np.array([0.0993]), 0.1)
    assert two == pytest.approx(2.0, rel=0.01)


def test_the_error_of_a_mean_is_that_of_its_rows() -> None:
    """100 rows of a normal know its location to a tenth of a standard deviation, about."""
    (error,) = error_in_tolerances(LOCATION, MASSES, np.array([100.0]), 0.1)
    assert error == pytest.approx(1.0, rel=0.05)
    (share,) = error_in_tolerances(SHARE, np.array([0.9, 0.1]), np.array([400.0]), 0.1)
    assert share == pytest.approx(0.5)


def test_what_cannot_vary_deviates_by_nothing() -> None:
    """A constant column has no unit: nothing is said instead of dividing by zero."""
    constant = Functional(
        name="c", form=Form.MEAN, values=np.ones(2), applies=np.ones(2, dtype=np.bool_)
    )
    masses = np.array([0.5, 0.5])
    assert tolerated_shift(constant, masses, 0.1) == 0
    assert in_tolerances(constant, masses, np.array([0.3]), 0.1) == 0
    assert np.isinf(error_in_tolerances(constant, masses, np.array([9.0]), 0.1))
