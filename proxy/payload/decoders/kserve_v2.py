"""KServe V2, the Open Inference Protocol: named tensors, as JSON or with binary data behind it.

Sources: Open Inference Protocol, `inference_rest.md`; Triton, `extension_binary_data.md`. A body is
binary exactly when the field `Inference-Header-Content-Length` says so: servers and clients differ
in the media type they send with it, or send none.
"""

from __future__ import annotations

from itertools import chain
from math import prod
from typing import Final

import numpy as np

from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.sse import events
from proxy.payload.table import Cell, Table
from proxy.records import Side

HEADER: Final = "inference-header-content-length"

_DTYPES: Final = {
    "BOOL": "?",
    "UINT8": "u1",
    "UINT16": "<u2",
    "UINT32": "<u4",
    "UINT64": "<u8",
    "INT8": "i1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
    "FP16": "<f2",
    "FP32": "<f4",
    "FP64": "<f8",
}
_BF16: Final = "BF16"
_BYTES: Final = "BYTES"
_LENGTH_BYTES: Final = 4
_MAX_TENSORS: Final = 1024


def read_input(body: Body) -> Table:
    """Read the input tensors of a request."""
    return _read(body, Side.INPUT, "inputs")


def read_output(body: Body) -> Table:
    """Read the output tensors of an answer; of a stream, of all its events."""
    if body.media == "text/event-stream":
        return _read_stream(body)
    return _read(body, Side.OUTPUT, "outputs")


def _read(body: Body, side: Side, key: str) -> Table:
    head, tail = split(body)
    found = body.parse(head)
    if not isinstance(found, dict):
        raise Unreadable(Reason.WRONG_SHAPE, "The body is JSON, but not an object.")
    table = Table(side, body.kit)
    name = found.get("id")
    table.id = name if isinstance(name, str) else None
    _add_tensors(table, _tensors(found, key), tail)
    return table


def _read_stream(body: Body) -> Table:
    """Put the events of `infer_stream` under each other: one answer each, all of the same form."""
    gathered: dict[str, list[Cell]] = {}
    for event in events(body.data):
        found = body.parse(event.data)
        for tensor in _tensors(found if isinstance(found, dict) else {}, "outputs"):
            name = str(tensor.get("name", ""))
            gathered.setdefault(name, []).extend(_rows(tensor, _flat(tensor.get("data"))))
    if not gathered:
        raise Unreadable(Reason.NO_ROWS, "The stream holds no event.")
    table = Table(Side.OUTPUT, body.kit)
    for name, values in gathered.items():
        table.add("prediction" if len(gathered) == 1 else name, values)
    return table


def split(body: Body) -> tuple[bytes, bytes]:
    """Give the JSON part and the binary part of a body.

    Raises:
        Unreadable: the length in the field is no number, or lies beyond the body.
    """
    text = body.fields.get(HEADER)
    if text is None:
        return body.data, b""
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) > len(body.data):  # noqa: PLR2004 - no body has a length of 13 digits
        raise Unreadable(Reason.WRONG_SHAPE, "The length of the JSON part lies beyond the body.")
    return body.data[: int(text)], body.data[int(text) :]


def _tensors(found: dict[str, Json], key: str) -> list[dict[str, Json]]:
    """Give the tensors under `key`, of which there is at least one."""
    tensors = found.get(key)
    if not isinstance(tensors, list):
        if "error" in found:
            raise Unreadable(Reason.ERROR_BODY, "The answer is an error in a body of status 200.")
        raise Unreadable(Reason.MISSING_FIELD, f"The body has no list `{key}`.")
    if len(tensors) > _MAX_TENSORS:
        raise Unreadable(Reason.TOO_WIDE, f"The body has more than {_MAX_TENSORS} tensors.")
    if not tensors:
        raise Unreadable(Reason.NO_ROWS, f"`{key}` is empty.")
    objects = [tensor for tensor in tensors if isinstance(tensor, dict)]
    if len(objects) != len(tensors):
        raise Unreadable(Reason.WRONG_SHAPE, f"An element of `{key}` is no object.")
    return objects


def _add_tensors(table: Table, tensors: list[dict[str, Json]], tail: bytes) -> None:
    """Add one field per tensor; a tensor of one row beside longer ones holds for all rows."""
    fields: list[tuple[dict[str, Json], list[Cell]]] = []
    for tensor in tensors:
        size = _parameter(tensor, "binary_data_size")
        if isinstance(size, int) and not isinstance(size, bool):
            if not 0 <= size <= len(tail):
                detail = "The binary data are shorter than the tensors claim."
                raise Unreadable(Reason.WRONG_SHAPE, detail)
            fields.append((tensor, _rows(tensor, _binary(tensor, tail[:size]))))
            tail = tail[size:]
        elif "data" in tensor:
            fields.append((tensor, _rows(tensor, _flat(tensor["data"]))))
        elif _parameter(tensor, "shared_memory_region") is not None:
            detail = "A tensor lies in shared memory, which is not on the wire."
            raise Unreadable(Reason.UNSUPPORTED_MEDIA, detail)
        else:
            raise Unreadable(Reason.MISSING_FIELD, "A tensor has no data.")
    n = max(len(rows) for _, rows in fields)
    singles = [tensor for tensor, rows in fields if not isinstance(rows[0], list | np.ndarray)]
    for tensor, rows in fields:
        values = rows * n if len(rows) == 1 else rows
        name = str(tensor.get("name", ""))
        if table.side is Side.OUTPUT and singles == [tensor]:
            name = "prediction"
        _add(table, tensor, name, values)


