"""The generate extension of the real Triton server behind the whole sidecar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

ASKED = {"text_input": "hello there", "top_k": 4}
ECHO = "/v2/models/echo/generate"
WORDS = "/v2/models/words/generate"


@pytest.fixture(scope="module")
def generate(run: Callable[..., Any]) -> Any:
    """Run the server."""
    return run("triton_generate")


def test_one_answer_is_described_with_its_other_outputs(generate: Any) -> None:
    """Texts of both sides are described, numbers kept; the answer is chunked JSON."""
    answer = generate.post(ECHO, ASKED)
    assert answer.status == 200
    assert b"you said hello there" in answer.body
    generate.metric_becomes(1, "captures_total", side="output", result="decoded")
    (row,) = (one["row"] for one in generate.rows("output"))
    assert (row["answer.words"], row["score"]) == (4, 0.5)
    (asked,) = (one["row"] for one in generate.rows("input"))
    assert (asked["text_input.words"], asked["top_k"]) == (2, 4)


def test_a_stream_of_events_is_put_together_and_timed(generate: Any) -> None:
    """Four events, one text."""
    before = len(generate.rows("output"))
    answer = generate.post(f"{WORDS}_stream", {"text_input": "hello"})
    assert answer.body.count(b"data: ") == 4
    generate.metric_becomes(1, "time_to_first_token_seconds_count")
    rows = [one["row"] for one in generate.rows("output")]
    assert len(rows) == before + 1
    assert [row["answer.words"] for row in rows].count(3) == 1


def test_errors_are_counted_even_under_status_200(generate: Any) -> None:
    """A model of many answers asked for one says so in a body of status 200."""
    refused = generate.post(WORDS, {"text_input": "hello"})
    assert refused.status == 200
    assert b"error" in refused.body
    assert generate.post(ECHO, {"text_input": "hello"}).status == 400
    generate.metric_becomes(1, "captures_total", side="output", result="error_body")
    generate.metric_becomes(1, "requests_total", code="400")
