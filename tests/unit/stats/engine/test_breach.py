"""A breach: what later data say about it, and that silence and rounding say nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxy.stats.basis.demands import Tolerance
from proxy.stats.engine.breach import LARGEST_CONFIRMATION, PRIOR_PART, Breach, stakes_of
from proxy.stats.engine.e_detector import EDetector, Layout
from proxy.stats.engine.streams import watch_shares

STREAMS = watch_shares("", {"a": 0.01, "b": 0.01}, 1000, Tolerance(effect=0.1), 1.0)
LAYOUT = Layout([stream.table for stream in STREAMS], [1.0, 1.0])


def breach() -> Breach:
    """Give a breach of the first stream, at the next tick."""
    wealth = np.zeros(LAYOUT.n_bets, dtype=np.float32)
    wealth[LAYOUT.bets[0]] = 1e6
    return Breach(1, 1, stakes_of(LAYOUT, wealth), EDetector(LAYOUT, 1e6, 3))


def factors(value: float) -> np.ndarray:
    """Give the same log factor for every bet."""
    return np.full(LAYOUT.n_bets, value, dtype=np.float32)


def test_stakes_are_what_was_won_and_a_tenth_for_all_alike() -> None:
    """They add up to 1; a stream that has won nothing has its part of the tenth."""
    stakes = breach().stakes
    assert stakes.sum() == pytest.approx(1)
    assert stakes[LAYOUT.bets[1]].sum() == pytest.approx(PRIOR_PART / 2)


def test_nothing_is_confirmed_before_data_have_spoken() -> None:
    """Neither at the tick of the breach, nor by the rounding of the stakes."""
    found = breach()
    assert found.confirmation() == 0.0
    found.n_ticks = 0
    found.hear(factors(3.0))
    assert found.confirmation() == 0.0


def test_a_tick_multiplies_the_stakes_and_tells_for_whom_it_speaks() -> None:
    """Two nats for the breach, then one against it."""
    found = breach()
    found.hear(factors(2.0))
    assert found.confirmation() == pytest.approx(2.0, abs=1e-5)
    assert found.spoke is True
    found.hear(factors(-1.0))
    assert found.confirmation() == pytest.approx(1.0, abs=1e-5)
    assert found.spoke is False


def test_confirmation_is_bounded_and_goes_on_speaking_at_its_bound() -> None:
    """A long breach ends as fast as a short one, and the clearest is not taken for a wavering."""
    found = breach()
    for _ in range(100):
        found.hear(factors(5.0))
    assert found.confirmation() <= math.log(LARGEST_CONFIRMATION * LAYOUT.n_bets)
    assert found.spoke is True
