"""Hours become slots: alike neighbours together, different ones apart, small ones never alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from proxy.stats.reference.merging import MIN_ROWS, merge_slots

MANY = 10_000.0


def merged(means: list[float], rows: float = MANY, error: float = 0.1) -> list[int]:
    """Merge hours of one functional."""
    return merge_slots(
        np.array(means)[:, np.newaxis],
        np.full((len(means), 1), error),
        np.full(len(means), rows),
    ).tolist()


def test_day_and_night_are_two_slots_and_the_night_goes_past_midnight() -> None:
    """The clock is a ring: the hours before and after midnight are neighbours."""
    night = [0.0] * 7 + [3.0] * 12 + [0.0] * 5
    assert merged(night) == [0] * 7 + [1] * 12 + [0] * 5


def test_hours_that_are_alike_are_one_slot() -> None:
    """Differences below half of the tolerance are not worth a slot."""
    assert set(merged([0.2 * (hour % 2) for hour in range(24)])) == {0}


def test_what_may_be_chance_is_merged() -> None:
    """With large errors the same means are one slot."""
    assert set(merged([3.0 * (hour > 12) for hour in range(24)], error=5.0)) == {0}


def test_a_slot_with_too_few_rows_joins_its_nearest_neighbour() -> None:
    """One busy-less hour of its own mean is no slot; it joins the side it is more like."""
    means = np.array([0.0] * 12 + [4.0] + [9.0] * 11)
    rows = np.full(24, MANY)
    rows[12] = MIN_ROWS / 2
    slots = merge_slots(means[:, np.newaxis], np.full((24, 1), 0.1), rows)
    assert slots[12] == slots[0] != slots[13]


def test_an_hour_without_rows_joins_a_neighbour() -> None:
    """Nobody calls at three: the hour belongs to the night and has no slot of its own."""
    rows = np.full(24, MANY)
    rows[3] = 0
    slots = merge_slots(np.zeros((24, 1)), np.full((24, 1), np.inf), rows)
    assert set(slots.tolist()) == {0}


def test_weekends_stand_apart_only_where_they_differ() -> None:
    """Of 48 hours the night is common, the working day is not."""
    day = [0.0] * 8 + [5.0] * 10 + [0.0] * 6
    slots = merged(day + [0.0] * 24)
    assert slots[0] == slots[24] == slots[36]
    assert slots[12] not in {slots[0], slots[36]}


@given(st.lists(st.floats(-5, 5), min_size=24, max_size=24), st.floats(0.01, 3))
def test_slots_are_numbered_and_large_enough(means: list[float], error: float) -> None:
    """Whatever the means: slots run from 0 without a gap, each with rows enough or all in one."""
    slots = np.array(merged(means, rows=MIN_ROWS / 3, error=error))
    used = np.unique(slots)
    assert used.tolist() == list(range(len(used)))
    if len(used) > 1:
        assert np.bincount(slots).min() * MIN_ROWS / 3 >= MIN_ROWS
