"""Learning dependence: clusters are measured from live counts, faults meanwhile hardly matter."""

from __future__ import annotations

import numpy as np
import pytest

import made
from proxy.records import Rows
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.dependence import DependenceLearner
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import build_column
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch

RNG = np.random.default_rng(1)
COLUMN = build_column("x", RNG.normal(size=5000).tolist(), ordered=False)
STREAMS = watch_columns((COLUMN,), {}, Tolerance(effect=0.1))
WATCH = Watch(STREAMS, Certainty(run_length_ticks=1e6))


def learn(ticks: list[np.ndarray]) -> dict[str, float]:
    """Give what is learnt from the rows of these ticks."""
    learner = DependenceLearner(STREAMS, WATCH.layout, len(ticks))
    binner = COLUMN.binner()
    for rows in ticks:
        counts = np.bincount(binner.bins(rows.tolist()), minlength=binner.n_bins)
        learner.add(counts.astype(np.float32))
    assert learner.left == 0
    return learner.learnt()[0]


def ticks(rng: np.random.Generator, n: int, shared: float) -> list[np.ndarray]:
    """Give ticks of 50 rows whose rows share a part of their variance."""
    return [
        np.sqrt(shared) * rng.normal() + np.sqrt(1 - shared) * rng.normal(size=50) for _ in range(n)
    ]


def test_independent_rows_have_no_design_effect() -> None:
    """Within chance, one row counts as one."""
    effects = learn(ticks(np.random.default_rng(2), 1000, 0.0))
    assert effects["location"] == 1.0


def test_rows_that_share_their_tick_are_found() -> None:
    """With correlation r within ticks of 50 rows the design effect is 1 + 49 r."""
    effects = learn(ticks(np.random.default_rng(2), 1000, 0.2))
    assert effects["location"] == pytest.approx(1 + 49 * 0.2, rel=0.35)
    assert effects["below the reference"] >= effects["lowest 1 %"]


def test_slow_waves_need_long_blocks() -> None:
    """Effects that last for tens of ticks show in long blocks only, and count for more."""
    rng = np.random.default_rng(2)
    slow = np.repeat(rng.normal(size=40), 25)
    effects = learn([0.4 * wave + 0.9 * rng.normal(size=50) for wave in slow])
    assert effects["location"] > 60


def test_a_fault_meanwhile_hardly_counts() -> None:
    """A hundred bad ticks of a thousand do not make the detector blind."""
    shown = ticks(np.random.default_rng(2), 1000, 0.0)
    for place in range(400, 500):
        shown[place] = shown[place] + 5
    assert learn(shown)["location"] < 40


def test_idle_ticks_and_short_periods_learn_nothing() -> None:
    """Without rows, and with fewer than sixteen blocks, one row counts as one."""
    assert learn([np.array([])] * 100)["location"] == 1.0
    assert learn(ticks(np.random.default_rng(2), 10, 0.5))["location"] == 1.0


def rows(values: np.ndarray) -> Rows:
    """Give rows of one column."""
    return made.rows({"x": values.tolist()})


def test_watch_of_a_shuffled_reference_learns_and_keeps_what_it_learnt() -> None:
    """After its period the watch uses the learnt figures, and so does one that is restored."""
    rng = np.random.default_rng(3)
    profile = build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=False)
    rule = DriftRule(tolerance=Tolerance(effect=0.1, unmeasured_design_effect=50), learn_ticks=300)
    watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    for tick in ticks(rng, 300, 0.2):
        watch.count(rows(tick))
        watch.tick()
    assert watch.learner is None
    assert watch.learnt is not None
    assert 5 < watch.watch.streams[0].design_effects[0] < 20
    again = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    assert again.load(watch.save())
    assert again.watch.streams[0].design_effects == watch.watch.streams[0].design_effects
    assert again.learner is None
    again.count(rows(np.zeros(5)))
    again.tick()
    assert again.watch.history.n_ticks == 1


def test_what_was_learnt_beside_another_benchmark_is_learnt_anew() -> None:
    """After a new certification the watch begins with its own figures, and learns again."""
    rng = np.random.default_rng(3)
    rule = DriftRule(tolerance=Tolerance(effect=0.1, unmeasured_design_effect=50), learn_ticks=300)
    old, new = (
        ProfileWatch(
            build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=False),
            rule,
            Certainty(run_length_ticks=1e6),
        )
        for _ in range(2)
    )
    for tick in ticks(rng, 300, 0.2):
        old.count(rows(tick))
        old.tick()
    assert old.learnt is not None
    assert not new.load(old.save())
    assert new.learnt is None
    assert new.learner is not None
    assert new.watch.streams[0].design_effects[0] == 50


@pytest.mark.parametrize(("assumed", "lasts"), [(1.0, False), (50.0, True)])
def test_a_breach_lasts_through_learning_only_if_it_is_found_again(
    assumed: float,
    *,
    lasts: bool,
) -> None:
    """Rows in clusters breach when independence was assumed: learnt figures end that, not a fault.

    The fault, four standard deviations, is found with any figures.
    """
    rng = np.random.default_rng(3)
    profile = build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=False)
    tolerance = Tolerance(effect=0.1, unmeasured_design_effect=assumed)
    rule = DriftRule(tolerance=tolerance, learn_ticks=400)
    watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    breached_before = False
    for tick in ticks(rng, 400, 0.5):
        watch.count(rows(tick + 4 * lasts))
        watch.tick()
        breached_before |= watch.watch.breach is not None
    assert breached_before
    assert watch.learner is None
    for tick in ticks(rng, 150, 0.5):
        watch.count(rows(tick + 4 * lasts))
        watch.tick()
    assert (watch.watch.breach is not None) is lasts
    assert watch.watch.streams[0].design_effects[0] > 5


def test_ordered_references_need_no_learning() -> None:
    """What the reference has shown is not learnt again."""
    rng = np.random.default_rng(3)
    profile = build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=True)
    rule = DriftRule(tolerance=Tolerance(effect=0.1), learn_ticks=300)
    assert ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6)).learner is None
