"""Bets: no bet gains on average while the functional is within tolerance."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from proxy.stats.basis.bets import BetTable, bet_table, tolerated_share
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import (
    Floats,
    categorical_functionals,
    mid_ranks,
    numeric_functionals,
)
from proxy.stats.reference.column import LEVELS

TOLERANCE = Tolerance(effect=0.1)
N = 10_000
MASSES = np.concatenate([np.diff(np.concatenate([[0.0], LEVELS, [1.0]])) * 0.9998, [0.0, 0.0]])
MASSES = np.concatenate([[1e-4], MASSES[:-2], [1e-4, 1e-9, 1e-9]])
MASSES /= MASSES.sum()


def table(tolerance: Tolerance = TOLERANCE, effects: dict[str, float] | None = None) -> BetTable:
    """Give the bets on a continuous column."""
    return bet_table(numeric_functionals(MASSES), MASSES, N, effects or {}, tolerance)


def shifted(shift: float) -> Floats:
    """Give the masses of the same bins when the values moved by `shift` standard deviations."""
    borders = np.clip(np.cumsum(MASSES)[:-2], 0, 1)
    moved = np.diff(np.concatenate([[0.0], ndtr(ndtri(borders[:-1]) - shift), [1.0]]))
    return np.concatenate([moved, [0.0, 0.0]])


def test_no_bet_gains_under_the_reference_or_at_the_tolerance() -> None:
    """The mean factor of every bet is at most 1 within tolerance: that makes it evidence."""
    factors = np.exp(table().growth.astype(np.float64))
    for masses in (MASSES, shifted(0.1), shifted(-0.1), shifted(0.05)):
        assert (masses @ factors).max() <= 1 + 1e-6


@pytest.mark.parametrize("shift", [0.25, -0.25, 1.0, -1.0])
def test_some_bet_grows_under_a_shift_that_matters(shift: float) -> None:
    """A quarter of a standard deviation makes some bet grow, a whole one makes it grow fast."""
    growth = shifted(shift) @ table().growth
    assert growth.max() > (0.002 if abs(shift) < 1 else 0.1)
    assert bool(table().upward[int(growth.argmax())]) is (shift > 0)


@given(st.floats(0.0, 0.9), st.integers(10, 10**6))
def test_tolerated_share_is_above_the_share(share: float, n: int) -> None:
    """Tolerance and the reference's error only ever widen."""
    tolerated = tolerated_share(share, n, TOLERANCE)
    assert tolerated > share
    assert tolerated_share(share, 10 * n, TOLERANCE) <= tolerated


def test_cohens_h_of_the_tolerated_share_is_the_tolerance() -> None:
    """With an endless reference only the tolerance is left: h = 2 asin sqrt p - 2 asin sqrt q."""
    tolerated = tolerated_share(0.2, 1e18, TOLERANCE)
    h = 2 * math.asin(math.sqrt(tolerated)) - 2 * math.asin(math.sqrt(0.2))
    assert h == pytest.approx(0.1)


def test_shares_gain_only_beyond_the_tolerated_share() -> None:
    """A category may grow or shrink up to its tolerance; beyond it some bet gains."""
    masses = np.array([0.3, 0.6, 0.1, 1e-9, 1e-9])
    bets = bet_table(categorical_functionals(("a", "b"), 5), masses, N, {}, TOLERANCE)
    factors = np.exp(bets.growth.astype(np.float64))
    limit = tolerated_share(0.3, N, TOLERANCE)
    at_limit = np.array([limit, 0.9 - limit, 0.1, 0, 0])
    assert (at_limit @ factors)[bets.functional == 0].max() <= 1 + 1e-6
    beyond = np.array([0.5, 0.4, 0.1, 0, 0])
    growth = beyond @ bets.growth
    assert growth[(bets.functional == 0) & bets.upward].max() > 0
    assert growth[(bets.functional == 1) & ~bets.upward].max() > 0


def test_design_effect_divides_growth_and_widens_the_reference_error() -> None:
    """A hundred rows that count as one give a hundredth of the evidence, and a blunter limit."""
    plain, clustered = table(), table(effects={"location": 100.0})
    location = plain.functional == 0
    strong = shifted(1.0)
    ratio = (strong @ plain.growth)[location].max() / (strong @ clustered.growth)[location].max()
    assert ratio > 100
    assert np.array_equal(plain.growth[:, ~location], clustered.growth[:, ~location])


def test_unmeasured_dependence_divides_everything() -> None:
    """Without a measured design effect the default tempers every bet."""
    tempered = bet_table(
        numeric_functionals(MASSES),
        MASSES,
        N,
        None,
        Tolerance(effect=0.1, unmeasured_design_effect=4.0),
    )
    assert np.allclose(tempered.growth * 4, table().growth, atol=1e-6)


def test_worse_only_lays_no_bet_on_falling() -> None:
    """Where only growth is bad, no bet is on a fall."""
    assert table(Tolerance(effect=0.1, worse_only=True)).upward.all()


def test_constant_columns_only_lose_their_mean_bets() -> None:
    """A functional that cannot vary has bets that never gain."""
    masses = np.array([1e-4, 0.9997, 1e-4, 5e-5, 5e-5])
    bets = bet_table(numeric_functionals(masses), masses, N, {}, TOLERANCE)
    assert np.isfinite(bets.growth).all()
    assert mid_ranks(masses)[1] == pytest.approx(0.5)


def test_impossible_bets_lose() -> None:
    """A share that may already be everything cannot grow: its bets lose whatever comes."""
    masses = np.array([0.999, 0.0005, 0.0005])
    bets = bet_table(categorical_functionals((), 3), masses, 10, {}, TOLERANCE)
    first = bets.growth[:, (bets.functional == 0) & bets.upward]
    assert (first <= 0).all()
    assert (first[0] < 0).all()