def _add(table: Table, tensor: dict[str, Json], name: str, values: list[Cell]) -> None:
    named = _parameter(tensor, "column_names")
    if not isinstance(named, list) or not all(
        isinstance(row, list) and len(row) == len(named) for row in values
    ):
        table.add(name, values)
        return
    for i, column in enumerate(named):
        table.add(str(column), [row[i] for row in values if isinstance(row, list)])


def _parameter(tensor: dict[str, Json], name: str) -> Json:
    parameters = tensor.get("parameters")
    return parameters.get(name) if isinstance(parameters, dict) else None


def _shape(tensor: dict[str, Json]) -> tuple[int, ...]:
    shape = tensor.get("shape")
    if not isinstance(shape, list) or len(shape) > 8:  # noqa: PLR2004 - no model has nine axes
        raise Unreadable(Reason.WRONG_SHAPE, "A tensor has no usable shape.")
    sizes = [size for size in shape if type(size) is int and size >= 0]
    if len(sizes) != len(shape):
        raise Unreadable(Reason.WRONG_SHAPE, "A shape holds something that is no size.")
    return tuple(sizes)


def _flat(data: Json) -> list[Json]:
    """Flatten nested data, which must be of one depth throughout."""
    if not isinstance(data, list):
        raise Unreadable(Reason.WRONG_SHAPE, "The data of a tensor are no list.")
    flat = data
    while flat and isinstance(flat[0], list):
        inner = [part for part in flat if isinstance(part, list)]
        if len(inner) != len(flat):
            raise Unreadable(Reason.WRONG_SHAPE, "The data of a tensor are ragged.")
        flat = list(chain.from_iterable(inner))
    return flat


def _rows(tensor: dict[str, Json], flat: list[Json]) -> list[Cell]:
    """Cut flat row-major data into rows by the shape, whose first axis is the batch."""
    shape = _shape(tensor)
    if prod(shape) != len(flat):
        detail = f"A tensor's shape asks for {prod(shape):.6g} values, {len(flat)} are there."
        raise Unreadable(Reason.WRONG_SHAPE, detail)
    if not flat:
        raise Unreadable(Reason.NO_ROWS, "A tensor has no values.")
    if tensor.get("datatype") == "BOOL":
        flat = [None if cell is None else bool(cell) for cell in flat]
    width = prod(shape[1:])
    if width == 1:
        return list(flat)
    cut: list[Cell] = [flat[at : at + width] for at in range(0, len(flat), width)]
    if len(shape) > 2 and tensor.get("datatype") != _BYTES:  # noqa: PLR2004 - batch, width
        return [_array(row, shape[1:]) for row in cut]
    return cut


def _array(row: Cell, shape: tuple[int, ...]) -> Cell:
    try:
        return np.asarray(row, dtype=np.float64).reshape(shape)
    except (ValueError, TypeError, OverflowError):
        detail = "A tensor holds something that is not a number."
        raise Unreadable(Reason.WRONG_DATATYPE, detail) from None


def _binary(tensor: dict[str, Json], data: bytes) -> list[Json]:
    """Read the values of a binary tensor; numbers that are not finite become missing."""
    datatype = tensor.get("datatype")
    if datatype == _BYTES:
        return _strings(data)
    if datatype == _BF16 and len(data) % 2 == 0:
        values = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4")
    elif isinstance(datatype, str) and datatype in _DTYPES:
        dtype = np.dtype(_DTYPES[datatype])
        if len(data) % dtype.itemsize:
            raise Unreadable(Reason.WRONG_SHAPE, "The binary data end inside a value.")
        values = np.frombuffer(data, dtype)
    else:
        raise Unreadable(Reason.WRONG_DATATYPE, "A tensor has a datatype that is not known.")
    cells: list[Json] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        finite = np.isfinite(values).tolist()
        cells = [cell if ok else None for cell, ok in zip(cells, finite, strict=True)]
    return cells


def _strings(data: bytes) -> list[Json]:
    """Read length-prefixed strings; what is not UTF-8 is told by its length only."""
    found: list[Json] = []
    at = 0
    while at < len(data):
        begin = at + _LENGTH_BYTES
        end = begin + int.from_bytes(data[at:begin], "little")
        if begin > len(data) or end > len(data):
            raise Unreadable(Reason.WRONG_SHAPE, "The binary data end inside a string.")
        try:
            found.append(data[begin:end].decode())
        except UnicodeDecodeError:
            found.append(f"({end - begin} bytes)")
        at = end
    return found
