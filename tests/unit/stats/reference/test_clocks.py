"""Clocks: what whole days of them look like, and how much one day differs from the next."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from proxy.records import Scalar
from proxy.stats.basis.hours import HOURS
from proxy.stats.reference.clocks import Clock, clock_of, clock_trouble
from proxy.stats.reference.column import ColumnProfile, build_column

RUSH = 1 + np.sin(np.pi * np.arange(HOURS) / HOURS)
"""How busy each hour of a day is."""


def days(n: int, spread: float = 0.0, rows: int = 1000) -> tuple[ColumnProfile, np.ndarray]:
    """Give the profile and the counts [days, hours, bins] of days that tell the hour.

    With a spread the mornings of each day are busier or calmer than those of others by so much.
    """
    rng = np.random.default_rng(1)
    busy = RUSH * np.exp(spread * rng.normal(size=(n, 1)) * (np.arange(HOURS) < 12))
    counted = rng.poisson(rows * busy / RUSH.sum())
    values: list[Scalar] = [
        float(hour) for day in counted for hour, times in enumerate(day) for _ in range(times)
    ]
    profile = build_column("hour", values, ordered=True)
    bins = profile.binner().bins([float(hour) for hour in range(HOURS)])
    counts = np.zeros((n, HOURS, len(profile.masses)), dtype=np.intp)
    counts[:, np.arange(HOURS), bins] = counted
    return profile, counts


def effect(clock: Clock | None, name: str) -> float:
    """Give a design effect."""
    assert clock is not None
    return clock.design_effects.get(name, 1.0)


def test_days_that_are_alike_make_every_row_count() -> None:
    """Within the day rows depend on each other fully; between such days they do not at all."""
    profile, counts = days(30)
    assert profile.design_effects is not None
    assert profile.design_effects["location"] > 50
    clock = clock_of(profile, counts)
    assert clock is not None
    assert clock.days == 28
    assert 950 < clock.rows < 1050
    assert effect(clock, "location") == effect(clock, "value 8") == 1.0


def test_days_that_differ_are_worth_fewer_rows() -> None:
    """Mornings that are a third busier on some days: a day is worth little more than one row."""
    clock = clock_of(*days(30, spread=0.3))
    assert 5 < effect(clock, "location") < 100


@pytest.mark.parametrize("n", [0, 1, 2, 9])
def test_too_few_whole_days_are_no_clock(n: int) -> None:
    """The first and the last day may be parts: ten days have eight whole ones."""
    profile, counts = days(10)
    assert clock_of(profile, counts) is not None
    assert clock_of(profile, counts[:n]) is None


def test_days_without_rows_do_not_count() -> None:
    """A gap of five days leaves those before and after it."""
    profile, counts = days(30)
    counts[10:15] = 0
    clock = clock_of(profile, counts)
    assert clock is not None
    assert clock.days == 23


def test_a_clock_of_a_file_must_be_a_column_and_have_design_effects() -> None:
    """What was edited by hand is told."""
    clock = Clock(name="hour", days=8, rows=100.0, design_effects={"location": 2.0})
    assert clock_trouble(clock, ["hour"]) == ""
    assert "no column" in clock_trouble(clock, ["minute"])
    assert "below 1" in clock_trouble(structs.replace(clock, design_effects={"a": 0.5}), ["hour"])
    assert "below 1" in clock_trouble(structs.replace(clock, rows=0.0), ["hour"])
