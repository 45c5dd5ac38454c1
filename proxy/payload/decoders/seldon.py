"""Seldon's V1 protocol: `data` as array or tensor with names, or JSON, text or bytes.

Source: Seldon Core V1, "External Prediction API". A request may come as the form field `json`.
"""

from __future__ import annotations

from math import prod
from urllib.parse import parse_qs

from proxy.payload.body import Body
from proxy.payload.decoders import plain
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table
from proxy.records import Side


def read_input(body: Body) -> Table:
    """Read the rows of a request, JSON or a form with JSON in it."""
    if body.media == "application/x-www-form-urlencoded":
        fields = parse_qs(body.data.decode(errors="replace"), max_num_fields=16)
        return _read(body, body.parse(fields.get("json", [""])[0].encode()), Side.INPUT)
    return _read(body, body.json(), Side.INPUT)


def read_output(body: Body) -> Table:
    """Read the rows of an answer."""
    return _read(body, body.json(), Side.OUTPUT)


def _read(body: Body, found: Json, side: Side) -> Table:
    """Read one side by which of its four kinds of content it has."""
    if not isinstance(found, dict):
        raise Unreadable(Reason.WRONG_SHAPE, "The body is JSON, but not an object.")
    table = Table(side, body.kit)
    meta = found.get("meta")
    if isinstance(meta, dict) and isinstance(meta.get("puid"), str):
        table.id = str(meta["puid"])
    pointers = body.kit.settings.request if side is Side.INPUT else body.kit.settings.response
    match found:
        case {"data": dict(data)}:
            _add_data(table, data)
        case {"jsonData": content}:
            plain.add_json(table, content, pointers)
        case {"strData": str(content)}:
            table.add_texts("text", [content])
        case {"binData": str(content)}:
            table.put("bytes", [len(content) * 3 // 4])
        case {"status": dict(status)} if status.get("status") not in (None, 0, "SUCCESS"):
            raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
        case _:
            raise Unreadable(Reason.MISSING_FIELD, "The body has no `data`.")
    return table


def _add_data(table: Table, data: dict[str, Json]) -> None:
    """Add an array or a tensor, with the names when there are some."""
    rows = _tensor(data["tensor"]) if "tensor" in data else data.get("ndarray")
    if not isinstance(rows, list):
        raise Unreadable(Reason.MISSING_FIELD, "`data` has neither `ndarray` nor `tensor`.")
    names = data.get("names")
    is_matrix = all(isinstance(row, list) for row in rows)
    if not isinstance(names, list) or not names or not is_matrix or table.side is Side.OUTPUT:
        # Names of answers such as `t:0` are made up by the server; distributions are known as such.
        table.add_rows(rows)
        return
    vectors = [row for row in rows if isinstance(row, list)]
    if any(len(row) != len(names) for row in vectors):
        raise Unreadable(Reason.WRONG_SHAPE, "The rows and `names` have different lengths.")
    for i, name in enumerate(names):
        table.add(str(name), [row[i] for row in vectors])


def _tensor(tensor: Json) -> list[Json]:
    match tensor:
        case {"shape": list(shape), "values": list(values)} if shape and values:
            sizes = [size for size in shape if type(size) is int and size > 0]
            if len(sizes) == len(shape) and prod(sizes) == len(values):
                width = prod(sizes[1:])
                return [values[at : at + width] for at in range(0, len(values), width)]
    raise Unreadable(Reason.WRONG_SHAPE, "The tensor's shape and values do not fit.")
