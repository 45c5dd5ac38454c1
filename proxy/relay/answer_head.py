"""An answer's head: bytes in, a value with how its body ends and what goes to the client out.

Like `request_head`, a remembered pure function. Upstreams are trusted less than their operator
thinks: every head is validated before a byte of it goes on.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from proxy.relay.fields import BadFields, check_fields, nominated, split_fields, tokens

CHUNKED: Final = -1
"""As a body's length: it comes in chunks."""
UNTIL_CLOSE: Final = -2
"""As a body's length: it ends when the upstream closes the connection."""

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})( [\t\x20-\x7e\x80-\xff]*)?")
SWITCHING: Final = 101
FIRST_FINAL: Final = 200
"""Statuses below it are interim: another answer follows."""
_NO_BODY: Final = frozenset({204, 304})
_STREAMS: Final = frozenset(
    {
        b"text/event-stream",
        b"application/x-ndjson",
        b"application/ndjson",
        b"application/jsonl",
        b"application/jsonlines",
        b"application/x-jsonlines",
        b"application/stream+json",
    }
)
_SPECIAL: Final = re.compile(
    rb"\r\n(content-length|content-type|transfer-encoding|connection|keep-alive|proxy-connection"
    rb"|te|trailer|upgrade):[ \t]*([^\r]*)"
)
"""The fields that mean something to the relay, in a head in lower case."""
_MAX_DIGITS: Final = 18
_MAX_REMEMBERED: Final = 512
_MAX_REMEMBERED_BYTES: Final = 4096


class BadAnswer(Exception):  # noqa: N818  # it says what it found
    """The upstream's bytes are not an answer that may be passed on."""


class AnswerHead(Struct, frozen=True, kw_only=True):
    """What the relay must know of an answer."""

    status: int
    body_bytes: int
    """Length of the body; `CHUNKED` or `UNTIL_CLOSE` when only its end will tell."""
    announced_bytes: int
    """The `Content-Length` that was sent, even where no body follows; -1 when there was none."""
    keep_alive: bool
    """Whether the upstream lets the connection be used again."""
    is_stream: bool
    """Whether the body comes piece by piece, as it is made."""
    is_websocket: bool
    """A 101 that goes on as a websocket."""
    is_verbatim: bool
    """`forward` is `raw`: nothing ended at this hop."""
    forward: bytes
    """The head as it goes to an HTTP/1.1 client, with its empty line."""
    raw: bytes


