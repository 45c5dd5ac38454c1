"""Forms of several parts (`multipart/form-data`), as TorchServe and hand-made services take them.

A form is one row: its text fields are values, numbers as numbers, JSON as JSON; of a file only the
size is told. Source: RFC 7578, "Returning Values from Forms: multipart/form-data".
"""

from __future__ import annotations

import re
from typing import Final

from proxy.payload import parse
from proxy.payload.body import Body
from proxy.payload.files import number
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable

MEDIA: Final = "multipart/form-data"
_MAX_PARTS: Final = 256
_MAX_HEAD_BYTES: Final = 4096
_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]{1,70})"|([^\s;",]{1,70}))', re.IGNORECASE)
_NAME: Final = re.compile(rb';\s*name="([^"\r\n]{0,200})"', re.IGNORECASE)
_FILE: Final = re.compile(rb";\s*filename\*?=", re.IGNORECASE)
_TYPE: Final = re.compile(rb"^content-type:\s*([^\s;]{1,100})", re.IGNORECASE | re.MULTILINE)


def fields(body: Body) -> dict[str, Json]:
    """Give the fields of a form, redacted by pointers; a file as `NAME.bytes`.

    A name that comes more than once gives a list.

    Raises:
        Unreadable: damaged, without names, in another encoding than UTF-8, or of too many parts.
    """
    found: dict[str, list[Json]] = {}
    for head, data in _parts(body):
        match = _NAME.search(head)
        if match is None:
            raise Unreadable(Reason.WRONG_SHAPE, "A part of the form has no name.")
        name = match[1].decode(errors="replace")
        declared = _TYPE.search(head)
        media = declared[1].lower() if declared else b"text/plain"
        if _FILE.search(head) or not media.startswith((b"text/", b"application/json")):
            found.setdefault(f"{name}.bytes", []).append(len(data))
        else:
            found.setdefault(name, []).append(_value(data, media, body.kit.settings.max_depth))
    if not found:
        raise Unreadable(Reason.NO_ROWS, "The form has no part.")
    redacted = body.kit.redactor.body(
        {name: values[0] if len(values) == 1 else values for name, values in found.items()}
    )
    return redacted if isinstance(redacted, dict) else {}


def _parts(body: Body) -> list[tuple[bytes, bytes]]:
    """Give head and data of each part."""
    match = _BOUNDARY.search(body.fields.get("content-type", ""))
    if match is None:
        raise Unreadable(Reason.WRONG_SHAPE, "The form names no boundary.")
    line = b"\r\n--" + (match[1] or match[2]).encode()
    pieces = (b"\r\n" + body.data).split(line, _MAX_PARTS + 1)[1:]
    if len(pieces) > _MAX_PARTS:
        raise Unreadable(Reason.TOO_WIDE, f"The form has more than {_MAX_PARTS} parts.")
    if not pieces or not pieces[-1].startswith(b"--"):
        raise Unreadable(Reason.WRONG_SHAPE, "The form does not end with its boundary.")
    parts = []
    for piece in pieces[:-1]:
        head, gap, data = piece.partition(b"\r\n\r\n")
        if not gap or len(head) > _MAX_HEAD_BYTES:
            raise Unreadable(Reason.WRONG_SHAPE, "A part of the form has no head.")
        parts.append((head.lstrip(), data))
    return parts


def _value(data: bytes, media: bytes, max_depth: int) -> Json:
    """Read one text field: JSON where it is declared or looks like it, else a number or text."""
    if media == b"application/json":
        return parse.loads(data, max_depth)
    try:
        text = data.decode().strip()
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8, "A field of the form is not UTF-8.") from None
    if text.startswith(("{", "[")):
        try:
            return parse.loads(data, max_depth)
        except Unreadable as error:
            if error.reason is not Reason.NOT_JSON:
                raise
    value = number(text)
    return text or None if value is None else value
