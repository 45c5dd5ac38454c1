"""The quality that is expected before labels come, and what labels say of it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec import structs

from proxy.stats.quality.estimate import (
    KEPT_TICKS,
    Basis,
    Estimator,
    Expected,
    Trust,
    check,
    expect,
    falling,
    learn,
)
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind

BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")
CLASSES = Target(kind=TargetKind.CLASS, column="prediction")
NUMBERS = Target(kind=TargetKind.NUMBER, column="prediction")


def binary(rng: np.random.Generator, n: int, sharpness: float, flips: float = 0.0) -> list[Scored]:
    """Give rows of an overconfident model: truth follows a milder chance than it says.

    `sharpness` spreads the inputs, `flips` makes truths fall against the prediction.
    """
    score = rng.normal(scale=sharpness, size=n)
    said = 1 / (1 + np.exp(-2 * score))
    truth = rng.random(n) < 1 / (1 + np.exp(-score))
    truth = np.where(rng.random(n) < flips, said < 0.5, truth)
    return [
        score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
        for p, y in zip(said, truth, strict=True)
    ]


def estimated(expected: Expected, rows: list[Scored]) -> Estimator:
    """Show rows to an estimator without their labels."""
    estimator = Estimator(BINARY, expected)
    for row in rows:
        estimator.observe(Answer(row.predicted), 1.0)
    estimator.tick()
    return estimator


def test_pooling_makes_means_fall() -> None:
    """Neighbours that rise are pooled by their sizes; what falls stays."""
    means, sizes = np.array([0.5, 0.2, 0.4, 0.1]), np.array([1.0, 1.0, 3.0, 1.0])
    assert falling(means, sizes).tolist() == pytest.approx([0.5, 0.35, 0.35, 0.1])


def test_the_estimate_follows_the_inputs_of_an_overconfident_model() -> None:
    """Inputs become harder: the estimate sees it, though the model's own confidence is wrong."""
    rng = np.random.default_rng(2)
    expected = learn(BINARY, binary(rng, 6000, sharpness=3.0))
    assert expected is not None
    assert expected.basis is Basis.CONFIDENCE
    harder = binary(rng, 4000, sharpness=1.0)
    error = estimated(expected, harder).error()
    realised = np.mean([row.error for row in harder])
    assert error is not None
    assert error.value == pytest.approx(realised, abs=0.03)
    assert error.value > 1.5 * expected.overall
    assert 1 - np.mean([row.confidence for row in harder]) < realised - 0.04


def test_labels_confirm_the_estimate_or_refute_it() -> None:
    """Harder inputs leave it standing; truths that behave differently do not."""
    rng = np.random.default_rng(4)
    expected = learn(BINARY, binary(rng, 6000, sharpness=3.0))
    assert expected is not None

    def judged(rows: list[Scored]) -> Trust:
        told = [
            structs.replace(row, expected=expect(expected, BINARY, Answer(row.predicted)))
            for row in rows
        ]
        return check(told, expected, outside=0.0).trust

    assert judged(binary(rng, 2000, sharpness=1.0)) is Trust.HOLDS
    assert judged(binary(rng, 2000, sharpness=3.0, flips=0.2)) is Trust.REFUTED
    assert judged(binary(rng, 50, sharpness=3.0)) is Trust.UNCHECKED


def test_a_regression_is_expected_to_err_by_what_it_predicts() -> None:
    """Large predictions err more; beyond the certified range nothing is to be believed."""
    rng = np.random.default_rng(6)
    values = rng.uniform(1, 100, 5000)
    rows = [
        score_row(NUMBERS, Answer(float(v)), float(v + rng.normal(scale=v / 10)), 0.0, 1.0)
        for v in values
    ]
    expected = learn(NUMBERS, rows)
    assert expected is not None
    assert expected.basis is Basis.VALUE
    estimator = Estimator(NUMBERS, expected)
    for _ in range(200):
        estimator.observe(Answer(90.0), 1.0)
    error = estimator.error()
    assert error is not None
    assert error.value == pytest.approx(9.0 * math.sqrt(2 / math.pi), rel=0.15)
    for _ in range(100):
        estimator.observe(Answer(250.0), 1.0)
    assert estimator.outside() == pytest.approx(1 / 3)
    told = [structs.replace(row, expected=row.error) for row in rows[:200]]
    checked = check(told, expected, estimator.outside())
    assert checked.trust is Trust.REFUTED
    assert "certified range" in checked.words


def test_without_confidence_each_class_has_its_error() -> None:
    """A class that was never predicted is expected to err as all do."""
    rows = [
        score_row(CLASSES, Answer(said), said if i % wrong else "other", 0.0, 1.0)
        for said, wrong in (("cat", 2), ("dog", 10))
        for i in range(100)
    ]
    expected = learn(CLASSES, rows)
    assert expected is not None
    assert expected.basis is Basis.CLASS
    assert [expect(expected, CLASSES, Answer(one)) for one in ("cat", "dog", "cow")] == (
        pytest.approx([0.5, 0.1, 0.3])
    )


def test_what_cannot_be_read_is_not_estimated() -> None:
    """A missing prediction counts nowhere; too few labels teach nothing."""
    rng = np.random.default_rng(8)
    assert learn(BINARY, binary(rng, 99, sharpness=3.0)) is None
    expected = learn(BINARY, binary(rng, 500, sharpness=3.0))
    assert expected is not None
    estimator = Estimator(BINARY, expected)
    estimator.observe(Answer(None), 1.0)
    estimator.tick()
    assert estimator.error() is None
    assert estimator.outside() == 0.0


def test_the_estimate_forgets_old_ticks_and_not_for_quiet_ones() -> None:
    """It speaks of the last hour of traffic; a quiet night does not empty it."""
    rng = np.random.default_rng(9)
    expected = learn(BINARY, binary(rng, 500, sharpness=3.0))
    assert expected is not None
    estimator = Estimator(BINARY, expected)
    for _ in range(KEPT_TICKS + 50):
        estimator.observe(Answer(0.9), 1.0)
        estimator.tick()
    for _ in range(1000):
        estimator.tick()
    error = estimator.error()
    assert error is not None
    assert error.n == KEPT_TICKS
