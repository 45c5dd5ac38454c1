"""Real rows: departures from New York in 2013 in random order, and through two quiet weeks."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

import made
from departures import FAULTS, Columns, columns_of
from proxy.benchmark import Benchmark
from proxy.demo import flights
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Verdict
from proxy.stats.reference.profile import build_profile

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]
ENGINE = Engine(tick_s=60.0)


@pytest.fixture(scope="module")
def departures(tmp_path_factory: pytest.TempPathFactory) -> flights.Flights:
    """Give all departures."""
    return flights.load(tmp_path_factory.mktemp("flights"))


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
        monitor.observe(made.rows(columns))
        finding = monitor.judge(60.0 * number)
        assert finding.verdict is not Verdict.BREACH, finding.reason


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_found_and_its_column_named(departures: flights.Flights, name: str) -> None:
    """After 2,000 healthy rows the fault is found within its rows, and the column is named."""
    certified, rest = in_any_order(departures)
    fault, rng = FAULTS[name], np.random.default_rng(7)
    monitor = InputDrift(DriftSettings(unmeasured_design_effect=1.0), certified, ENGINE)
    found = math.inf
    for number, columns in enumerate(ticks(rest, 20, 20_000)):
        broken = number >= 100
        if broken:
            fault.strike(columns, rng)
        monitor.observe(made.rows(columns))
        finding = monitor.judge(60.0 * number)
        if finding.verdict is Verdict.BREACH:
            assert broken
            found = (number - 99) * 20
            assert fault.column in {blame.subject for blame in finding.blamed}
            break
    print(f"{name}: {found:.0f} rows")  # noqa: T201 - the figure
    assert found <= fault.rows


def test_departures_in_the_order_of_time(departures: flights.Flights) -> None:
    """Certified on June and July: two quiet weeks of August, then Celsius, found and over again."""
    rng = np.random.default_rng(5)
    reference = departures.between(flights.CERTIFICATION)
    profile = build_profile(columns_of(reference, 0, len(reference)), rng, ordered=True)
    certified = Benchmark(created_utc="", models={}, input=profile)
    settings = DriftSettings(max_rows_per_exchange=1000)
    monitor = InputDrift(settings, certified, Engine(tick_s=1.0))
    fault = FAULTS["temperature in Celsius"]
    breached: list[int] = []
    for number, columns in enumerate(ticks(departures.between(flights.REPLAY), 250, 250 * 120)):
        if 50 <= number < 80:
            fault.strike(columns, rng)
        monitor.observe(made.rows(columns))
        finding = monitor.judge(float(number))
        if finding.verdict is Verdict.BREACH:
            breached.append(number)
            assert [blame.subject for blame in finding.blamed] == ["temperature"]
    print(f"Celsius in time order: ticks {breached[0] - 49} to {breached[-1] - 49}")  # noqa: T201 - the figure
    assert 52 <= breached[0] <= 56
    assert breached == list(range(breached[0], breached[-1] + 1))
    assert 79 <= breached[-1] <= 92
