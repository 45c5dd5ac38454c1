"""RecordIO with protobuf, the own format of SageMaker's algorithms: records of named tensors.

Frames of dmlc's RecordIO around messages `aialgs.data.Record`: a map from names to tensors (dense
or sparse) or bytes, for features and for labels. Requests are read from the features, answers from
the labels, where the algorithms write what they predict. Ids, metadata and configuration of a
record are not read; of bytes only the size is told.

Sources: Amazon SageMaker, "Common data formats for training" and "for inference" (`record.proto`);
dmlc-core, `recordio.h` (frames: magic, kind and length, data, padding to four bytes).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isfinite, prod
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from proxy.payload import protobuf
from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.protobuf import Field, Reader, damaged
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Cell, Table
from proxy.payload.tensor import describe_sparse
from proxy.records import Scalar, Side

MEDIA: Final = "application/x-recordio-protobuf"
_MAGIC: Final = struct.pack("<I", 0xCED7230A)
_LENGTH_BITS: Final = 29
"""The length of a frame; the three bits above say which part of a record it is."""
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)
_MAX_FIELDS: Final = 32_768
"""Fields of protobuf read of one body: 1,024 records of one tensor take 7,000."""
_MAX_AXES: Final = 8
_LARGEST_SIZE: Final = 2**53
"""Numbers that a sparse tensor may claim to have: what a float can count."""
_UNNAMED: Final = "values"
"""The name that the format gives to a tensor that has none."""

# Numbers of fields in record.proto.
_FEATURES, _LABEL = 1, 2
_KEY, _VALUE = 1, 2
_FLOAT32, _FLOAT64, _INT32, _BYTES = 2, 3, 7, 9
_VALUES, _KEYS, _SHAPE = 1, 2, 3

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Sparse:
    """The cells of a sparse tensor that are given; all others are zero."""

    shape: tuple[int, ...]
    keys: protobuf.Integers
    values: Floats


@dataclass(frozen=True, slots=True)
class _Opaque:
    """Bytes of some kind: only their number is known."""

    n_bytes: int


_Feature: TypeAlias = "Floats | _Sparse | _Opaque"


def add_recordio(table: Table, body: Body) -> None:
    """Add the records of a body, one row each; of a long one an even choice is parsed.

    Raises:
        Unreadable: damaged frames or messages, tensors that contradict themselves, or no records.
    """
    tensor_width = body.kit.settings.tensor_width
    reader = _Records(table.side, body.kit.settings.max_columns)
    rows = [reader.read(message) for message in table.thin(frames(body.data))]
    names = dict.fromkeys(name for row in rows for name in row)
    if not names:
        what = "labels" if table.side is Side.OUTPUT else "features"
        raise Unreadable(Reason.NO_ROWS, f"The records hold no {what}.")
    for name in names:
        _add(table, name, [row.get(name) for row in rows], tensor_width)


def frames(data: bytes) -> list[bytes]:
    """Give the records inside the frames; a record in several parts is put together.

    Raises:
        Unreadable: a frame without the magic, or longer than the body; parts out of order.
    """
    found: list[bytes] = []
    parts: list[bytes] = []
    at = 0
    while at < len(data):
        kind, piece, at = _frame(data, at)
        if (kind in (_MIDDLE, _LAST)) != bool(parts):
            raise _broken("has parts of a record out of order")
        if kind == _WHOLE:
            found.append(piece)
            continue
        parts.append(piece)
        if kind == _LAST:
            # The writer cut the record where its data held the magic.
            found.append(_MAGIC.join(parts))
            parts = []
    if parts:
        raise _broken("ends inside a record")
    return found


def _frame(data: bytes, at: int) -> tuple[int, bytes, int]:
    """Give kind and data of the frame at `at`, and where the next one begins."""
    if data[at : at + 4] != _MAGIC or len(data) < at + 8:
        raise _broken("has no frame where one should begin")
    (head,) = struct.unpack_from("<I", data, at + 4)
    kind, size = head >> _LENGTH_BITS, head & ((1 << _LENGTH_BITS) - 1)
    if size > len(data) - at - 8:
        raise _broken("says that a record is longer than the body")
    if kind > _LAST:
        raise _broken("has a frame of an unknown kind")
    # The padding of the last frame is left out by some writers.
    return kind, data[at + 8 : at + 8 + size], at + 8 + (size + 3) // 4 * 4


def _broken(what: str) -> Unreadable:
    return Unreadable(Reason.WRONG_SHAPE, f"The RecordIO body {what}.")


class _Records:
    """Reads the records of one body."""

    def __init__(self, side: Side, max_columns: int) -> None:
        self._wanted = _LABEL if side is Side.OUTPUT else _FEATURES
        self._max_columns = max_columns
        self._reader = Reader(_MAX_FIELDS)

    def read(self, message: bytes) -> dict[str, _Feature]:
        """Read the features, or the labels, of one record. A name that comes again replaces."""
        entries = [
            _message(entry)
            for number, entry in self._reader.fields(message)
            if number == self._wanted
        ]
        if len(entries) > self._max_columns:
            detail = f"The record has more than {self._max_columns} columns."
            raise Unreadable(Reason.TOO_WIDE, detail)
        found: dict[str, _Feature] = {}
        for entry in entries:
            given = dict(self._reader.fields(entry))
            try:
                name = _message(given.get(_KEY, b"")).decode()
            except UnicodeDecodeError:
                raise Unreadable(Reason.NOT_UTF8, "The name of a feature is not UTF-8.") from None
            value = self._feature(_message(given.get(_VALUE, b"")))
            if value is not None:
                found[name] = value
        return found

    def _feature(self, value: bytes) -> _Feature | None:
        """Read one value: of several kinds the last counts, as in any `oneof`. `None`: of none."""
        found: _Feature | None = None
        for kind, inner in self._reader.fields(value):
            if kind in (_FLOAT32, _FLOAT64, _INT32):
                found = self._tensor(kind, _message(inner))
            elif kind == _BYTES:
                pieces = self._reader.fields(_message(inner))
                found = _Opaque(
                    sum(len(_message(it)) for number, it in pieces if number == _VALUES)
                )
        return found

    def _tensor(self, kind: int, message: bytes) -> Floats | _Sparse:
        fields: dict[int, list[Field]] = {_VALUES: [], _KEYS: [], _SHAPE: []}
        for number, value in self._reader.fields(message):
            if number in fields:
                fields[number].append(value)
        if kind == _INT32:
            values = protobuf.signed32(protobuf.integers(fields[_VALUES]))
        else:
            values = protobuf.floats(fields[_VALUES], "<f4" if kind == _FLOAT32 else "<f8")
        shape = tuple(protobuf.integers(fields[_SHAPE]).tolist()) if fields[_SHAPE] else ()
        if len(shape) > _MAX_AXES:
            raise _contradiction("has too many axes")
        # A row of zeros has no key either: only its shape tells that it is sparse.
        if fields[_KEYS] or (not values.size and shape):
            return _sparse(shape, protobuf.integers(fields[_KEYS]), values)
        if shape and prod(shape) != values.size:
            raise _contradiction("has another number of values than its shape says")
        return values.reshape(shape) if len(shape) > 1 else values


def _message(value: Field) -> bytes:
    if not isinstance(value, bytes):
        raise damaged("holds a number where a message should be")
    return value


def _sparse(shape: tuple[int, ...], keys: protobuf.Integers, values: Floats) -> _Sparse:
    size = prod(shape)
    if not shape or not 0 < size <= _LARGEST_SIZE:
        raise _contradiction("is sparse and has no shape, or an impossible one")
    if len(keys) != len(values) or len(np.unique(keys)) != len(keys):
        raise _contradiction("has other keys than values")
    if len(keys) and int(keys.max()) >= size:
        raise _contradiction("has keys beyond its shape")
    return _Sparse(shape, keys, values)


def _contradiction(what: str) -> Unreadable:
    return Unreadable(Reason.WRONG_SHAPE, f"A tensor {what}.")


def _add(table: Table, name: str, cells: list[_Feature | None], tensor_width: int) -> None:
    """Add one feature of every record; a record that lacks it has missing cells."""
    plain = "" if name == _UNNAMED else name
    if any(isinstance(cell, _Opaque) for cell in cells):
        sizes = [cell.n_bytes if isinstance(cell, _Opaque) else None for cell in cells]
        table.add(f"{name}.bytes", sizes)
        return
    if any(isinstance(cell, _Sparse) and prod(cell.shape) > tensor_width for cell in cells):
        table.add_described(plain, [_described(cell) for cell in cells])
        return
    table.add(plain, [_cell(cell, tensor_width) for cell in _narrowed(cells)])


def _described(cell: _Feature | None) -> dict[str, Scalar]:
    """Describe a wide tensor by what is given of it: zeros are counted, not written out."""
    if isinstance(cell, _Sparse):
        return describe_sparse(cell.values, prod(cell.shape))
    if isinstance(cell, np.ndarray):
        return describe_sparse(cell.ravel(), cell.size)
    return {}


def _narrowed(cells: list[_Feature | None]) -> list[Floats | None]:
    """Write out the zeros of narrow sparse tensors; a lone number is no vector."""
    dense: list[Floats | None] = []
    for cell in cells:
        if isinstance(cell, _Sparse):
            array = np.zeros(prod(cell.shape))
            array[cell.keys.astype(np.int64)] = cell.values
            dense.append(array.reshape(cell.shape) if len(cell.shape) > 1 else array)
        else:
            dense.append(cell if isinstance(cell, np.ndarray) else None)
    if all(array is None or array.size == 1 for array in dense):
        return [None if array is None else array.reshape(()) for array in dense]
    return dense


def _cell(array: Floats | None, tensor_width: int) -> Cell:
    """Give a number, a short vector as a list, or the array of a tensor."""
    if array is None:
        return None
    if array.ndim > 1 or array.size > tensor_width:
        return array
    if array.ndim == 0:
        return _finite(float(array))
    found: list[Json] = [_finite(value) for value in array.tolist()]
    return found


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
