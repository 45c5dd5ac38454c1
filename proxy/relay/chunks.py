"""Chunked bodies: where they end, what they carry, and what of them goes on.

Chunks leave as they come, byte by byte, without a decoder in between; what is dropped is chunk
extensions (they speak of one hop and have hidden attacks) and trailers nobody asked for. llhttp
tells a parser's owner neither where a body ended nor lets it pass bytes on untouched, hence this
scanner; a property test holds it against llhttp, which accepts whatever this accepts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from proxy.relay.fields import FORBIDDEN_IN_TRAILERS, BadFields, split_fields

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_SIZE_LINE: Final = re.compile(
    rb"([0-9A-Fa-f]{1,15})((?:;%b(?:=(?:%b|%b))?)*)" % (_TOKEN, _TOKEN, _QUOTED)
)
_MAX_LINE_BYTES: Final = 512
_MAX_TRAILER_BYTES: Final = 16_384

_SIZE: Final = 0
_DATA: Final = 1
_DATA_END: Final = 2
_TRAILER: Final = 3
_DONE: Final = 4


class BadChunks(Exception):  # noqa: N818  # it says what it found
    """The bytes are not a chunked body."""


class ChunkScanner:
    """Follows one chunked body, whatever its segmentation.

    SIZE --line--> DATA --all of it--> DATA_END --empty line--> SIZE
    SIZE --line 0--> TRAILER --empty line--> DONE
    """

    __slots__ = (
        "_frames",
        "_left",
        "_pending",
        "_phase",
        "_trailer",
        "_trailers",
        "n_chunks",
        "payload_bytes",
        "rest",
    )

    def __init__(self, *, frames: bool = True, trailers: bool = True) -> None:
        """Pass on the framing (`frames`; else only the payload) and the trailers."""
        self._frames = frames
        self._trailers = trailers and frames
        self._phase = _SIZE
        self._left = 0
        self._pending = b""
        self._trailer: list[bytes] = []
        self.n_chunks = 0
        self.payload_bytes = 0
        self.rest = b""
        """What came behind the end of the body."""

    @property
    def is_done(self) -> bool:
        """Whether the end of the body has been seen."""
        return self._phase == _DONE

    def feed(self, data: bytes, keep: Callable[[bytes], None] | None = None) -> bytes:
        """Take the next bytes, give those that go on; show payload to `keep`.

        Raises:
            BadChunks: the framing is broken.
        """
        if self._pending:
            data = self._pending + data
            self._pending = b""
        out: list[bytes] = []
        # data[run:position] goes on as it is and has not been put out yet.
        run = position = 0
        end = len(data)
        while position < end and self._phase != _DONE:
            if self._phase == _DATA:
                start = position
                position = self._pass_data(data, position, keep)
                if not self._frames:
                    out.append(data[start:position])
                continue
            line_end = data.find(b"\r\n", position, position + _MAX_LINE_BYTES + 2)
            if line_end < 0:
                self._pending = _beginning_of_line(data[position:])
                break
            replacement = self._line(data[position:line_end])
            if replacement is not None and self._frames:
                out += (data[run:position], replacement)
                run = line_end + 2
            position = line_end + 2
        if self._phase == _DONE:
            self.rest = data[position:]
        if not self._frames:
            return b"".join(out)
        out.append(data[run:position])
        return out[0] if len(out) == 1 else b"".join(out)

    def _pass_data(self, data: bytes, position: int, keep: Callable[[bytes], None] | None) -> int:
        taken = min(self._left, len(data) - position)
        self._left -= taken
        self.payload_bytes += taken
        if keep is not None:
            keep(data[position : position + taken])
        if self._left == 0:
            self._phase = _DATA_END
        return position + taken

    def _line(self, line: bytes) -> bytes | None:
        """Take one line; give what goes on in its place, `None` for the line itself."""
        if self._phase == _SIZE:
            return self._size_line(line)
        if self._phase == _DATA_END:
            if line:
                raise BadChunks("a chunk is longer than its size says")
            self._phase = _SIZE
            return None
        if line:
            if b"\r" in line or b"\n" in line:
                raise BadChunks("a line of the trailers does not end with CRLF")
            self._trailer.append(line)
            if sum(map(len, self._trailer)) > _MAX_TRAILER_BYTES:
                raise BadChunks("the trailers are too long")
            return b""
        self._phase = _DONE
        return self._trailer_block() if self._trailer else None

    def _size_line(self, line: bytes) -> bytes | None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadChunks("a chunk does not begin with its size")
        size, extensions = match.groups()
        self._left = int(size, 16)
        if self._left:
            self._phase = _DATA
            self.n_chunks += 1
        else:
            self._phase = _TRAILER
        return size + b"\r\n" if extensions else None

    def _trailer_block(self) -> bytes:
        """Give the trailers that go on, and the empty line behind them."""
        try:
            fields = split_fields(b"\r\n".join([*self._trailer, b"", b""]))
        except BadFields as error:
            raise BadChunks(f"the trailers are malformed: {error}") from None
        if not self._trailers:
            return b"\r\n"
        kept = [line for name, _, line in fields if name not in FORBIDDEN_IN_TRAILERS]
        return b"\r\n".join([*kept, b"", b""]) if kept else b"\r\n"


def _beginning_of_line(data: bytes) -> bytes:
    """Give back what may still become a line, so that a peer learns at once when it cannot."""
    if len(data) >= _MAX_LINE_BYTES + 2:
        raise BadChunks("a line of the chunked framing is too long")
    if b"\n" in data or b"\r" in data[:-1]:
        raise BadChunks("a line of the chunked framing does not end with CRLF")
    return data
