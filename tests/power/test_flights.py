"""Real rows: all departures from New York in 2013, in any order and in the order of time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from proxy.benchmark import Benchmark
from proxy.demo import flights
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Model, Rows, Scalar, Side, Verdict
from proxy.stats.profile import build_profile

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]
Columns = dict[str, list[Scalar]]
ENGINE = Engine(tick_s=60.0)


@pytest.fixture(scope="module")
def departures(tmp_path_factory: pytest.TempPathFactory) -> flights.Flights:
    """Give all departures."""
    return flights.load(tmp_path_factory.mktemp("flights"))


def columns_of(part: flights.Flights, start: int, stop: int) -> Columns:
    """Give rows by column."""
    rows = part.rows(start, stop)
    return {name: [row[name] for row in rows] for name in flights.COLUMNS}


def tick_of(columns: Columns) -> Rows:
    """Give rows as the monitor sees them."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=tuple(columns),
        values=tuple(columns.values()),
        n=len(columns["hour"]),
    )


def changed(name: str, change: Callable[[Scalar, int], Scalar]) -> Callable[[Columns], str]:
    """Give a fault that changes one column, and tells which."""

    def fault(columns: Columns) -> str:
        columns[name] = [change(value, row) for row, value in enumerate(columns[name])]
        return name

    return fault


def numeric(function: Callable[[float], float]) -> Callable[[Scalar, int], Scalar]:
    """Give a change of numbers that leaves missing values."""
    return lambda value, _row: function(float(value)) if isinstance(value, int | float) else value


RNG = np.random.default_rng(7)
FAULTS: dict[str, tuple[Callable[[Columns], str], int]] = {
    "temperature in Celsius": (
        changed("temperature", numeric(lambda fahrenheit: (fahrenheit - 32) / 1.8)),
        100,
    ),
    "carrier in lower case": (changed("carrier", lambda value, _: str(value).lower()), 100),
    "wind frozen": (changed("wind_speed", lambda _value, _row: 10.35702), 100),
    "departure delay + 5": (changed("departure_delay", numeric(lambda minutes: minutes + 5)), 200),
    "hour off by one": (changed("hour", numeric(lambda hour: hour + 1)), 700),
    "distance x 1.1": (changed("distance", numeric(lambda miles: miles * 1.1)), 1000),
    "2 % new origin": (
        changed("origin", lambda value, _: "ZZZ" if RNG.random() < 0.02 else value),
        1800,
    ),
    "5 % missing": (
        changed("humidity", lambda value, _: None if RNG.random() < 0.05 else value),
        2500,
    ),
    "1 % sentinel": (
        changed("departure_delay", lambda value, _: -999.0 if RNG.random() < 0.01 else value),
        4500,
    ),
}
"""What breaks, and the rows within which it must be found."""


def in_any_order(all_rows: flights.Flights) -> tuple[Benchmark, flights.Flights]:
    """Give a benchmark of 50,000 rows drawn at random, and the other rows in random order."""
    rng = np.random.default_rng(5)
    order = rng.permutation(len(all_rows))
    mixed = flights.Flights(
        columns={name: column[order] for name, column in all_rows.columns.items()},
        departed=all_rows.departed[order],
        late=all_rows.late[order],
    )
    profile = build_profile(columns_of(mixed, 0, 50_000), rng, ordered=False)
    return Benchmark(created_utc="", models={}, input=profile), mixed.part(50_000, len(mixed))


def ticks(rows: flights.Flights, n_rows: int, limit: int) -> Iterator[Columns]:
    """Give consecutive ticks."""
    for start in range(0, min(limit, len(rows)) - n_rows + 1, n_rows):
        yield columns_of(rows, start, start + n_rows)


def test_shuffled_departures_never_alarm(departures: flights.Flights) -> None:
    """280,000 unchanged rows in random order, 12 columns: no alarm."""
    certified, rest = in_any_order(departures)
    monitor = InputDrift(DriftSettings(unmeasured_design_effect=1.0), certified, ENGINE)
    for number, columns in enumerate(ticks(rest, 100, 10**9)):
        monitor.observe(tick_of(columns))
        finding = monitor.judge(60.0 * number)
        assert finding.verdict is not Verdict.BREACH, finding.reason


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_found_and_its_column_named(departures: flights.Flights, name: str) -> None:
    """After 2,000 healthy rows the fault is found within its rows, and the column is named."""
    certified, rest = in_any_order(departures)
    fault, limit = FAULTS[name]
    monitor = InputDrift(DriftSettings(unmeasured_design_effect=1.0), certified, ENGINE)
    found = math.inf
    for number, columns in enumerate(ticks(rest, 20, 20_000)):
        broken = number >= 100
        column = fault(columns) if broken else ""
        monitor.observe(tick_of(columns))
        finding = monitor.judge(60.0 * number)
        if finding.verdict is Verdict.BREACH:
            assert broken
            found = (number - 99) * 20
            assert column in {blame.subject for blame in finding.blamed}
            break
    print(f"{name}: {found:.0f} rows")  # noqa: T201 - the figure
    assert found <= limit


def test_departures_in_the_order_of_time(departures: flights.Flights) -> None:
    """Certified on June and July: two quiet weeks of August, then Celsius, found and over again."""
    rng = np.random.default_rng(5)
    reference = departures.between(flights.CERTIFICATION)
    profile = build_profile(columns_of(reference, 0, len(reference)), rng, ordered=True)
    certified = Benchmark(created_utc="", models={}, input=profile)
    settings = DriftSettings(max_rows_per_exchange=1000)
    monitor = InputDrift(settings, certified, Engine(tick_s=1.0))
    fault, _ = FAULTS["temperature in Celsius"]
    breached: list[int] = []
    for number, columns in enumerate(ticks(departures.between(flights.REPLAY), 250, 250 * 120)):
        if 50 <= number < 80:
            fault(columns)
        monitor.observe(tick_of(columns))
        finding = monitor.judge(float(number))
        if finding.verdict is Verdict.BREACH:
            breached.append(number)
            assert [blame.subject for blame in finding.blamed] == ["temperature"]
    print(f"Celsius in time order: ticks {breached[0] - 49} to {breached[-1] - 49}")  # noqa: T201 - the figure
    assert 52 <= breached[0] <= 56
    assert breached == list(range(breached[0], breached[-1] + 1))
    assert 79 <= breached[-1] <= 92
