"""Seasons: found where the hour matters, not by chance, not from a single day."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from proxy.records import Scalar
from proxy.stats.basis.hours import Calendar
from proxy.stats.reference.column import build_column
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.reference.season import (
    Seasons,
    about_seasons,
    find_seasons,
    trouble_of,
)
from proxy.units import DAY_S

MONDAY_S = 1_699_833_600.0
"""2023-11-13 00:00 UTC, a Monday."""
Columns = dict[str, list[Scalar]]


def every(step_s: float, n_days: float) -> np.ndarray:
    """Give times from a Monday on."""
    return MONDAY_S + np.arange(0, n_days * DAY_S, step_s)


def wave(times: np.ndarray, height: float) -> np.ndarray:
    """Give a wave of a day."""
    return height * np.sin(2 * np.pi * times / DAY_S)


def seasons(columns: dict[str, np.ndarray], times: np.ndarray) -> Seasons | None:
    """Find the seasons of columns."""
    values: Columns = {name: list(column) for name, column in columns.items()}
    profiles = [build_column(name, column, ordered=True) for name, column in values.items()]
    return find_seasons(values, profiles, times.tolist())


def names(found: Seasons | None) -> list[str]:
    """Give the columns that have a season."""
    return [] if found is None else [one.name for one in found.columns]


def test_a_daily_wave_is_found_and_measured() -> None:
    """A wave of 0.15 sd in one reading a minute, the other columns flat or below half tolerance."""
    rng = np.random.default_rng(1)
    times = every(60, 14)
    noise = rng.normal(size=(3, len(times)))
    found = seasons(
        {
            "wave": noise[0] + wave(times, 0.15),
            "flat": noise[1],
            "small": noise[2] + wave(times, 0.03),
        },
        times,
    )
    assert names(found) == ["wave"]
    assert found is not None
    (one,) = found.columns
    assert one.calendar is Calendar.DAY
    assert sum(one.n) == len(times)
    assert 2 < len(one.masses) < 12
    assert one.slots[0] in {one.slots[23], one.slots[1]}
    assert float(one.moves.split()[2]) == pytest.approx(0.15, abs=0.07)
    assert one.design_effects.get("location", 1.0) < 2


def test_masses_of_a_slot_are_those_of_its_hours() -> None:
    """A category that is only seen at night has its share in the slots of the night."""
    rng = np.random.default_rng(2)
    times = every(120, 10)
    is_night = Calendar.DAY.hours(times) < 6
    values: list[Scalar] = [
        "a" if night and rng.random() < 0.5 else "b" for night in is_night.tolist()
    ]
    profile = build_column("kind", values, ordered=True)
    found = find_seasons({"kind": values}, [profile], times.tolist())
    assert found is not None
    (one,) = found.columns
    place = profile.categories.index("a")
    assert one.masses[one.slot(MONDAY_S + 3 * 3600)][place] == pytest.approx(0.5, abs=0.05)
    assert one.masses[one.slot(MONDAY_S + 15 * 3600)][place] < 0.01
    assert "share of 'category a'" in one.moves


def test_one_strange_hour_is_a_season() -> None:
    """A job that runs at three every night moves one hour by one standard deviation."""
    rng = np.random.default_rng(3)
    times = every(120, 7)
    found = seasons({"x": rng.normal(size=len(times)) + (Calendar.DAY.hours(times) == 3)}, times)
    assert found is not None
    slots = found.columns[0].slots
    assert slots.count(slots[3]) == 1


def test_a_steep_hour_forgives_what_it_moves_by_itself() -> None:
    """A wave of 3 sd moves by 0.8 sd within its steepest hours, and hardly at its height."""
    rng = np.random.default_rng(11)
    times = every(60, 10)
    found = seasons({"x": rng.normal(size=len(times)) + wave(times, 3.0)}, times)
    assert found is not None
    (one,) = found.columns
    steep, flat = one.slopes[one.slots[0]], one.slopes[one.slots[6]]
    assert 0.2 < steep["location"] < 0.6
    assert flat.get("location", 0.0) < 0.1


def test_weekends_are_told_from_working_days_when_there_are_three() -> None:
    """In 21 days a column that rests on Saturdays and Sundays gets the calendar of a week."""
    rng = np.random.default_rng(4)
    times = every(300, 21)
    is_weekend = Calendar.WEEK.hours(times) >= 24
    found = seasons({"x": rng.normal(size=len(times)) - 0.5 * is_weekend}, times)
    assert found is not None
    (one,) = found.columns
    assert one.calendar is Calendar.WEEK
    friday, saturday = one.slot(MONDAY_S + 4.5 * DAY_S), one.slot(MONDAY_S + 5.5 * DAY_S)
    assert friday != saturday
    assert one.slot(MONDAY_S + 7.5 * DAY_S) == friday


def test_days_without_weekends_are_stored_as_a_day() -> None:
    """The calendar of a week is looked at, but 24 hours say all."""
    rng = np.random.default_rng(5)
    times = every(60, 21)
    found = seasons({"x": rng.normal(size=len(times)) + wave(times, 0.8)}, times)
    assert found is not None
    (one,) = found.columns
    assert (one.calendar, len(one.slots)) == (Calendar.DAY, 24)
    assert sum(one.n) == len(times)


@pytest.mark.parametrize("n_days", [3, 5])
def test_a_trend_is_no_season(n_days: int) -> None:
    """A column that only grows has low mornings and high evenings, but no season."""
    rng = np.random.default_rng(6)
    times = every(60, n_days)
    growing = rng.normal(size=len(times)) + np.linspace(0, 1.5, len(times))
    assert seasons({"x": growing}, times) is None


def test_weather_is_no_season() -> None:
    """Days that differ from each other, and waves that come at any hour, are dependence."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        times = every(300, 10)
        slow = np.convolve(rng.normal(size=len(times) + 99), np.ones(100) / 10, "valid")
        assert seasons({"x": rng.normal(size=len(times)) + slow}, times) is None


