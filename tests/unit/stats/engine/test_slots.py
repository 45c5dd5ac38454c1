"""Slots: each tick is scored by its own hour, and what e-detectors promise holds in each."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

import made
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.slots import Slots, rebased, slot_stream
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch
from proxy.units import DAY_S

START_S = 1_699_833_600.0
RULE = DriftRule(tolerance=Tolerance(effect=0.1))
CERTAINTY = Certainty(run_length_ticks=525_600.0)
NAMES = ("wave", "flat")


def draw(rng: np.random.Generator, times: np.ndarray, height: float = 0.4) -> np.ndarray:
    """Give rows of a column with a daily wave and of one without: [rows, 2]."""
    rows = rng.normal(size=(len(times), 2))
    rows[:, 0] += height * np.sin(2 * np.pi * times / DAY_S)
    return rows


def certified(seed: int = 1) -> Profile:
    """Certify a week with one row a minute."""
    rng = np.random.default_rng(seed)
    times = START_S + np.arange(0, 7 * DAY_S, 60)
    rows = draw(rng, times)
    columns = {name: rows[:, place].tolist() for place, name in enumerate(NAMES)}
    return build_profile(columns, rng, ordered=True, times_s=times.tolist())


PROFILE = certified()


def count(watch: ProfileWatch, rows: np.ndarray) -> None:
    """Count rows of one tick."""
    watch.count(made.rows(dict(zip(NAMES, rows.T.tolist(), strict=True))))


def alarms(times: list[float] | np.ndarray, shift: float = 0.0, *, told: bool = True) -> list[int]:
    """Give the ticks at which a breach began; the traffic follows the true hour of each tick."""
    rng = np.random.default_rng(5)
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY)
    began, was = [], False
    for number, utc_s in enumerate(times):
        rows = draw(rng, np.full(100, utc_s))
        rows[:, 0] += shift
        count(watch, rows)
        watch.tick(utc_s if told else None)
        is_bad = watch.watch.breach is not None
        if is_bad and not was:
            began.append(number)
        was = is_bad
    return began


def test_the_wave_alarms_without_slots_and_not_with_them() -> None:
    """Two days of an unchanged daily wave of 0.4 sd, 100 rows every 2 minutes."""
    times = START_S + 30 * DAY_S + np.arange(0, 2 * DAY_S, 120)
    assert alarms(times) == []
    seasonless = build_profile(
        {
            name: draw(np.random.default_rng(2), np.zeros(9000))[:, place].tolist()
            for place, name in enumerate(NAMES)
        },
        np.random.default_rng(3),
        ordered=False,
    )
    watch = ProfileWatch(seasonless, RULE, CERTAINTY)
    rng = np.random.default_rng(5)
    for utc_s in times[:200]:
        count(watch, draw(rng, np.full(100, utc_s)))
        watch.tick(float(utc_s))
    assert watch.watch.breach is not None


@pytest.mark.parametrize("hour", [1, 6, 12, 18])
def test_a_shift_on_top_of_the_wave_is_found_at_any_hour(hour: int) -> None:
    """0.5 sd, smaller than what the hour itself does, within 40 ticks of 100 rows."""
    times = START_S + hour * 3600 + np.arange(0, 40 * 60, 60)
    assert alarms(times, shift=0.5)


def test_evidence_of_a_slot_has_a_mean_of_at_most_one() -> None:
    """In every slot, under the slot's own masses, no bet gains on average."""
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY).watch
    stream = watch.certified[0]
    assert stream.season is not None
    for slot in range(len(stream.season.masses)):
        entered = slot_stream(stream, slot, RULE.tolerance)
        factors = np.exp(entered.table.growth.astype(np.float64))
        assert float((entered.masses @ factors).max()) <= 1.0


def test_evidence_of_a_slot_has_a_mean_of_at_most_one_by_simulation() -> None:
    """Ticks of 20 rows drawn from one slot: the mean factor of each bet is at most 1."""
    rng = np.random.default_rng(11)
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY).watch
    stream = slot_stream(watch.certified[0], 1, RULE.tolerance)
    watch.enter({0: stream})
    masses = stream.masses / stream.masses.sum()
    factors = []
    for counts in rng.multinomial(20, masses, size=4000):
        tick = np.zeros(watch.layout.n_bins, dtype=np.float32)
        tick[watch.layout.bins[0]] = counts
        factors.append(np.exp(watch.detector.score(tick))[watch.layout.bets[0]])
    means, errors = np.mean(factors, axis=0), np.std(factors, axis=0) / np.sqrt(4000)
    assert (means <= 1 + 4 * errors).all()


def test_every_slot_has_the_same_bets() -> None:
    """Wealth goes on across slots, so bets must keep their places; none is ever dead."""
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY).watch
    stream = watch.certified[0]
    assert stream.season is not None
    for slot in range(len(stream.season.masses)):
        table = slot_stream(stream, slot, RULE.tolerance).table
        assert (table.functional == stream.table.functional).all()
        assert (table.upward == stream.table.upward).all()
        assert not (table.growth == -1).all(axis=0).any()


