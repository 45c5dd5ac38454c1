"""Recovery: the reverse bet gains when the stream is healthy again, and not before."""

from __future__ import annotations

import math

import numpy as np

from proxy.stats.engine.recovery import Recovery, recovery_of

REFERENCE = np.array([0.99, 0.01])
SCORE = np.array([-1.0, 3.0])


def reverse_bet(design_effect: float = 1.0) -> Recovery:
    """Give the reverse bet for a share that went from 1 % to 90 %."""
    return recovery_of(SCORE, REFERENCE, np.array([10.0, 90.0]), design_effect)


def ticks_until(recovery: Recovery, share: float, limit: int = 200) -> int:
    """Give the ticks of 100 rows until the evidence is ln 1000."""
    for tick in range(1, limit + 1):
        recovery.fold(np.array([100 * (1 - share), 100 * share]))
        if recovery.evidence() >= math.log(1000):
            return tick
    return limit + 1


def test_healthy_rows_end_a_breach_within_thirteen_ticks_whatever_the_dependence() -> None:
    """Independent rows need few ticks; fully dependent rows no more than thirteen."""
    assert ticks_until(reverse_bet(), 0.01) <= 4
    assert ticks_until(reverse_bet(1e6), 0.01) <= 13


def test_a_lasting_breach_gathers_no_recovery() -> None:
    """As bad as before, or still more than half as bad: no recovery in 200 ticks."""
    assert ticks_until(reverse_bet(), 0.9) > 200
    assert ticks_until(reverse_bet(), 0.6) > 200


def test_a_long_breach_does_not_delay_recovery() -> None:
    """After a thousand bad ticks recovery is as fast as after one."""
    recovery = reverse_bet()
    for _ in range(1000):
        recovery.fold(np.array([10.0, 90.0]))
    assert ticks_until(recovery, 0.01) <= 4


def test_ticks_without_rows_say_nothing() -> None:
    """Silence is not recovery."""
    recovery = reverse_bet()
    for _ in range(100):
        recovery.fold(np.zeros(2))
    assert recovery.evidence() == 0.0


def test_breach_without_counts_is_measured_by_its_score() -> None:
    """If the counts of the breach are lost, the worst score stands for it."""
    recovery = recovery_of(SCORE, REFERENCE, np.zeros(2), 1.0)
    assert ticks_until(recovery, 0.01) <= 6


def test_another_hour_moves_what_counts_as_recovered() -> None:
    """Where the reference itself scores higher now, the same rows are nearer to it."""
    recovery, same = reverse_bet(), reverse_bet()
    for _ in range(30):
        recovery.fold(np.array([30.0, 70.0]), moved=10 * float(SCORE[1] - SCORE[0]))
        same.fold(np.array([30.0, 70.0]))
    assert recovery.evidence() > math.log(1000) > same.evidence()


def test_a_breach_remembers_what_it_was_compared_with() -> None:
    """Its healthy score is the mean of the score under the reference."""
    recovery = recovery_of(SCORE, REFERENCE, np.array([10.0, 90.0]), 1.0)
    assert recovery.healthy == float(REFERENCE @ SCORE)
