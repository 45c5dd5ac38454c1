"""Losses of both models on the same rows: counted by steps, compared, added up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from proxy.records import Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.quality.certified_quality import Quality, build_quality
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.paired import BEYOND, N_STEPS, PairedLosses, steps_of
from proxy.stats.quality.target import Answer, Target, TargetKind

CLASS = Target(kind=TargetKind.CLASS, column="prediction")
NUMBER = Target(kind=TargetKind.NUMBER, column="prediction")
CERTAINTY = Certainty(run_length_ticks=1e6)
INDEPENDENT = Tolerance(effect=0.05, unmeasured_design_effect=1.0, worse_only=True)
N = 400


def answered(*, right: bool) -> Scored:
    """Give a class that is right or wrong."""
    return score_row(CLASS, Answer("a" if right else "b"), "a", 0.0, 1.0)


def residual(size: float) -> Scored:
    """Give a number that is off by so much."""
    return score_row(NUMBER, Answer(size), 0.0, 0.0, 1.0)


def classifier(share: float) -> Quality:
    """Give the certified quality of a model with this share of wrong answers."""
    rows = [answered(right=i >= share * 1000) for i in range(1000)]
    return build_quality(CLASS, rows, ordered=False)


def regression(spread: float) -> Quality:
    """Give the certified quality of a model whose residuals are normal."""
    sizes = np.random.default_rng(1).normal(scale=spread, size=5000)
    return build_quality(NUMBER, [residual(float(size)) for size in sizes], ordered=False)


def test_right_and_wrong_are_two_steps_of_their_certified_share() -> None:
    """Nothing is lost by counting."""
    steps = steps_of(classifier(0.2))
    assert steps.certified == pytest.approx(0.2)
    assert [steps.place(answered(right=one)) for one in (True, False)] == [0, 1]


def test_residuals_are_sorted_into_steps_that_keep_their_mean() -> None:
    """About equal parts; what is beyond the certified ones is one step, however large."""
    steps = steps_of(regression(10.0))
    assert steps.certified == pytest.approx(10 * np.sqrt(2 / np.pi), rel=0.03)
    assert len(steps.values) == N_STEPS + 1
    assert (np.diff(steps.values) > 0).all()
    places = [steps.place(residual(size)) for size in (0.0, 1e-9, 5.0, 1e3, 1e9)]
    assert places == sorted(places)
    assert places[0] == 0
    assert places[-2:] == [N_STEPS, N_STEPS]
    assert steps.values[-1] == pytest.approx(BEYOND * max(regression(10.0).loss.edges))  # type: ignore[union-attr]  # a number


def test_residuals_of_few_values_have_as_many_steps() -> None:
    """Whole numbers: steps that nothing falls into are left out."""
    rows = [residual(float(size)) for size in [0.0] * 60 + [1.0] * 30 + [2.0] * 10]
    steps = steps_of(build_quality(NUMBER, rows, ordered=False))
    assert steps.certified == pytest.approx(0.5, abs=0.1)
    assert steps.masses.sum() == pytest.approx(1.0)
    assert steps.place(residual(0.0)) < steps.place(residual(1.0)) < steps.place(residual(2.0))


def paired(
    candidate: Quality,
    stable: Quality,
    rows: list[tuple[Scored, Scored]],
    tolerance: Tolerance = INDEPENDENT,
) -> PairedLosses:
    """Give the counts of these rows, one tick each ten of them."""
    found = PairedLosses(candidate, stable, tolerance, CERTAINTY)
    for place, pair in enumerate(rows):
        found.count(found.place(*pair))
        if place % 10 == 9:
            found.watch.tick()
    return found


@pytest.mark.parametrize(
    ("candidate", "stable", "shared"),
    [(0.35, 0.1, Verdict.OK), (0.35, 0.35, Verdict.BREACH), (0.1, 0.1, Verdict.UNKNOWN)],
)
def test_wrong_answers_say_who_lost(candidate: float, stable: float, shared: Verdict) -> None:
    """Certified at a tenth each: the candidate alone, both, and nobody."""
    rng = np.random.default_rng(2)
    rows = [
        (answered(right=bool(left >= candidate)), answered(right=bool(right >= stable)))
        for left, right in rng.random((N, 2))
    ]
    found = paired(classifier(0.1), classifier(0.1), rows)
    assert found.shared(N // 10) is shared


@pytest.mark.parametrize(
    ("candidate", "stable", "shared"),
    [(20.0, 12.0, Verdict.OK), (20.0, 24.0, Verdict.BREACH), (1e6, 1e7, Verdict.BREACH)],
)
def test_residuals_say_who_lost(candidate: float, stable: float, shared: Verdict) -> None:
    """Certified with spreads of 10 and 12; where both are beyond all reason, neither is alone."""
    rng = np.random.default_rng(3)
    rows = [
        (residual(float(left)), residual(float(right)))
        for left, right in rng.normal(scale=(candidate, stable), size=(N, 2))
    ]
    found = paired(regression(10.0), regression(12.0), rows)
    assert found.shared(N // 10) is shared


def test_only_the_last_ticks_count_and_few_rows_tell_nothing() -> None:
    """Rows of before the breach acquit nobody; no tick at all is no row."""
    healthy = [(answered(right=i % 10 > 0), answered(right=i % 10 > 0)) for i in range(N)]
    alone = [(answered(right=i % 2 > 0), answered(right=i % 10 > 0)) for i in range(N)]
    found = paired(classifier(0.1), classifier(0.1), healthy + alone)
    assert found.shared(N // 10) is Verdict.OK
    assert found.shared(2) is Verdict.UNKNOWN
    assert found.shared(0) is Verdict.UNKNOWN


def test_rows_that_depend_on_each_other_count_as_fewer() -> None:
    """What is clear in independent rows is not in rows of which twenty count as one."""
    rng = np.random.default_rng(5)
    rows = [
        (answered(right=bool(left >= 0.3)), answered(right=bool(right >= 0.1)))
        for left, right in rng.random((N, 2))
    ]
    assert paired(classifier(0.1), classifier(0.1), rows).shared(N // 10) is Verdict.OK
    dependent = replace(INDEPENDENT, unmeasured_design_effect=20.0)
    found = paired(classifier(0.1), classifier(0.1), rows, dependent)
    assert found.shared(N // 10) is Verdict.UNKNOWN
