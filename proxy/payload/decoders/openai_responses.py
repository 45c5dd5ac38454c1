"""OpenAI responses, whole or streamed: input items in, output items out.

Source: OpenAI API reference, "Responses" and "Streaming events". A stream names its events and has
no `[DONE]`; its last event repeats the whole response with `usage`.
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
    refuse_error,
    stream,
)
from proxy.payload.llm import Answer, Prompt, add_answers, add_prompt, usage
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side

_DELTAS: Final = (
    "response.output_text.delta",
    "response.reasoning_text.delta",
    "response.reasoning_summary_text.delta",
    "response.function_call_arguments.delta",
    "response.refusal.delta",
)
_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")


def read_input(body: Body) -> Table:
    """Read a request: one row that describes its input and parameters."""
    found = body.object()
    given = found.get("input")
    if given is None and "prompt" not in found:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `input`.")
    parameters = {"max_tokens": found.get("max_output_tokens"), **found}
    instructions = as_text(found.get("instructions"))
    if isinstance(given, str):
        prompt = Prompt(texts=(given,), system=(instructions,), parameters=parameters)
        return add_prompt(Table(Side.INPUT, body.kit), prompt)
    items: list[Json] = [{"role": "system", "content": instructions}] if instructions else []
    return add_prompt(Table(Side.INPUT, body.kit), prompt_of(parameters, items + as_list(given)))


def read_output(body: Body) -> Table:
    """Read an answer, one row."""
    table = Table(Side.OUTPUT, body.kit)
    if is_stream(body):
        return add_answers(table, body, [_gather(body, table)])
    found = body.object()
    refuse_error(found)
    if "output" not in found:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `output`.")
    table.id = as_text(found.get("id")) or None
    return add_answers(table, body, [_answer(found)])


def _answer(found: dict[str, Json]) -> Answer:
    """Gather the text, calls and counts of a whole response."""
    texts, calls, refused = [], 0, False
    for item in map(as_object, as_list(found.get("output"))):
        kind = as_text(item.get("type"))
        calls += kind.endswith("_call")
        if kind == "message":
            parts = [as_object(part) for part in as_list(item.get("content"))]
            refused = refused or any(part.get("type") == "refusal" for part in parts)
            texts.append(content(item.get("content"))[0])
    prompt, completion = usage(found.get("usage"), "input_tokens", "output_tokens")
    return Answer(
        text="\n".join(texts),
        finish=as_text(found.get("status")) or None,
        tool_calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        refused=refused,
    )


def _gather(body: Body, table: Table) -> Answer:
    """Put the events of a stream together; its last event has the counts."""
    texts: list[str] = []
    ends: list[int] = []
    answer, failed, n_events = Answer(), False, 0
    for found, name, end in stream(body):
        n_events += 1
        kind = as_text(found.get("type")) or name
        response = as_object(found.get("response"))
        table.id = table.id or as_text(response.get("id")) or None
        if kind in _DELTAS and found.get("delta"):
            ends.append(end)
            if kind == _DELTAS[0]:
                texts.append(as_text(found.get("delta")))
        elif kind in _ENDS:
            answer = _answer(response)
            answer.finish = kind.removeprefix("response.")
            answer.ended = True
        failed = failed or kind in ("error", "response.failed")
    if not n_events:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no event.")
    answer.text = "".join(texts) or answer.text
    answer.pieces = tuple(ends)
    answer.failed = failed
    return answer