def test_the_clock_itself_is_not_given_slots() -> None:
    """A column that tells the hour would alarm at the smallest delay: it is told by whole days."""
    times = every(60, 12)
    hours = Calendar.DAY.hours(times).astype(np.float64)
    found = seasons({"hour": hours}, times)
    assert found is not None
    assert (found.columns, [one.name for one in found.clocks]) == ((), ["hour"])
    assert about_seasons(times.tolist(), found) == [
        "hour is a clock: watched by whole days, 10 of which are certified"
    ]
    assert seasons({"hour": hours[:7000]}, times[:7000]) is None, "too few whole days"


def test_what_happens_in_one_hour_of_the_night_makes_no_clock() -> None:
    """Missing at three, or a batch value at four: a column with a season, not one of the time."""
    rng = np.random.default_rng(7)
    times = every(60, 12)
    hours = Calendar.DAY.hours(times)
    values = rng.normal(size=len(times))
    found = seasons(
        {
            "empty": np.where(hours == 3, np.nan, values),
            "batch": np.where(hours == 4, -999.0, values),
        },
        times,
    )
    assert found is not None
    assert found.clocks == ()
    assert names(found) == ["empty", "batch"]


def test_a_clock_may_be_told_in_words() -> None:
    """The hour as a category is a clock; a category that is likelier at some hours is none."""
    rng = np.random.default_rng(7)
    times = every(60, 12)
    hours = Calendar.DAY.hours(times)
    likely = np.where(rng.uniform(size=len(times)) < 0.5 + 0.4 * (hours < 12), "am", "pm")
    columns: Columns = {"hour": [f"h{hour}" for hour in hours], "half": likely.tolist()}
    profiles = [build_column(name, column, ordered=True) for name, column in columns.items()]
    found = find_seasons(columns, profiles, times.tolist())
    assert found is not None
    assert [one.name for one in found.clocks] == ["hour"]
    assert names(found) == ["half"]
    uneven = find_seasons(columns, profiles, times.tolist(), is_even=False)
    assert uneven is not None
    assert uneven.clocks == (), "where hours are not sampled alike nothing is a clock"


