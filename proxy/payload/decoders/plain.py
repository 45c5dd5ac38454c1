"""Plain JSON without a protocol: BentoML, LitServe, FastAPI and the like; JSON lines as well.

Rows are where the configured pointers say, or under one of the names that such servers use. A bare
array is the rows; an object of lists of one length is columns; any other object is one row. Answers
that are plain text, framed as events or not, are described as text.
"""

from __future__ import annotations

from typing import Final

from proxy.payload import forms
from proxy.payload.body import Body
from proxy.payload.features import Text
from proxy.payload.llm import Answer, add_answers
from proxy.payload.parse import Json
from proxy.payload.pointers import Pointer
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.settings import Pointers
from proxy.payload.sse import events, is_framed
from proxy.payload.streams import whole_stream
from proxy.payload.table import Table
from proxy.records import Side

_LINES_MEDIA: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonlines"}
)
_ROWS: Final = {
    Side.INPUT: (
        "rows", "instances", "inputs", "input", "data", "features", "records", "samples", "x", "X",
    ),
    Side.OUTPUT: (
        "predictions", "prediction", "outputs", "output", "results", "result", "labels", "scores",
    ),
}  # fmt: skip
_VECTORS: Final = frozenset(
    {"embedding", "vector", "probabilities", "probability", "probs", "proba", "scores", "logits"}
)


def read_input(body: Body) -> Table:
    """Read the rows of a request."""
    table = Table(Side.INPUT, body.kit)
    if body.media in _LINES_MEDIA:
        return _add_lines(table, body)
    found = forms.fields(body) if body.media == forms.MEDIA else body.json()
    return add_json(table, found, body.kit.settings.request)


def read_output(body: Body) -> Table:
    """Read the rows of an answer, whole or as a stream of lines, events or text."""
    table = Table(Side.OUTPUT, body.kit)
    if body.media == "text/event-stream":
        return _add_stream(table, body)
    if body.media in _LINES_MEDIA:
        return _add_lines(table, body)
    try:
        found = body.json()
    except Unreadable as error:
        if error.reason is not Reason.NOT_JSON:
            raise
        return _add_other(table, body)
    return add_json(table, found, body.kit.settings.response)


def _add_other(table: Table, body: Body) -> Table:
    """Read an answer that is not one JSON text: JSON lines without a media type, or plain text."""
    if body.media == "text/plain":
        return add_text(table, body, body.data)
    if body.data.count(b"\n") and body.data.lstrip()[:1] in (b"{", b"["):
        return _add_lines(table, body)
    raise Unreadable(Reason.NOT_JSON, "The body is not JSON.")


def _add_lines(table: Table, body: Body) -> Table:
    if not body.whole:
        raise Unreadable(Reason.TRUNCATED, "Only the beginning of the lines was captured.")
    pointers = _pointers(body.kit.settings.request, body.kit.settings.response, table.side)
    _add_fields(table, body.lines(), pointers)
    return table


def _pointers(request: Pointers, response: Pointers, side: Side) -> Pointers:
    return request if side is Side.INPUT else response


def _add_stream(table: Table, body: Body) -> Table:
    """Read events as rows when they hold JSON; text under a false media type as one text."""
    if not is_framed(body.data):
        return add_text(table, body, body.data)
    pieces = [event for event in events(body.data) if event.data != b"[DONE]"]
    if not pieces:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no event.")
    try:
        rows = [body.parse(piece.data) for piece in pieces]
    except Unreadable as error:
        if error.reason is not Reason.NOT_JSON:
            raise
        return add_text(table, body, b"".join(piece.data for piece in pieces))
    if not body.whole:
        raise Unreadable(Reason.TRUNCATED, "Only the beginning of the stream was captured.")
    _add_fields(table, rows, body.kit.settings.response)
    return table


def add_text(table: Table, body: Body, data: bytes) -> Table:
    """Add an answer that is a text, as one row."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if body.whole:
            raise Unreadable(Reason.NOT_UTF8, "The body is not UTF-8.") from None
        text = data.decode(errors="ignore")
    # Chunks are the only units that unframed text has.
    answer = Answer(text=text, pieces=whole_stream(body), ended=body.whole)
    add_answers(table, body, [answer])
    return table


def add_json(table: Table, found: Json, pointers: Pointers) -> Table:
    """Add the rows of a parsed body, by `pointers` or by custom."""
    if isinstance(found, dict) and isinstance(found.get("id"), str):
        table.id = str(found["id"])
    if pointers.rows is not None:
        found = Pointer.of(pointers.rows).find(found)
        if found is None:
            detail = "There is nothing where the configured pointer to the rows leads."
            raise Unreadable(Reason.MISSING_FIELD, detail)
    elif isinstance(found, dict) and not pointers.fields:
        if found.keys() == {"error"}:
            raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
        return _add_object(table, found)
    _add_fields(table, found if isinstance(found, list) else [found], pointers)
    return table


def _add_fields(table: Table, rows: list[Json], pointers: Pointers) -> None:
    """Add rows, whole or by the configured pointer of each column."""
    if not pointers.fields:
        table.add_rows(rows)
        return
    for name, text in pointers.fields.items():
        pointer = Pointer.of(text)
        table.add(name, [pointer.find(row) for row in rows])


def _add_object(table: Table, found: dict[str, Json]) -> Table:
    """Add an object: rows under a known name, columns, or one row."""
    lists = {name: value for name, value in found.items() if isinstance(value, list) and value}
    if len(lists) == len(found) > 1 and len({len(value) for value in lists.values()}) == 1:
        table.add_columns(found)
        return table
    for name in _ROWS[table.side]:
        value = lists.get(name)
        if value is not None and len(lists) == 1:
            return _add_named(table, name, value)
    if len(found) == 1 and lists and not lists.keys() & _VECTORS:
        (value,) = lists.values()
        table.add_rows(value)
        return table
    table.add_rows([_with_texts(found)])
    return table


def _add_named(table: Table, name: str, value: list[Json]) -> Table:
    """Add rows found under a known name; a flat list is one row of an input, many of an output."""
    is_flat = not any(isinstance(row, list | dict) for row in value)
    is_vector = is_flat and (table.side is Side.INPUT or name in _VECTORS)
    table.add_rows([value] if is_vector and not isinstance(value[0], str) else value)
    return table


def _with_texts(found: dict[str, Json]) -> dict[str, Json]:
    """Mark fields that are named as text, so that a short one is not taken for a category."""
    named = ("text", "prompt", "question", "content")
    return {
        name: Text(value) if isinstance(value, str) and name in named else value
        for name, value in found.items()
    }
