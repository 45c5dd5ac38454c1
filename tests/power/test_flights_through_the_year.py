"""Real rows in the order of time: a whole year of departures, certified anew every month.

Each month from March on is watched against the two before it, at its true pace, by the monitors of
drift and of form, as in service. The season alarms now and then, rightly: two months do not certify
a year. So each month is replayed without a fault first, and what a fault is said to have broken is
compared with what was named by then without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

import made
from departures import FAULTS, Columns, Fault, columns_of, seconds
from proxy.benchmark import Benchmark
from proxy.demo import flights
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.schema import Schema
from proxy.monitors.settings import DriftSettings, SchemaSettings
from proxy.payload.schema import infer
from proxy.records import Side, Verdict
from proxy.stats.reference.profile import build_profile
from proxy.units import DAY_S

pytestmark = [pytest.mark.power, pytest.mark.timeout(3600)]
CALM_DAYS = 2
TICK_S = 600.0
MONTHS = tuple(range(3, 13))
"""Months that are watched, each against the two before it."""


@pytest.fixture(scope="module")
def departures(tmp_path_factory: pytest.TempPathFactory) -> flights.Flights:
    """Give all departures."""
    return flights.load(tmp_path_factory.mktemp("flights"))


def month(number: int) -> str:
    """Give the first day of a month; the thirteenth is January."""
    return f"{2013 + (number - 1) // 12}-{(number - 1) % 12 + 1:02d}-01"


def certify(rows: flights.Flights) -> Benchmark:
    """Certify rows in the order of time, with their times and their form."""
    columns = columns_of(rows, 0, len(rows))
    rng = np.random.default_rng(5)
    profile = build_profile(columns, rng, ordered=True, times_s=seconds(rows).tolist())
    schema = infer(Side.INPUT, columns, ())
    return Benchmark(created_utc="", models={}, input=profile, schema=schema)


class Watchers:
    """The two monitors that look at what comes in."""

    def __init__(self, certified: Benchmark) -> None:
        """Watch against what was certified."""
        engine = Engine(tick_s=TICK_S)
        self.drift = InputDrift(DriftSettings(), certified, engine)
        self.form = Schema(SchemaSettings(), certified, engine)

    def see(self, columns: Columns, now_s: float) -> set[str]:
        """Give the columns that are to blame after a tick. A product names both of its columns.

        Every departure is a request of its own: a form is counted by requests.
        """
        self.drift.observe(made.rows(columns))
        for row in zip(*columns.values(), strict=True):
            one = {name: [value] for name, value in zip(columns, row, strict=True)}
            self.form.observe(made.rows(one))
        named: set[str] = set()
        finding = self.drift.judge(now_s)
        if finding.verdict is Verdict.BREACH:
            named |= {name for one in finding.blamed for name in one.subject.split(" with ")}
        finding = self.form.judge(now_s)
        if finding.verdict is Verdict.BREACH:
            kinds = self.form.detail()["names"]
            assert isinstance(kinds, dict)
            for one in finding.blamed:
                kind, _, column = one.subject.partition(" of ")
                named |= {column} if kind == "null rate" else set(kinds[one.subject])
        return named


def ticks(rows: flights.Flights) -> Iterator[tuple[float, Columns]]:
    """Give ticks of ten minutes, those without a departure too: its end and its rows."""
    times = seconds(rows)
    borders = np.arange(times[0] // DAY_S * DAY_S, times[-1] + TICK_S, TICK_S)
    places = np.searchsorted(times, borders)
    for start, stop, now_s in zip(places[:-1], places[1:], borders[1:], strict=True):
        yield float(now_s), columns_of(rows, int(start), int(stop))


@dataclass(frozen=True)
class Named:
    """When a column was first named since the fault could have been there."""

    days: float
    rows: int


def replay(certified: Benchmark, rows: flights.Flights, fault: Fault | None) -> dict[str, Named]:
    """Give when each column was named first, until that of the fault is."""
    watchers, rng = Watchers(certified), np.random.default_rng(7)
    begins = float(seconds(rows)[0]) // DAY_S * DAY_S + CALM_DAYS * DAY_S
    found: dict[str, Named] = {}
    shown = 0
    for now_s, columns in ticks(rows):
        if now_s > begins:
            shown += len(columns["hour"])
            if fault is not None:
                fault.strike(columns, rng)
        for name in watchers.see(columns, now_s):
            found.setdefault(name, Named((now_s - begins) / DAY_S, shown))
        if fault is not None and fault.column in found:
            break
    return found


@pytest.mark.parametrize("number", MONTHS)
def test_every_fault_is_named_before_the_season_names_its_column(
    departures: flights.Flights, number: int
) -> None:
    """In each month each fault is found, by the name of its column."""
    certified = certify(departures.between((month(number - 2), month(number))))
    rows = departures.between((month(number), month(number + 1)))
    season = replay(certified, rows, None)
    told = ", ".join(f"{name} {one.days:.1f}" for name, one in season.items())
    print(f"month {number}: without a fault {told or 'nothing'}")  # noqa: T201 - the figure
    late: list[str] = []
    for name, fault in FAULTS.items():
        found = replay(certified, rows, fault)
        own, calm = found.get(fault.column), season.get(fault.column)
        until = np.inf if own is None else own.days
        others = [
            other
            for other in found
            if other != fault.column and not (other in season and season[other].days <= until)
        ]
        text = "never" if own is None else f"{own.rows} rows, {own.days:.1f} days"
        beside = f", beside {others}" if others else ""
        print(f"  {name}: {text}{beside}")  # noqa: T201 - the figure
        if own is None or (calm is not None and calm.days <= own.days):
            late.append(name)
    assert late == []