class AnswerReader:
    """Reads the heads of one upstream."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._remembered: dict[bytes, AnswerHead] = {}

    def read(self, raw: bytes) -> AnswerHead:
        """Give the value of the head `raw`, which ends with its empty line.

        Raises:
            BadAnswer: the head is malformed, or its framing is not to be relied on.
        """
        head = self._remembered.get(raw)
        if head is None:
            head = read_anew(raw)
            if len(raw) <= _MAX_REMEMBERED_BYTES:
                if len(self._remembered) >= _MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[raw] = head
        return head


def read_anew(raw: bytes) -> AnswerHead:
    """Do what `AnswerReader.read` does, from the bytes alone."""
    return read_quickly(raw) or read_carefully(raw)


def read_quickly(raw: bytes) -> AnswerHead | None:
    """Do what `read_carefully` does for an ordinary head, at a third of its cost.

    Ordinary: HTTP/1.1, and of the fields that mean anything here only one `Content-Length` and at
    most one `Content-Type`. `None`: look carefully.
    """
    line, _, block = raw.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    found = _SPECIAL.findall(raw.lower())
    special = dict(found)
    length = special.pop(b"content-length", b"")
    kind = special.pop(b"content-type", b"")
    if match is None or special or len(found) != bool(length) + bool(kind):
        return None
    status = int(match.group(2))
    if match.group(1) != b"1" or status < FIRST_FINAL or status in _NO_BODY:
        return None
    if not (length.isdigit() and len(length) < _MAX_DIGITS):
        return None
    try:
        check_fields(block)
    except BadFields:
        return None
    n_body = int(length)
    return AnswerHead(
        status=status,
        body_bytes=n_body,
        announced_bytes=n_body,
        keep_alive=True,
        is_stream=kind.partition(b";")[0].strip(b" \t") in _STREAMS,
        is_websocket=False,
        is_verbatim=True,
        forward=raw,
        raw=raw,
    )


def read_carefully(raw: bytes) -> AnswerHead:
    """Do what `AnswerReader.read` does for any head: this is the specification."""
    line, _, block = raw.partition(b"\r\n")
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise BadAnswer("the first line is not VERSION STATUS REASON")
    is_http11, status = match.group(1) == b"1", int(match.group(2))
    try:
        fields = split_fields(block if block != b"\r\n" else b"\r\n\r\n")
    except BadFields as error:
        raise BadAnswer(f"the head is malformed: {error}") from None
    values: dict[bytes, list[bytes]] = {}
    for name, value, _ in fields:
        values.setdefault(name, []).append(value)
    connection = [m for value in values.get(b"connection", ()) for m in tokens(value)]
    body_bytes, announced = _framing(status, values, is_http11=is_http11)
    upgrade = [value.lower() for value in values.get(b"upgrade", ())]
    is_websocket = status == SWITCHING and upgrade == [b"websocket"]
    forward = _forward(line, fields, connection, is_websocket=is_websocket)
    return AnswerHead(
        status=status,
        body_bytes=body_bytes,
        announced_bytes=announced,
        keep_alive=body_bytes != UNTIL_CLOSE
        and b"close" not in connection
        and (is_http11 or b"keep-alive" in connection),
        is_stream=_is_stream(values, body_bytes),
        is_websocket=is_websocket,
        is_verbatim=forward == raw,
        forward=raw if forward == raw else forward,
        raw=raw,
    )


def _framing(status: int, values: dict[bytes, list[bytes]], *, is_http11: bool) -> tuple[int, int]:
    """Give the body's length and the length that was announced (RFC 9112 §6.3)."""
    codings, lengths = values.get(b"transfer-encoding"), values.get(b"content-length")
    announced = int(lengths[0]) if lengths else -1
    if codings is not None:
        if [coding.lower() for coding in codings] != [b"chunked"]:
            raise BadAnswer("the only transfer coding spoken here is chunked")
        if not is_http11:
            raise BadAnswer("HTTP/1.0 knows no transfer coding")
    if status < FIRST_FINAL or status in _NO_BODY:
        return 0, announced
    if codings is not None:
        return CHUNKED, announced
    return (announced if lengths else UNTIL_CLOSE), announced


def _forward(
    line: bytes,
    fields: list[tuple[bytes, bytes, bytes]],
    connection: list[bytes],
    *,
    is_websocket: bool,
) -> bytes:
    """Give the head without what ends at this hop, in our version of the protocol."""
    dropped = nominated(connection) - {b"trailer"}
    out = [line if line.startswith(b"HTTP/1.1") else b"HTTP/1.1" + line[8:]]
    out += [whole for name, _, whole in fields if name not in dropped]
    if is_websocket:
        out += (b"Connection: Upgrade", b"Upgrade: websocket")
    out += (b"", b"")
    return b"\r\n".join(out)


def _is_stream(values: dict[bytes, list[bytes]], body_bytes: int) -> bool:
    """Tell a body that is made piece by piece: by its type, or by chunks without a type."""
    types = values.get(b"content-type")
    if types is None:
        return body_bytes == CHUNKED
    return types[0].partition(b";")[0].strip(b" \t").lower() in _STREAMS


def without_chunking(forward: bytes) -> bytes:
    """Give the head for an HTTP/1.0 client, who knows no chunks; the body then ends by close."""
    lines = forward[:-4].split(b"\r\n")
    return b"\r\n".join(
        [
            line
            for line in lines
            if line.partition(b":")[0].lower() not in {b"transfer-encoding", b"trailer"}
        ]
        + [b"", b""]
    )
