"""The watch: latching, confirming, blaming, recovering."""

from __future__ import annotations

import math

import numpy as np

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.streams import watch_shares
from proxy.stats.engine.watch import Watch

CERTAINTY = Certainty(run_length_ticks=1e6)
TOLERANCE = Tolerance(effect=0.05, worse_only=True)
NAMES = ("a", "b", "c")


def watch(certainty: Certainty = CERTAINTY) -> Watch:
    """Give a watch on three shares of 1 %."""
    return Watch(watch_shares("", dict.fromkeys(NAMES, 0.01), 1000, TOLERANCE, 1.0), certainty)


def show(watched: Watch, ticks: int, *shares: float) -> None:
    """Show 200 rows per tick with exactly these shares."""
    for _ in range(ticks):
        for stream, share in enumerate(shares):
            bins = np.zeros(200, dtype=np.intp)
            bins[: round(200 * share)] = 1
            watched.add(stream, bins)
        watched.tick()


def test_breach_latches_and_blames_only_the_streams_that_moved() -> None:
    """Two of three streams move: both are blamed, the stronger first, and the third is not."""
    watched = watch()
    show(watched, 10, 0.01, 0.01, 0.01)
    assert watched.breach is None
    show(watched, 5, 0.01, 0.9, 0.3)
    assert watched.blamed() == [1, 2]
    assert watched.evidence >= watched.detector.threshold


def test_a_stream_that_breaks_later_joins_the_blamed() -> None:
    """The list of streams to blame grows with the breach."""
    watched = watch()
    show(watched, 10, 0.5, 0.01, 0.01)
    assert watched.blamed() == [0]
    show(watched, 10, 0.5, 0.5, 0.01)
    assert set(watched.blamed()) == {0, 1}


def test_confirmation_counts_only_data_after_the_breach() -> None:
    """At the tick of the breach nothing is confirmed; a breach that vanishes never is."""
    watched = watch()
    while watched.breach is None:
        show(watched, 1, 0.5, 0.01, 0.01)
    assert watched.confirmation == 0.0
    show(watched, 1, 0.5, 0.01, 0.01)
    assert watched.confirmation > math.log(100)
    vanished = watch()
    while vanished.breach is None:
        show(vanished, 1, 0.5, 0.01, 0.01)
    show(vanished, 2, 0.0, 0.0, 0.0)
    assert vanished.confirmation < 0


def test_a_tick_speaks_for_the_breach_even_where_its_confirmation_is_at_its_bound() -> None:
    """The clearest breach goes on speaking; silence says nothing, and good rows speak against."""
    watched = watch()
    assert watched.spoke is None
    while watched.breach is None:
        show(watched, 1, 1.0, 0.01, 0.01)
    assert watched.spoke is None
    for _ in range(30):
        show(watched, 1, 1.0, 0.01, 0.01)
        assert watched.spoke is True
    assert watched.confirmation < 30
    watched.tick()
    assert watched.spoke is None
    show(watched, 1, 0.01, 0.01, 0.01)
    assert watched.spoke is False


def test_recovery_waits_for_every_blamed_stream() -> None:
    """One stream healthy, the other still bad: the breach lasts; both healthy: it ends."""
    watched = watch()
    show(watched, 10, 0.5, 0.5, 0.01)
    show(watched, 40, 0.01, 0.5, 0.01)
    assert watched.breach is not None
    show(watched, 15, 0.01, 0.01, 0.01)
    assert watched.breach is None
    assert watched.recovery == 0.0


def test_another_fault_during_recovery_keeps_the_breach() -> None:
    """The first stream heals while a third breaks: there is no moment of "all is well"."""
    watched = watch()
    show(watched, 10, 0.5, 0.01, 0.01)
    for _ in range(40):
        show(watched, 1, 0.01, 0.01, 0.5)
        assert watched.breach is not None
    assert watched.blamed() == [2]


def test_recovery_is_as_fast_after_a_long_breach() -> None:
    """The latched evidence is bounded: an hour of breach heals as fast as a minute."""
    ended = []
    for length in (10, 2000):
        watched = watch()
        show(watched, length, 0.5, 0.01, 0.01)
        n = 0
        while watched.breach is not None:
            show(watched, 1, 0.01, 0.01, 0.01)
            n += 1
        ended.append(n)
    assert max(ended) <= 15
    assert abs(ended[0] - ended[1]) <= 1


def test_onset_is_estimated() -> None:
    """The breach began five ticks ago, although it was found later."""
    watched = watch(Certainty(run_length_ticks=1e6, min_ticks=5))
    show(watched, 30, 0.01, 0.01, 0.01)
    show(watched, 5, 0.9, 0.01, 0.01)
    assert watched.breach is not None
    assert watched.breach.onset == 5


def test_current_counts_start_at_the_onset_and_after_the_recovery() -> None:
    """In a breach people see the breach, after it the healthy ticks."""
    watched = watch()
    show(watched, 30, 0.01, 0.01, 0.01)
    show(watched, 6, 0.5, 0.01, 0.01)
    bad = watched.current(0)
    assert bad[1] / bad.sum() == 0.5
    show(watched, 15, 0.01, 0.01, 0.01)
    good = watched.current(0)
    assert good[1] / good.sum() == 0.01


def test_silent_ticks_are_counted_and_change_nothing() -> None:
    """No rows: no evidence, and the silence is known."""
    watched = watch()
    show(watched, 5, 0.5, 0.01, 0.01)
    evidence = watched.evidence
    for _ in range(7):
        watched.tick()
    assert watched.ticks_without_rows == 7
    assert watched.evidence == evidence


def test_reset_forgets_the_breach() -> None:
    """A new benchmark or a restored candidate starts without a breach."""
    watched = watch()
    show(watched, 5, 0.9, 0.9, 0.9)
    watched.reset()
    assert watched.breach is None
    assert watched.evidence == 0.0
    assert watched.blamed() == []


def test_a_stream_that_recovered_is_not_accused_by_what_it_won_before() -> None:
    """While b lasts a recovers: it leaves once, and comes back only when it breaks again."""
    watched = watch()
    show(watched, 10, 0.5, 0.5, 0.01)
    assert set(watched.blamed()) == {0, 1}
    lists = []
    for _ in range(40):
        show(watched, 1, 0.02, 0.5, 0.01)
        lists.append(tuple(sorted(watched.blamed())))
    assert list(dict.fromkeys(lists)) == [(0, 1), (1,)]
    assert lists == sorted(lists)
    show(watched, 10, 0.5, 0.5, 0.01)
    assert set(watched.blamed()) == {0, 1}
