"""OpenAI legacy completions."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/v1/completions"


def test_a_prompt_is_described(reading: Any) -> None:
    """A string, several strings, or token ids that are no text."""
    assert reading.input(PATH, b'{"prompt": "1 2 3", "max_tokens": 4}')["prompt.words"] == [3]
    assert reading.input(PATH, b'{"prompt": ["a", "b"]}')["prompt.words"] == [2]
    assert reading.input(PATH, b'{"prompt": [1, 2, 3]}')["prompt.words"] == [0]
    assert reading.input(PATH, b'{"model": "x"}').reason == "missing_field"


def test_an_answer_is_described(reading: Any) -> None:
    """llama.cpp's answer: text, finish reason and counts."""
    body = (
        b'{"choices":[{"text":" 4 5","index":0,"logprobs":null,"finish_reason":"length"}],'
        b'"object":"text_completion","usage":{"completion_tokens":4,"prompt_tokens":5}}'
    )
    found = reading.output(PATH, body)
    assert found["answer.words"] == [2]
    assert found["completion_tokens"] == [4]
    assert reading.output(PATH, b'{"choices":[]}').reason == "missing_field"


def test_a_stream_is_put_together(reading: Any) -> None:
    """Pieces of text make the answer; an empty one is no token."""
    piece = b'data: {"choices":[{"index":0,"text":"%s","finish_reason":null}]}\n\n'
    last = b'data: {"choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    found = reading.stream(PATH, [(10.1, piece % b""), (10.4, piece % b"ab"), (10.5, last)])
    assert found["answer.chars"] == [2]
    assert found["ttft_s"] == [pytest.approx(0.4)]
    assert found["end"] == ["complete"]
    broken = b'data: {"error": {"message": "boom"}}\n\n'
    assert reading.stream(PATH, [(10.1, piece % b"ab" + broken)])["end"] == ["error"]
    named = b'event: error\ndata: {"message": "boom"}\n\n'
    assert reading.stream(PATH, [(10.1, named)])["end"] == ["error"]
    assert reading.stream(PATH, [(10.1, b": ping\n\n")]).reason == "no_rows"
