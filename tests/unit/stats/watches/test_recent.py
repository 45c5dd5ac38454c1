"""The recent past: learnt in calm hours only, silent about season, and it tells a pace."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec import structs

from proxy.records import Pace
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import build_column
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.recent import MAX_COLUMNS, RecentPast, SavedPast, nothing, recent_past
from proxy.units import HOUR_S

DAY_H = 24
MONDAY_S = 1_699_833_600.0
CERTAINTY = Certainty(run_length_ticks=525_600.0)
TOLERANCE = Tolerance(effect=0.1)
COLUMNS = build_profile(
    {name: list(np.random.default_rng(1).normal(size=20_000)) for name in ("x", "y")},
    np.random.default_rng(1),
    ordered=False,
).columns
Shift = Callable[[float], float]


class Days:
    """Traffic of two normal columns, 200 rows every ten minutes, told by the hour since Monday."""

    def __init__(self, seed: int = 3) -> None:
        """Begin on a Monday at midnight, with no past."""
        self.rng = np.random.default_rng(seed)
        self.watch = Watch(watch_columns(COLUMNS, {}, TOLERANCE), CERTAINTY)
        self.past = RecentPast(self.watch, TOLERANCE, CERTAINTY)
        self.breaches = 0

    def tick(self, utc_s: float, shift: float = 0.0, rows: int = 200) -> None:
        """Show one tick to both."""
        values = self.rng.normal(size=(2, rows))
        values[0] += shift
        for place, column in enumerate(COLUMNS):
            self.watch.add(place, column.binner().bins(values[place].tolist()))
        counts = self.watch.pending.copy()
        self.watch.tick()
        before = self.past.watch.breach is not None
        self.past.tick(counts, utc_s, self.watch)
        self.breaches += self.past.watch.breach is not None and not before

    def run(
        self, first_h: float, last_h: float, shift: Shift = lambda _: 0.0, rows: int = 200
    ) -> None:
        """Show the hours from `first_h` to `last_h`."""
        for hour in np.arange(first_h, last_h - 1e-9, 1 / 6):
            self.tick(MONDAY_S + hour * HOUR_S, shift(hour), rows)


def test_after_a_day_the_same_hours_are_known() -> None:
    """Each hour is accepted when the hour after it has ended calmly."""
    days = Days()
    days.run(0, DAY_H + 2)
    assert days.past.hours_known == DAY_H
    assert days.past.kept.rows[:DAY_H].min() == 1200
    assert days.breaches == 0


def test_nothing_is_said_before_anything_is_known() -> None:
    """On the first day every hour is new: no evidence, whatever comes."""
    days = Days()
    days.run(0, 12)
    days.run(12, 13, lambda _: 1.0)
    assert days.past.watch.evidence == 0
    assert days.past.moved() == []


def test_a_sudden_change_is_found_and_named_sudden() -> None:
    """0.5 sd on the third day: both references see it."""
    days = Days()
    days.run(0, 54)
    days.run(54, 55, lambda _: 0.5)
    assert days.watch.breach is not None
    assert days.past.watch.breach is not None
    assert days.past.pace(days.watch) is Pace.SUDDEN
    (moved,) = days.past.moved()
    assert moved["stream"] == "x"
    assert moved["effect"] == pytest.approx(0.5, abs=0.15)


def test_a_slow_change_is_found_by_the_certificate_alone_and_named_slow() -> None:
    """0.02 sd a day: after a week or two the certificate is left, the last days followed."""
    days = Days(seed=4)
    hour = 0.0
    while days.watch.breach is None and hour < 18 * DAY_H:
        days.run(hour, hour + 1, lambda now: 0.02 * now / DAY_H)
        hour += 1
    assert days.watch.breach is not None
    assert days.past.watch.breach is None
    assert days.past.pace(days.watch) is Pace.SLOW


def test_season_does_not_speak() -> None:
    """A wave of 0.08 sd, within tolerance, for a week with its weekend: no breach."""
    days = Days(seed=5)
    days.run(0, 7 * DAY_H, lambda hour: 0.08 * np.sin(2 * np.pi * hour / DAY_H))
    assert days.breaches == 0


def test_nothing_is_learnt_in_an_alarm_nor_from_the_hour_before_it() -> None:
    """A breach of the certificate drops what is not accepted yet, and stops learning."""
    days = Days()
    days.run(0, 30)
    days.run(30, 40, lambda _: 0.6)
    assert days.watch.breach is not None
    assert days.past.kept.last_h.max() == MONDAY_S / HOUR_S + 28


def test_after_a_day_of_a_tolerated_change_the_past_begins_anew() -> None:
    """From -0.09 to +0.09: tolerated by the certificate, news for a day, then accepted."""
    days = Days(seed=6)
    days.run(0, 48, lambda _: -0.09, 2000)
    days.run(48, 60, lambda _: 0.09, 2000)
    assert days.watch.breach is None
    assert days.past.watch.breach is not None
    days.run(60, 80, lambda _: 0.09, 2000)
    assert days.past.watch.breach is None
    days.run(80, 104, lambda _: 0.09, 2000)
    assert days.past.hours_known >= DAY_H
    assert days.breaches == 1


def test_weekends_are_compared_with_weekends() -> None:
    """The first Saturday finds no Saturday to compare with, and says nothing."""
    days = Days()
    days.run(0, 5 * DAY_H)
    days.run(5 * DAY_H, 5 * DAY_H + 3, lambda _: 0.5)
    assert days.watch.breach is not None
    assert days.past.watch.evidence == 0
    assert days.past.pace(days.watch) is Pace.UNKNOWN


def test_hours_that_are_old_are_not_compared_with() -> None:
    """After ten days without traffic the past is no recent one."""
    days = Days()
    days.run(0, 26)
    days.tick(MONDAY_S + 10 * DAY_H * HOUR_S)
    assert days.past.hours_known == 0


@pytest.mark.parametrize("step_s", [-7 * HOUR_S, -400 * 86_400.0, 5 * HOUR_S, 86_400.0 * 365])
def test_a_clock_that_steps_costs_an_hour_and_nothing_else(step_s: float) -> None:
    """Backwards or forwards: hours that do not follow each other are not learnt, nothing alarms."""
    days = Days()
    days.run(0, 30)
    rows = days.past.kept.rows.sum()
    days.tick(MONDAY_S + 30 * HOUR_S + step_s)
    assert days.past.kept.rows.sum() == rows
    days.run(30, 40)
    assert days.breaches == 0
    assert days.past.kept.rows.sum() > rows


def test_the_past_survives_a_restart() -> None:
    """Saved and loaded, the same hours are known, with the same counts."""
    days, other = Days(), Days()
    days.run(0, 30)
    saved = days.past.save()
    assert days.past.save() is saved
    assert other.past.load(saved)
    assert np.abs(other.past.kept.counts - days.past.kept.counts).max() <= 0.5
    other.run(30, 30.5)
    assert other.past.hours_known == days.past.hours_known


def test_a_damaged_past_is_refused() -> None:
    """Bytes that do not fit change nothing."""
    days = Days()
    days.run(0, 4)
    saved = days.past.save()
    for change in (
        {"bins": 3},
        {"counts": b"no"},
        {"slots": [99, *saved.slots[1:]]},
        {"rows": []},
        {"slots": []},
    ):
        broken: SavedPast = structs.replace(saved, **change)
        assert not Days().past.load(broken)


def test_evidence_of_an_unchanged_past_has_a_mean_of_at_most_one() -> None:
    """Against a past of its own distribution no bet gains on average: simulated."""
    days = Days(seed=8)
    days.run(0, 49)
    watch = days.past.watch
    column = COLUMNS[0]
    factors = []
    for values in days.rng.normal(size=(1500, 50)):
        counts = np.zeros(watch.layout.n_bins, dtype=np.float32)
        bins = column.binner().bins(values.tolist())
        counts[watch.layout.bins[0]] = np.bincount(bins, minlength=len(column.masses))
        factors.append(np.exp(watch.detector.score(counts))[watch.layout.bets[0]])
    means, errors = np.mean(factors, axis=0), np.std(factors, axis=0) / np.sqrt(1500)
    assert (means <= 1 + 4 * errors).all()


def test_a_new_watch_of_the_same_streams_keeps_the_past() -> None:
    """When dependence was learnt, days are not forgotten for it."""
    days = Days()
    days.run(0, 30)
    days.watch = Watch(watch_columns(COLUMNS, {}, TOLERANCE), CERTAINTY)
    days.past.adopt(days.watch)
    assert days.past.hours_known == DAY_H
    days.run(30, 31, lambda _: 0.6)
    assert days.past.watch.breach is not None


def test_memory_is_bounded() -> None:
    """Of very many columns the first are compared; with none there is no comparison."""
    column = build_column("x", [float(value) for value in range(40)], ordered=False)
    many = [structs.replace(column, name=f"x{i}") for i in range(MAX_COLUMNS + 20)]
    past = recent_past(Watch(watch_columns(many, {}, TOLERANCE), CERTAINTY), TOLERANCE, CERTAINTY)
    assert past is not None
    assert len(past.watch.streams) == MAX_COLUMNS
    assert past.kept.counts.shape == nothing(past.watch.layout.n_bins).counts.shape


def test_reset_forgets_the_evidence_and_keeps_the_past() -> None:
    """People who restore a candidate do not want to wait another day."""
    days = Days()
    days.run(0, 49)
    days.run(49, 50, lambda _: 0.5)
    days.past.reset()
    assert days.past.watch.breach is None
    assert days.past.hours_known == DAY_H
