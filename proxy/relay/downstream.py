"""One client's connection: reads requests one after another, and writes their answers.

The life of a connection, by what may happen to it:

    state    bytes come                     client leaves          its time is up
    WAIT     head complete -> by its body   forgotten              closed; 408 within a head
    BODY     pass on; all -> ANSWER         exchange is dropped    cut off
    ANSWER   kept for the next request      exchange is dropped    cut off (reads no answer)
    LINGER   swallowed; then closed         forgotten              closed
    TUNNEL   pass on                        tunnel ends            cut off (reads nothing)
    CLOSING  ignored                        forgotten              cut off
    CLOSED   ignored                        -                      -

When an exchange is done: ANSWER -> WAIT, BODY -> LINGER (the answer came early), any -> CLOSING
when the connection ends with it. A malformed request is answered, and ends in LINGER.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Final, Protocol, cast

from proxy.relay import endings
from proxy.relay.bodies import BodyScanner, LengthScanner
from proxy.relay.chunks import BadChunks, ChunkScanner
from proxy.relay.refusals import refusal
from proxy.relay.request_head import Refusal, RequestHead, judge
from proxy.relay.running import Running
from proxy.relay.states import DownstreamState
from proxy.relay.upstream import HIGH_WATER_BYTES

if TYPE_CHECKING:
    from proxy.relay.plane import Plane
    from proxy.relay.request_head import RequestReader

_MAX_AHEAD_BYTES: Final = 65_536
"""Bytes of later requests that are kept while one runs; then the client is paused."""
_LINGER_S: Final = 5.0
"""How long a client that is still sending is listened to after its last answer: closing at once
would reset the connection, and the answer could be lost with it."""
_PROBE_S: Final = 1.0
"""How often a client that is not read from is looked at: it may have left."""
_MAX_LINGER_BYTES: Final = 64 * 1024 * 1024


# A member looked up in its enumeration costs more than some states' work.
WAIT: Final = DownstreamState.WAIT
BODY: Final = DownstreamState.BODY
ANSWER: Final = DownstreamState.ANSWER
LINGER: Final = DownstreamState.LINGER
TUNNEL: Final = DownstreamState.TUNNEL
CLOSING: Final = DownstreamState.CLOSING
CLOSED: Final = DownstreamState.CLOSED


class _TakesBody(Protocol):
    """`Running.begin` or `Running.more`."""

    def __call__(self, body: bytes, n_payload: int, *, is_last: bool) -> None: ...


class DownstreamConnection(asyncio.Protocol):
    """See the module's table."""

    __slots__ = (
        "_body",
        "_in_head",
        "_is_fresh",
        "_is_full",
        "_lingered_bytes",
        "_offset",
        "_paused",
        "_pending",
        "_plane",
        "_reader",
        "_running",
        "_skipped",
        "_transport",
        "deadline_s",
        "identity",
        "state",
    )
    _transport: asyncio.Transport
    _reader: RequestReader

    def __init__(self, plane: Plane) -> None:
        """Share `plane` with all others."""
        self._plane = plane
        self.state: DownstreamState = WAIT
        self.deadline_s = inf
        self.identity = b""
        """The end of a head that goes upstream: the client's address, the empty line."""
        self._running: Running | None = None
        self._pending = b""
        """What came of later requests, from `_offset` on."""
        self._offset = 0
        self._body: BodyScanner | None = None
        """Follows the body of the running request, until its end has come."""
        self._is_fresh = True
        """No request has come yet."""
        self._in_head = False
        """Part of a head has come."""
        self._skipped = False
        """The empty line that is forgiven before a request has come."""
        self._lingered_bytes = 0
        self._is_full = False
        self._paused = False

    def quiet_s(self, at_s: float) -> float:
        """Give how long the client has been silent between requests; 0: it is not."""
        if self.state != WAIT or self._in_head or self._pending or self._is_full:
            return 0.0
        listen = self._plane.listen
        limit_s = listen.head_timeout_s if self._is_fresh else listen.idle_timeout_s
        return at_s - (self.deadline_s - limit_s)

    # What the running exchange does.

    def write(self, data: bytes) -> None:
        """Write to the client."""
        if self.state < CLOSING:
            self._transport.write(data)

    def pause(self) -> None:
        """Read no more for now."""
        if not self._paused and self.state < CLOSING:
            self._paused = True
            self._transport.pause_reading()
            self.deadline_s = self._plane.sweep.at_s + _PROBE_S

    def unpause(self) -> None:
        """Read on."""
        if self._paused and self.state < CLOSING:
            self._paused = False
            self._transport.resume_reading()
            timeout_s = self._plane.listen.body_timeout_s if self.state == BODY else inf
            self.deadline_s = self._plane.sweep.at_s + timeout_s

    def to_tunnel(self) -> None:
        """Let bytes pass both ways from here on."""
        self.state = TUNNEL
        self.deadline_s = inf
        if self._pending and self._running is not None:
            data, self._pending = self._pending[self._offset :], b""
            self._running.tunnel(data)

    def cut(self) -> None:
        """Reset the connection, so that no client takes what it has for the whole answer."""
        if self.state == CLOSED:
            return
        self.state = CLOSED
        self.deadline_s = inf
        endings.reset(self._transport)

    def exchange_done(self, running: Running) -> None:
        """Turn to the next request, or end the connection."""
        self._running = None
        if self.state >= CLOSING:
            return
        if self._body is not None:
            self._linger()
        elif running.closes or running.is_tunnel:
            self._close()
        else:
            self.state = WAIT
            plane = self._plane
            listen = plane.listen
            wait_s = listen.write_timeout_s if self._is_full else listen.idle_timeout_s
            self.deadline_s = plane.sweep.at_s + wait_s
            if self._paused:
                self.unpause()
            if self._pending:
                # Not from here: a client that pipelines would nest one call per request.
                asyncio.get_running_loop().call_soon(self._next)

    def end(self) -> None:
        """Close after what is written, whatever runs: the relay is stopping."""
        if self._running is not None:
            self.cut()
            self._drop_running()
        elif self.state < CLOSING:
            self._close()

    # What the event loop reports.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learn who it is; refuse it when there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        plane = self._plane
        plane.joined(self)
        peer = transport.get_extra_info("peername")
        address = peer[0] if isinstance(peer, tuple) else "unknown"
        self.identity, self._reader = plane.identity(address)
        self.deadline_s = plane.sweep.at_s + plane.listen.head_timeout_s
        if plane.n_clients > plane.max_clients:
            self._transport.write(refusal(503, "too many connections", closes=True))
            self._close()

    def data_received(self, data: bytes) -> None:
        """Do what the state says."""
        _ON_DATA[self.state](self, data)

    def eof_received(self) -> None:
        """Take a client that will send no more for gone: one that died looks the same."""
        self._drop_running()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Leave, and let nobody work for nothing."""
        self.state = CLOSED
        self.deadline_s = inf
        self._plane.left(self)
        self._drop_running()

    def pause_writing(self) -> None:
        """Pass backpressure on, and give the client a limited time to read."""
        self._is_full = True
        self.deadline_s = self._plane.sweep.at_s + self._plane.listen.write_timeout_s
        if self._running is not None:
            self._running.client_full()

    def resume_writing(self) -> None:
        """Pass the end of backpressure on."""
        self._is_full = False
        if self.state == WAIT:
            self.deadline_s = self._plane.sweep.at_s + self._plane.listen.idle_timeout_s
        elif self.state != CLOSING:
            self.deadline_s = inf
        if self._running is not None:
            self._running.client_ready()

    def expired(self) -> None:
        """Do what the state says about its time being up."""
        if self.state == WAIT and not self._is_full:
            if self._in_head:
                self._refuse(Refusal(408, "the head did not come in time"))
            else:
                self._close()
        elif self.state == LINGER:
            self._close()
        elif self._paused and not self._is_full and not endings.has_left(self._transport):
            self.deadline_s = self._plane.sweep.at_s + _PROBE_S
        else:
            self.cut()
            self._drop_running()

    # What the states do with bytes.

    def _data_ignored(self, _data: bytes) -> None:
        """Drop bytes that were on their way."""

    def _data_head(self, data: bytes) -> None:
        if self._pending:
            data = self._pending[self._offset :] + data
            self._pending = b""
        self._read_head(data, 0)

    def _read_head(self, data: bytes, start: int) -> None:
        if not self._skipped and data.startswith(b"\r\n", start):
            # One empty line before a request is forgiven (RFC 9112 §2.2).
            self._skipped = True
            start += 2
        end = data.find(b"\r\n\r\n", start) + len(b"\r\n\r\n")
        if end < len(b"\r\n\r\n"):
            self._head_incomplete(data[start:])
            return
        try:
            if end - start > self._plane.judge_above_bytes:
                judge(data[start:end], self._plane.listen)
            head = self._reader.read(data[start:end])
        except Refusal as why:
            self._refuse(why)
            return
        self._begin(head, data, end)

    def _head_incomplete(self, data: bytes) -> None:
        """Keep the beginning of a head, if it may still become a good one."""
        if not self._in_head:
            self._in_head = True
            self.deadline_s = self._plane.sweep.at_s + self._plane.listen.head_timeout_s
        try:
            if data not in (b"", b"\r"):
                judge(data, self._plane.listen)
        except Refusal as why:
            self._refuse(why)
            return
        self._pending, self._offset = data, 0

    def _begin(self, head: RequestHead, data: bytes, end: int) -> None:
        plane = self._plane
        self._is_fresh = self._in_head = self._skipped = False
        self.deadline_s = inf
        self._running = running = Running(plane, self, head)
        if head.samples:
            plane.sample(running)
        length = head.body_bytes
        behind = end + length
        if length >= 0 and behind <= len(data):
            body = data[end:behind]
            if behind < len(data):
                self._pending, self._offset = data, behind
            if length and running.kept_request is not None:
                running.kept_request.add(body)
            self.state = ANSWER
            running.begin(body, length, is_last=True)
            return
        self.state = BODY
        self._body = ChunkScanner() if length < 0 else LengthScanner(length)
        self._pass_body(running, self._body, data[end:], running.begin)

    def _data_body(self, data: bytes) -> None:
        if self._running is not None and self._body is not None:
            self._pass_body(self._running, self._body, data, self._running.more)

    def _pass_body(
        self, running: Running, scanner: BodyScanner, data: bytes, take: _TakesBody
    ) -> None:
        plane = self._plane
        kept = running.kept_request
        before = scanner.payload_bytes
        try:
            out = scanner.feed(data, None if kept is None else kept.add)
        except BadChunks:
            # What exactly depends on where the bytes happened to be cut.
            running.refused(400, "the body's chunked framing is broken")
            return
        if 0 < plane.listen.max_body_bytes < scanner.payload_bytes:
            running.refused(413, f"the body is longer than {plane.listen.max_body_bytes} bytes")
            return
        if not self._is_full:
            self.deadline_s = plane.sweep.at_s + plane.listen.body_timeout_s
        if scanner.is_done:
            self.state = ANSWER
            self._body = None
            self._pending, self._offset = scanner.rest, 0
            if not self._is_full:
                self.deadline_s = inf
        take(out, scanner.payload_bytes - before, is_last=scanner.is_done)

    def _data_ahead(self, data: bytes) -> None:
        self._pending, self._offset = self._pending[self._offset :] + data, 0
        if len(self._pending) > _MAX_AHEAD_BYTES:
            self.pause()

    def _data_linger(self, data: bytes) -> None:
        self._lingered_bytes += len(data)
        self.deadline_s = self._plane.sweep.at_s + _LINGER_S
        if self._lingered_bytes > _MAX_LINGER_BYTES:
            self.cut()

    def _data_tunnel(self, data: bytes) -> None:
        if self._running is not None:
            self._running.tunnel(data)

    # The steps.

    def _next(self) -> None:
        if self.state == WAIT and self._pending:
            data, self._pending = self._pending, b""
            self._read_head(data, self._offset)

    def _refuse(self, why: Refusal) -> None:
        self.write(refusal(why.status, why.why, closes=True))
        self._linger()

    def _linger(self) -> None:
        """Say no more, and listen a little longer."""
        self._pending = b""
        self._body = None
        self.state = LINGER
        self.deadline_s = self._plane.sweep.at_s + _LINGER_S
        if self._paused:
            self.unpause()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close(self) -> None:
        """Close when what was written is gone; a client that does not read is cut off."""
        self.state = CLOSING
        self.deadline_s = self._plane.sweep.at_s + self._plane.listen.write_timeout_s
        self._transport.close()

    def _drop_running(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            self.state = max(self.state, CLOSING)
            running.client_gone()


_ON_DATA: Final[dict[DownstreamState, Callable[[DownstreamConnection, bytes], None]]] = {
    WAIT: DownstreamConnection._data_head,  # noqa: SLF001  # the table belongs to the class
    BODY: DownstreamConnection._data_body,  # noqa: SLF001  # same
    ANSWER: DownstreamConnection._data_ahead,  # noqa: SLF001  # same
    LINGER: DownstreamConnection._data_linger,  # noqa: SLF001  # same
    TUNNEL: DownstreamConnection._data_tunnel,  # noqa: SLF001  # same
    CLOSING: DownstreamConnection._data_ignored,  # noqa: SLF001  # same
    CLOSED: DownstreamConnection._data_ignored,  # noqa: SLF001  # same
}
