"""Tails: the extremes of the recent past."""

from __future__ import annotations

import math

import numpy as np

from proxy.windows.tails import Tail


def test_keeps_the_highest_scores() -> None:
    """Of a thousand items the five highest are left, the highest first."""
    tail: Tail[int] = Tail(5, 1e9)
    scores = np.random.default_rng(1).permutation(1000)
    for score in scores:
        tail.offer(int(score), float(score), 0.0)
    assert [item for _, item in tail.items(0.0)] == [999, 998, 997, 996, 995]
    assert not tail.offer(1, 1.0, 0.0)


def test_old_extremes_make_room() -> None:
    """A record of an hour ago does not hide the slowest of the last minute."""
    tail: Tail[str] = Tail(1, 60.0)
    assert tail.offer("old record", 100.0, 0.0)
    assert not tail.offer("usual", 1.0, 30.0)
    assert tail.offer("usual", 1.0, 61.0)
    assert tail.items(61.0) == [(1.0, "usual")]
    assert tail.items(200.0) == []
    assert len(tail) == 0


def test_items_that_cannot_be_compared_do_no_harm() -> None:
    """Equal scores of items without an order are kept, and NaN is refused."""
    tail: Tail[dict[str, int]] = Tail(3, 60.0)
    for number in range(5):
        tail.offer({"n": number}, 1.0, 0.0)
    assert len(tail.items(0.0)) == 3
    assert not tail.offer({}, math.nan, 0.0)


def test_what_would_be_kept_is_known_before_it_is_made() -> None:
    """The answer is that of `offer`: below the extremes of the time no, after their age yes."""
    tail: Tail[int] = Tail(2, 60.0)
    for score in (5.0, 7.0):
        assert tail.would_take(score, 0.0)
        tail.offer(int(score), score, 0.0)
    assert not tail.would_take(5.0, 10.0)
    assert tail.would_take(6.0, 10.0)
    assert tail.would_take(1.0, 61.0)
