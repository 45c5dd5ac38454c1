"""Drift of a profile: which columns are watched, and whether the profile fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from msgspec import structs

from proxy.records import AlarmName, Model, Pace, Rows, Side, Verdict
from proxy.stats.conclude import unknown
from proxy.stats.demands import Certainty, DriftRule, Tolerance
from proxy.stats.drift import ProfileWatch, chosen, paced, profile_watch, recent_detail
from proxy.stats.profile import build_profile

RNG = np.random.default_rng(1)
CERTAINTY = Certainty(run_length_ticks=1e6)
PROFILE = build_profile({name: list(RNG.normal(size=500)) for name in "abc"}, RNG, ordered=False)


def rows(column: str, n: int = 10) -> Rows:
    """Give rows with one column."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=(column,),
        values=([0.0] * n,),
        n=n,
    )


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
