"""Drift of a profile: which columns are watched, and whether the profile fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import structs

import made
from proxy.records import AlarmName, Pace, Rows, Scalar, Verdict
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.conclude import unknown
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch, chosen, paced, profile_watch, recent_detail

RNG = np.random.default_rng(1)
CERTAINTY = Certainty(run_length_ticks=1e6)
PROFILE = build_profile({name: list(RNG.normal(size=500)) for name in "abc"}, RNG, ordered=False)


def rows(column: str, n: int = 10) -> Rows:
    """Give rows with one column."""
    return made.rows({column: [0.0] * n})


def test_ignored_columns_and_the_bound_choose_what_is_watched() -> None:
    """Ignored columns are left out; beyond the bound the heaviest stay."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1), ignore=frozenset({"a"}))
    assert [column.name for column in chosen(PROFILE, rule)] == ["b", "c"]
    bounded = DriftRule(tolerance=Tolerance(effect=0.1), weights={"c": 5.0}, max_columns=1)
    assert [column.name for column in chosen(PROFILE, bounded)] == ["c"]


def test_nothing_to_compare_with_is_no_watch() -> None:
    """No profile, an empty one, or everything ignored."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    assert profile_watch(None, rule, CERTAINTY) is None
    assert profile_watch(build_profile({}, RNG, ordered=True), rule, CERTAINTY) is None
    all_ignored = DriftRule(tolerance=Tolerance(effect=0.1), ignore=frozenset("abc"))
    assert profile_watch(PROFILE, all_ignored, CERTAINTY) is None
    assert isinstance(profile_watch(PROFILE, rule, CERTAINTY), ProfileWatch)


def test_misfit_is_said_when_most_rows_are_foreign() -> None:
    """The wrong benchmark shows in rows without any certified column."""
    watch = ProfileWatch(PROFILE, DriftRule(tolerance=Tolerance(effect=0.1)), CERTAINTY)
    watch.count(rows("a"))
    assert watch.misfit() == ""
    watch.count(rows("x0", 50))
    assert "50 rows" in watch.misfit()


def table(*values: list[Scalar]) -> Rows:
    """Give rows of the columns a, b, c."""
    return structs.replace(rows("a", len(values[0])), columns=("a", "b", "c"), values=values)


def test_misfit_is_said_when_most_values_are_of_another_type() -> None:
    """Numbers sent as text from the beginning are another model's traffic, or read wrongly."""
    watch = ProfileWatch(PROFILE, DriftRule(tolerance=Tolerance(effect=0.1)), CERTAINTY)
    texts: list[Scalar] = ["1.5"] * 60
    sound: list[Scalar] = [0.5] * 60
    watch.count(table(texts, texts, sound))
    watch.tick()
    assert watch.misfit() == ""  # too few rows yet
    watch.count(table(texts, texts, sound))
    watch.tick()
    assert "2 of 3 columns (a, b)" in watch.misfit()
    assert "capture.redact.key" in watch.misfit()


def test_unknown_categories_in_most_columns_are_a_misfit() -> None:
    """Hashes under another key are strangers to every column of words."""
    words: list[Scalar] = ["york", "bath"] * 100
    profile = build_profile(dict.fromkeys("abc", words), RNG, ordered=False)
    watch = ProfileWatch(profile, DriftRule(tolerance=Tolerance(effect=0.1)), CERTAINTY)
    watch.count(table(words, words, words))
    watch.tick()
    assert watch.misfit() == ""
    hashes: list[Scalar] = ["h:0011223344556677"] * 150
    for _ in range(3):
        watch.count(table(hashes, hashes, hashes))
    watch.tick()
    assert "3 of 3 columns" in watch.misfit()


def test_types_that_change_later_are_drift_for_ever_and_a_misfit_ends() -> None:
    """A latched breach must not become unknown; traffic that was mended fits again."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    texts: list[Scalar] = ["1.5"] * 100
    sound: list[Scalar] = RNG.normal(size=100).tolist()
    later, mended = (ProfileWatch(PROFILE, rule, CERTAINTY) for _ in range(2))
    for tick in range(60):
        for watch, values in (
            (later, sound if tick < 20 else texts),
            (mended, texts if tick < 20 else sound),
        ):
            watch.count(table(values, values, values))
            watch.tick()
        if tick == 19:
            assert mended.misfit()
    assert later.misfit() == ""
    assert later.watch.breach is not None
    assert mended.misfit() == ""


def test_one_column_of_another_type_is_drift_and_no_misfit() -> None:
    """After sound traffic, or in one column alone, it must alarm."""
    watch = ProfileWatch(PROFILE, DriftRule(tolerance=Tolerance(effect=0.1)), CERTAINTY)
    sound: list[Scalar] = RNG.normal(size=200).tolist()
    texts: list[Scalar] = ["1.5"] * 200
    for _ in range(5):
        watch.count(table(texts, sound, sound))
        watch.tick()
    assert watch.misfit() == ""
    assert watch.watch.breach is not None


def test_tick_folds_and_reset_forgets() -> None:
    """Rows reach the history with the tick, and are dropped by a reset before it."""
    watch = ProfileWatch(PROFILE, DriftRule(tolerance=Tolerance(effect=0.1)), CERTAINTY)
    watch.count(rows("a"))
    watch.reset()
    watch.tick()
    assert watch.watch.history.n_ticks == 0
    watch.count(rows("a"))
    watch.tick()
    assert watch.watch.history.n_ticks == 1


def test_a_finding_says_how_the_change_came() -> None:
    """Sudden and slow stand in the reason; without a breach, what is unlike the last days does."""
    watch = ProfileWatch(
        PROFILE, DriftRule(tolerance=Tolerance(effect=0.1), recent_past=True), CERTAINTY
    )
    found = unknown(AlarmName.INPUT_DRIFT, 0.0, "b moved")
    breach = structs.replace(found, verdict=Verdict.BREACH)
    assert paced(breach, watch) == breach
    watch.pace = Pace.SLOW
    told = paced(breach, watch)
    assert told.pace is Pace.SLOW
    assert told.reason.startswith("b moved (slow: ")
    assert paced(structs.replace(found, verdict=Verdict.OK), watch).pace is Pace.UNKNOWN


def test_the_recent_past_is_kept_over_a_restart_and_can_be_switched_off() -> None:
    """A day of traffic is known after a restart; without the rule there is no comparison."""
    plain = DriftRule(tolerance=Tolerance(effect=0.1))
    rule = replace(plain, recent_past=True)
    before, after = (ProfileWatch(PROFILE, rule, CERTAINTY) for _ in range(2))
    for hour in range(27):
        for part in range(4):
            before.count(rows("a", 100))
            before.tick(3600.0 * (hour + part / 4))
        before.watch.reset()
    detail = recent_detail(before)
    assert detail is not None
    assert detail["hours_known"] == before.recent.hours_known if before.recent else 0
    assert after.load(before.save())
    after.tick(3600.0 * 27)
    again = recent_detail(after)
    assert again is not None
    assert again["hours_known"] == detail["hours_known"]
    assert recent_detail(ProfileWatch(PROFILE, plain, CERTAINTY)) is None
