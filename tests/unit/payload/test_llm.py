"""Columns of language-model traffic."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.features import Features
from proxy.payload.kit import Kit
from proxy.payload.llm import Prompt, add_prompt, usage
from proxy.payload.redact import Redactor
from proxy.payload.settings import Payload, Redact
from proxy.payload.table import Table
from proxy.records import Message, Side


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"p": 3, "c": 4}, (3, 4)),
        ({"p": 3}, (3, None)),
        ({"p": 3, "c": 0}, (3, 0)),
        ({"p": 0, "c": 0}, (None, None)),
        ({"p": True, "c": "4"}, (None, None)),
        ({"p": -1, "c": 10**30}, (None, None)),
        (None, (None, None)),
        ([], (None, None)),
    ],
)
def test_counts_are_missing_rather_than_zero(counts: object, expected: object) -> None:
    """All zero means that the server does not count; nonsense is no count."""
    assert usage(counts, "p", "c") == expected  # type: ignore[arg-type]  # nonsense on purpose


def test_whole_and_streamed_answers_have_the_same_columns(reading: Any) -> None:
    """Timings stand apart: more streaming is no drift, and load is no disagreement."""
    whole = b'{"choices":[{"message":{"content":"ab"},"finish_reason":"stop"}]}'
    event = b'data: {"choices":[{"index":0,"delta":{"content":"ab"},"finish_reason":"stop"}]}\n\n'
    sent = {"content-type": "text/event-stream"}
    messages = [
        Message({}, whole, truncated=False),
        Message(sent, event, truncated=False, arrivals=((10.1, 0),)),
    ]
    found = [
        reading.decoder.decode(reading.capture("/v1/chat/completions", None, message))[0]
        for message in messages
    ]
    assert found[0].columns == found[1].columns
    assert found[0].values == found[1].values
    assert found[0].timings == {}
    assert found[1].timings["ttft_s"] == [pytest.approx(0.1)]


def test_a_prompt_is_one_row_without_text() -> None:
    """Numbers of the request are kept when they are numbers."""
    table = Table(Side.INPUT, Kit(Payload(), Redactor(Redact()), Features(64)))
    parameters = {"temperature": "hot", "top_p": True, "max_tokens": 10**400}
    add_prompt(table, Prompt(texts=("a", "b c"), parameters=parameters))  # type: ignore[arg-type]  # nonsense on purpose
    assert table.n == 1
    assert table.columns["prompt.words"] == [3]
    assert table.columns["messages"] == [None]
    for name in ("temperature", "top_p", "max_tokens"):
        assert table.columns[name] == [None]
