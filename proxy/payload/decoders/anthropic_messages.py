"""Anthropic messages, whole or streamed: messages in, content blocks out.

Source: Anthropic API reference, "Messages" and "Streaming messages". A stream names its events and
has no `[DONE]`; counts come in `message_start` and `message_delta`.
"""

from __future__ import annotations

from typing import Final

from proxy.payload.body import Body
from proxy.payload.decoders.openai_chat import prompt_of
from proxy.payload.decoders.openai_common import (
    as_list,
    as_object,
    as_text,
    content,
    is_stream,
    stream,
)
from proxy.payload.llm import Answer, add_answers, add_prompt, usage
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side

_CACHED: Final = ("cache_read_input_tokens", "cache_creation_input_tokens")
_PIECES: Final = ("text", "thinking", "partial_json")


def read_input(body: Body) -> Table:
    """Read a request: one row that describes its messages and parameters."""
    found = body.object()
    messages = found.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no list `messages`.")
    system = content(found.get("system"))[0]
    items: list[Json] = [{"role": "system", "content": system}] if system else []
    return add_prompt(Table(Side.INPUT, body.kit), prompt_of(found, items + messages))


def read_output(body: Body) -> Table:
    """Read an answer, one row."""
    table = Table(Side.OUTPUT, body.kit)
    if is_stream(body):
        return add_answers(table, body, [_gather(body, table)])
    found = body.object()
    if found.get("type") == "error":
        raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
    if "content" not in found:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `content`.")
    table.id = as_text(found.get("id")) or None
    prompt, completion = _usage(as_object(found.get("usage")))
    blocks = [as_object(block) for block in as_list(found.get("content"))]
    answer = Answer(
        text=content(found.get("content"))[0],
        finish=as_text(found.get("stop_reason")) or None,
        tool_calls=sum(block.get("type") == "tool_use" for block in blocks),
        prompt_tokens=prompt,
        completion_tokens=completion,
        refused=found.get("stop_reason") == "refusal",
    )
    return add_answers(table, body, [answer])


def _usage(counts: dict[str, Json]) -> tuple[int | None, int | None]:
    """Give the counts; what was read from a cache is part of the prompt."""
    prompt, completion = usage(counts, "input_tokens", "output_tokens")
    cached = [counts.get(name) for name in _CACHED]
    if prompt is not None:
        prompt += sum(value for value in cached if type(value) is int and 0 <= value < 2**40)
    return prompt, completion


def _gather(body: Body, table: Table) -> Answer:
    """Put the events of a stream together."""
    texts: list[str] = []
    ends: list[int] = []
    counts: dict[str, Json] = {}
    answer, n_events = Answer(), 0
    for found, name, end in stream(body):
        n_events += 1
        kind = as_text(found.get("type")) or name
        message = as_object(found.get("message"))
        delta = as_object(found.get("delta"))
        counts |= as_object(message.get("usage")) | as_object(found.get("usage"))
        table.id = table.id or as_text(message.get("id")) or None
        if kind == "content_block_delta" and any(delta.get(name) for name in _PIECES):
            ends.append(end)
            texts.append(as_text(delta.get("text")))
        elif kind == "content_block_start":
            block = as_object(found.get("content_block"))
            answer.tool_calls += block.get("type") == "tool_use"
        elif kind == "message_delta":
            answer.finish = as_text(delta.get("stop_reason")) or answer.finish
        answer.failed = answer.failed or kind == "error"
        answer.ended = answer.ended or kind == "message_stop"
    if not n_events:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no event.")
    answer.text, answer.pieces = "".join(texts), tuple(ends)
    answer.refused = answer.finish == "refusal"
    answer.prompt_tokens, answer.completion_tokens = _usage(counts)
    return answer
