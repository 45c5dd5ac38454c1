"""JSON parsed within bounds: nothing a client sends can make it recurse, stall or balloon.

msgspec does the grammar. Around it stand a bound on the nesting, checked before the parser sees the
body, and a reading of `NaN` and `Infinity`, which are not JSON but which Python servers write, as
missing values.
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias, cast

import msgspec
import numpy as np

from proxy.payload.reasons import Reason, Unreadable

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_BRACKETS: Final = b'[]{}"'
_OTHERS: Final = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_STEP: Final = np.zeros(256, np.int8)
_STEP[list(b"[{")] = 1
_STEP[list(b"]}")] = -1

_HINT: Final = re.compile(rb"NaN|Infinity|inf|nan")
# The string alternative also takes an unterminated string, so that the search stays linear.
_NOT_FINITE: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|-?\b(?:NaN|Infinity|inf|nan)\b', re.DOTALL
)


def depth(data: bytes) -> int:
    """Give the deepest nesting of `data`, exact up to its first error of grammar. O(n), no parsing.

    Brackets inside strings do not count. About 1 us per KiB.
    """
    if b"\\" in data:
        # Pairs of backslashes first, from the left: then one before a quote escapes it.
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = np.frombuffer(data.translate(None, _OTHERS), np.uint8)
    inside = np.cumsum(marks == ord('"'), dtype=np.int64) & 1
    steps = np.where(inside == 1, 0, _STEP[marks])
    return int(np.cumsum(steps, dtype=np.int64).max(initial=0))


def loads(data: bytes, max_depth: int) -> Json:
    """Parse one JSON text.

    Raises:
        Unreadable: not JSON, not UTF-8, nested too deep, or with a number no float can hold.
    """
    n_openings = data.count(b"[") + data.count(b"{")
    if n_openings > max_depth and depth(data) > max_depth:
        raise Unreadable(Reason.TOO_DEEP, f"The body is nested deeper than {max_depth} levels.")
    try:
        return _decode(data)
    except Unreadable as error:
        if error.reason is not Reason.NOT_JSON or not _HINT.search(data):
            raise
    return _decode(_NOT_FINITE.sub(_as_missing, data))


def _as_missing(match: re.Match[bytes]) -> bytes:
    """Keep strings, and turn the numbers that are none into `null`."""
    found = match.group()
    return found if found.startswith(b'"') else b"null"


def _decode(data: bytes) -> Json:
    try:
        return cast("Json", msgspec.json.decode(data))
    except msgspec.ValidationError:
        detail = "The body holds a number that is out of range."
        raise Unreadable(Reason.NUMBER_OUT_OF_RANGE, detail) from None
    except msgspec.DecodeError:
        raise _why_not(data) from None
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8, "The body is not UTF-8.") from None
    except RecursionError:
        raise Unreadable(Reason.TOO_DEEP, "The body is nested too deep.") from None


def _why_not(data: bytes) -> Unreadable:
    try:
        data.decode()
    except UnicodeDecodeError:
        return Unreadable(Reason.NOT_UTF8, "The body is not UTF-8.")
    return Unreadable(Reason.NOT_JSON, "The body is not JSON.")


def lines(data: bytes, max_depth: int, max_lines: int) -> list[Json]:
    """Parse JSON lines; blank lines are skipped, lines beyond `max_lines` are not read.

    Raises:
        Unreadable: as `loads`, for any line.
    """
    found: list[Json] = []
    for line in data.splitlines():
        if line.strip():
            found.append(loads(line, max_depth))
            if len(found) >= max_lines:
                break
    return found
