"""Anthropic messages, whole and as the events that llama.cpp sends."""

from __future__ import annotations

import json
from typing import Any

import pytest

PATH = "/v1/messages"


def event(kind: str, **more: object) -> bytes:
    """Make one named event."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | more)}\n\n".encode()


def text(piece: str) -> bytes:
    """Make a delta with text."""
    delta = {"type": "text_delta", "text": piece}
    return event("content_block_delta", index=0, delta=delta)


START = event(
    "message_start",
    message={"id": "m1", "usage": {"cache_read_input_tokens": 32, "input_tokens": 1}},
)
STOP = event("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 4})


def test_a_request_is_described(reading: Any) -> None:
    """The system text stands apart, contents are strings or blocks."""
    body = {
        "max_tokens": 4,
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Say hi."}]}],
    }
    found = reading.input(PATH, json.dumps(body).encode())
    assert found["system_chars"] == [9]
    assert found["messages.user"] == [1]
    assert found["max_tokens"] == [4.0]
    assert reading.input(PATH, b'{"max_tokens": 4}').reason == "missing_field"


def test_a_whole_answer_is_described(reading: Any) -> None:
    """Blocks of text make the answer, tool uses are counted, cached tokens are prompt."""
    body = {
        "type": "message",
        "id": "m1",
        "content": [{"type": "text", "text": "hi there"}, {"type": "tool_use", "name": "f"}],
        "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "cache_read_input_tokens": 32, "output_tokens": 4},
    }
    found = reading.output(PATH, json.dumps(body).encode())
    assert found["answer.words"] == [2]
    assert found["tool_calls"] == [1]
    assert found["prompt_tokens"] == [33]
    assert found["completion_tokens"] == [4]
    assert reading.output(PATH, b'{"type": "error"}').reason == "error_body"
    assert reading.output(PATH, b'{"type": "message"}').reason == "missing_field"


def test_a_stream_is_put_together(reading: Any) -> None:
    """Text deltas make the answer; counts come in the first and the last event."""
    pieces = [
        (10.1, START + event("content_block_start", content_block={"type": "text", "text": ""})),
        (10.3, text("Hel")),
        (10.4, text("lo")),
        (10.5, STOP + event("message_stop")),
    ]
    found = reading.stream(PATH, pieces)
    assert found["answer.chars"] == [5]
    assert found["ttft_s"] == [pytest.approx(0.3)]
    assert found["prompt_tokens"] == [33]
    assert found["completion_tokens"] == [4]
    assert found["finish_reason"] == ["max_tokens"]
    assert found["end"] == ["complete"]


def test_only_the_last_event_makes_a_cut_stream_whole(reading: Any) -> None:
    """`message_stop` does, the reason to stop before it does not."""
    last = event("message_stop")
    found = reading.stream(PATH, [(10.1, START + text("ab") + STOP + last)], truncated=True)
    assert found["answer.chars"] == [2]
    cut = reading.stream(PATH, [(10.1, START + text("ab") + STOP)], truncated=True)
    assert cut.timings["end"] == ["cut"]


def test_tool_uses_of_a_stream_are_counted(reading: Any) -> None:
    """Each block that begins as a tool use is a call; its arguments are content."""
    tool = event("content_block_start", index=1, content_block={"type": "tool_use", "name": "f"})
    arguments = {"type": "input_json_delta", "partial_json": "{}"}
    pieces = [
        (10.1, START),
        (10.2, event("content_block_start", index=0, content_block={"type": "text", "text": ""})),
        (10.4, tool + event("content_block_delta", index=1, delta=arguments)),
        (10.5, STOP),
    ]
    found = reading.stream(PATH, pieces)
    assert found["tool_calls"] == [1]
    assert found["ttft_s"] == [pytest.approx(0.4)]
    assert found["answer.chars"] == [0]


def test_an_error_event_ends_the_stream(reading: Any) -> None:
    """An overloaded server says so in the stream."""
    found = reading.stream(PATH, [(10.1, START + text("x") + event("error", error={}))])
    assert found["end"] == ["error"]
    assert reading.stream(PATH, [(10.1, b"\n")]).reason == "no_rows"
