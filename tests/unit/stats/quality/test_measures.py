"""Losses and figures, against figures of other programs and by their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxy.stats.quality.measures import (
    Scored,
    balanced_accuracy,
    calibration,
    calibration_error,
    confident,
    effective,
    figures,
    positive_of,
    roc_auc,
    score_row,
    weighted_share,
)
from proxy.stats.quality.target import Answer, Target, TargetKind

BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")
CLASSES = Target(kind=TargetKind.CLASS, column="class")
NUMBERS = Target(kind=TargetKind.NUMBER, column="prediction")


def packed(*shares: float) -> bytes:
    """Give probabilities as an answer keeps them."""
    return np.array(shares, np.float32).tobytes()


def test_a_probability_is_scored_at_one_half() -> None:
    """Error, Brier score, logarithmic loss and confidence of one row by hand."""
    row = score_row(BINARY, Answer(0.8), False, 1.0, 2.0)
    assert (row.error, row.score, row.confidence, row.weight) == (1.0, 0.8, 0.8, 2.0)
    assert row.loss == pytest.approx(0.64)
    assert row.surprise == pytest.approx(-math.log(0.2))


def test_a_probability_is_scored_at_the_threshold_of_the_application() -> None:
    """A chance of 20 % counts as yes where 10 % suffices; the confidence is that of this yes."""
    early = Target(kind=TargetKind.PROBABILITY, column="prediction", threshold=0.1)
    row = score_row(early, Answer(0.2), True, 0.0, 1.0)
    assert (row.error, row.confidence) == (0.0, 0.2)
    assert score_row(early, Answer(0.05), True, 0.0, 1.0).confidence == 0.95


def test_a_class_is_scored_by_its_probabilities() -> None:
    """Brier is half the squared distance to the truth, so that it lies in 0 to 1."""
    answer = Answer("0", 0.7, packed(0.7, 0.2, 0.1))
    row = score_row(CLASSES, answer, 1, 0.0, 1.0)
    assert row.error == 1.0
    assert row.loss == pytest.approx((0.7**2 + 0.8**2 + 0.1**2) / 2, rel=1e-6)
    assert row.surprise == pytest.approx(-math.log(0.2), rel=1e-6)
    assert math.isnan(row.score)
    worst = score_row(CLASSES, Answer("0", 1.0, packed(1.0, 0.0)), 1, 0.0, 1.0)
    assert (worst.loss, worst.score) == (1.0, 0.0)
    assert math.isfinite(worst.surprise)


def test_a_class_without_probabilities_has_an_error_and_no_more() -> None:
    """What the model did not say is not a number."""
    row = score_row(CLASSES, Answer("cat"), "cat", 0.0, 1.0)
    assert row.error == 0.0
    assert math.isnan(row.loss)
    assert math.isnan(row.confidence)
    assert set(figures(CLASSES, [row])) == {"accuracy"}


def test_a_number_has_its_residual() -> None:
    """Mean absolute error, root of the mean square, and bias by hand."""
    rows = [
        score_row(NUMBERS, Answer(said), truth, 0.0, 1.0)
        for said, truth in ((1, 2.0), (5.0, 2), (2, 2))
    ]
    found = figures(NUMBERS, rows)
    assert found["mae"].value == pytest.approx(4 / 3)
    assert found["rmse"].value == pytest.approx(math.sqrt(10 / 3))
    assert found["bias"].value == pytest.approx(2 / 3)
    low, high = found["mae"].interval or (0, 0)
    assert low == 0.0 < found["mae"].value < high


def test_the_area_under_the_curve_counts_ties_half() -> None:
    """All pairs of a positive and a negative row, counted by hand."""
    scores = np.array([0.1, 0.4, 0.4, 0.8, 0.9])
    positive = np.array([False, True, False, True, True])
    # Pairs (positive, negative): .4/.1 1, .4/.4 .5, .8/.1 1, .8/.4 1, .9/.1 1, .9/.4 1.
    area = roc_auc(scores, positive)
    assert area is not None
    assert area.value == pytest.approx(5.5 / 6)
    assert roc_auc(scores, np.ones(5, dtype=np.bool_)) is None


def test_the_interval_of_the_area_holds_the_truth() -> None:
    """Normal scores a distance d apart have the area Phi(d / sqrt 2); 200 samples, 5 % may miss."""
    rng = np.random.default_rng(5)
    truth = 0.7602499389065233  # Phi(1 / sqrt 2)
    missed = 0
    for _ in range(200):
        positive = rng.random(400) < 0.3
        area = roc_auc(rng.normal(size=400) + positive, positive)
        assert area is not None
        low, high = area.interval or (0, 1)
        missed += not low <= truth <= high
    assert missed <= 5


def test_balanced_accuracy_is_the_mean_over_classes() -> None:
    """A rare class counts as much as a common one; with one class there is nothing to balance."""
    truths, errors = np.array(["a"] * 8 + ["b"] * 2), np.array([0.0] * 8 + [1.0, 0.0])
    found = balanced_accuracy(truths, errors)
    assert found is not None
    assert found.value == pytest.approx(0.75)
    assert balanced_accuracy(np.array(["a", "a"]), np.zeros(2)) is None


def test_calibration_compares_confidence_with_accuracy() -> None:
    """Two bins by hand; the error is their mean distance, weighted by rows."""
    bins = calibration(np.array([0.95, 0.95, 0.95, 0.55]), np.array([0.0, 0.0, 1.0, 0.0]))
    assert [(one.low, one.n) for one in bins] == [(0.5, 1), (0.9, 3)]
    assert bins[1].accuracy == pytest.approx(2 / 3)
    expected = (3 * abs(0.95 - 2 / 3) + abs(0.55 - 1)) / 4
    assert calibration_error(bins) == pytest.approx(expected)
    assert confident([]) == ()


def test_weights_count_as_sampling_probabilities() -> None:
    """A row that stands for nine counts nine times, and its interval is that of fewer rows."""
    hits, weights = np.array([1.0, 0.0]), np.array([9.0, 1.0])
    assert weighted_share(hits, weights).value == pytest.approx(0.9)
    assert effective(weights) == pytest.approx(100 / 82)
    assert effective(np.ones(7)) == 7


def test_figures_of_a_calibrated_model_agree_with_its_making() -> None:
    """Truths drawn by the model's own probabilities: calibrated, no overconfidence, fair Brier."""
    rng = np.random.default_rng(3)
    chances = rng.uniform(size=4000)
    rows = [
        score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
        for p, y in zip(chances, rng.random(4000) < chances, strict=True)
    ]
    found = figures(BINARY, rows)
    assert found["accuracy"].value == pytest.approx(0.75, abs=0.03)
    assert found["brier"].value == pytest.approx(1 / 6, abs=0.01)
    assert found["log_loss"].value == pytest.approx(0.5, abs=0.03)
    assert found["auc"].value == pytest.approx(5 / 6, abs=0.02)
    low, high = found["overconfidence"].interval or (1, 1)
    assert low < 0 < high
    assert found["calibration_error"].value < 0.03


