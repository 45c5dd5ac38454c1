"""LitServe behind the whole sidecar: plain JSON, untyped JSON lines, OpenAI's chat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


def test_predictions_and_errors(run: Callable[..., Any]) -> None:
    """Rows, labels and probabilities are at the door; errors are counted."""
    iris = run("litserve", {"APP": "iris"})
    assert iris.post("/predict", {"input": ROWS}).status == 200
    for body in ({"input": [1, 2, 3]}, b"{bad"):
        assert iris.post("/predict", body).status == 500
    iris.has_rows("input", {"x0": 6.7, "x1": 3.0, "x2": 5.2, "x3": 2.3})
    iris.metric_becomes(1, "captures_total", side="output", result="decoded")
    found = sorted((one["row"]["output"], one["row"]["class"]) for one in iris.rows("output"))
    assert found == [(0, "0"), (2, "2")]
    iris.metric_becomes(2, "requests_total", code="500")


def test_untyped_lines_are_rows(run: Callable[..., Any]) -> None:
    """The stream has no content type at all, and is known as one by its chunks."""
    lines = run("litserve", {"APP": "lines"})
    answer = lines.post("/predict", {"n": 3})
    assert "content-type" not in dict(answer.fields)
    lines.has_rows("input", {"n": 3})
    lines.has_rows("output", {"o": 0}, {"o": 1}, {"o": 2})


def test_a_chat_with_counts_of_zero_is_timed(run: Callable[..., Any]) -> None:
    """Whole and streamed: the server always says zero tokens, which are missing."""
    chat = run("litserve", {"APP": "chat"})
    body = {"model": "lit", "messages": [{"role": "user", "content": "hi"}]}
    for stream in (False, True):
        assert chat.post("/v1/chat/completions", body | {"stream": stream}).status == 200
    chat.metric_becomes(2, "captures_total", side="output", result="decoded")
    rows = [one["row"] for one in chat.rows("output")]
    assert [(row["answer.words"], row["completion_tokens"]) for row in rows] == [(6, None)] * 2
    chat.metric_becomes(1, "time_to_first_token_seconds_count")
