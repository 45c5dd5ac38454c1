"""A sampled message made ready for a decoder: decompressed, within its bounds, with its context."""

from __future__ import annotations

from dataclasses import dataclass, field

from proxy.payload import parse
from proxy.payload.codings import Arrivals, undo
from proxy.payload.kit import Kit
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.records import Exchange, Message, Side

_STREAM_MEDIA = frozenset({"text/event-stream", "text/plain"})
"""What can be read in part: the timing of its beginning says something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One body with all that a decoder may ask."""

    data: bytes
    """Decompressed."""
    side: Side
    media: str
    """Media type in lower case without parameters; empty when the message names none."""
    fields: dict[str, str]
    path: str
    exchange: Exchange
    arrivals: Arrivals
    whole: bool
    """False: a stream of which only the beginning was captured."""
    kit: Kit
    parsed: list[Json] = field(default_factory=list, repr=False)
    """The body as JSON, once someone asked for it."""

    def json(self) -> Json:
        """Parse the body as JSON and redact it by pointers. Parsed once: ask as often as needed.

        Raises:
            Unreadable: empty, a form, not JSON, or beyond the bounds.
        """
        if self.media.startswith("multipart/"):
            detail = "The body is a form of several parts, which its protocol does not use."
            raise Unreadable(Reason.UNSUPPORTED_MEDIA, detail)
        if not self.parsed:
            self.parsed.append(self.parse(self.data))
        return self.parsed[0]

    def parse(self, data: bytes) -> Json:
        """Parse a part of the body, such as the data of one event, as JSON and redact it.

        Raises:
            Unreadable: as `json`.
        """
        if not data.strip():
            raise Unreadable(Reason.EMPTY, "The body is empty.")
        return self.kit.redactor.body(parse.loads(data, self.kit.settings.max_depth))

    def object(self) -> dict[str, Json]:
        """Parse the body as a JSON object.

        Raises:
            Unreadable: as `json`, or when it is not an object.
        """
        found = self.json()
        if not isinstance(found, dict):
            raise Unreadable(Reason.WRONG_SHAPE, "The body is JSON, but not an object.")
        return found

    def lines(self) -> list[Json]:
        """Parse the body as JSON lines and redact each by pointers.

        Raises:
            Unreadable: as `json`, for any line.
        """
        # One line more than is kept, so that the rows beyond the bound are known to be there.
        found = parse.lines(self.data, self.kit.settings.max_depth, _MAX_LINES)
        return [self.kit.redactor.body(line) for line in found]


_MAX_LINES = 65536
"""JSON lines read of one body; with 256 KiB of body there are never more of use."""


def media_type(fields: dict[str, str]) -> str:
    """Give the media type of a message in lower case, without parameters."""
    return fields.get("content-type", "").partition(";")[0].strip().lower()


def open_body(message: Message, side: Side, path: str, exchange: Exchange, kit: Kit) -> Body:
    """Undo the content coding of `message` and check its bounds.

    Raises:
        Unreadable: truncated (unless a stream), too large, or its coding cannot be undone.
    """
    limit = kit.settings.max_decode_bytes
    is_stream = side is Side.OUTPUT and media_type(message.fields) in _STREAM_MEDIA
    if message.truncated and not is_stream:
        detail = f"Only the first {len(message.body)} bytes of the body were captured."
        raise Unreadable(Reason.TRUNCATED, detail)
    data, arrivals, whole = message.body, message.arrivals, not message.truncated
    coding = message.fields.get("content-encoding", "")
    if coding:
        data, arrivals, ended = undo(data, coding, limit, arrivals)
        if not ended and not is_stream:
            raise Unreadable(Reason.BAD_CODING, "The compressed body ends early.")
        whole = whole and ended
    if len(data) > limit:
        detail = f"The body is longer than {limit} bytes."
        raise Unreadable(Reason.TOO_LARGE, detail)
    return Body(
        data=data,
        side=side,
        media=media_type(message.fields),
        fields=message.fields,
        path=path,
        exchange=exchange,
        arrivals=arrivals,
        whole=whole,
        kit=kit,
    )
