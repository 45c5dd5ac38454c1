"""Server-sent events: cut into events, each with the offset at which it was complete.

Source: WHATWG HTML, section 9.2.6 "Interpreting an event stream". Arrival times are joined to the
events by their offsets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

_LINE: Final = re.compile(rb"([^\r\n]*)(\r\n|\n|\r)")
_BOM: Final = b"\xef\xbb\xbf"


class Event(msgspec.Struct, frozen=True):
    """One dispatched event."""

    name: str
    """The `event` field; empty when there is none."""
    data: bytes
    """The `data` lines, joined by line feeds."""
    end: int
    """Offset in the stream after the blank line that completed it."""


def events(stream: bytes) -> Iterator[Event]:
    """Cut a stream into events. One that no blank line completed is not given, as the source says.

    Comments, `id` and `retry` are skipped.
    """
    name = ""
    data: list[bytes] = []
    start = len(_BOM) if stream.startswith(_BOM) else 0
    for line in _LINE.finditer(stream, start):
        content = line.group(1)
        if not content:
            if data:
                yield Event(name, b"\n".join(data), line.end())
            name, data = "", []
            continue
        field, _, value = content.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode(errors="replace")


def is_framed(stream: bytes) -> bool:
    """Tell an event stream from plain text under its media type, which some servers send."""
    return re.search(rb"(?:\A|\n|\r)(?:data|event|id|retry)?:", stream) is not None
