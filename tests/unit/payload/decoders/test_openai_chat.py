"""OpenAI chat completions; the bodies have the shapes that real servers sent."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.records import Failure

PATH = "/v1/chat/completions"


def delta(content: str | None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    """Make one event of a stream, with `content` absent when it is `None`."""
    inner = {} if content is None else {"content": content}
    choice = {"finish_reason": finish, "index": index, "delta": inner | more}
    return b"data: " + json.dumps({"id": "chatcmpl-1", "choices": [choice]}).encode() + b"\n\n"


FIRST = delta(None, role="assistant")
DONE = b"data: [DONE]\n\n"


def test_a_request_is_described_without_its_text(reading: Any) -> None:
    """Messages are counted by role, texts described, parameters kept."""
    body = json.dumps(
        {
            "model": "smol",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Say hi."}]},
                {"role": "assistant", "content": "hi"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
            ],
            "max_completion_tokens": 8,
            "temperature": 0,
            "tools": [{"type": "function"}],
            "stream": True,
        }
    ).encode()
    found = reading.input(PATH, body)
    assert found["messages"] == [4]
    assert found["messages.user"] == [2]
    assert found["system_chars"] == [9]
    assert found["prompt.words"] == [3]
    assert found["images"] == [1]
    assert found["tools"] == [1]
    assert found["max_tokens"] == [8.0]
    assert found["temperature"] == [0.0]
    assert found["top_p"] == [None]
    assert found["stream"] == [True]
    assert not any(isinstance(cell, str) for values in found.values() for cell in values)


def test_a_whole_answer_is_described(reading: Any) -> None:
    """llama.cpp's answer: text described, finish reason, counts; nothing of a stream."""
    body = (
        b'{"choices":[{"finish_reason":"length","index":0,"message":{"role":"assistant",'
        b'"content":"Hello there"},"logprobs":{"content":[{"token":"Hello","logprob":-2.0},'
        b'{"token":" there","logprob":-1.0}]}}],"object":"chat.completion","usage":'
        b'{"completion_tokens":2,"prompt_tokens":33,"total_tokens":35},"id":"chatcmpl-Tn"}'
    )
    found = reading.output(PATH, body)
    assert found["answer.words"] == [2]
    assert found["finish_reason"] == ["length"]
    assert found["prompt_tokens"] == [33]
    assert found["completion_tokens"] == [2]
    assert found["mean_logprob"] == [-1.5]
    assert "ttft_s" not in found
    assert "end" not in found


def test_each_choice_is_a_row(reading: Any) -> None:
    """`n` answers to one request are `n` rows."""
    body = b'{"choices":[{"message":{"content":"a"}},{"message":{"content":"bcd"}}]}'
    assert reading.output(PATH, body)["answer.chars"] == [1, 3]


def test_counts_of_zero_are_not_counts(reading: Any) -> None:
    """LitServe always sends zeros: the counts are missing, not zero."""
    body = (
        b'{"choices":[{"message":{"content":"x"},"finish_reason":"stop"}],'
        b'"usage":{"prompt_tokens":0,"total_tokens":0,"completion_tokens":0}}'
    )
    found = reading.output(PATH, body)
    assert found["prompt_tokens"] == [None]
    assert found["completion_tokens"] == [None]


def test_the_first_token_is_the_first_content(reading: Any) -> None:
    """A role without content is no token, though it arrives first; two events in one chunk."""
    pieces = [
        (10.02, FIRST),
        (10.5, delta("")),
        (10.75, delta("Hel") + delta("lo")),
        (11.25, delta("!")),
        (11.3, delta(None, "stop") + DONE),
    ]
    found = reading.stream(PATH, pieces)
    assert found["answer.chars"] == [6]
    assert found["ttft_s"] == [pytest.approx(0.75)]
    assert found["gap_mean_s"] == [pytest.approx(0.25)]
    assert found["gap_max_s"] == [pytest.approx(0.5)]
    assert found["deltas"] == [3]
    assert found["tokens_per_s"] == [pytest.approx(2 / 0.5)]
    assert found["finish_reason"] == ["stop"]
    assert found["completion_tokens"] == [None]
    assert found["end"] == ["complete"]


def test_counts_of_the_last_event_are_used(reading: Any) -> None:
    """With `include_usage`, an event without choices has the counts."""
    usage = b'data: {"choices":[],"usage":{"completion_tokens":9,"prompt_tokens":33}}\n\n'
    pieces = [(10.1, delta("ab")), (10.6, delta("cd")), (10.7, usage + DONE)]
    found = reading.stream(PATH, pieces)
    assert found["completion_tokens"] == [9]
    assert found["prompt_tokens"] == [33]
    assert found["tokens_per_s"] == [pytest.approx(8 / 0.5)]


