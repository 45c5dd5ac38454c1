"""Whole days: a clock is silent until its day is over, and says then what no hour can."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from msgspec import structs

import made
from proxy.alarms import AlarmSettings, advance
from proxy.records import Alarm, AlarmName, AlarmState, Verdict
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.conclude import Wording, conclude, n_current
from proxy.stats.engine.days import SavedDays
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch
from proxy.units import DAY_S, HOUR_S

MONDAY_S = 1_699_833_600.0
TICK_S = 600.0
RULE = DriftRule(tolerance=Tolerance(effect=0.1))
CERTAINTY = Certainty(run_length_ticks=52_560.0)


def hours_of(times: np.ndarray) -> np.ndarray:
    """Give the hour of the day of each time."""
    return np.floor(times / HOUR_S) % 24


def busy(rng: np.random.Generator, start_s: float, span_s: float) -> np.ndarray:
    """Give the times of requests, about one a minute, more of them at noon."""
    times = np.sort(rng.uniform(start_s, start_s + span_s, int(span_s / 40)))
    kept = rng.uniform(size=len(times)) < 0.6 - 0.3 * np.cos(2 * np.pi * times / DAY_S)
    return np.asarray(times[kept])


def certified() -> Profile:
    """Certify three weeks of an hour, and of a column that has nothing to do with it."""
    rng = np.random.default_rng(1)
    times = busy(rng, MONDAY_S, 21 * DAY_S)
    columns = {"hour": hours_of(times).tolist(), "x": rng.normal(size=len(times)).tolist()}
    return build_profile(columns, rng, ordered=True, times_s=times.tolist())


PROFILE = certified()


@dataclass
class Replay:
    """A watch that lives through days."""

    late: float = 0.0
    """Added to every hour."""
    each: int = 1
    """How often each request is asked."""
    most: int = 1000
    """Requests of a tick that are sampled at most; each then stands for more."""
    x: float = 0.0
    """Mean of the other column."""
    watch: ProfileWatch = field(default_factory=lambda: ProfileWatch(PROFILE, RULE, CERTAINTY))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(2))
    now_s: float = MONDAY_S + 70 * DAY_S

    def live(self, days: float) -> list[int]:
        """Live through days; give the ticks with a breach."""
        bad = []
        for number in range(round(days * DAY_S / TICK_S)):
            times = np.repeat(busy(self.rng, self.now_s, TICK_S), self.each)
            weight = max(1.0, len(times) / self.most)
            times = np.sort(self.rng.choice(times, min(len(times), self.most), replace=False))
            x = self.rng.normal(self.x, size=len(times))
            hours = hours_of(times) + self.late
            rows = made.rows({"hour": hours.tolist(), "x": x.tolist()}, weight=weight)
            self.watch.count(rows)
            self.now_s += TICK_S
            self.watch.tick(self.now_s - TICK_S / 2)
            if self.watch.watch.breach is not None:
                bad.append(number)
        return bad

    def counted(self) -> float:
        """Give the hours that have reached the watch."""
        watch = self.watch.watch
        place = [stream.name for stream in watch.streams].index("hour")
        return float(watch.history.last(1000, watch.layout.bins[place]).sum())


def test_the_profile_knows_its_clock() -> None:
    """The hour has no slots of its own: it is a clock."""
    assert PROFILE.seasons is not None
    assert [clock.name for clock in PROFILE.seasons.clocks] == ["hour"]
    assert PROFILE.seasons.columns == ()
    assert any(warning.startswith("hour is a clock") for warning in PROFILE.warnings)


def test_healthy_months_are_quiet() -> None:
    """Sixty days as certified: no breach, though every hour is nothing but itself."""
    assert Replay().live(60) == []


def test_a_day_says_no_more_with_a_hundred_times_the_rows() -> None:
    """What a day has of its own is not washed out by more rows: it counts as a certified day."""

    def largest_win(rows: int) -> float:
        watch = ProfileWatch(PROFILE, replace(RULE, max_rows=100_000), CERTAINTY)
        for tick in range(49):
            hour = tick % 24
            usual = 0.6 - 0.3 * np.cos(2 * np.pi * (hour + 0.5) / 24)
            n = round(rows * usual * (1.0 if 8 <= hour < 16 else 0.7))
            watch.count(made.rows({"hour": [float(hour)] * n, "x": [0.0] * n}))
            watch.tick(MONDAY_S + 70 * DAY_S + (tick + 0.5) * HOUR_S)
        place = [stream.name for stream in watch.watch.streams].index("hour")
        assert watch.watch.current(place).sum() > 10 * rows, "people are shown every row"
        return float(watch.watch.detector.wealth[watch.watch.layout.bets[place]].max())

    few, many = largest_win(90), largest_win(9000)
    assert 1 < few < many < 2 * few


def test_an_hour_off_by_one_is_found_within_five_days_and_only_it_is_blamed() -> None:
    """After two good days the hour is one too high: found at an end of a day, and it lasts."""
    replay = Replay()
    assert replay.live(2) == []
    replay.late = 1.0
    bad = replay.live(8)
    watch = replay.watch.watch
    assert bad[0] <= 5 * DAY_S / TICK_S
    assert bad == list(range(bad[0], bad[-1] + 1))
    assert [watch.subject(stream) for stream in watch.blamed()] == ["hour"]
    assert watch.breach is not None
    assert watch.breach.onset >= DAY_S / TICK_S


def test_between_two_days_nothing_speaks_for_or_against_a_breach_of_a_clock() -> None:
    """Rows of other columns do not say whether the clock is still wrong."""
    replay = Replay(late=1.0)
    replay.live(6.5)
    assert replay.watch.watch.spoke is None
    shown = replay.watch.watch.current(replay.watch.watch.blamed()[0])
    assert shown.sum() > 1000, "people are shown the last whole day"
    replay.live(0.5)
    replay.live(1 / 144)
    assert replay.watch.watch.spoke is True


def test_the_alarm_of_a_clock_pends_until_days_confirm_it_and_fires_once() -> None:
    """Four whole days begin it, four more confirm it, good days end it; nothing flaps between."""
    replay, alarm = Replay(late=1.0), Alarm(name=AlarmName.INPUT_DRIFT)
    rule = AlarmSettings().rule(alarm.name)
    wording = Wording(name=alarm.name, rows="rows", min_rows=100, tick_s=TICK_S)
    story: list[tuple[int, AlarmState]] = []
    for tick in range(16 * 144):
        replay.late = 1.0 if tick < 10 * 144 else 0.0
        replay.live(1 / 144)
        finding = conclude(replay.watch.watch, wording, replay.now_s, Verdict.BREACH)
        alarm, change = advance(alarm, finding, rule)
        if change is not None:
            story.append((tick // 144, change.to))
    assert [state for _, state in story] == [
        AlarmState.PENDING,
        AlarmState.FIRING,
        AlarmState.RESOLVED,
        AlarmState.INACTIVE,
    ]
    assert [day for day, _ in story][:2] == [5, 9], "the day of the start is not whole"


def test_busy_hours_that_are_sampled_more_thinly_are_no_change_of_a_clock() -> None:
    """At noon five of 14 requests a tick are sampled, and each counts for nearly three."""
    replay = Replay(most=5)
    assert replay.live(21) == []
    replay.late = 1.0
    assert replay.live(6)


def test_a_lapse_of_another_column_leaves_clocks_their_evidence_and_their_day() -> None:
    """At 2.5 days x seems to break, and the alarm lapses: the hour is found as soon as without."""
    replay = Replay(late=1.0)
    replay.live(2.5)
    replay.x = 3.0
    assert replay.live(10 / 144)
    replay.x = 0.0
    replay.watch.reset()
    assert replay.watch.watch.breach is None
    replay.live(2.5 + 1 / 144 - 10 / 144)
    watch = replay.watch.watch
    assert [watch.subject(stream) for stream in watch.blamed()] == ["hour"]
    (place,) = watch.blamed()
    replay.watch.reset()
    assert watch.stream_evidence(place) == 0.0, "of its own breach nothing is kept"


def test_a_clock_that_is_blamed_at_noon_is_not_over_while_it_is_wrong() -> None:
    """With x broken in the middle of a day the hour is blamed too, and stays when x is repaired."""
    replay = Replay(late=1.0)
    replay.live(4.4)
    watch = replay.watch.watch
    place = [stream.name for stream in watch.streams].index("hour")
    bets, alarm = watch.layout.bets[place], np.exp(watch.detector.threshold)
    won = watch.layout.weights[place] * watch.detector.wealth[bets].mean()
    # One more wrong day would alarm: not by itself, but beside another column.
    watch.detector.wealth[bets] *= np.float32(0.7 * alarm / won)
    replay.x = 3.0
    replay.live(0.1)
    assert {watch.subject(stream) for stream in watch.blamed()} == {"hour", "x"}
    assert watch.breach is not None
    recovery, day = watch.breach.recoveries[place], watch.current(place)
    assert float(day @ recovery.score) / day.sum() > recovery.limit, "its last day was bad"
    replay.live(1)
    replay.x = 0.0
    replay.live(0.5)
    bad = replay.live(6)
    assert len(bad) == 6 * 144
    assert [watch.subject(stream) for stream in watch.blamed()] == ["hour"]


def test_a_clock_of_the_host_that_is_set_back_every_night_makes_nobody_blind() -> None:
    """The host gains twelve minutes a day: days are whole all the same, and none counts twice."""
    replay = Replay()
    for _ in range(5):
        assert replay.live(1) == []
        replay.now_s -= 700.0
    replay.late = 1.0
    found = False
    for _ in range(6):
        found = bool(replay.live(1)) or found
        replay.now_s -= 700.0
    assert found


def test_where_there_is_nothing_but_clocks_the_verdict_waits_for_a_day() -> None:
    """Unknown before the first whole day, and within tolerance after it."""
    hour = next(column for column in PROFILE.columns if column.name == "hour")
    profile = structs.replace(PROFILE, columns=(hour,), multivariate=None)
    replay = Replay(watch=ProfileWatch(profile, RULE, CERTAINTY))
    wording = Wording(name=AlarmName.INPUT_DRIFT, rows="rows", min_rows=100, tick_s=TICK_S)
    replay.live(1)
    before = conclude(replay.watch.watch, wording, 0.0, Verdict.OK)
    replay.live(1 + 1 / 144)
    after = conclude(replay.watch.watch, wording, 0.0, Verdict.OK)
    assert (before.verdict, after.verdict) == (Verdict.UNKNOWN, Verdict.OK)
    assert before.reason == "only clocks are watched: no whole day has passed yet"
    assert after.reason == "only clocks are watched: within tolerance on the last whole day"


def test_a_clock_is_certified_by_the_rows_of_its_days() -> None:
    """Days of drawn blocks say nothing about rows that were not drawn."""
    columns = tuple(structs.replace(column, n=10**6) for column in PROFILE.columns)
    watch = ProfileWatch(structs.replace(PROFILE, columns=columns), RULE, CERTAINTY).watch
    assert PROFILE.seasons is not None
    clock = PROFILE.seasons.clocks[0]
    assert {stream.name: stream.n_reference for stream in watch.streams} == {
        "hour": round(clock.days * clock.rows),
        "x": 10**6,
    }


def test_a_repaired_clock_recovers() -> None:
    """Good days end the breach."""
    replay = Replay(late=1.0)
    assert replay.live(6)
    replay.late = 0.0
    replay.live(12)
    assert replay.watch.watch.breach is None


def test_a_day_that_began_before_the_watch_did_is_dropped() -> None:
    """From noon to noon twice: only the whole day between is counted, at its end."""
    replay = Replay()
    replay.now_s += DAY_S / 2
    replay.live(1.0)
    assert replay.counted() == 0
    replay.live(1.0)
    assert replay.counted() > 1000


def test_a_day_with_a_gap_is_dropped() -> None:
    """Two hours without the watch make a day that says nothing."""
    replay = Replay()
    replay.live(0.5)
    replay.now_s += 2 * HOUR_S
    replay.live(1.0)
    assert replay.counted() == 0
    replay.live(1.0)
    assert replay.counted() > 1000


@pytest.mark.parametrize("step_s", [-3 * DAY_S, -2 * HOUR_S, 400 * DAY_S])
def test_a_time_that_jumps_spoils_the_day_and_nothing_else(step_s: float) -> None:
    """Backwards or far ahead: the day is dropped, later ones count, nothing alarms."""
    replay = Replay()
    replay.live(0.5)
    replay.now_s += step_s
    assert replay.live(3) == []
    assert replay.counted() > 1000


def test_without_the_time_nothing_is_said_about_clocks() -> None:
    """A tick at an unknown hour forgets the day, so that no part of it is taken for a day."""
    replay = Replay()
    replay.live(0.5)
    replay.watch.count(made.rows({"hour": [3.0] * 1000, "x": [0.0] * 1000}))
    replay.watch.tick()
    replay.live(1.0)
    assert replay.counted() == 0


def test_a_day_goes_on_after_a_restart() -> None:
    """What is held back, and the last whole day, are saved; the next one is complete."""
    replay = Replay()
    replay.live(2.5)
    saved = replay.watch.save()
    again = Replay(watch=ProfileWatch(PROFILE, RULE, CERTAINTY), now_s=replay.now_s)
    assert again.watch.load(saved)
    place = [stream.name for stream in again.watch.watch.streams].index("hour")
    old, new = (one.watch.watch.whole_days[place] for one in (replay, again))
    assert (new.counts.tolist(), new.n_ticks) == (old.counts.tolist(), old.n_ticks)
    again.live(0.5)
    again.live(1 / 144)
    assert again.counted() > 1000


def test_saved_days_of_other_columns_are_refused() -> None:
    """Other bins, or a time that is none: the day is begun anew."""
    days = Replay().watch._days
    n_bins = [len(PROFILE.columns[0].masses)]
    fits = [[0.0] * n for n in n_bins]
    assert days.load(SavedDays(MONDAY_S, True, 3, fits, []))
    assert not days.load(SavedDays(MONDAY_S, True, 3, [[0.0]], []))
    assert not days.load(SavedDays(np.inf, True, 3, fits, []))
    assert not days.load(SavedDays(MONDAY_S, True, 3, fits, [([0.0], 1)]))


def test_the_hours_of_other_columns_have_a_past_beside_a_clock() -> None:
    """The clock comes first and is silent all day: the others are compared with yesterday."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1), recent_past=True)
    profile = structs.replace(PROFILE, columns=tuple(sorted(PROFILE.columns, key=lambda c: c.name)))
    replay = Replay(watch=ProfileWatch(profile, rule, CERTAINTY))
    # An hour has 90 requests at noon: each is asked three times.
    replay.each = 3
    replay.live(3)
    assert profile.columns[0].name == "hour"
    assert replay.watch.recent is not None
    assert replay.watch.recent.hours_known > 6


def test_a_whole_day_is_not_taken_for_the_rows_of_the_last_ticks() -> None:
    """What is told of the last ticks are their own rows, also after midnight."""
    replay = Replay()
    replay.live(2 + 1 / 144)
    assert n_current(replay.watch.watch) < 64 * 20


def test_evidence_of_days_outlives_a_breach_of_hours() -> None:
    """While x breaks and recovers, the hour goes wrong: what its days have won is kept."""
    replay = Replay(late=1.0)
    replay.live(2)
    for _ in range(20):
        replay.watch.count(made.rows({"hour": [], "x": [5.0] * 100}))
        replay.now_s += 1.0
        replay.watch.tick(replay.now_s)
    watch = replay.watch.watch
    assert watch.breach is not None
    place = [stream.name for stream in watch.streams].index("hour")
    before = watch.stream_evidence(place)
    assert before > 0
    replay.live(0.5)
    assert watch.breach is None
    assert watch.stream_evidence(place) == pytest.approx(before)
