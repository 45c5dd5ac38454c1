"""Each tick is folded once, at its time: with the fleet's sum, or with the own counts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.engine.pooling import Tally
from proxy.windows.ledger import Fold, Ledger, Sum, tick_number


def tally(n: int) -> Tally:
    """Give a tally of one bin."""
    return {"input": np.array([n], dtype=np.int64)}


def total(fold: Fold) -> int:
    """Give the count of a fold."""
    return int(sum(counts.sum() for counts in fold.tally.values()))


def fleet(n: int) -> Sum:
    """Give the sum of two replicas."""
    return Sum(tally=tally(n), replicas=("a", "b"))


@pytest.mark.parametrize(
    ("utc_s", "number"), [(0.0, 0), (9.99, 0), (10.0, 1), (-0.1, -1), (1.7e9 + 5, 170_000_000)]
)
def test_ticks_are_numbered_from_the_epoch(utc_s: float, number: int) -> None:
    """Replicas that know the time know the number."""
    assert tick_number(utc_s, 10.0) == number


def test_sums_take_the_place_of_own_counts() -> None:
    """A tick is folded `lag` ticks after it ended, with the fleet's sum where there is one."""
    ledger = Ledger(lag=2)
    assert ledger.awaited() == ()
    assert [total(ledger.end(number, tally(number))) for number in (10, 11)] == [0, 0]
    assert ledger.awaited() == (10,)
    ledger.provide(10, fleet(1000))
    assert ledger.awaited() == ()
    fold = ledger.end(12, tally(12))
    assert (total(fold), fold.n_fleet, fold.n_own) == (1000, 1, 0)
    fold = ledger.end(13, tally(13))
    assert (total(fold), fold.n_fleet, fold.n_own) == (11, 0, 1)


def test_a_sum_that_comes_after_the_fold_is_left_out() -> None:
    """Own counts were folded already: folding the sum as well would count them twice."""
    ledger = Ledger(lag=1)
    ledger.end(1, tally(1))
    assert total(ledger.end(2, tally(2))) == 1
    ledger.provide(1, fleet(1000))
    ledger.provide(99, fleet(1000))
    assert total(ledger.end(3, tally(3))) == 2


def test_missed_ticks_are_folded_together() -> None:
    """After a stall all that is due comes at once, the fleet's ticks and the own ones."""
    ledger = Ledger(lag=1)
    ledger.end(1, tally(1))
    ledger.end(2, tally(2))
    ledger.provide(2, fleet(20))
    fold = ledger.end(9, tally(9))
    assert (total(fold), fold.n_fleet, fold.n_own) == (20, 1, 0)
    assert total(ledger.end(10, tally(10))) == 9


def test_a_clock_that_is_set_back_loses_and_repeats_nothing() -> None:
    """What waits is folded at once and the numbering begins anew."""
    ledger = Ledger(lag=2)
    for number in (100, 101):
        ledger.end(number, tally(number))
    fold = ledger.end(40, tally(40))
    assert (total(fold), fold.n_own) == (201, 2)
    assert (ledger.last, len(ledger)) == (40, 1)
    ledger.end(41, tally(41))
    assert total(ledger.end(42, tally(42))) == 40


def test_a_tick_that_ends_twice_is_one_tick() -> None:
    """Two turns within one tick, as after a slewed clock, add up."""
    ledger = Ledger(lag=1)
    ledger.end(1, tally(1))
    ledger.end(1, tally(5))
    assert total(ledger.end(2, tally(2))) == 6


def test_memory_is_bounded() -> None:
    """A ledger never holds more than its bound; what is over is folded early, not lost."""
    ledger = Ledger(lag=3, max_ticks=4)
    folded = 0
    for number in range(0, 1000, 100):
        folded += total(ledger.end(number, tally(1)))
        assert len(ledger) <= 5
    assert folded + len(ledger) == 10


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=60), st.integers(1, 4))
def test_every_own_count_is_folded_at_most_once(steps: list[tuple[int, bool]], lag: int) -> None:
    """Whatever the clock and the fleet do, no tick is lost and none is folded twice."""
    ledger = Ledger(lag=lag)
    taken = folded = 0
    number = 100
    for step, has_sum in steps:
        number += step - 2
        fold = ledger.end(number, tally(1))
        taken += 1
        folded += total(fold)
        if has_sum:
            for awaited in ledger.awaited():
                # The fleet is this replica alone: its sum is what the replica counted.
                ledger.provide(awaited, Sum(tally=ledger._own[awaited], replicas=("a",)))
    waiting = sum(int(own["input"].sum()) for own in ledger._own.values())
    assert folded + waiting == taken