def test_the_positive_class_is_the_second_or_the_one_that_is_named() -> None:
    """Names go before places; without rows there is no figure."""
    named = Target(kind=TargetKind.CLASS, column="class", classes=("no", "yes"))
    assert positive_of(named) == "yes"
    assert positive_of(CLASSES) == "1"
    chosen = Target(kind=TargetKind.CLASS, column="class", classes=("no", "yes"), positive="no")
    assert positive_of(chosen) == "no"
    row = score_row(chosen, Answer("0", 0.9, packed(0.9, 0.1)), "no", 0.0, 1.0)
    assert row.score == pytest.approx(0.9)
    none: list[Scored] = []
    assert figures(named, none) == {}


def test_probabilities_of_three_classes_have_an_area_under_the_curve() -> None:
    """Of the rows whose truth is one of the model's classes; with bare classes there is none."""
    rng = np.random.default_rng(8)
    target = Target(kind=TargetKind.CLASS, column="class", classes=("a", "b", "c"))
    rows = []
    for i in range(300):
        chances = rng.dirichlet(np.ones(3)) + 2 * np.eye(3)[i % 3]
        shares = (chances / chances.sum()).astype(np.float32)
        answer = Answer(int(shares.argmax()), float(shares.max()), shares.tobytes())
        rows.append(score_row(target, answer, "abc"[i % 3], 0.0, 1.0))
    area = figures(target, rows)["auc"]
    assert area.interval is not None
    assert 0.9 < area.interval[0] < area.value <= area.interval[1] <= 1
    assert area.n == 300
    stranger = score_row(target, Answer("a", 0.5, rows[0].shares), "d", 0.0, 1.0)
    assert figures(target, [*rows, stranger])["auc"] == area
    bare = [score_row(target, Answer("a"), "b", 0.0, 1.0)] * 30
    assert "auc" not in figures(target, bare)
    other = score_row(target, Answer("a", 0.5, np.ones(4, dtype=np.float32).tobytes()), "a", 0, 1)
    assert "auc" not in figures(target, [*rows, other])
