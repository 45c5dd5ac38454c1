"""Figures of quality against the examples of scikit-learn's documentation."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.quality.measures import Scored, figures, roc_auc, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind

BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")
NUMBERS = Target(kind=TargetKind.NUMBER, column="prediction")


def rows(target: Target, said: list[float], true: list[float]) -> list[Scored]:
    """Give predictions beside their truths."""
    return [score_row(target, Answer(a), b, 0.0, 1.0) for a, b in zip(said, true, strict=True)]


def test_the_area_under_the_curve() -> None:
    """`roc_auc_score`: 0.75."""
    area = roc_auc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    assert area is not None
    assert area.value == pytest.approx(0.75)


def test_the_brier_score() -> None:
    """`brier_score_loss`: 0.0375."""
    found = figures(BINARY, rows(BINARY, [0.1, 0.9, 0.8, 0.3], [0, 1, 1, 0]))
    assert found["brier"].value == pytest.approx(0.0375)


def test_the_logarithmic_loss() -> None:
    """`log_loss` of spam, ham, ham, spam: 0.21616..."""
    found = figures(BINARY, rows(BINARY, [0.9, 0.1, 0.2, 0.65], [1, 0, 0, 1]))
    assert found["log_loss"].value == pytest.approx(0.21616, abs=1e-5)


def test_balanced_accuracy() -> None:
    """`balanced_accuracy_score` of [0, 1, 0, 0, 1, 0] and [0, 1, 0, 0, 0, 1]: 0.625."""
    classes = Target(kind=TargetKind.CLASS, column="prediction")
    found = figures(classes, rows(classes, [0, 1, 0, 0, 0, 1], [0, 1, 0, 0, 1, 0]))
    assert found["balanced_accuracy"].value == pytest.approx(0.625)


def test_errors_of_numbers() -> None:
    """`mean_absolute_error` 0.5 and `root_mean_squared_error` 0.612..."""
    found = figures(NUMBERS, rows(NUMBERS, [2.5, 0.0, 2, 8], [3, -0.5, 2, 7]))
    assert found["mae"].value == pytest.approx(0.5)
    assert found["rmse"].value == pytest.approx(0.6123724)


def test_the_area_under_the_curve_of_three_classes() -> None:
    """`roc_auc_score(y, p, multi_class="ovo", average="macro")`: 0.91833."""
    target = Target(kind=TargetKind.CLASS, column="class", known=("0", "1", "2"))
    found = []
    for i in range(30):
        truth = i % 3
        shares = np.array([1 + (i * 7 + k * 5) % 11 + 6 * (k == truth) for k in range(3)])
        packed = (shares / shares.sum()).astype(np.float32)
        answer = Answer(str(int(packed.argmax())), float(packed.max()), packed.tobytes())
        found.append(score_row(target, answer, truth, 0.0, 1.0))
    assert figures(target, found)["auc"].value == pytest.approx(0.9183333)
