"""The self-test: the promises of a certificate hold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxy.records import Scalar
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.streams import watch_columns
from proxy.stats.promise.resampling import Subject
from proxy.stats.promise.self_test import SelfTest, detectable, rows_needed, self_test
from proxy.stats.reference.profile import build_profile
from proxy.units import DAY_S, HOUR_S

RULE = DriftRule(tolerance=Tolerance(effect=0.1, unmeasured_design_effect=1.0))
CERTAINTY = Certainty(run_length_ticks=525_600.0)


def rows(seed: int, n: int = 10_000, drift: float = 0.0) -> dict[str, list[Scalar]]:
    """Give rows of a number that drifts over the rows, and a category."""
    rng = np.random.default_rng(seed)
    age = rng.normal(size=n) + drift * np.linspace(-1, 1, n)
    return {"age": age.tolist(), "city": [str(x) for x in rng.choice(["york", "bath"], n)]}


def examined(
    columns: dict[str, list[Scalar]], *, ordered: bool, rule: DriftRule = RULE
) -> SelfTest:
    """Profile rows and test them."""
    rng = np.random.default_rng(1)
    profile = build_profile(columns, rng, ordered=ordered)
    reference = Subject(columns=columns, profile=profile)
    return self_test(reference, rng, rule, CERTAINTY, lambda: None)


def test_detectable_shifts_match_the_measured_delays() -> None:
    """Fifty columns, a quarter of a standard deviation: about 2,500 rows, as the studies say."""
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=10_000).tolist() for i in range(50)}
    profile = build_profile(columns, rng, ordered=False)
    streams = watch_columns(profile.columns, {}, RULE.tolerance)
    needed = math.log(525_600 * 50 * streams[0].table.n_bets)
    assert rows_needed(profile.columns[0], streams[0], 0.25, needed) == pytest.approx(2900, rel=0.3)
    assert rows_needed(profile.columns[0], streams[0], 1.0, needed) == pytest.approx(90, rel=0.3)
    assert rows_needed(profile.columns[0], streams[0], 0.05, needed) == math.inf
    found = detectable(profile, RULE, CERTAINTY)
    assert found[0].within_10000_rows is not None
    assert 0.15 < found[0].within_10000_rows < 0.25


def test_more_rows_see_smaller_shifts() -> None:
    """Within 10,000 rows less is seen than within 1,000, for numbers and for new categories."""
    profile = build_profile(rows(1), np.random.default_rng(1), ordered=False)
    for one in detectable(profile, RULE, CERTAINTY):
        assert one.within_1000_rows is not None
        assert one.within_10000_rows is not None
        assert 0 < one.within_10000_rows < one.within_1000_rows < 1


def test_calm_reference_gives_no_alarm_and_no_warning() -> None:
    """Independent rows of one distribution agree with themselves, in halves and in blocks."""
    result = examined(rows(2), ordered=True)
    assert (result.halves_alarms, result.halves_ticks, result.warnings) == (0, 100, ())
    assert result.replayed is not None
    assert (result.replayed.alarms, result.replayed.ticks) == (0, 20_000)


def test_reference_that_changed_meanwhile_is_reported_with_its_column() -> None:
    """A column that drifts over the reference alarms between its halves, and is named."""
    assert examined(rows(2, drift=1.0), ordered=False).halves_alarms == 0
    jump: dict[str, list[Scalar]] = {
        "age": [0.1 * (i % 7) + (9 if i > 5000 else 0) for i in range(10_000)]
    }
    ordered = examined(jump, ordered=True, rule=DriftRule(tolerance=Tolerance(effect=0.1)))
    assert ordered.halves_alarms > 0
    assert ordered.halves_blamed == ("age",)
    assert any("age" in text for text in ordered.warnings)


def test_blind_columns_are_warned_about() -> None:
    """Thirty rows are no reference, and the certificate says which columns it cannot see."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1, unmeasured_design_effect=20_000.0))
    result = examined(rows(3, n=30), ordered=False, rule=rule)
    assert result.halves_ticks == 0
    assert result.replayed is None
    assert any("no shift of age" in text for text in result.warnings)
    assert [one.rows for one in result.detectable] == [None, None]
    assert result.detectable[0].sentence() == "age: +0.25 sd is never seen"


def test_what_will_be_seen_is_said_in_sentences() -> None:
    """A quarter of a standard deviation, and a twentieth of rows with a new category."""
    age, city = examined(rows(1), ordered=False).detectable
    assert age.rows is not None
    assert 1500 < age.rows < 3000
    assert age.sentence() == f"age: +0.25 sd in {age.rows:,} rows"
    assert city.sentence().startswith("city: 5% of a new category in ")


def test_a_reference_worth_few_rows_is_warned_about() -> None:
    """Forty copies of each row: ten thousand rows, and 250 that say something."""
    single = np.random.default_rng(5).normal(size=250)
    result = examined({"age": np.repeat(single, 40).tolist()}, ordered=True)
    assert any("worth few independent rows for age" in text for text in result.warnings)


def test_empty_reference_is_no_error() -> None:
    """Nothing in, nothing promised."""
    result = examined({}, ordered=True)
    assert (result.detectable, result.halves_ticks, result.replayed) == ((), 0, None)


def test_a_clock_is_judged_by_its_days_and_not_replayed_in_blocks() -> None:
    """Twelve days of an hour: no false alarm in blocks, and no complaint that hours are alike."""
    rng = np.random.default_rng(1)
    times = np.sort(rng.uniform(0, 12 * DAY_S, 6000))
    columns: dict[str, list[Scalar]] = {
        "hour": (np.floor(times / HOUR_S) % 24).tolist(),
        "x": rng.normal(size=6000).tolist(),
    }
    profile = build_profile(columns, rng, ordered=True, times_s=times.tolist())
    assert profile.seasons is not None
    assert [clock.name for clock in profile.seasons.clocks] == ["hour"]
    reference = Subject(columns=columns, profile=profile, times_s=times.tolist())
    found = self_test(reference, rng, RULE, CERTAINTY, lambda: None)
    assert found.warnings == ()
    assert found.replayed is not None
    assert found.replayed.alarms == 0
    assert {one.column: one.rows is not None for one in found.detectable}["hour"]
