"""The reference replayed: calm when the design effect is right, loud when it is not."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from proxy.records import Scalar
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.promise import resampling
from proxy.stats.promise.resampling import PARTS, Replayed, Subject, replay
from proxy.stats.reference.profile import Profile, build_profile

RULE = DriftRule(tolerance=Tolerance(effect=0.1, unmeasured_design_effect=1.0))
CERTAINTY = Certainty(run_length_ticks=525_600.0)
N = 16_000


def clustered(seed: int, size: int = 40) -> dict[str, list[Scalar]]:
    """Give rows in clusters that share most of their value, and a word."""
    rng = np.random.default_rng(seed)
    shared = np.repeat(rng.normal(size=N // size), size)
    values = 0.9 * shared + 0.4 * rng.normal(size=N)
    return {"age": values.tolist(), "city": [str(c) for c in rng.choice(["york", "bath"], N)]}


def run(
    columns: dict[str, list[Scalar]], profile: Profile, times_s: list[float] | None = None
) -> Replayed | None:
    """Replay rows against a profile; count the steps that were told."""
    steps: list[int] = []
    subject = Subject(columns=columns, profile=profile, times_s=times_s)
    rng = np.random.default_rng(7)
    found = replay(subject, rng, RULE, CERTAINTY, lambda: steps.append(1))
    if found is not None:
        assert 0 < len(steps) <= PARTS
    return found


def test_dependent_rows_are_calm_with_the_measured_design_effect() -> None:
    """Blocks are several clusters long, so dependence is in them."""
    columns = clustered(1)
    profile = build_profile(columns, np.random.default_rng(0), ordered=True)
    found = run(columns, profile)
    assert found is not None
    assert (found.alarms, found.ticks, found.rows_per_tick) == (0, 20_000, 100)
    assert 100 < found.block_rows <= N // 8
    assert 0 < found.closest_share < 1
    assert found.closest in columns
    assert found.most_alarms_per_tick() == pytest.approx(3 / 20_000, rel=0.01)


def test_a_design_effect_that_is_too_small_shows() -> None:
    """The same rows with a profile that takes them as independent alarm by the dozen."""
    columns = clustered(1)
    profile = build_profile(columns, np.random.default_rng(0), ordered=True)
    age, city = profile.columns
    wrong = replace(profile, columns=(replace(age, design_effects={"location": 1.01}), city))
    found = run(columns, replace(wrong, columns=(replace(age, design_effects={}), city)))
    assert found is not None
    assert found.alarms > 10
    assert found.columns["age"] >= found.alarms * 0.9
    assert found.most_alarms_per_tick() > found.alarms / found.ticks


def test_rows_without_an_order_are_drawn_one_by_one() -> None:
    """There are no neighbours to keep together."""
    columns = clustered(2)
    found = run(columns, build_profile(columns, np.random.default_rng(0), ordered=False))
    assert found is not None
    assert (found.alarms, found.block_rows) == (0, 1)


def test_seasons_are_replayed_in_their_hours() -> None:
    """A column that follows the hour is calm, because each tick knows its hour."""
    rng = np.random.default_rng(3)
    times_s = (np.arange(40 * 24 * 60) * 60.0).tolist()
    hours = np.asarray(times_s) / 3600
    wave = 2 * np.sin(hours / 24 * 2 * np.pi) + rng.normal(size=len(hours))
    columns: dict[str, list[Scalar]] = {"load": wave.tolist()}
    profile = build_profile(columns, rng, ordered=True, times_s=times_s)
    assert profile.seasons is not None
    found = run(columns, profile, times_s)
    assert found is not None
    assert found.rows_per_tick == 60
    assert found.alarms == 0


def test_wide_references_are_replayed_for_fewer_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work is bounded by ticks times the square of streams."""
    monkeypatch.setattr(resampling, "MAX_WORK", 100_000)
    rng = np.random.default_rng(4)
    columns: dict[str, list[Scalar]] = {f"x{i}": rng.normal(size=400).tolist() for i in range(20)}
    found = run(columns, build_profile(columns, rng, ordered=False))
    assert found is not None
    assert found.ticks == 250


def test_columns_that_only_requests_had_and_short_references_are_no_error() -> None:
    """What cannot be replayed is left out; too few rows give no verdict."""
    columns = clustered(5)
    profile = build_profile(columns, np.random.default_rng(0), ordered=True)
    age_alone: dict[str, list[Scalar]] = {"age": columns["age"]}
    found = run(age_alone, profile)
    assert found is not None
    assert found.alarms == 0
    short: dict[str, list[Scalar]] = {"age": columns["age"][:150]}
    assert run(short, build_profile(short, np.random.default_rng(0), ordered=True)) is None


def test_a_season_does_not_make_other_columns_alarm() -> None:
    """A week of a wave and of noise: neither alarms, though each hour of the week has few rows."""
    rng = np.random.default_rng(8)
    times_s = (1_699_833_600.0 + np.arange(7 * 1440) * 60.0).tolist()
    wave = 1.5 * np.sin(np.asarray(times_s) / 86_400 * 2 * np.pi)
    columns: dict[str, list[Scalar]] = {
        "wave": (rng.normal(size=len(times_s)) + wave).tolist(),
        "noise": rng.normal(size=len(times_s)).tolist(),
    }
    profile = build_profile(columns, rng, ordered=True, times_s=times_s)
    assert profile.seasons is not None
    subject = Subject(columns=columns, profile=profile, times_s=times_s)
    found = replay(subject, rng, RULE, CERTAINTY, lambda: None)
    assert found is not None
    assert found.alarms == 0
