"""Predictions and truths are brought to one form, or refused with what was expected."""

from __future__ import annotations

import numpy as np
import pytest

import made
from proxy.records import Rows, Scalar, Side
from proxy.stats.quality.target import (
    UNSAID,
    Answer,
    MisfitError,
    Picker,
    Target,
    TargetKind,
    choose_kind,
    class_of,
    number_of,
    predicted_of,
    truth_of,
)

CLASS, PROBABILITY, NUMBER = TargetKind.CLASS, TargetKind.PROBABILITY, TargetKind.NUMBER


def rows(**columns: list[Scalar]) -> Rows:
    """Give output rows."""
    return made.rows(columns, side=Side.OUTPUT)


def target(kind: TargetKind, **more: object) -> Target:
    """Give a target."""
    return Target(kind=kind, column="prediction", **more)  # type: ignore[arg-type]  # of its fields


def test_probabilities_are_kept_with_their_class() -> None:
    """Class, confidence and all shares of the rows that are asked for."""
    given = rows(p0=[0.7, 0.1], p1=[0.3, 0.9], **{"class": ["0", "1"], "confidence": [0.7, 0.9]})
    answers = Picker().answers(given, [1])
    assert (answers[0].value, answers[0].confidence) == ("1", 0.9)
    assert np.frombuffer(answers[0].shares, np.float32).tolist() == pytest.approx([0.1, 0.9])


@pytest.mark.parametrize(
    ("columns", "wanted", "chosen"),
    [
        (("prediction", "latency"), "", "prediction"),
        (("score", "label"), "", "label"),
        (("rating",), "", "rating"),
        (("entropy", "p0", "p1", "rating"), "", "rating"),
        (("a", "b"), "", ""),
        (("a", "b"), "b", "b"),
        (("prediction",), "other", ""),
    ],
)
def test_the_column_of_the_prediction_is_told_by_its_name(
    columns: tuple[str, ...], wanted: str, chosen: str
) -> None:
    """The wish goes first, then usual names, then the only column; else it cannot be told."""
    assert Picker(wanted).column(columns) == chosen


def test_a_prediction_that_cannot_be_told_is_explained() -> None:
    """The columns that are there are named, and the key to set."""
    picker = Picker()
    assert picker.answers(rows(a=[1.0], b=[2.0]), [0]) == []
    assert "a, b" in picker.trouble
    assert "monitors.labels.prediction" in picker.trouble
    assert picker.answers(rows(a=[1.0]), [0]) == [Answer(1.0, UNSAID, b"")]
    assert picker.trouble == ""


@pytest.mark.parametrize(
    ("column", "predicted", "truths", "kind"),
    [
        ("class", ["0", "1"], [0, 1], CLASS),
        ("prediction", ["cat", "dog"], ["dog"], CLASS),
        ("prediction", [True, False], [True], CLASS),
        ("prediction", [0, 1, 1], [1, 0, 1], CLASS),
        ("prediction", [0.2, 0.9], [True, False], PROBABILITY),
        ("prediction", [0.2, 0.9], ["0", "1"], PROBABILITY),
        ("prediction", [0.2, 0.9], [0.3, 1.0], NUMBER),
        ("prediction", [3.5, 12.0], [3, 12], NUMBER),
        ("prediction", list(range(40)), list(range(40)), NUMBER),
        ("prediction", [1, 2], [1.5, 2], NUMBER),
    ],
)
def test_the_kind_is_told_by_predictions_and_truths(
    column: str, predicted: list[Scalar], truths: list[Scalar], kind: TargetKind
) -> None:
    """Text and few whole numbers are classes, shares with outcomes are probabilities."""
    assert choose_kind(column, predicted, truths) is kind


@pytest.mark.parametrize(
    ("of", "value", "truth"),
    [
        (target(CLASS), 3.0, "3"),
        (target(CLASS), "3", "3"),
        (target(CLASS), True, "true"),
        (target(CLASS, known=("0", "1")), True, "1"),
        (target(CLASS, classes=("cat", "dog")), 1, "dog"),
        (target(CLASS, classes=("cat", "dog")), "cat", "cat"),
        (target(PROBABILITY), True, 1.0),
        (target(PROBABILITY), "0", 0.0),
        (target(PROBABILITY, positive="fraud"), "fraud", 1.0),
        (target(PROBABILITY, positive="fraud"), "honest", 0.0),
        (target(NUMBER), 3, 3.0),
        (target(NUMBER), "2.5", 2.5),
    ],
)
def test_a_truth_is_read_as_its_kind(of: Target, value: Scalar, truth: str | float) -> None:
    """Numbers of classes, their names, and text from files mean the same."""
    assert truth_of(of, value) == truth


@pytest.mark.parametrize(
    ("of", "value", "expected"),
    [
        (target(CLASS, known=("a", "b")), "c", "a, b"),
        (target(CLASS), 0.5, "class"),
        (target(CLASS), None, "class"),
        (target(PROBABILITY), "maybe", "true or false"),
        (target(PROBABILITY), 2, "true or false"),
        (target(NUMBER), "many", "number"),
        (target(NUMBER), None, "number"),
        (target(NUMBER), float("nan"), "finite"),
        (target(NUMBER), float("inf"), "finite"),
    ],
)
def test_a_truth_of_another_type_is_refused(of: Target, value: Scalar, expected: str) -> None:
    """The message says what is expected."""
    with pytest.raises(MisfitError, match=expected):
        truth_of(of, value)


@pytest.mark.parametrize(
    ("of", "value"),
    [
        (target(CLASS), None),
        (target(PROBABILITY), 1.5),
        (target(PROBABILITY), "high"),
        (target(NUMBER), None),
        (target(NUMBER), "none"),
        (target(CLASS), "(other)"),
        (target(CLASS), "h:0123456789abcdef"),
    ],
)
def test_a_prediction_that_is_none_is_told(of: Target, value: Scalar) -> None:
    """It is the prediction's fault, and the message says so."""
    with pytest.raises(MisfitError, match="prediction of this row"):
        predicted_of(of, Answer(value))


def test_a_text_that_was_never_certified_is_an_answer_all_the_same() -> None:
    """Where the classes are known, redaction hides only what is none of them: a wrong answer."""
    assert predicted_of(target(CLASS, known=("a", "b")), Answer("(other)")) == "(other)"


def test_a_class_of_thousands_of_digits_is_a_name() -> None:
    """Python refuses to read it as a number; nothing may fail for that."""
    named = Target(kind=CLASS, column="class", classes=("no", "yes"))
    digits = "9" * 5000
    assert class_of(named, digits) == digits
    assert class_of(named, "1") == "yes"
    assert [number_of(one) for one in ("17", digits, "²", "")] == [17, None, None, None]
