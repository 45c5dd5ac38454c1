"""Season, the recent past and slow drift over months: what alarms, what is found, what is told.

Columns are normal with a wave of a day of 0.15 standard deviations, each at an hour of its own.
The reference is two weeks with one row a minute; traffic has 100 rows a minute unless said.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import lfilter
from scipy.stats import norm

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings, SlowDriftSettings
from proxy.monitors.slow_drift import SlowDrift
from proxy.records import Pace, Verdict
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch
from proxy.units import DAY_S

pytestmark = [pytest.mark.power, pytest.mark.timeout(3600)]
MONDAY_S = 1_699_833_600.0
HEIGHT = 0.15
Shift = Callable[[float], float]


class Town:
    """Columns with waves, certified on two weeks; later weeks are drawn as counts of bins.

    Drawing counts is exact for independent rows, and the wave stands still for ten minutes.
    """

    def __init__(self, seed: int, n_columns: int, *, timed: bool = True) -> None:
        """Certify; without times the certificate knows no season."""
        self.rng = np.random.default_rng(seed)
        self.phases = np.arange(n_columns) * 2 * np.pi / n_columns
        times = MONDAY_S - 14 * DAY_S + np.arange(0, 14 * DAY_S, 60)
        rows = self.rng.normal(size=(len(times), n_columns)) + self.wave(times[:, np.newaxis])
        columns = {f"x{place}": rows[:, place].tolist() for place in range(n_columns)}
        self.profile: Profile = build_profile(
            columns, self.rng, ordered=timed, times_s=times.tolist() if timed else None
        )
        self.edges = [np.array(column.edges) for column in self.profile.columns]

    def wave(self, utc_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Give the wave of every column."""
        angles: NDArray[np.float64] = 2 * np.pi * np.asarray(utc_s) / DAY_S + self.phases
        return HEIGHT * np.sin(angles)

    def masses(self, utc_s: float, shift: float) -> NDArray[np.float64]:
        """Give the chance of each bin, [columns, bins], the first column shifted."""
        moved = self.wave(utc_s)
        moved[0] += shift
        found = []
        for edges, by in zip(self.edges, moved, strict=True):
            inner = np.concatenate([[0.0], norm.cdf(edges - by), [1.0]])
            found.append(np.concatenate([np.diff(inner), [0.0, 0.0]]))
        return np.array(found)

    def watch(self, *, recent_past: bool = True) -> tuple[InputDrift, SlowDrift, ProfileWatch]:
        """Give the monitors as a sidecar has them: ticks of a minute, a false alarm a year."""
        settings = DriftSettings(recent_past=recent_past, unmeasured_design_effect=1.0, learn_s=0.0)
        engine = Engine(tick_s=60.0)
        benchmark = Benchmark(created_utc="", models={}, input=self.profile)
        monitor = InputDrift(settings, benchmark, engine)
        sides = monitor.sides()
        return monitor, SlowDrift(SlowDriftSettings(), engine, sides), sides["input"]

    def ticks(
        self,
        side: ProfileWatch,
        hours: tuple[float, float],
        shift: Shift = lambda _: 0.0,
        rows: int = 100,
    ) -> np.ndarray:
        """Yield the end of every tick of these hours, its counts laid before the watch."""
        chunk_s = 600.0
        bins = side.watch.layout.bins
        for start_s in np.arange(hours[0] * 3600, hours[1] * 3600, chunk_s):
            utc_s = MONDAY_S + float(start_s)
            masses = self.masses(utc_s + chunk_s / 2, shift(float(start_s) / 3600))
            counts = self.rng.multinomial(rows, masses, size=(10, len(masses)))
            for number, tick in enumerate(counts):
                for place, own in enumerate(tick):
                    side.watch.pending[bins[place]] = own
                yield utc_s + 60.0 * (number + 1)


def alarms(town: Town, n_days: int) -> tuple[int, int, int]:
    """Give breaches of the certificate, breaches of the recent past and tickets in the days."""
    monitor, slow, side = town.watch()
    certificate = recent = tickets = 0
    was = [False, False, False]
    assert side.recent is not None
    for now_s in town.ticks(side, (0, 24 * n_days)):
        monitor.judge(now_s)
        now = [
            side.watch.breach is not None,
            side.recent.watch.breach is not None,
            slow.judge(now_s).verdict is Verdict.BREACH,
        ]
        certificate += now[0] and not was[0]
        recent += now[1] and not was[1]
        tickets += now[2] and not was[2]
        was = now
    return certificate, recent, tickets


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_of_waves_with_slots_is_quiet(seed: int) -> None:
    """Fifty waving columns, 43,200 ticks: no alarm, nothing unlike the last days, no ticket."""
    assert alarms(Town(seed, 50), 30) == (0, 0, 0)


def test_without_slots_the_same_month_alarms_every_day() -> None:
    """The same traffic against a certificate without times; seven days are enough to see it."""
    found, _, _ = alarms(Town(1, 50, timed=False), 7)
    print(f"without slots: {found} alarms in 7 days")  # noqa: T201 - the figure
    assert found >= 7


