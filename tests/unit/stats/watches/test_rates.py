"""Rates: a count against its expectation."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.watches.rates import rate_effect, watch_rate


def test_no_bet_gains_while_the_rate_is_as_expected_or_higher() -> None:
    """The mean factor under Poisson counts is exp(mean (r - 1) + expected (1 - r)) <= 1."""
    growth = watch_rate("answers", 100, 1.0).table.growth.astype(np.float64)
    ratio = np.exp(growth[0])
    for mean in (50.0, 60.0, 90.0):
        factor = np.exp(mean * (ratio - 1) + 50.0 * growth[1])
        assert factor.max() <= 1 + 1e-5


def test_a_lost_rate_gains() -> None:
    """Half of what was expected gains evidence, as computed by hand for r = 1/2."""
    growth = watch_rate("answers", 100, 1.0).table.growth
    gained = np.array([25.0, 50.0]) @ growth
    assert gained.max() == pytest.approx(25 * np.log(0.5) + 25, rel=1e-5)


def test_effect_is_the_ratio_with_its_interval() -> None:
    """Thirty of sixty expected is half, and the interval says so."""
    effect = rate_effect(watch_rate("answers", 100, 1.0), 0, np.array([3000.0, 6000.0]))
    assert effect.value == pytest.approx(0.5)
    assert effect.interval[0] < 0.5 < effect.interval[1]
    assert rate_effect(watch_rate("answers", 100, 1.0), 0, np.zeros(2)).value == 1.0
