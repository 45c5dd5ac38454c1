"""Triton's generate extension."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/v2/models/ensemble/generate"


def test_the_inputs_are_one_row(reading: Any) -> None:
    """Flat keys are columns; the text is described and not kept."""
    body = b'{"id": "7", "text_input": "say hi", "parameters": {"temperature": 0.5}}'
    found = reading.input(PATH, body)
    assert found["text_input.words"] == [2]
    assert found["parameters.temperature"] == [0.5]
    assert "id" not in found


def test_the_answer_is_described(reading: Any) -> None:
    """`text_output` is an answer like any other language model's; the rest are columns."""
    found = reading.output(PATH, b'{"model_name": "e", "text_output": "hi", "score": 0.25}')
    assert found["answer.chars"] == [2]
    assert found["score"] == [0.25]
    assert "end" not in found


def test_a_stream_is_put_together_and_timed(reading: Any) -> None:
    """The pieces of a stream make one text; the first with content is the first token."""
    pieces = [
        (10.1, b'data: {"text_output": ""}\n\n'),
        (10.25, b'data: {"text_output": "a"}\n\n'),
        (10.75, b'data: {"text_output": "bc"}\n\n'),
    ]
    found = reading.stream(f"{PATH}_stream", pieces)
    assert found["answer.chars"] == [3]
    assert found["ttft_s"] == [pytest.approx(0.25)]
    assert found["gap_mean_s"] == [pytest.approx(0.5)]
    assert found["end"] == ["complete"]


def test_an_error_in_the_stream_is_its_end(reading: Any) -> None:
    """An event that holds `error` ends the answer as an error."""
    pieces = [(10.1, b'data: {"text_output": "a"}\n\ndata: {"error": "boom"}\n\n')]
    assert reading.stream(f"{PATH}_stream", pieces)["end"] == ["error"]
    assert reading.output(PATH, b'{"error": "boom"}').reason == "error_body"
