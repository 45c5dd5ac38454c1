"""Trends: a slow drift is told with its pace, chance and weather are not."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from scipy.stats import norm

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.trend import MAX_FOLLOWED, Demand, Line, Trend, fit, moved_text
from proxy.units import DAY_S

START_S = 1_699_833_600.0
DEMAND = Demand(effect=0.1, days=30, min_days=10, run_length_s=365 * DAY_S)
RNG = np.random.default_rng(1)
KINDS = ["a"] * 6000 + ["b"] * 3900 + ["c"] * 100
RNG.shuffle(KINDS)
PROFILE = build_profile(
    {"x": list(norm.ppf((np.arange(10_000) + 0.5) / 10_000)), "kind": list(KINDS)},
    RNG,
    ordered=False,
)


def watch() -> Watch:
    """Give a watch on both columns."""
    streams = watch_columns(PROFILE.columns, {}, Tolerance(effect=0.1))
    return Watch(streams, Certainty(run_length_ticks=1e6))


def show(trend: Trend, side: Watch, day: float, shift: float, *, rows: int = 400) -> None:
    """Show one tick of a day, its column shifted."""
    rng = np.random.default_rng(int(1000 * abs(day)))
    counts = np.zeros(side.layout.n_bins, dtype=np.float32)
    values = rng.normal(size=rows) + shift
    words = rng.choice(KINDS, rows).tolist()
    for place, column in enumerate((values.tolist(), words)):
        bins = PROFILE.columns[place].binner().bins(column)
        counts[side.layout.bins[place]] = np.bincount(
            bins, minlength=len(PROFILE.columns[place].masses)
        )
    trend.tick(counts, START_S + day * DAY_S, side.streams)


def days_of(n_days: int, per_day: float) -> Trend:
    """Show days of six ticks that drift."""
    side = watch()
    trend = Trend(side, DEMAND)
    for part in range(6 * n_days + 1):
        show(trend, side, part / 6, per_day * part / 6, rows=1500)
    return trend


def line_of(trend: Trend, name: str = "location") -> Line:
    """Give the line of one functional of the first column."""
    return next(line for line in trend.lines if line.functional.name == name)


def test_a_slow_ramp_is_significant_and_measured() -> None:
    """0.004 sd a day for 21 days: 0.08 sd, within tolerance, and its pace is known."""
    trend = days_of(21, 0.004)
    line = line_of(trend)
    assert trend.significant(line)
    assert line.is_leaving
    assert line.per_day * 0.1 == pytest.approx(0.004, abs=0.0015)
    assert line.interval[0] < 0.04 < line.interval[1]
    assert line.now == pytest.approx(0.8, abs=0.25)
    assert (line.n_days, line.span_days) == (21, 20)
    assert 0 < line.days_left < 20


def test_days_without_drift_have_no_trend() -> None:
    """A month of chance: nothing is significant."""
    trend = days_of(30, 0.0)
    assert trend.lines
    assert not any(trend.significant(line) for line in trend.lines)


def test_nothing_is_said_before_there_are_days() -> None:
    """Nine whole days are no ten."""
    assert days_of(9, 0.01).lines == ()
    assert days_of(10, 0.01).lines != ()


def test_weather_is_no_trend() -> None:
    """Days that follow each other (r = .7), 200 months: false trends keep far below the budget."""
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(200):
        level = np.zeros(30)
        for day in range(1, 30):
            level[day] = 0.7 * level[day - 1] + rng.normal()
        _, slope, error, freedom = fit(np.arange(30.0), level, np.full(30, 0.1))
        false += abs(slope) / error > 8 and freedom > 1
    assert false <= 1


@given(st.floats(-2, 2), st.floats(-0.5, 0.5), st.integers(5, 30))
def test_a_straight_line_is_found_exactly(level: float, slope: float, n: int) -> None:
    """Without scatter the fit is the line, and its error is what the rows allow."""
    days = np.arange(float(n))
    now, found, error, freedom = fit(days, level + slope * days, np.full(n, 0.1))
    assert found == pytest.approx(slope, abs=1e-9)
    assert now == pytest.approx(level + slope * (n - 1), abs=1e-9)
    spread = float(((days - days.mean()) ** 2).sum())
    assert error >= 0.1 / math.sqrt(spread) * 0.999
    assert freedom >= 1


def test_days_that_are_too_old_or_to_come_are_forgotten() -> None:
    """Memory holds a month; after the clock was set back no day lies in the future."""
    side = watch()
    trend = Trend(side, replace(DEMAND, days=12))
    for day in range(40):
        show(trend, side, day + 0.5, 0.0)
    assert trend.n_days <= 13
    show(trend, side, 20.5, 0.0)
    show(trend, side, 21.5, 0.0)
    assert trend.n_days <= 2
    show(trend, side, -4000.5, 0.0)
    show(trend, side, 4000.5, 0.0)
    assert trend.lines == ()


def test_days_with_hardly_a_row_are_no_days() -> None:
    """A weekend without traffic is left out, not taken for a quiet one."""
    side = watch()
    trend = Trend(side, DEMAND)
    for day in range(16):
        show(trend, side, day + 0.5, 0.0, rows=400 if day % 4 else 3)
    assert trend.n_days == 11


def test_days_survive_a_restart() -> None:
    """Saved days give the same lines; damaged ones are refused and change nothing."""
    trend = days_of(15, 0.004)
    other = Trend(watch(), DEMAND)
    saved = trend.save()
    assert other.load(saved)
    assert line_of(other).per_day == pytest.approx(line_of(trend).per_day)
    for change in (
        {"size": 1},
        {"reference": b"another certificate"},
        {"sums": saved.sums[:-1]},
        {"days": saved.days[:-1]},
        {"days": [saved.days[0]] * len(saved.days)},
        {"sums": b"\xff" * len(saved.sums)},
    ):
        fresh = Trend(watch(), DEMAND)
        assert not fresh.load(structs.replace(saved, **change))
        assert fresh.n_days == 0
    assert Trend(watch(), DEMAND).load(Trend(watch(), DEMAND).save())


def test_what_is_followed_is_what_people_can_act_on() -> None:
    """Locations, spreads, missing values and common categories; and never too many."""
    trend = days_of(12, 0.0)
    names = {line.functional.name for line in trend.lines}
    assert {"location", "spread", "missing", "category a", "category b"} <= names
    assert not {"skew", "highest 1 %", "category c"} & names
    many = [structs.replace(PROFILE.columns[0], name=f"x{i}") for i in range(MAX_FOLLOWED)]
    streams = watch_columns(many, {}, Tolerance(effect=0.1))
    wide = Trend(Watch(streams, Certainty(run_length_ticks=1e6)), DEMAND)
    assert wide.save().size == MAX_FOLLOWED


def test_reset_forgets_and_a_new_watch_does_not() -> None:
    """When dependence is learnt the days stay; when the benchmark is new they go."""
    trend = days_of(15, 0.004)
    n_days = trend.n_days
    trend.adopt(watch())
    assert trend.n_days == n_days
    trend.reset()
    assert (trend.n_days, trend.lines) == (0, ())


def test_amounts_are_said_in_units_that_people_know() -> None:
    """Standard deviations for numbers, Cohen's h for shares."""
    trend = days_of(12, 0.0)
    assert moved_text(line_of(trend), -0.6, 0.1) == "0.06 sd"
    assert moved_text(line_of(trend, "spread"), 1.0, 0.1) == "0.1 sd (its spread)"
    share = moved_text(line_of(trend, "category a"), 0.5, 0.1)
    assert share == "0.05 (Cohen's h of its share of 'category a')"
