"""Losses become evidence slowly, and both models are compared on the same rows."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Model, Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.pooling import merge, put, take
from proxy.stats.quality.certified_quality import build_quality
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind
from proxy.windows.losses import MAX_QUEUED, LossWatch

TARGET = Target(kind=TargetKind.CLASS, column="prediction")
TOLERANCE = Tolerance(effect=0.05, unmeasured_design_effect=1.0, worse_only=True)
BOTH = tuple(Model)


def row(*, right: bool, at_s: float = 0.0) -> Scored:
    """Give one labelled row."""
    return score_row(TARGET, Answer("a" if right else "b"), "a", at_s, 1.0)


def watching() -> LossWatch:
    """Give a watch of two models that were right in nine of ten."""
    rows = [row(right=bool(i % 10)) for i in range(5000)]
    quality = build_quality(TARGET, rows, ordered=False)
    certified = {model.value: quality for model in Model}
    return LossWatch(certified, TOLERANCE, Certainty(run_length_ticks=1e6))


def live(losses: LossWatch, n: int, accuracy: dict[Model, float], mirrored: float = 1.0) -> None:
    """Let time pass: 20 labelled rows a tick, of which a part was answered by the stable too."""
    rng = np.random.default_rng(7)
    for i in range(n):
        scored = {
            model: row(right=bool(rng.random() < share), at_s=float(i))
            for model, share in accuracy.items()
            if model is Model.CANDIDATE or rng.random() < mirrored
        }
        losses.put(scored, tuple(scored))
        if i % 20 == 0:
            losses.fold()


def test_a_file_of_labels_is_folded_over_many_ticks_in_the_order_of_predictions() -> None:
    """Ten thousand labels at once take more than ten ticks; the earliest predictions go first."""
    losses = watching()
    for i in reversed(range(10_000)):
        losses.put({Model.CANDIDATE: row(right=True, at_s=float(i))}, (Model.CANDIDATE,))
    losses.fold()
    assert len(losses) == 10_000 - 500
    assert losses._queue[0][0] == 500.0
    n_ticks = 1
    while len(losses):
        losses.fold()
        n_ticks += 1
    assert n_ticks > 10
    assert losses.watches[Model.CANDIDATE].history.n_ticks == n_ticks


def test_the_queue_is_bounded() -> None:
    """What is beyond the bound is folded at once."""
    losses = watching()
    for i in range(MAX_QUEUED + 5000):
        losses.put({Model.CANDIDATE: row(right=True, at_s=float(i))}, (Model.CANDIDATE,))
    losses.fold()
    assert len(losses) <= MAX_QUEUED


def test_a_tick_without_labels_says_nothing() -> None:
    """The evidence stays, and the silence is counted."""
    losses = watching()
    live(losses, 400, {Model.CANDIDATE: 0.9})
    n_before = losses.watches[Model.CANDIDATE].history.n_ticks
    for _ in range(20):
        losses.fold()
    assert losses.watches[Model.CANDIDATE].history.n_ticks <= n_before + 1
    assert losses.watches[Model.CANDIDATE].ticks_without_rows == 0
    assert losses.silent_ticks >= 19


def test_a_tick_without_labels_does_not_speak_for_a_breach_again() -> None:
    """Else one labelled tick would count as four of the last five."""
    losses = watching()
    live(losses, 3000, {Model.CANDIDATE: 0.65})
    watch = losses.watches[Model.CANDIDATE]
    assert watch.breach is not None
    losses.put({Model.CANDIDATE: row(right=False)}, (Model.CANDIDATE,))
    losses.fold()
    assert watch.spoke is True
    losses.fold()
    assert watch.spoke is None


@pytest.mark.parametrize(
    ("stable", "mirrored", "shared"),
    [(0.9, 0.5, Verdict.OK), (0.65, 0.5, Verdict.BREACH), (0.9, 0.0, Verdict.UNKNOWN)],
)
def test_the_candidate_is_alone_only_when_the_stable_holds_on_the_same_rows(
    stable: float, mirrored: float, shared: Verdict
) -> None:
    """The stable holds; it lost as well; it was hardly asked at all."""
    losses = watching()
    live(losses, 3000, {Model.CANDIDATE: 0.65, Model.STABLE: stable}, mirrored)
    assert losses.watches[Model.CANDIDATE].breach is not None
    assert losses.shared(100) is shared


def test_a_stable_with_few_labels_is_not_taken_as_healthy() -> None:
    """Both lost, but the stable has too few rows for a breach of its own: not "alone with it"."""
    losses = watching()
    live(losses, 1600, {Model.CANDIDATE: 0.75, Model.STABLE: 0.75}, mirrored=0.1)
    assert losses.watches[Model.CANDIDATE].breach is not None
    assert losses.watches[Model.STABLE].breach is None
    assert losses.shared(50) in {Verdict.UNKNOWN, Verdict.BREACH}


def test_without_a_breach_the_stable_is_judged_by_its_own_labels() -> None:
    """OK with enough rows, unknown with few, unknown when it was not certified."""
    losses = watching()
    live(losses, 400, {Model.CANDIDATE: 0.9, Model.STABLE: 0.9})
    assert losses.shared(100) is Verdict.OK
    assert losses.shared(10_000) is Verdict.UNKNOWN
    alone = LossWatch({}, TOLERANCE, Certainty(run_length_ticks=1e6))
    assert not alone.knows_both
    assert alone.shared(1) is Verdict.UNKNOWN
    alone.put({Model.CANDIDATE: row(right=False)}, (Model.CANDIDATE,))
    assert len(alone) == 0


def test_evidence_outlives_a_restart_and_a_reset_forgets_it() -> None:
    """What waits to be folded is lost with the process, what was folded is not."""
    losses = watching()
    live(losses, 600, {Model.CANDIDATE: 0.7, Model.STABLE: 0.9})
    other = watching()
    assert other.load(losses.save())
    evidence = [one.watches[Model.CANDIDATE].evidence for one in (losses, other)]
    assert evidence[0] == pytest.approx(evidence[1])
    assert not other.load(b"nonsense")
    losses.put({Model.CANDIDATE: row(right=False)}, (Model.CANDIDATE,))
    losses.reset()
    assert (len(losses), losses.watches[Model.CANDIDATE].evidence) == (0, 0.0)
    assert LossWatch({}, TOLERANCE, Certainty(run_length_ticks=1e6)).load(b"")
    assert set(losses.watches) == set(BOTH)


def test_replicas_that_add_up_their_counts_have_the_evidence_of_one_that_saw_all() -> None:
    """Evidence, breach and whose fault it is; each folds what all of them counted in the tick."""
    alone, fleet = watching(), [watching() for _ in range(3)]
    rng = np.random.default_rng(9)
    for tick in range(120):
        accuracy = 0.9 if tick < 40 else 0.6
        for place, replica in enumerate(fleet):
            for _ in range(4 + 3 * place):
                scored = {
                    model: row(right=bool(rng.random() < share), at_s=float(tick))
                    for model, share in ((Model.CANDIDATE, accuracy), (Model.STABLE, 0.9))
                }
                replica.put(scored, BOTH)
                alone.put(scored, BOTH)
        pools = [replica.pooled() for replica in fleet]
        total = merge([take(pool) for pool in pools])
        for replica, pool in zip(fleet, pools, strict=True):
            put(pool, total)
            replica.fold()
        alone.fold()
    for replica in fleet:
        assert replica.save() == alone.save()
        assert replica.shared(100) is alone.shared(100) is Verdict.OK
        assert replica.onset_s == alone.onset_s
        assert replica.silent_ticks == 0
    assert alone.watches[Model.CANDIDATE].breach is not None


def test_a_replica_without_labels_of_its_own_comes_to_the_same_verdict() -> None:
    """It cannot date the breach by its predictions, and says so by saying nothing."""
    told, silent = watching(), watching()
    rng = np.random.default_rng(10)
    for tick in range(60):
        for _ in range(20):
            scored = {Model.CANDIDATE: row(right=bool(rng.random() < 0.5), at_s=float(tick))}
            told.put(scored, BOTH)
        pools = [told.pooled(), silent.pooled()]
        total = merge([take(pool) for pool in pools])
        for replica, pool in zip((told, silent), pools, strict=True):
            put(pool, total)
            replica.fold()
    assert silent.save() == told.save()
    assert silent.watches[Model.CANDIDATE].breach is not None
    assert (silent.onset_s, silent.silent_ticks) == (None, 0)
    assert told.onset_s is not None


def test_counts_are_gathered_once_for_a_fold() -> None:
    """Asked twice, the second part of a file waits for the next fold all the same."""
    losses = watching()
    for i in range(1000):
        losses.put({Model.CANDIDATE: row(right=True, at_s=float(i))}, (Model.CANDIDATE,))
    assert losses.pooled().keys() == {"candidate", "stable", "both"}
    losses.pooled()
    assert len(losses) == 900
    losses.fold()
    assert len(losses) == 900
    losses.fold()
    assert len(losses) == 800
