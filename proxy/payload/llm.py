"""Columns of language-model traffic, whatever the dialect: prompts in, answers out.

The dialects (OpenAI, Anthropic, Triton) differ in where things stand. Their decoders gather a
`Prompt` or `Answer`s, and here these become columns. No text is kept. What a server does not tell,
such as token counts, is missing and never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from proxy.payload import text
from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.streams import MEASURES, end_of, measure
from proxy.payload.table import Table
from proxy.records import Scalar

_FINISH: Final = frozenset(
    {
        "stop", "length", "tool_calls", "content_filter", "function_call", "end_turn", "max_tokens",
        "stop_sequence", "tool_use", "completed", "incomplete", "failed", "refusal", "pause_turn",
        "eos", "abort", "cancelled", "model_context_window_exceeded",
    }
)  # fmt: skip
"""Finish reasons of the known dialects; any other is `other`, since it comes from a body."""
_PARAMETERS: Final = ("temperature", "top_p", "max_tokens")
ANSWER_COLUMNS: Final = frozenset(
    {
        *("finish_reason", "tool_calls", "refusal", "json_valid", "mean_logprob"),
        *("prompt_tokens", "completion_tokens"),
    }
)
"""Columns of every answer beside the descriptors of its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a request asks of a language model."""

    texts: tuple[str, ...]
    """All that is not instruction, in order."""
    system: tuple[str, ...] = ()
    """Instructions of the operator."""
    roles: tuple[str, ...] = ()
    images: int = 0
    tools: int = 0
    parameters: dict[str, Json]
    """The request itself, for temperature and the like."""


@dataclass(slots=True, kw_only=True)
class Answer:
    """What a language model answered, whole or gathered from a stream."""

    text: str = ""
    finish: str | None = None
    tool_calls: int = 0
    logprobs: list[float] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    pieces: tuple[int, ...] | None = None
    """Streams: offsets at which pieces of content were complete. `None`: not a stream."""
    ended: bool = False
    """Streams: the protocol's last event was seen. What happened afterwards does not matter: some
    clients hang up as soon as they have it."""
    failed: bool = False
    refused: bool = False
    """The answer itself says that it is a refusal."""


def add_prompt(table: Table, prompt: Prompt) -> Table:
    """Add one row that describes a request."""
    given = prompt.parameters
    roles = prompt.roles
    table.put("messages", [len(roles) if roles else None])
    for role in ("user", "assistant", "tool"):
        table.put(f"messages.{role}", [roles.count(role) if roles else None])
    table.put("system_chars", [sum(map(len, prompt.system))])
    table.put("images", [prompt.images])
    table.put("tools", [prompt.tools])
    table.add_texts("prompt", ["\n".join(prompt.texts)])
    for name in _PARAMETERS:
        table.put(name, [_number(given.get(name))])
    table.put("stream", [given.get("stream") is True])
    return table


def add_answers(table: Table, body: Body, answers: list[Answer]) -> Table:
    """Add one row per answer (a request may ask for several choices).

    Raises:
        Unreadable: the end of a stream was not seen. Descriptors of half a text would look like
            drift, so only its timings are told.
    """
    timings = _timings(body, answers)
    if not body.whole and not all(answer.ended for answer in answers):
        detail = f"Only the first {len(body.data)} bytes of the stream were seen."
        raise Unreadable(Reason.TRUNCATED, detail, timings)
    table.add_texts("answer", [answer.text for answer in answers])
    table.put("finish_reason", [_finish(answer) for answer in answers])
    table.put("tool_calls", [answer.tool_calls for answer in answers])
    table.put("refusal", [answer.refused or text.is_refusal(answer.text) for answer in answers])
    table.put("json_valid", [text.is_json(answer.text) for answer in answers])
    table.put("mean_logprob", [_mean_logprob(answer) for answer in answers])
    table.put("prompt_tokens", [answer.prompt_tokens for answer in answers])
    table.put("completion_tokens", [answer.completion_tokens for answer in answers])
    table.timings = timings
    return table


def _timings(body: Body, answers: list[Answer]) -> dict[str, list[Scalar]]:
    """Give how the answers arrived, column by column; empty when none came as a stream."""
    if all(answer.pieces is None for answer in answers):
        return {}
    rows = [_timing(body, answer) for answer in answers]
    return {name: [row.get(name) for row in rows] for name in (*MEASURES, "deltas", "end")}


def _timing(body: Body, answer: Answer) -> dict[str, Scalar]:
    """Measure one answer as a stream; nothing when it came whole."""
    if answer.pieces is None:
        return {}
    finished = answer.ended or (answer.finish is not None and body.whole)
    ended = end_of(body, finished=finished, failed=answer.failed)
    return {
        **measure(answer.pieces, body, answer.completion_tokens),
        "deltas": len(answer.pieces) if body.whole or answer.ended else None,
        "end": ended.value,
    }


def usage(counts: Json, prompt_name: str, completion_name: str) -> tuple[int | None, int | None]:
    """Give prompt and completion tokens of a `usage` object.

    Both are `None` when it is absent or all zero: some servers always send zeros, and no prompt has
    zero tokens.
    """
    if not isinstance(counts, dict):
        return None, None
    found = [counts.get(prompt_name), counts.get(completion_name)]
    prompt, completion = (
        value if type(value) is int and 0 <= value < 2**40 else None for value in found
    )
    return (None, None) if not prompt and not completion else (prompt, completion)


def _finish(answer: Answer) -> Scalar:
    if answer.finish is None:
        return None
    return answer.finish if answer.finish in _FINISH else "other"


def _mean_logprob(answer: Answer) -> Scalar:
    return sum(answer.logprobs) / len(answer.logprobs) if answer.logprobs else None


def _number(value: Json) -> Scalar:
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 2**53 else None  # type: ignore[arg-type]  # a number, see above