def test_one_day_cannot_tell_season_from_trend_and_the_certificate_says_so() -> None:
    """With too few days nothing is found, and the warning says what to do."""
    rng = np.random.default_rng(7)
    times = every(60, 1)
    found = seasons({"x": rng.normal(size=len(times)) + wave(times, 1)}, times)
    assert found is None
    (warning,) = about_seasons(times.tolist(), found)
    assert warning.startswith("the reference covers 1 day:")
    assert "3 days or more" in warning
    (short,) = about_seasons(times[:100].tolist(), None)
    assert short.startswith("the reference covers less than half a day:")


def test_rows_without_a_time_are_left_out() -> None:
    """Their hour is not known; the others still show the season."""
    rng = np.random.default_rng(8)
    times = every(60, 7)
    values = rng.normal(size=len(times)) + wave(times, 0.5)
    unknown = times.copy()
    unknown[-1000:] = np.nan
    found = seasons({"x": values}, unknown)
    assert found is not None
    assert sum(found.columns[0].n) == len(times) - 1000
    assert seasons({"x": values}, np.full(len(times), np.nan)) is None


def test_a_constant_and_an_empty_column_are_no_trouble() -> None:
    """What cannot vary has no season, nor has what is not there."""
    times = every(600, 5)
    constant: list[Scalar] = [1.0] * len(times)
    nothing: list[Scalar] = [None] * len(times)
    columns = {"constant": constant, "nothing": nothing}
    profiles = [build_column(name, values, ordered=True) for name, values in columns.items()]
    assert find_seasons(columns, profiles, times.tolist()) is None
    assert find_seasons({}, profiles, times.tolist()) is None


def test_the_certificate_names_the_columns_and_their_movement() -> None:
    """The profile carries the seasons, and says so in words."""
    rng = np.random.default_rng(9)
    times = every(60, 5)
    columns: dict[str, list[Scalar]] = {
        f"x{i}": list(rng.normal(size=len(times)) + wave(times, 0.3)) for i in range(7)
    }
    profile = build_profile(columns, rng, ordered=False, times_s=times.tolist())
    assert profile.ordered
    assert isinstance(profile, Profile)
    assert profile.seasons is not None
    assert len(profile.seasons.columns) >= 7
    named = [text for text in profile.warnings if "watched against its own hour" in text]
    assert len(named) == 5
    assert named[0].startswith("the hour of the day moves x0 by up to 0.")
    assert any("more columns" in text for text in profile.warnings)


def test_seasons_that_a_hand_has_changed_are_refused() -> None:
    """Each contradiction is named; what was found fits."""
    rng = np.random.default_rng(10)
    times = every(60, 5)
    values: list[Scalar] = list(rng.normal(size=len(times)) + wave(times, 0.5))
    profile = build_column("x", values, ordered=True)
    found = find_seasons({"x": values}, [profile], times.tolist())
    assert found is not None
    assert trouble_of(found, [profile]) == ""
    (one,) = found.columns
    for change in (
        {"name": "y"},
        {"slots": one.slots[:-1]},
        {"slots": (*one.slots[:-1], 99)},
        {"n": one.n[:-1]},
        {"n": tuple(0 for _ in one.n)},
        {"masses": (one.masses[0][:-1], *one.masses[1:])},
        {"masses": ((float("nan"), *one.masses[0][1:]), *one.masses[1:])},
        {"masses": ()},
        {"slopes": ()},
        {"slopes": tuple({"location": -1.0} for _ in one.n)},
        {"design_effects": {"location": 0.5}},
        {"design_effects": {"location": float("nan")}},
    ):
        broken = Seasons(days=5, columns=(structs.replace(one, **change),))
        assert trouble_of(broken, [profile]), change