@pytest.mark.parametrize(("shift", "most"), [(0.25, 7_500), (0.5, 900)])
def test_a_sudden_shift_on_top_of_the_wave_is_found(shift: float, most: int) -> None:
    """One of fifty columns at 24 hours of the day: the median of the rows until the alarm."""
    town = Town(3, 50)
    found = []
    for hour in range(24):
        _, _, side = town.watch(recent_past=False)
        rows = 0
        for now_s in town.ticks(side, (hour, hour + 24), lambda _: shift, rows=10):
            rows += 10
            side.tick(now_s - 30)
            if side.watch.breach is not None:
                break
        assert side.watch.breach is not None
        found.append(rows)
    print(f"{shift} sd: median {np.median(found):.0f}, p90 {np.quantile(found, 0.9):.0f} rows")  # noqa: T201 - the figure
    assert np.median(found) <= most


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_slow_ramp_below_the_tolerance_makes_a_ticket_and_no_page(seed: int) -> None:
    """0.003 sd a day for 26 days, 0.08 sd in all, one of ten columns: a ticket, no alarm."""
    town = Town(seed, 10)
    monitor, slow, side = town.watch(recent_past=False)
    told_day = None
    for now_s in town.ticks(side, (0, 24 * 26), lambda hour: 0.003 * hour / 24):
        monitor.judge(now_s)
        assert side.watch.breach is None
        finding = slow.judge(now_s)
        if finding.verdict is Verdict.BREACH and told_day is None:
            told_day = (now_s - MONDAY_S) / DAY_S
            print(f"seed {seed}: day {told_day:.0f}: {finding.reason}")  # noqa: T201 - the figure
            assert finding.subject == "x0"
    assert told_day is not None


def test_three_quiet_months_against_the_recent_past() -> None:
    """Twenty waving columns, 129,600 ticks: the comparison that only explains is quiet, too."""
    certificate, recent, tickets = alarms(Town(4, 20), 90)
    print(f"90 days: {certificate} alarms, {recent} against the recent past, {tickets} tickets")  # noqa: T201 - the figure
    assert (certificate, recent) == (0, 0)
    assert tickets == 0


@pytest.mark.parametrize(
    ("shift", "pace"),
    [
        (lambda hour: 0.3 * (hour >= 24 * 9), Pace.SUDDEN),
        (lambda hour: 0.01 * max(0.0, hour / 24 - 1), Pace.SLOW),
    ],
)
def test_the_pace_of_a_change_is_told(shift: Shift, pace: Pace) -> None:
    """A step on the ninth day is sudden; 0.01 sd a day, found after two or three weeks, slow."""
    town = Town(5, 10)
    monitor, _, side = town.watch()
    for now_s in town.ticks(side, (0, 24 * 28), shift):
        finding = monitor.judge(now_s)
        if finding.verdict is Verdict.BREACH and finding.pace is not Pace.UNKNOWN:
            break
    print(f"{pace.value}: day {(now_s - MONDAY_S) / DAY_S:.1f}: {finding.reason}")  # noqa: T201 - the figure
    assert finding.pace is pace


@pytest.mark.parametrize(("within", "over_time"), [(0.05, 0.0), (0.05, 0.9), (0.02, 0.98)])
def test_dependent_rows_are_no_season_and_nothing_new(within: float, over_time: float) -> None:
    """Rows of a tick share an effect that lasts for ticks: no season is found, nothing alarms.

    Ten columns, three days of reference, two weeks; correlation `within` a tick, autoregression
    `over_time` from tick to tick.
    """
    rng = np.random.default_rng(1)
    state = (over_time * rng.normal(size=10))[None, :]

    def day(start: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        noise = rng.normal(size=(1440, 10)) * np.sqrt(1 - over_time**2)
        effects, left = lfilter([1.0], [1.0, -over_time], noise, axis=0, zi=start)
        own = np.sqrt(1 - within) * rng.normal(size=(1440, 100, 10))
        return np.sqrt(within) * effects[:, None, :] + own, left

    reference = []
    for _ in range(3):
        rows, state = day(state)
        reference.append(rows.reshape(-1, 10))
    flat = np.concatenate(reference)
    columns = {f"x{place}": flat[:, place].tolist() for place in range(10)}
    profile = build_profile(
        columns, rng, ordered=True, times_s=(np.arange(len(flat)) * 0.6).tolist()
    )
    assert profile.seasons is None
    benchmark = Benchmark(created_utc="", models={}, input=profile)
    monitor = InputDrift(DriftSettings(), benchmark, Engine(tick_s=60.0))
    side = monitor.sides()["input"]
    assert side.recent is not None
    now_s = 3 * DAY_S
    for _ in range(14):
        rows, state = day(state)
        for tick in rows:
            now_s += 60
            for place, column in enumerate(profile.columns):
                bins = column.binner().bins(tick[:, place].tolist())
                side.watch.add(place, bins)
            monitor.judge(now_s)
            assert side.watch.breach is None
            assert side.recent.watch.breach is None


def test_clocks_that_are_set_anew_do_not_alarm() -> None:
    """Each day wall time jumps by up to ten minutes either way, as time servers make it."""
    town = Town(6, 20)
    _, _, side = town.watch()
    jump_s = 0.0
    for number, now_s in enumerate(town.ticks(side, (0, 24 * 14))):
        if number % 1440 == 720:
            jump_s = float(town.rng.uniform(-600, 600))
        side.tick(now_s - 30 + jump_s)
        assert side.watch.breach is None