def test_a_bet_that_cannot_be_laid_in_a_slot_keeps_what_it_won() -> None:
    """In a slot where a common category is gone its loss says nothing, instead of losing all."""
    values = ["a"] * 500 + ["b"] * 500
    profile = build_profile({"kind": values}, np.random.default_rng(1), ordered=False)
    stream: WatchedStream = ProfileWatch(profile, RULE, CERTAINTY).watch.certified[0]
    masses = [0.001, 0.996, 0.001, 0.001, 0.001]
    table = rebased(stream, masses, 500, {}, RULE.tolerance).table
    assert table.growth.shape == stream.table.growth.shape
    assert (table.growth == 0).all(axis=0).any()


def test_what_people_see_is_compared_with_the_hours_that_were_seen() -> None:
    """At the height of the wave a healthy column has moved by nothing."""
    rng = np.random.default_rng(6)
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY)
    peak = START_S + 6 * 3600
    for number in range(30):
        count(watch, draw(rng, np.full(100, peak + 10 * number)))
        watch.tick(peak + 10 * number)
    location = watch.watch.certified[0].functionals[0]
    current = location.mean(watch.watch.current(0))
    assert current == pytest.approx(location.mean(watch.watch.seen(0).masses), abs=0.03)
    assert current - location.mean(watch.watch.certified[0].masses) > 0.06
    assert watch.watch.seen(1) is watch.watch.streams[1]


def test_a_breach_ends_in_another_slot_than_it_began_in() -> None:
    """Recovery is measured against the hour it happens in, not against that of the breach."""
    rng = np.random.default_rng(7)
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY)
    for number in range(120):
        utc_s = START_S + (5.5 + number / 60) * 3600
        rows = draw(rng, np.full(100, utc_s))
        rows[:, 0] += 0.8
        count(watch, rows)
        watch.tick(utc_s)
    assert watch.watch.blamed() == [0]
    # Healthy nights lie 0.8 sd below healthy mornings: had it been shifted, it would still be bad.
    for number in range(60):
        utc_s = START_S + (18 + number / 60) * 3600
        rows = draw(rng, np.full(100, utc_s))
        rows[:, 0] += 0.8
        count(watch, rows)
        watch.tick(utc_s)
    assert watch.watch.breach is not None
    for number in range(90):
        utc_s = START_S + (19 + number / 60) * 3600
        count(watch, draw(rng, np.full(100, utc_s)))
        watch.tick(utc_s)
    assert watch.watch.breach is None


def test_evidence_survives_a_restart_in_another_slot() -> None:
    """What is saved in the morning fits in the evening, and no other certificate."""
    rng = np.random.default_rng(8)
    before, after = (ProfileWatch(PROFILE, RULE, CERTAINTY) for _ in range(2))
    for number in range(20):
        rows = draw(rng, np.full(100, START_S))
        rows[:, 0] += 0.8
        count(before, rows)
        before.tick(START_S + number)
    assert before.watch.breach is not None
    after.tick(START_S + 18 * 3600)
    assert after.load(before.save())
    assert after.watch.evidence == before.watch.evidence
    assert not ProfileWatch(certified(seed=2), RULE, CERTAINTY).load(before.save())


def test_time_that_jumps_and_goes_backwards_is_only_another_hour() -> None:
    """A clock that is set back, jumps a year, or stands before 1970: no crash, no false alarm."""
    rng = np.random.default_rng(9)
    hours = rng.integers(0, 24, size=300)
    jumps = START_S + 3600.0 * hours + DAY_S * rng.integers(-700, 700, size=300)
    jumps[::50] = -7200.0
    assert alarms(jumps) == []


def test_entering_happens_when_the_slot_changes_and_only_then() -> None:
    """Tables are made once a slot, not once a tick."""
    watch = ProfileWatch(PROFILE, RULE, CERTAINTY).watch
    slots = Slots(watch, RULE.tolerance)
    slots.follow(START_S)
    first = watch.streams[0]
    assert first is not watch.certified[0]
    slots.follow(START_S + 60)
    assert watch.streams[0] is first
    slots.follow(START_S + 12 * 3600)
    assert watch.streams[0] is not first
    assert watch.streams[1] is watch.certified[1]


def test_hours_are_those_of_utc() -> None:
    """A wave is certified and followed by the same clock, wherever the machine stands."""
    stream = ProfileWatch(PROFILE, RULE, CERTAINTY).watch.certified[0]
    assert stream.season is not None
    noon = datetime(2031, 5, 7, 12, 30, tzinfo=UTC).timestamp()
    assert stream.season.slot(noon) == stream.season.slots[12]


def test_a_steep_season_does_not_alarm_within_its_hours() -> None:
    """A wave three times its noise, over a day: each hour forgives what it moves by itself."""
    rng = np.random.default_rng(12)
    times = START_S + np.arange(0, 10 * DAY_S, 60)
    rows = draw(rng, times, 3.0)
    columns = {name: rows[:, place].tolist() for place, name in enumerate(NAMES)}
    steep = build_profile(columns, rng, ordered=True, times_s=times.tolist())
    watch = ProfileWatch(steep, RULE, CERTAINTY)
    for utc_s in START_S + 40 * DAY_S + np.arange(0, DAY_S, 60):
        count(watch, draw(rng, np.full(100, utc_s), 3.0))
        watch.tick(float(utc_s))
        assert watch.watch.breach is None
