"""Real rows: all departures from New York in 2013, in any order and in the order of time.

In the order of time the days and their weather are as they were, in ticks of ten minutes: two
months are certified with their times, what follows is watched, and every fault begins two days
later. A year's seasons alarm sooner or later, rightly: what a fault needs is compared with the
first alarm of the same weeks without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

import made
from proxy.benchmark import Benchmark
from proxy.demo import flights
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Rows, Scalar, Verdict
from proxy.stats.reference.profile import build_profile
from proxy.units import DAY_S

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
    return made.rows(columns)


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
SEEDED = RNG.bit_generator.state


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Let the faults that strike at random strike alike, whichever tests ran before."""
    RNG.bit_generator.state = SEEDED


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
COLUMN = {
    "temperature in Celsius": "temperature",
    "carrier in lower case": "carrier",
    "wind frozen": "wind_speed",
    "departure delay + 5": "departure_delay",
    "hour off by one": "hour",
    "distance x 1.1": "distance",
    "2 % new origin": "origin",
    "5 % missing": "humidity",
    "1 % sentinel": "departure_delay",
}
"""Which column each of them breaks."""


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


SPANS = (
    ("2013-01-01", "2013-03-01"),
    ("2013-03-01", "2013-05-01"),
    ("2013-05-01", "2013-07-01"),
    ("2013-06-01", "2013-08-01"),
    ("2013-07-01", "2013-09-01"),
    ("2013-09-01", "2013-11-01"),
)
"""Certified months; what is watched are the four weeks after them."""
WATCHED_DAYS = 28
CALM_DAYS = 2
TICK_S = 600.0


def seconds(rows: flights.Flights) -> np.ndarray:
    """Give the time of each departure in seconds, local time taken for UTC."""
    return rows.departed.astype("M8[s]").astype(np.float64)


def certify_with_times(all_rows: flights.Flights, span: tuple[str, str]) -> Benchmark:
    """Certify a span in the order of time, with its times."""
    part = all_rows.between(span)
    profile = build_profile(
        columns_of(part, 0, len(part)),
        np.random.default_rng(5),
        ordered=True,
        times_s=seconds(part).tolist(),
    )
    return Benchmark(created_utc="", models={}, input=profile)


@dataclass(frozen=True)
class Found:
    """The first alarm of a replay, and whom it names."""

    rows: float
    """Departures since the fault began; infinite: no alarm."""
    days: float
    named: set[str]
    """Columns that are to blame at once."""
    later: set[str]
    """Columns that are to blame at some tick of the first day of the alarm."""

    def text(self, column: str, season_days: float) -> str:
        """Give it in a few words: rows, and how the column was named."""
        if column in self.named:
            return f"{self.rows:.0f}"
        if self.rows == math.inf:
            return "not found"
        if self.days >= season_days:
            return "season first"
        others = ", ".join(sorted(self.named))
        return f"{self.rows:.0f} ({others}{' first' if column in self.later else ' only'})"


def first_alarm(
    certified: Benchmark, rows: flights.Flights, fault: Callable[[Columns], str] | None
) -> Found:
    """Replay until a day after the first alarm. A product of two columns names both of them."""
    times = seconds(rows)
    borders = np.arange(times[0] // DAY_S * DAY_S, times[-1] + TICK_S, TICK_S)
    begins = borders[0] + CALM_DAYS * DAY_S
    monitor = InputDrift(DriftSettings(), certified, Engine(tick_s=TICK_S))
    places = np.searchsorted(times, borders)
    shown = 0
    first, later = Found(math.inf, math.inf, set(), set()), set()
    for start, stop, now_s in zip(places[:-1], places[1:], borders[1:], strict=True):
        if stop > start:
            columns = columns_of(rows, int(start), int(stop))
            if fault is not None and now_s > begins:
                fault(columns)
            shown += int(stop - start) if now_s > begins else 0
            monitor.observe(tick_of(columns))
        finding = monitor.judge(float(now_s))
        days = (now_s - begins) / DAY_S
        if finding.verdict is Verdict.BREACH:
            later |= {name for one in finding.blamed for name in one.subject.split(" with ")}
            if first.rows == math.inf:
                first = Found(shown, days, set(later), later)
        if days > first.days + 1:
            break
    return first


@pytest.mark.parametrize("span", SPANS, ids=" to ".join)
def test_faults_in_the_order_of_time(departures: flights.Flights, span: tuple[str, str]) -> None:
    """Faults that few healthy rows look like are found and named before the season alarms."""
    certified = certify_with_times(departures, span)
    end = str(np.datetime64(span[1]) + WATCHED_DAYS)
    rows = departures.between((span[1], end))
    season = first_alarm(certified, rows, None)
    print(f"{span}: without a fault {season.days:.1f} days, {sorted(season.named)}")  # noqa: T201 - the figure
    found = {name: first_alarm(certified, rows, fault) for name, (fault, _) in FAULTS.items()}
    for name, one in found.items():
        print(f"  {name}: {one.text(COLUMN[name], season.days)}")  # noqa: T201 - the figure
    for name in ("carrier in lower case", "wind frozen", "distance x 1.1"):
        assert COLUMN[name] in found[name].named
        assert found[name].rows <= 500
