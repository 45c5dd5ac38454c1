"""History: the last ticks, one by one and in sums."""

from __future__ import annotations

import numpy as np

from proxy.stats.basis.bets import BetTable
from proxy.stats.engine.e_detector import Layout
from proxy.stats.engine.history import (
    COARSE_SUMS,
    FINE_TICKS,
    CountHistory,
    ExpectedCounts,
    onset_ticks,
)

ALL = slice(None)


def filled(n_ticks: int) -> CountHistory:
    """Give a history whose tick t counted t + 1 rows."""
    history = CountHistory(1)
    for tick in range(n_ticks):
        history.push(np.array([tick + 1], dtype=np.float32))
    return history


def test_last_ticks_are_exact() -> None:
    """The sum of the last 64 ticks and fewer is exact, before and after the ring is full."""
    for n_ticks in (1, 10, 64, 65, 200):
        history = filled(n_ticks)
        for back in (1, 5, 64):
            expected = sum(range(max(0, n_ticks - back) + 1, n_ticks + 1))
            assert float(history.last(back, ALL)[0]) == expected
        assert history.ticks(ALL)[-1, 0] == n_ticks


def test_older_ticks_come_in_whole_sums_and_are_bounded() -> None:
    """Further back the sum is rounded up to whole sums of 64, up to the bound."""
    n_ticks = 3000
    history = filled(n_ticks)
    far = float(history.last(10_000, ALL)[0])
    oldest = n_ticks - FINE_TICKS * (COARSE_SUMS + 1)
    newest_only = sum(range(n_ticks - FINE_TICKS + 1, n_ticks + 1))
    assert newest_only < far <= sum(range(oldest + 1, n_ticks + 1))
    assert far > sum(range(oldest + FINE_TICKS + 1, n_ticks + 1))


def test_clear_forgets() -> None:
    """Nothing is left."""
    history = filled(100)
    history.clear()
    assert history.n_ticks == 0
    assert float(history.last(64, ALL).sum()) == 0.0


def test_onset_is_where_the_evidence_began() -> None:
    """Ten healthy ticks and five bad ones: the breach began five ticks ago."""
    ticks = np.array([[10, 0]] * 10 + [[2, 8]] * 5, dtype=np.float32)
    assert onset_ticks(ticks, np.array([-0.5, 1.0])) == 5
    assert onset_ticks(ticks[:0], np.array([-0.5, 1.0])) == 1


def expected() -> ExpectedCounts:
    """Give what is expected of two streams of two bins, beside a history of three ticks."""
    table = BetTable(
        growth=np.zeros((2, 1), dtype=np.float32),
        functional=np.zeros(1, dtype=np.intp),
        upward=np.ones(1, dtype=np.bool_),
    )
    return ExpectedCounts(Layout([table, table], [1.0, 1.0]), 3)


def test_expected_masses_are_the_mixture_of_what_was_compared_with() -> None:
    """Ten rows of one slot and thirty of another: the mixture is one to three."""
    known = expected()
    known.set(0, np.array([1.0, 0.0]))
    known.push(np.array([4.0, 6.0, 1.0, 1.0], dtype=np.float32))
    known.set(0, np.array([0.0, 1.0]))
    known.push(np.array([30.0, 0.0, 1.0, 1.0], dtype=np.float32))
    mixed = known.masses(0, 2)
    assert mixed is not None
    assert mixed.tolist() == [0.25, 0.75]
    last = known.masses(0, 1)
    assert last is not None
    assert last.tolist() == [0.0, 1.0]


def test_what_was_never_compared_with_a_slot_has_no_expected_masses() -> None:
    """A stream without a season keeps its own reference."""
    known = expected()
    known.set(0, np.array([1.0, 0.0]))
    known.push(np.ones(4, dtype=np.float32))
    assert known.masses(1, 1) is None
