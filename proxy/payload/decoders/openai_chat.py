"""OpenAI chat completions, whole or streamed.

Source: OpenAI API reference, "Chat" and "Chat streaming". In a stream `usage` comes only when asked
for, and some servers send zeros: pieces of content are counted instead.
"""

from __future__ import annotations

from proxy.payload.body import Body
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

_SYSTEM = ("system", "developer")
_MAX_CHOICES = 128


def read_input(body: Body) -> Table:
    """Read a request: one row that describes its messages and parameters."""
    found = body.object()
    messages = found.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no list `messages`.")
    return add_prompt(Table(Side.INPUT, body.kit), prompt_of(found, messages))


def prompt_of(found: dict[str, Json], messages: list[Json]) -> Prompt:
    """Gather a prompt from messages with roles, as this family of protocols has them."""
    texts: list[str] = []
    system: list[str] = []
    roles: list[str] = []
    n_images = 0
    for message in map(as_object, messages):
        role = as_text(message.get("role"))
        text, images = content(message.get("content"))
        n_images += images
        roles.append(role)
        (system if role in _SYSTEM else texts).append(text)
    return Prompt(
        texts=tuple(texts),
        system=tuple(system),
        roles=tuple(roles),
        images=n_images,
        tools=len(as_list(found.get("tools"))),
        parameters={"max_tokens": found.get("max_completion_tokens"), **found},
    )


def read_output(body: Body) -> Table:
    """Read an answer: one row per choice."""
    table = Table(Side.OUTPUT, body.kit)
    if is_stream(body):
        return add_answers(table, body, _gather(body, table))
    found = body.object()
    refuse_error(found)
    table.id = as_text(found.get("id")) or None
    prompt, completion = usage(found.get("usage"), "prompt_tokens", "completion_tokens")
    answers = []
    for choice in map(as_object, as_list(found.get("choices"))):
        message = as_object(choice.get("message"))
        answers.append(
            Answer(
                text=content(message.get("content"))[0],
                finish=as_text(choice.get("finish_reason")) or None,
                tool_calls=len(as_list(message.get("tool_calls"))),
                logprobs=logprobs(choice),
                prompt_tokens=prompt,
                completion_tokens=completion,
                refused=bool(message.get("refusal")),
            )
        )
    if not answers:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `choices`.")
    return add_answers(table, body, answers[:_MAX_CHOICES])


def logprobs(choice: dict[str, Json]) -> list[float] | None:
    """Give the log-probabilities of a choice's tokens; `None` when it has none."""
    tokens = as_list(as_object(choice.get("logprobs")).get("content"))
    values = [as_object(token).get("logprob") for token in tokens]
    return [float(value) for value in values if isinstance(value, float | int)] or None


class _Choice:
    """One choice of a streamed answer under construction."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ends: list[int] = []
        self.finish: str | None = None
        self.calls: set[int] = set()
        self.logprobs: list[float] = []
        self.refused = False

    def take(self, choice: dict[str, Json], end: int) -> None:
        """Add one delta; only what holds content counts as a piece."""
        delta = as_object(choice.get("delta"))
        text = content(delta.get("content"))[0]
        thought = as_text(delta.get("reasoning_content")) or as_text(delta.get("reasoning"))
        calls = [as_object(call).get("index") for call in as_list(delta.get("tool_calls"))]
        if text or thought or calls:
            self.ends.append(end)
        self.texts.append(text)
        self.calls |= {call if isinstance(call, int) else 0 for call in calls}
        self.finish = as_text(choice.get("finish_reason")) or self.finish
        self.logprobs += logprobs(choice) or []
        self.refused = self.refused or bool(delta.get("refusal"))


def _gather(body: Body, table: Table) -> list[Answer]:
    """Put the deltas of a stream together, by choice."""
    choices: dict[int, _Choice] = {}
    prompt, completion, failed, ended = None, None, False, False
    for found, name, end in stream(body):
        failed = failed or name == "error" or bool(found.get("error"))
        ended = ended or name == "done"
        table.id = table.id or as_text(found.get("id")) or None
        told = usage(found.get("usage"), "prompt_tokens", "completion_tokens")
        prompt, completion = told if told != (None, None) else (prompt, completion)
        for choice in map(as_object, as_list(found.get("choices"))):
            index = choice.get("index")
            place = index if type(index) is int and 0 <= index < _MAX_CHOICES else 0
            choices.setdefault(place, _Choice()).take(choice, end)
    if not choices and not failed:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no choice.")
    return [
        Answer(
            text="".join(choice.texts),
            finish=choice.finish,
            tool_calls=len(choice.calls),
            logprobs=choice.logprobs or None,
            prompt_tokens=prompt,
            completion_tokens=completion,
            pieces=tuple(choice.ends),
            failed=failed,
            ended=ended,
            refused=choice.refused,
        )
        for _, choice in sorted((choices or {0: _Choice()}).items())
    ]
