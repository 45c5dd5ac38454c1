"""TensorFlow Serving's classify and regress."""

from __future__ import annotations

from typing import Any

CLASSIFY = "/v1/models/m:classify"


def test_the_context_holds_for_every_example(reading: Any) -> None:
    """Features of the context become columns of each row."""
    body = b'{"context": {"day": 3}, "examples": [{"age": 40}, {"age": 50}]}'
    assert reading.input(CLASSIFY, body) == {"day": [3, 3], "age": [40, 50]}


def test_scored_labels_give_class_and_confidence(reading: Any) -> None:
    """A classification is a list of label and score pairs per example."""
    body = b'{"results": [[["cat", 0.75], ["dog", 0.25]], [["cat", 0.5], ["emu", 0.75]]]}'
    assert reading.output(CLASSIFY, body) == {
        "class": ["cat", "emu"],
        "confidence": [0.75, 0.75],
        "score[cat]": [0.75, 0.5],
        "score[dog]": [0.25, None],
        "score[emu]": [None, 0.75],
    }


def test_a_regression_is_the_prediction(reading: Any) -> None:
    """A regression is one number per example."""
    body = b'{"results": [1.5, 2.5]}'
    assert reading.output("/v1/models/m/versions/2:regress", body) == {"prediction": [1.5, 2.5]}


def test_a_body_without_examples_has_a_reason(reading: Any) -> None:
    """Requests and answers that lack their list are counted."""
    assert reading.input(CLASSIFY, b'{"instances": [1]}').reason == "missing_field"
    assert reading.output(CLASSIFY, b'{"error": "x"}').reason == "error_body"
    assert reading.output(CLASSIFY, b"{}").reason == "missing_field"
