"""Triton's generate extension: a flat object in, a flat object or a stream of such objects out.

Source: Triton, `extension_generate.md`. Text stands under keys that hold `text`.
"""

from __future__ import annotations

from typing import Final

from proxy.payload.body import Body
from proxy.payload.features import Text
from proxy.payload.llm import Answer, add_answers
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.sse import events
from proxy.payload.table import Table
from proxy.records import Side

_OWN: Final = ("id", "model_name", "model_version", "sequence_id", "sequence_start", "sequence_end")
_ANSWER: Final = "text_output"


def read_input(body: Body) -> Table:
    """Read the inputs, one row."""
    table = Table(Side.INPUT, body.kit)
    table.add_rows([_fields(table, body.object())])
    return table


def read_output(body: Body) -> Table:
    """Read the outputs, one row; of a stream the texts are put together."""
    table = Table(Side.OUTPUT, body.kit)
    if body.media == "text/event-stream":
        return add_answers(table, body, [_gather(body)])
    found = body.object()
    if "error" in found:
        raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
    fields = _fields(table, found)
    text = fields.pop(_ANSWER, None)
    if isinstance(text, str):
        add_answers(table, body, [Answer(text=text)])
    if fields:
        table.add_rows([fields])
    return table


def _fields(table: Table, found: dict[str, Json]) -> dict[str, Json]:
    if isinstance(found.get("id"), str):
        table.id = str(found["id"])
    return {
        name: Text(value) if isinstance(value, str) and "text" in name else value
        for name, value in found.items()
        if name not in _OWN
    }


def _gather(body: Body) -> Answer:
    """Put the texts of a stream together."""
    texts: list[str] = []
    ends: list[int] = []
    failed = False
    for event in events(body.data):
        found = body.parse(event.data)
        if not isinstance(found, dict):
            continue
        failed = failed or "error" in found
        piece = found.get(_ANSWER)
        if isinstance(piece, str) and piece:
            texts.append(piece)
            ends.append(event.end)
    return Answer(text="".join(texts), pieces=tuple(ends), ended=body.whole, failed=failed)
