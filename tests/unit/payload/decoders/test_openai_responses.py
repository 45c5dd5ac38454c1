"""OpenAI responses, whole and as the events that llama.cpp sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

PATH = "/v1/responses"
WHOLE = {
    "id": "resp_1",
    "object": "response",
    "output": [
        {"type": "reasoning", "content": []},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Hello there"}],
        },
        {"type": "function_call", "name": "f"},
    ],
    "status": "completed",
    "usage": {"input_tokens": 33, "output_tokens": 6},
}


WHOLE_EVENT = "response.completed"


def event(kind: str, **more: object) -> bytes:
    """Make one named event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | more)}\n\n".encode()


def test_a_request_is_described(reading: Any) -> None:
    """The input is a string or a list of items; instructions are the system's text."""
    found = reading.input(PATH, b'{"input": "Say hi.", "max_output_tokens": 6}')
    assert found["prompt.words"] == [2]
    assert found["max_tokens"] == [6.0]
    items = {"input": [{"role": "user", "content": "a b c"}], "instructions": "brief"}
    found = reading.input(PATH, json.dumps(items).encode())
    assert found["messages.user"] == [1]
    assert found["system_chars"] == [5]
    assert reading.input(PATH, b"{}").reason == "missing_field"


def test_a_whole_answer_is_described(reading: Any) -> None:
    """The text of messages, the calls, the status and the counts."""
    found = reading.output(PATH, json.dumps(WHOLE).encode())
    assert found["answer.words"] == [2]
    assert found["tool_calls"] == [1]
    assert found["finish_reason"] == ["completed"]
    assert found["completion_tokens"] == [6]
    assert reading.output(PATH, b'{"id": "x"}').reason == "missing_field"


def test_a_stream_is_put_together(reading: Any) -> None:
    """Deltas make the text, the last event has the counts; there is no `[DONE]`."""
    pieces = [
        (10.01, event("response.created", response={"id": "resp_1", "status": "in_progress"})),
        (10.3, event("response.output_text.delta", delta="Hello")),
        (10.4, event("response.output_text.delta", delta=" there")),
        (10.5, event("response.completed", response=WHOLE)),
    ]
    found = reading.stream(PATH, pieces)
    assert found["answer.chars"] == [11]
    assert found["ttft_s"] == [pytest.approx(0.3)]
    assert found["completion_tokens"] == [6]
    assert found["end"] == ["complete"]


def test_a_client_that_leaves_with_the_last_event_has_the_whole_answer(reading: Any) -> None:
    """What comes after the last event does not matter."""
    found = reading.stream(PATH, [(10.1, event(WHOLE_EVENT, response=WHOLE))], truncated=True)
    assert found["answer.words"] == [2]
    assert found["end"] == ["complete"]


def test_a_stream_that_fails_says_so(reading: Any) -> None:
    """`response.failed` and `error` are errors, a missing end is not one."""
    begun = event("response.output_text.delta", delta="x")
    failed = event("response.failed", response={"status": "failed"})
    assert reading.stream(PATH, [(10.1, begun + failed)])["end"] == ["error"]
    assert reading.stream(PATH, [(10.1, begun + event("error"))])["end"] == ["error"]
    assert reading.stream(PATH, [(10.1, begun)])["end"] == ["unfinished"]
    assert reading.stream(PATH, [(10.1, b"\n")]).reason == "no_rows"
