"""Reservoirs: uniform, exactly recent, bounded, mergeable."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.windows.reservoir import Reservoir, ReservoirRing, Shape, Span, merge

MINUTES = (Shape(length_s=60.0, keep=3, size=5),)


def test_every_item_has_the_same_chance() -> None:
    """Over many streams each of 100 items is kept equally often, first and last included."""
    kept = np.zeros(100)
    rng = np.random.default_rng(1)
    for _ in range(4000):
        reservoir: Reservoir[int] = Reservoir(10, rng)
        for item in range(100):
            reservoir.offer(item, 1)
        assert len(set(reservoir.items)) == 10
        kept[reservoir.items] += 1
    # Each count is binomial(4000, 0.1): sd 19. Chi-square over 100 items: mean 100, sd 13.
    chi_square = float(((kept - 400) ** 2 / 360).sum())
    assert 55 < chi_square < 150
    assert abs(kept[:10].mean() - kept[-10:].mean()) < 30


def test_short_streams_are_kept_whole() -> None:
    """With fewer items than places all are kept, and the number they stand for is known."""
    reservoir: Reservoir[int] = Reservoir(10, np.random.default_rng(1))
    for item in range(7):
        assert reservoir.would_take()
        reservoir.offer(item, 3)
    span = reservoir.close(5.0)
    assert (span.items, span.n, span.n_bytes) == (tuple(range(7)), 7, 21)


def test_skipping_is_the_same_as_offering_what_is_not_taken() -> None:
    """Making an item can be spared when it would not be kept."""
    offered: Reservoir[int] = Reservoir(5, np.random.default_rng(3))
    skipped: Reservoir[int] = Reservoir(5, np.random.default_rng(3))
    for item in range(1000):
        offered.offer(item, 1)
        if skipped.would_take():
            skipped.offer(item, 1)
        else:
            skipped.skip()
    assert skipped.items == offered.items
    assert skipped.n == offered.n


def test_no_places_keep_nothing() -> None:
    """A reservoir of size zero counts only."""
    reservoir: Reservoir[int] = Reservoir(0, np.random.default_rng(1))
    for item in range(10):
        reservoir.offer(item, 1)
    assert (reservoir.items, reservoir.n) == ([], 10)


def test_ring_is_exactly_recent() -> None:
    """Nothing older than the kept spans is left; every kept span has its own sample."""
    ring: ReservoirRing[float] = ReservoirRing(np.random.default_rng(1), shapes=MINUTES)
    for second in range(600):
        ring.offer(float(second), 10, float(second))
    spans = ring.spans(0)
    assert min(item for span in spans for item in span.items) >= 420
    assert [span.n for span in spans] == [60, 60, 60]
    assert [len(span.items) for span in spans] == [5, 5, 5]
    assert all(540 <= item < 600 for item in ring.recent(5))
    assert len(ring.recent(1000)) == 15


def test_bytes_are_bounded_and_the_oldest_go_first() -> None:
    """A flood of large items evicts old spans; a monstrous one is refused."""
    ring: ReservoirRing[int] = ReservoirRing(
        np.random.default_rng(1),
        max_bytes=1000,
        shapes=(Shape(length_s=1.0, keep=100, size=50),),
    )
    for number in range(2000):
        ring.offer(number, 10, number * 0.05)
        assert ring.n_bytes() <= 1000
    assert ring.n_evicted > 0
    assert max(ring.recent(50)) > 1900
    ring.offer(0, 11, 200.0)
    assert ring.n_refused == 1


def test_clock_that_goes_back_or_jumps_does_no_harm() -> None:
    """Items of the past count into the open span; a jump forgets what is too old."""
    ring: ReservoirRing[int] = ReservoirRing(np.random.default_rng(1), shapes=MINUTES)
    for at_s in (100.0, 50.0, 99.0, 161.0):
        ring.offer(1, 1, at_s)
    assert [span.n for span in ring.spans(0)] == [3, 1]
    ring.turn(1e6)
    assert [span.n for span in ring.spans(0)] == [0]
    ring.clear()
    assert ring.recent(10) == []


def test_large_items_leave_every_layer_some_of_its_picture() -> None:
    """What is short of bytes keeps the last minutes as well as the last hours."""
    shapes = (Shape(length_s=60.0, keep=60, size=50), Shape(length_s=3600.0, keep=24, size=200))
    ring: ReservoirRing[int] = ReservoirRing(
        np.random.default_rng(1), max_bytes=10_000, shapes=shapes
    )
    for number in range(24 * 360):
        ring.offer(number, 10, number * 10.0)
        assert ring.n_bytes() <= 10_000
    assert ring.n_evicted > 0
    n_minutes, n_hours = (sum(len(span.items) > 0 for span in ring.spans(at)) for at in (0, 1))
    assert n_minutes > 30
    assert n_hours >= 2


def test_merge_is_by_weight() -> None:
    """A replica with nine times the traffic has nine tenths of the merged sample."""
    rng = np.random.default_rng(1)
    busy, idle = Span(0.0, ("b",) * 50, 9000, 50), Span(1.0, ("i",) * 50, 1000, 50)
    shares = [merge(busy, idle, 50, rng).items.count("b") / 50 for _ in range(300)]
    assert np.mean(shares) == pytest.approx(0.9, abs=0.02)
    merged = merge(busy, idle, 50, rng)
    assert (merged.n, merged.began_s, len(merged.items)) == (10_000, 0.0, 50)
    nothing: Span[str] = Span(0.0, (), 0, 0)
    assert merge(nothing, nothing, 50, rng).items == ()
    assert merge(nothing, idle, 50, rng).items == idle.items


def test_a_time_is_covered_by_the_shortest_spans_that_reach_back_so_far() -> None:
    """Two fine spans, then a coarse one; together they stand for every item once."""
    shapes = (Shape(length_s=100.0, keep=5, size=40), Shape(length_s=10.0, keep=2, size=5))
    ring: ReservoirRing[float] = ReservoirRing(np.random.default_rng(1), shapes=shapes)
    for number in range(1000):
        ring.offer(number * 0.1, 1, number * 0.1)
    found = ring.between(20.0, 95.0, lambda item: item)
    assert {at for at, _ in found} <= {number * 0.1 for number in range(200, 950)}
    fine = [(at, weight) for at, weight in found if at >= 81.0]
    assert {weight for _, weight in fine} == {100 / 5}
    assert {weight for at, weight in found if at < 79.0} == {1000 / 40}
    assert sum(weight for _, weight in found) == pytest.approx(750, abs=250)
    assert ring.between(2000.0, 3000.0, lambda item: item) == []
    assert ReservoirRing[float](np.random.default_rng(1)).between(0, 9, lambda item: item) == []


def test_what_is_not_wanted_may_pass_unseen() -> None:
    """Skipping gives the same sample as offering, and the same count."""
    offered: ReservoirRing[int] = ReservoirRing(np.random.default_rng(1), shapes=MINUTES)
    asked: ReservoirRing[int] = ReservoirRing(np.random.default_rng(1), shapes=MINUTES)
    n_made = 0
    for number in range(500):
        offered.offer(number, 1, number * 0.2)
        if asked.wants(number * 0.2):
            n_made += 1
            asked.offer(number, 1, number * 0.2)
        else:
            asked.skip()
    assert [span.items for span in asked.spans(0)] == [span.items for span in offered.spans(0)]
    assert [span.n for span in asked.spans(0)] == [300, 200]
    assert n_made < 100
