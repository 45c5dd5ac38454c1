"""OpenAI (legacy) completions, whole or streamed: a prompt in, texts out.

Source: OpenAI API reference, "Completions".
"""

from __future__ import annotations

from proxy.payload.body import Body
from proxy.payload.decoders.openai_common import (
    as_list,
    as_object,
    as_text,
    is_stream,
    refuse_error,
    stream,
)
from proxy.payload.llm import Answer, Prompt, add_answers, add_prompt, usage
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side

_MAX_CHOICES = 128


def read_input(body: Body) -> Table:
    """Read a request: one row; several prompts count as one text. Token ids are not text."""
    found = body.object()
    prompt = found.get("prompt")
    if prompt is None:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `prompt`.")
    texts = [prompt] if isinstance(prompt, str) else as_list(prompt)
    described = Prompt(texts=tuple(as_text(text) for text in texts), parameters=found)
    return add_prompt(Table(Side.INPUT, body.kit), described)


def read_output(body: Body) -> Table:
    """Read an answer: one row per choice."""
    table = Table(Side.OUTPUT, body.kit)
    if is_stream(body):
        return add_answers(table, body, _gather(body, table))
    found = body.object()
    refuse_error(found)
    table.id = as_text(found.get("id")) or None
    prompt, completion = usage(found.get("usage"), "prompt_tokens", "completion_tokens")
    answers = [
        Answer(
            text=as_text(choice.get("text")),
            finish=as_text(choice.get("finish_reason")) or None,
            prompt_tokens=prompt,
            completion_tokens=completion,
        )
        for choice in map(as_object, as_list(found.get("choices")))
    ]
    if not answers:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `choices`.")
    return add_answers(table, body, answers[:_MAX_CHOICES])


def _gather(body: Body, table: Table) -> list[Answer]:
    """Put the pieces of a stream together, by choice."""
    answers: dict[int, Answer] = {}
    ends: dict[int, list[int]] = {}
    told: tuple[int | None, int | None] = (None, None)
    failed, ended = False, False
    for found, name, end in stream(body):
        failed = failed or name == "error" or bool(found.get("error"))
        ended = ended or name == "done"
        table.id = table.id or as_text(found.get("id")) or None
        counts = usage(found.get("usage"), "prompt_tokens", "completion_tokens")
        told = counts if counts != (None, None) else told
        for choice in map(as_object, as_list(found.get("choices"))):
            index = choice.get("index")
            place = index if type(index) is int and 0 <= index < _MAX_CHOICES else 0
            answer = answers.setdefault(place, Answer())
            text = as_text(choice.get("text"))
            answer.text += text
            answer.finish = as_text(choice.get("finish_reason")) or answer.finish
            if text:
                ends.setdefault(place, []).append(end)
    if not answers and not failed:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no choice.")
    for place, answer in (answers or {0: Answer()}).items():
        answers[place] = answer
        answer.pieces = tuple(ends.get(place, ()))
        answer.failed, answer.ended = failed, ended
        answer.prompt_tokens, answer.completion_tokens = told
    return [answer for _, answer in sorted(answers.items())]