def test_a_silence_is_a_stall(reading: Any) -> None:
    """Gaps above the setting are counted."""
    pieces = [(10.1, delta("a")), (11.2, delta("b")), (11.3, delta("c")), (13.0, delta("d"))]
    assert reading.stream(PATH, pieces)["stalls"] == [2]


@pytest.mark.parametrize(
    ("tail", "more", "end"),
    [
        (delta(None, "stop"), {}, "complete"),
        (DONE, {}, "complete"),
        (b"", {}, "unfinished"),
        (b'data: {"error": {"message": "boom"}}\n\n', {}, "error"),
        (b"", {"failure": Failure.CLIENT_GONE, "truncated": True}, "client_gone"),
        (b"", {"failure": Failure.TRUNCATED, "truncated": True}, "truncated"),
        (b"", {"truncated": True}, "cut"),
    ],
)
def test_how_a_stream_ended_is_told(
    reading: Any, tail: bytes, more: dict[str, Any], end: str
) -> None:
    """Complete, broken, left by the client and cut by the capture limit are different ends."""
    found = reading.stream(PATH, [(10.1, delta("a") + tail)], **more)
    timings = found.timings if more else found
    assert timings["end"] == [end]
    assert timings["ttft_s"] == [pytest.approx(0.1)]


@pytest.mark.parametrize("failure", [Failure.CLIENT_GONE, None])
def test_a_client_that_leaves_with_the_last_event_has_the_whole_answer(
    reading: Any, failure: Failure | None
) -> None:
    """The official client hangs up at `[DONE]`, often before the connection's own end."""
    pieces = [(10.1, delta("ab", "stop") + DONE)]
    found = reading.stream(PATH, pieces, truncated=True, failure=failure)
    assert found["answer.chars"] == [2]
    assert found["deltas"] == [1]
    assert found["end"] == ["complete"]


def test_half_a_text_is_not_described(reading: Any) -> None:
    """Descriptors of an answer whose end was not seen would look like drift: there are none."""
    body = [(10.1, delta("some words") + b'data: {"choi')]
    found = reading.stream(PATH, body, truncated=True)
    assert found.reason == "truncated"
    assert found.timings["deltas"] == [None]


def test_tool_calls_count_as_content(reading: Any) -> None:
    """A streamed tool call has a first token too, and calls are counted by their index."""
    call = [{"index": 0, "function": {"name": "f", "arguments": ""}}]
    more = [{"index": 0, "function": {"arguments": "{}"}}]
    pieces = [
        (10.2, delta(None, tool_calls=call)),
        (10.3, delta(None, tool_calls=more)),
        (10.4, delta(None, "tool_calls") + DONE),
    ]
    found = reading.stream(PATH, pieces)
    assert found["tool_calls"] == [1]
    assert found["ttft_s"] == [pytest.approx(0.2)]


def test_choices_of_a_stream_are_kept_apart(reading: Any) -> None:
    """Deltas carry the index of their choice."""
    pieces = [(10.1, delta("a", index=1) + delta("bc") + delta("d", index=1) + DONE)]
    assert reading.stream(PATH, pieces)["answer.chars"] == [2, 2]


def test_refusals_and_json_are_told(reading: Any) -> None:
    """A refusal is known by its field or its opening words, JSON by parsing."""
    refused = b'{"choices":[{"message":{"content":"I\'m sorry, but I can\'t help with that."}}]}'
    assert reading.output(PATH, refused)["refusal"] == [True]
    marked = b'{"choices":[{"message":{"content":null,"refusal":"no"}}]}'
    assert reading.output(PATH, marked)["refusal"] == [True]
    as_json = b'{"choices":[{"message":{"content":"```json\\n{\\"a\\": 1}\\n```"}}]}'
    found = reading.output(PATH, as_json)
    assert found["json_valid"] == [True]
    assert found["refusal"] == [False]


def test_unknown_finish_reasons_are_other(reading: Any) -> None:
    """A finish reason comes from a body: only the known ones are kept in clear."""
    body = b'{"choices":[{"message":{"content":"x"},"finish_reason":"4111111111111111"}]}'
    assert reading.output(PATH, body)["finish_reason"] == ["other"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b'{"model":"x"}', "missing_field"), (b'{"messages":[]}', "missing_field")],
)
def test_a_request_without_messages_has_a_reason(reading: Any, body: bytes, reason: str) -> None:
    """What a server answers 422 to is counted."""
    assert reading.input(PATH, body).reason == reason


def test_kserve_serves_it_below_openai(reading: Any) -> None:
    """The path counts by its suffix."""
    body = b'{"messages":[{"role":"user","content":"hi"}]}'
    assert reading.input("/openai/v1/chat/completions", body)["messages"] == [1]
