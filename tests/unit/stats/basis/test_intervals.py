"""Intervals: they cover, they shrink, they do not break at the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.basis.intervals import mean_interval, share_interval, share_upper_bound


def test_share_interval_covers_at_all_times_together() -> None:
    """Looking after every row, the interval ever misses in at most about 5 % of streams."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        hits = np.cumsum(rng.random(1000) < 0.2)
        looks = range(1, 1001, 25)
        bounds = [share_interval(float(hits[n - 1]), float(n)) for n in looks]
        missed += any(not low <= 0.2 <= high for low, high in bounds)
    assert missed <= 14


def test_mean_interval_covers_at_all_times_together() -> None:
    """The same for the mean of a uniform."""
    rng = np.random.default_rng(1)
    missed = 0
    for _ in range(200):
        values = rng.random(2000)
        means = np.cumsum(values) / np.arange(1, 2001)
        bounds = [mean_interval(float(means[n - 1]), 1 / 12, n) for n in range(20, 2001, 20)]
        missed += any(not low <= 0.5 <= high for low, high in bounds)
    assert missed <= 14


@given(st.floats(0, 1), st.floats(0.1, 1e6))
def test_share_interval_holds_the_share_and_stays_in_range(share: float, n: float) -> None:
    """For any counts, whole or not."""
    low, high = share_interval(share * n, n)
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1


def test_more_rows_make_narrower_intervals() -> None:
    """Ten times the rows, about a third of the width."""
    widths = []
    for n in (100, 1000, 10_000):
        low, high = mean_interval(0.5, 1 / 12, n)
        widths.append(high - low)
    assert widths[0] > 2.5 * widths[1] > 6 * widths[2]


def test_nothing_seen_is_everything_possible() -> None:
    """Without rows the intervals say so."""
    assert share_interval(0, 0) == (0.0, 1.0)
    assert mean_interval(0.5, 0.1, 0) == (-math.inf, math.inf)
    assert share_upper_bound(0, 0) == 1.0
    assert share_upper_bound(5, 5) == 1.0


def test_upper_bound_of_no_failures_is_the_closed_form() -> None:
    """With none of n the Clopper-Pearson bound is 1 - alpha^(1/n)."""
    assert share_upper_bound(0, 1000, 0.001) == pytest.approx(1 - 0.001 ** (1 / 1000))
