"""Field lines of a head or a trailer: the grammar, and which fields end at this hop.

The grammar of field lines is llhttp's, in its strict mode, for requests and answers alike: no bare
LF, no folding, no space before the colon, no control byte, one length or `chunked` but not both.
A line that is passed on is passed on byte by byte, whatever its spelling.
"""

from __future__ import annotations

from typing import Final

import httptools

_PRELUDE: Final = b"POST / HTTP/1.1\r\n"
"""Stands in for the start line, which has grammars of its own (see `request_head`)."""

HOP_BY_HOP: Final = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"upgrade",
    }
)
"""Fields that speak of one connection (RFC 9110 §7.6.1). `Transfer-Encoding` stays, since chunks
are passed on as chunks, and so does the `Trailer` of a peer whose trailers are passed on."""

NEVER_NOMINATED: Final = frozenset(
    {
        b"content-length",
        b"forwarded",
        b"host",
        b"transfer-encoding",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
"""Fields a peer cannot have removed by naming them in `Connection`: framing, and what we vouch for
(the fault of CVE-2021-33197)."""

FORBIDDEN_IN_TRAILERS: Final = (
    HOP_BY_HOP
    | NEVER_NOMINATED
    | {b"authorization", b"content-encoding", b"content-range", b"content-type", b"cookie"}
    | {b"set-cookie", b"expect", b"max-forwards", b"cache-control"}
)
"""Fields that change how a message is read, and so may not come after it (RFC 9110 §6.5.1)."""


class BadFields(Exception):  # noqa: N818  # it says what it found
    """The bytes are not field lines."""


class _Nothing:
    """Asks the parser for no event: only its verdict is wanted."""


_NOTHING: Final = _Nothing()


def check_fields(block: bytes) -> None:
    r"""Let llhttp judge `block`: lines with their CRLF, then one more CRLF.

    Raises:
        BadFields: llhttp refuses them.
    """
    try:
        httptools.HttpRequestParser(_NOTHING).feed_data(_PRELUDE + block)
    except httptools.HttpParserUpgrade:
        # Offered an upgrade, llhttp stops behind the head. The lines were good.
        pass
    except httptools.HttpParserError as error:
        raise BadFields(str(error)) from None


def split_fields(block: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Split `block` into (name in lower case, value, whole line) for each line.

    Raises:
        BadFields: see `check_fields`.
    """
    check_fields(block)
    fields = []
    for line in block[:-4].split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            fields.append((name.lower(), value.strip(b" \t"), line))
    return fields


def tokens(value: bytes) -> list[bytes]:
    """Give the comma-separated members of `value` in lower case, empty ones left out."""
    return [member for part in value.lower().split(b",") if (member := part.strip(b" \t"))]


def nominated(connection: list[bytes]) -> frozenset[bytes]:
    """Give the fields that end at this hop, given the tokens of `Connection`."""
    if not connection:
        return HOP_BY_HOP
    return HOP_BY_HOP | (frozenset(connection) - NEVER_NOMINATED)
