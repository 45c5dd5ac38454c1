"""Just enough of protobuf's wire format to read a message of a known kind, within bounds.

No schema and no library: a message is cut into fields, and packed numbers become arrays. What a
field means is said by who asks (`recordio.py`). Unknown fields are passed over, as protobuf wants.

Source: Protocol Buffers, "Encoding": records, wire types, packed repeated fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from proxy.payload.reasons import Reason, Unreadable

Field: TypeAlias = "bytes | int"
"""What a field holds: bytes (of length-delimited fields and fixed numbers), or a varint's value."""
Integers: TypeAlias = npt.NDArray[np.uint64]

_VARINT: Final = 0
_FIXED64: Final = 1
_BYTES: Final = 2
_FIXED32: Final = 5
_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}
_MAX_VARINT: Final = 10
"""Bytes of the longest varint: 64 bits, seven in each byte."""
_MORE: Final = 0x80
_WORD: Final = 2**64 - 1


def damaged(what: str) -> Unreadable:
    """Give why a message cannot be read."""
    return Unreadable(Reason.WRONG_SHAPE, f"The protobuf message {what}.")


class Reader:
    """Cuts messages into fields; counts them over all messages of one body."""

    def __init__(self, max_fields: int) -> None:
        """Read at most `max_fields` fields: what costs time is their number, not their size."""
        self._left = max_fields

    def fields(self, data: bytes) -> list[tuple[int, Field]]:
        """Give (number, value) of each field in the order of the wire.

        Raises:
            Unreadable: cut short, a length beyond the end, an endless varint, a group, or more
                fields than are read of one body.
        """
        found: list[tuple[int, Field]] = []
        at = 0
        while at < len(data):
            self._left -= 1
            if self._left < 0:
                detail = "The protobuf body has too many fields."
                raise Unreadable(Reason.TOO_LARGE, detail)
            tag, at = _varint(data, at)
            value, at = _value(data, at, tag & 7)
            found.append((tag >> 3, value))
        return found


def _value(data: bytes, at: int, wire_type: int) -> tuple[Field, int]:
    """Give the value that begins at `at`, and where the next field begins."""
    if wire_type == _VARINT:
        return _varint(data, at)
    if wire_type == _BYTES:
        size, at = _varint(data, at)
    elif wire_type in _SIZES:
        size = _SIZES[wire_type]
    else:
        raise damaged("has a field of an unknown wire type")
    if size > len(data) - at:
        raise damaged("says that a field is longer than the message")
    return data[at : at + size], at + size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    if at < len(data) and data[at] < _MORE:
        return data[at], at + 1  # by far the most
    value = 0
    for i, byte in enumerate(data[at : at + _MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < _MORE:
            return value & _WORD, at + i + 1
    raise damaged("holds a number that does not end")


def integers(values: Sequence[Field]) -> Integers:
    """Give the numbers of a repeated integer field, packed or not; negative ones as 2^64 + n.

    Raises:
        Unreadable: cut short, or a number of more than ten bytes.
    """
    parts = [
        _unpacked(value) if isinstance(value, bytes) else np.array([value], np.uint64)
        for value in values
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.uint64)


def _unpacked(data: bytes) -> Integers:
    """Give the varints that stand one after the other. O(bytes), without a loop over numbers."""
    raw = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero(raw < _MORE)
    if len(raw) and (not len(ends) or ends[-1] != len(raw) - 1):
        raise damaged("holds a number that does not end")
    starts = np.concatenate(([0], ends[:-1] + 1)) if len(ends) else ends
    sizes = ends - starts + 1
    widest = int(sizes.max(initial=0))
    if widest > _MAX_VARINT:
        raise damaged("holds a number that does not end")
    found = np.zeros(len(ends), np.uint64)
    for i in range(widest):
        there = sizes > i
        bits = (raw[starts[there] + i] & 0x7F).astype(np.uint64)
        found[there] |= bits << np.uint64(7 * i)
    return found


def signed32(values: Integers) -> npt.NDArray[np.float64]:
    """Give `int32` numbers as floats: the low 32 bits, in two's complement."""
    return values.astype(np.uint32).view(np.int32).astype(np.float64)


def floats(values: Sequence[Field], dtype: str) -> npt.NDArray[np.float64]:
    """Give the numbers of a repeated field of fixed size, packed or not.

    Raises:
        Unreadable: the bytes are not a whole number of numbers.
    """
    size = np.dtype(dtype).itemsize
    if any(not isinstance(value, bytes) or len(value) % size for value in values):
        raise damaged("holds numbers of a broken length")
    raw = b"".join(value for value in values if isinstance(value, bytes))
    return np.frombuffer(raw, dtype).astype(np.float64)
