"""One connection to a model server: sends a request, validates and hands over its answer.

The life of a connection, by what may happen to it:

    state     bytes come                    peer ends it           its time is up
    IDLE      unasked for: closed           forgotten              closed
    HEAD      head complete -> by its       RESET, or PROTOCOL     TIMEOUT
              framing; 1xx goes on          after a part of one
    LENGTH    count reached -> IDLE         TRUNCATED              TIMEOUT
    CHUNKED   last chunk -> IDLE            TRUNCATED              TIMEOUT
    UNTIL_EOF pass on                       complete (RST: cut)    TIMEOUT
    TUNNEL    pass on                       ends the tunnel        never
    CLOSED    ignored                       forgotten              never

It returns to IDLE, and to its pool, only when both messages ended where they said they would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import Final, cast

from proxy.records import Failure
from proxy.relay import answer_head
from proxy.relay.answer_head import FIRST_FINAL, SWITCHING, AnswerHead, BadAnswer
from proxy.relay.bodies import BodyScanner, LengthScanner, OpenScanner
from proxy.relay.chunks import BadChunks, ChunkScanner
from proxy.relay.owner import Home, Owner
from proxy.relay.states import UpstreamState

_MAX_INTERIM: Final = 32
HIGH_WATER_BYTES: Final = 64 * 1024
"""Bytes waiting to be written before the other side is asked to pause."""


# Looking a member up in its enumeration costs more than the work of some states.
IDLE: Final = UpstreamState.IDLE
HEAD: Final = UpstreamState.HEAD
LENGTH: Final = UpstreamState.LENGTH
CHUNKED: Final = UpstreamState.CHUNKED
UNTIL_EOF: Final = UpstreamState.UNTIL_EOF
TUNNEL: Final = UpstreamState.TUNNEL
CLOSED: Final = UpstreamState.CLOSED


class UpstreamConnection(asyncio.Protocol):
    """See the module's table."""

    __slots__ = (
        "_eof",
        "_home",
        "_is_full",
        "_n_interim",
        "_pending",
        "_reader",
        "_reusable",
        "_scanner",
        "_sweep",
        "deadline_s",
        "n_sent",
        "owner",
        "request_done",
        "state",
        "transport",
    )
    transport: asyncio.Transport

    def __init__(self, home: Home) -> None:
        """Belong to `home`."""
        self._home = home
        self._reader = home.reader
        self._sweep = home.sweep
        self.state: UpstreamState = IDLE
        self.owner: Owner | None = None
        self.deadline_s = inf
        self.n_sent = 0
        """Requests sent over this connection."""
        self.request_done = True
        """The owner has written the whole request."""
        self._pending = b""
        self._n_interim = 0
        self._scanner: BodyScanner | None = None
        self._reusable = False
        self._is_full = False
        self._eof = False

    # What the owner does.

    def send(self, owner: Owner, pieces: list[bytes], *, is_last: bool) -> None:
        """Send the beginning of a request for `owner`."""
        self.owner = owner
        self.state = HEAD
        self.n_sent += 1
        self._n_interim = 0
        self.request_done = is_last
        self.deadline_s = self._sweep.at_s + self._home.response_timeout_s if is_last else inf
        if len(pieces) == 1:
            self.transport.write(pieces[0])
        else:
            self.transport.writelines(pieces)

    def send_more(self, data: bytes, *, is_last: bool) -> None:
        """Send more of the request's body."""
        if data:
            self.transport.write(data)
        if is_last:
            self.request_done = True
            self.deadline_s = self._sweep.at_s + self._home.response_timeout_s

    def pause(self) -> None:
        """Read no more of the answer: the client is slow, which is not the upstream's fault."""
        if self.state != CLOSED:
            self.transport.pause_reading()
            self.deadline_s = inf

    def resume(self) -> None:
        """Read on."""
        if self.state != CLOSED:
            self.transport.resume_reading()
            if self.state != TUNNEL:
                self.deadline_s = self._sweep.at_s + self._home.response_timeout_s

    def close(self) -> None:
        """End the connection at once and tell the owner nothing."""
        self.owner = None
        if self.state != CLOSED:
            self.state = CLOSED
            self.deadline_s = inf
            self.transport.abort()

    # What the event loop reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin as idle."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        self._home.joined(self)

    def data_received(self, data: bytes) -> None:
        """Do what the state says."""
        _ON_DATA[self.state](self, data)

    def eof_received(self) -> bool:
        """Note an orderly end, as opposed to a reset."""
        self._eof = True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the owner what is missing, and leave the pool."""
        state, owner = self.state, self.owner
        self.state = CLOSED
        self.owner = None
        self.deadline_s = inf
        self._home.left(self)
        if owner is None:
            return
        if state in (UNTIL_EOF, TUNNEL) and self._eof and exc is None:
            owner.on_body(b"", 0, 0, is_last=True)
        elif state == HEAD:
            answered = bool(self._pending) or self._n_interim > 0
            owner.on_lost(Failure.TRUNCATED if answered else Failure.RESET, answered=answered)
        else:
            owner.on_lost(Failure.TRUNCATED, answered=True)

    def pause_writing(self) -> None:
        """Pass backpressure on; an upstream that takes nothing is as late as a silent one."""
        self._is_full = True
        if self.state != TUNNEL:
            self.deadline_s = self._sweep.at_s + self._home.response_timeout_s
        if self.owner is not None:
            self.owner.on_full()

    def resume_writing(self) -> None:
        """Pass the end of backpressure on."""
        self._is_full = False
        if not self.request_done:
            self.deadline_s = inf
        if self.owner is not None:
            self.owner.on_ready()

    def expired(self) -> None:
        """Do what the state says about its time being up."""
        owner, answered = self.owner, self.state != HEAD or bool(self._pending)
        self.close()
        if owner is not None:
            owner.on_lost(Failure.TIMEOUT, answered=answered)

    # What the states do with bytes.

    def _data_unasked(self, _data: bytes) -> None:
        # Part of an answer that was longer than it said, or a 408 at the end of the idle time.
        self.close()

    def _data_ignored(self, _data: bytes) -> None:
        """Drop bytes that were on their way when the connection was closed."""

    def _data_head(self, data: bytes) -> None:
        if self._pending:
            data = self._pending + data
        end = data.find(b"\r\n\r\n") + len(b"\r\n\r\n")
        if end < len(b"\r\n\r\n") or end > self._home.max_head_bytes:
            self._head_incomplete(data)
            return
        try:
            head = self._reader.read(data[:end])
        except BadAnswer:
            self._fail(Failure.PROTOCOL)
            return
        self._pending = b""
        if head.status < FIRST_FINAL:
            self._interim(head, data[end:])
            return
        self._answer(head, data, end)

    def _head_incomplete(self, data: bytes) -> None:
        if len(data) >= self._home.max_head_bytes or data[:7] != b"HTTP/1."[: len(data)]:
            self._fail(Failure.PROTOCOL)
        else:
            self._pending = data

    def _interim(self, head: AnswerHead, rest: bytes) -> None:
        owner = self.owner
        if owner is None:
            return
        if head.status == SWITCHING:
            if not (owner.upgrades and head.is_websocket):
                self._fail(Failure.PROTOCOL)
                return
            self.state = TUNNEL
            self.deadline_s = inf
            owner.on_upgrade(head, rest)
            return
        self._n_interim += 1
        if self._n_interim > _MAX_INTERIM:
            self._fail(Failure.PROTOCOL)
            return
        owner.on_interim(head)
        if rest and self.state == HEAD:
            self._data_head(rest)

    def _answer(self, head: AnswerHead, data: bytes, end: int) -> None:
        """Begin the answer: choose how its body is framed, and hand over what is there."""
        owner = self.owner
        if owner is None:
            return
        # A body sent wrongly with a HEAD's answer would be taken for the next answer.
        self._reusable = head.keep_alive and not owner.is_head
        length = 0 if owner.is_head else head.body_bytes
        if 0 <= length <= len(data) - end:
            self._whole_answer(owner, head, data, end)
            return
        self.deadline_s = self._sweep.at_s + self._home.response_timeout_s
        if length == answer_head.CHUNKED:
            self.state = CHUNKED
            self._scanner = ChunkScanner(frames=owner.takes_frames, trailers=owner.takes_trailers)
        elif length == answer_head.UNTIL_CLOSE:
            self.state = UNTIL_EOF
            self._scanner = OpenScanner()
        else:
            self.state = LENGTH
            self._scanner = LengthScanner(length)
        scanned = self._scan(owner, self._scanner, data[end:])
        if scanned is not None:
            out, n_payload, n_chunks, is_done = scanned
            if len(out) != len(data) - end:
                data = head.raw + out
            owner.on_answer(head, data, n_payload, n_chunks, is_last=is_done)

    def _whole_answer(self, owner: Owner, head: AnswerHead, data: bytes, end: int) -> None:
        """Hand over an answer that came in one piece: nearly all do."""
        length = 0 if owner.is_head else head.body_bytes
        if len(data) > end + length:
            self._reusable = False
            data = data[: end + length]
        if head.announced_bytes > 0 and head.body_bytes == 0:
            # A 204 or 304 that announces a body may have one, like the answer to a HEAD.
            self._reusable = False
        if length and owner.keep is not None:
            owner.keep(data[end:])
        self._end()
        owner.on_answer(head, data, length, 1, is_last=True)

    def _data_body(self, data: bytes) -> None:
        owner, scanner = self.owner, self._scanner
        if owner is None or scanner is None:
            return
        self.deadline_s = self._sweep.at_s + self._home.response_timeout_s
        scanned = self._scan(owner, scanner, data)
        if scanned is not None:
            out, n_payload, n_chunks, is_done = scanned
            owner.on_body(out, n_payload, n_chunks, is_last=is_done)

    def _scan(
        self, owner: Owner, scanner: BodyScanner, data: bytes
    ) -> tuple[bytes, int, int, bool] | None:
        """Give what goes on, its payload, its chunks, whether it ends; `None`: it was broken."""
        n_chunks, n_bytes = scanner.n_chunks, scanner.payload_bytes
        try:
            out = scanner.feed(data, owner.keep)
        except BadChunks:
            self._fail(Failure.PROTOCOL)
            return None
        is_done = scanner.is_done
        if is_done:
            if scanner.rest:
                self._reusable = False
            self._scanner = None
            self._end()
        return out, scanner.payload_bytes - n_bytes, scanner.n_chunks - n_chunks, is_done

    def _data_tunnel(self, data: bytes) -> None:
        if self.owner is not None:
            self.owner.on_body(data, len(data), 1, is_last=False)

    def _end(self) -> None:
        """Leave the owner: to the pool, or for good. Comes before the owner is told."""
        self.owner = None
        if self._reusable and self.request_done and not self._eof and not self._is_full:
            self.state = IDLE
            self.deadline_s = inf
            self._home.give_back(self)
        else:
            self.close()

    def _fail(self, failure: Failure) -> None:
        owner = self.owner
        self.close()
        if owner is not None:
            owner.on_lost(failure, answered=True)


_ON_DATA: Final[dict[UpstreamState, Callable[[UpstreamConnection, bytes], None]]] = {
    IDLE: UpstreamConnection._data_unasked,  # noqa: SLF001  # the table belongs to the class
    HEAD: UpstreamConnection._data_head,  # noqa: SLF001  # same
    LENGTH: UpstreamConnection._data_body,  # noqa: SLF001  # same
    CHUNKED: UpstreamConnection._data_body,  # noqa: SLF001  # same
    UNTIL_EOF: UpstreamConnection._data_body,  # noqa: SLF001  # same
    TUNNEL: UpstreamConnection._data_tunnel,  # noqa: SLF001  # same
    CLOSED: UpstreamConnection._data_ignored,  # noqa: SLF001  # same
}
