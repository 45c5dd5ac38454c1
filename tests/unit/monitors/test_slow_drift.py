"""Slow drift: a ticket before the tolerance is left, and silence wherever an alarm speaks."""

from __future__ import annotations

import numpy as np
import pytest

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings, SlowDriftSettings
from proxy.monitors.slow_drift import SlowDrift
from proxy.records import AlarmName, Finding, Verdict
from proxy.stats.reference.profile import build_profile
from proxy.units import DAY_S

TICK_S = DAY_S / 8
RNG = np.random.default_rng(4)
NAMES = ("temperature", "wind")
CERTIFIED = Benchmark(
    created_utc="",
    models={},
    input=build_profile(
        {name: list(RNG.normal(size=20_000)) for name in NAMES}, RNG, ordered=False
    ),
)


class House:
    """The monitors of one sidecar whose days pass in eight ticks."""

    def __init__(self, settings: SlowDriftSettings | None = None) -> None:
        """Begin without a day."""
        engine = Engine(tick_s=TICK_S, utc_offset_s=1_699_833_600.0)
        self.rng = np.random.default_rng(7)
        drift = DriftSettings(unmeasured_design_effect=1.0, learn_s=0)
        self.inputs = InputDrift(drift, CERTIFIED, engine)
        self.slow = SlowDrift(settings or SlowDriftSettings(), engine, self.inputs.sides())
        self.alarm: Finding | None = None

    def tick(self, number: int, shift: float) -> Finding:
        """Show one tick of 400 rows, the first column shifted."""
        values = self.rng.normal(size=(2, 400))
        values[0] += shift
        for part in np.split(values, 4, axis=1):
            self.inputs.observe(made.rows(dict(zip(NAMES, part.tolist(), strict=True))))
        now_s = (number + 1) * TICK_S
        self.alarm = self.inputs.judge(now_s)
        return self.slow.judge(now_s)

    def days(self, first: int, last: int, per_day: float, begin: float = 0.0) -> list[Finding]:
        """Show days that drift; give what was found at the end of each."""
        return [
            [
                self.tick(8 * day + part, begin + per_day * (day - first + part / 8))
                for part in range(8)
            ][-1]
            for day in range(first, last)
        ]


def test_a_slow_drift_makes_a_ticket_with_its_pace_and_no_alarm() -> None:
    """0.003 sd a day: told before the tolerance is left, in words that say what to expect."""
    house = House()
    found = house.days(0, 26, 0.003)
    assert house.alarm is not None
    assert house.alarm.verdict is Verdict.OK
    told = [one for one in found if one.verdict is Verdict.BREACH]
    assert told
    last = found[-1]
    assert last.monitor is AlarmName.SLOW_DRIFT
    assert last.subject == "temperature"
    assert last.reason.startswith("temperature has moved 0.0")
    assert " sd in 2" in last.reason
    assert " sd a day); at this pace it leaves the tolerance in " in last.reason
    assert [blame.subject for blame in last.blamed] == ["temperature"]
    assert last.since_s is not None
    (ticket,) = [one for one in _trends(house.slow) if one["ticket"]]
    assert ticket["stream"] == "temperature"


def _trends(monitor: SlowDrift) -> list[dict[str, object]]:
    trends = monitor.detail()["trends"]
    assert isinstance(trends, list)
    return trends


def test_a_steady_month_is_quiet() -> None:
    """Unknown while there are too few days, then within tolerance, never a ticket."""
    house = House()
    found = house.days(0, 30, 0.0)
    assert found[3].verdict is Verdict.UNKNOWN
    assert "10 whole days with rows are needed" in found[3].reason
    assert {one.verdict for one in found[12:]} == {Verdict.OK}
    assert found[-1].n_current > 0


def test_inputs_and_answers_share_one_budget_of_false_tickets() -> None:
    """The rates of both sides add up to one false ticket in the wanted time, not to more."""
    engine = Engine(expected_run_length_s=100 * DAY_S)
    sides = {
        side: watch
        for side in ("input", "candidate")
        for watch in InputDrift(DriftSettings(), CERTIFIED, engine).sides().values()
    }
    SlowDrift(SlowDriftSettings(), engine, sides)
    rates = [1 / watch.trend.demand.run_length_s for watch in sides.values() if watch.trend]
    assert len(rates) == 2
    assert sum(rates) == pytest.approx(1 / engine.expected_run_length_s)


def test_a_compressed_clock_stays_silent() -> None:
    """A demonstration of minutes has no days: nothing is said by default."""
    house = House()
    for number in range(40):
        engine_time = 1.0 * number
        house.inputs.judge(engine_time)
        assert house.slow.judge(engine_time).verdict is Verdict.UNKNOWN


def test_where_an_alarm_speaks_no_ticket_is_opened() -> None:
    """A ramp that leaves the tolerance before ten days have passed is the alarm's."""
    house = House()
    found = house.days(0, 16, 0.06)
    assert house.alarm is not None
    assert house.alarm.verdict is Verdict.BREACH
    assert all(one.verdict is not Verdict.BREACH for one in found)


def test_a_ticket_ends_when_the_column_has_come_back() -> None:
    """The source was mended: days near the certificate close the ticket."""
    house = House()
    assert house.days(0, 26, 0.003)[-1].verdict is Verdict.BREACH
    assert house.days(26, 60, 0.0)[-1].verdict is Verdict.OK


def test_days_survive_a_restart_and_nothing_else_fits() -> None:
    """A restarted watcher does not need another month."""
    house, again = House(), House()
    house.days(0, 20, 0.003)
    raw = house.slow.snapshot()
    assert again.slow.restore(raw)
    assert len(_trends(again.slow)) == len(_trends(house.slow)) > 0
    assert not again.slow.restore(b"no")
    again.slow.reset()
    assert _trends(again.slow) == []


def test_an_open_ticket_survives_a_restart_as_it_stood() -> None:
    """The same columns, since the same day."""
    house, again = House(), House()
    before = house.days(0, 26, 0.003)[-1]
    assert again.slow.restore(house.slow.snapshot())
    after = again.slow.judge(before.at_s)
    assert (after.verdict, after.since_s) == (Verdict.BREACH, before.since_s)


def test_switched_off_and_without_a_profile_it_says_so() -> None:
    """Unknown, with the reason."""
    off = House(SlowDriftSettings(enabled=False))
    assert off.tick(0, 0.0).reason == "switched off"
    bare = SlowDrift(SlowDriftSettings(), Engine(), {})
    assert bare.judge(0.0).reason == "no certified profile"
    assert bare.restore(bare.snapshot())
    bare.observe(made.rows({}))
