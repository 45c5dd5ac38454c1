"""Mirroring: copies of requests for the shadow, sent after the client has its answer.

Nothing here can reach the main path: copies have their own connections, a cap on how many run, a
cap on their bytes and a time after which they are dropped, all counted.

A copy's life: opened -> sent -> its answer read -> recorded; cut off at its deadline, or when its
answer grows too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import getrandbits, random
from typing import TYPE_CHECKING, Final

from proxy.clock import now_s
from proxy.records import Failure, Model
from proxy.relay.answer_head import AnswerHead
from proxy.relay.capture import Kept
from proxy.relay.recording import capture_of_copy, exchange_of_copy
from proxy.relay.request_head import MARKER
from proxy.relay.rewrite import body_with_model, rewritten
from proxy.relay.streams import StreamClock

if TYPE_CHECKING:
    from proxy.relay.plane import Plane
    from proxy.relay.pool import Attempt, Pool
    from proxy.relay.request_head import RequestHead
    from proxy.relay.running import Running
    from proxy.relay.upstream import UpstreamConnection

_FRAMING: Final = rb"transfer-encoding|expect|trailer|te|connection"
_CREDENTIALS: Final = rb"authorization|cookie|proxy-authorization|x-api-key|api-key"


class Mirror:
    """Runs the copies; which requests are copied is drawn when they begin (`capture.Sampler`)."""

    def __init__(self, plane: Plane) -> None:
        """Copy under the settings of `plane`."""
        self._plane = plane
        self._settings = plane.settings.mirror
        names = _FRAMING
        if self._settings.strip_credentials:
            names += b"|" + _CREDENTIALS
        self._dropped = re.compile(rb"\r\n(?:%b)[ \t]*:" % names)
        self._running: set[Copy] = set()

    def copy(self, running: Running, body: bytes, identity: bytes) -> None:
        """Send a copy of an answered request, if there is room for one."""
        plane, settings = self._plane, self._settings
        model, share = self._target(running.model)
        pool = None if model is None else plane.switch.shadow(model)
        if model is None or pool is None:
            plane.drop("mirror_no_shadow")
        elif len(self._running) >= settings.max_in_flight:
            plane.drop("mirror_full")
        else:
            body = body_with_model(body, pool.upstream)
            wire = self._head(running, pool, len(body), identity) + body
            copy = Copy(plane, self, running, pool, model, wire)
            copy.capture = plane.switch.routing.mirror_fraction * share
            self._running.add(copy)
            plane.sweep.add(copy)
            copy.begin(plane.sweep.at_s + settings.timeout_s)

    def done(self, copy: Copy) -> None:
        """Forget a copy."""
        self._running.discard(copy)
        self._plane.sweep.discard(copy)

    def close(self) -> None:
        """Drop all copies."""
        for copy in list(self._running):
            copy.expired()

    def _target(self, served: Model) -> tuple[Model | None, float]:
        """Give the model that gets the copy, and its share of the copies."""
        shadow, repeat = self._plane.switch.routing.shadow, self._settings.repeat_fraction
        if repeat > 0 and random() < repeat:
            return served, repeat
        # The shadow itself has answered, because the other model refused the connection.
        return (None, 0.0) if shadow == served else (shadow, 1.0 - repeat)

    def _head(self, running: Running, pool: Pool, n_body: int, identity: bytes) -> bytes:
        """Give the copy's head: marked, and framed by its body's length."""
        forward = running.head.forward
        marker = b"\r\n%b: %016x" % (MARKER, running.id)
        if n_body != running.head.body_bytes or self._dropped.search(forward.lower()) is not None:
            forward = self._reframed(running.head, n_body)
        # The client's address belongs to the last line: it stays the last.
        last = forward.rindex(b"\r\n")
        forward = b"".join((forward[:last], marker, forward[last:]))
        return (rewritten(forward, pool.upstream) if pool.rewrites else forward) + identity

    def _reframed(self, head: RequestHead, n_body: int) -> bytes:
        """Give the head with another length, and without what is dropped from copies."""
        start, *lines, last = head.forward.split(b"\r\n")
        kept = [start]
        for line in lines:
            whole = b"\r\n" + line.lower()
            if not whole.startswith(b"\r\ncontent-length:") and not self._dropped.match(whole):
                kept.append(line)
        return b"\r\n".join([*kept, b"Content-Length: %d" % n_body, last])


class Copy:
    """One running copy: the `Owner` of a connection to the shadow."""

    __slots__ = (
        "_attempt",
        "_connection",
        "_is_over",
        "_max_bytes",
        "_mirror",
        "_plane",
        "_pool",
        "_reused",
        "_wire",
        "capture",
        "connected_s",
        "deadline_s",
        "first_byte_s",
        "head",
        "id",
        "in_flight",
        "is_head",
        "keep",
        "kept",
        "model",
        "replayed",
        "response_bytes",
        "serving",
        "started_s",
        "stream",
        "takes_frames",
        "takes_trailers",
        "upgrades",
    )

    def __init__(
        self,
        plane: Plane,
        mirror: Mirror,
        serving: Running,
        pool: Pool,
        model: Model,
        wire: bytes,
    ) -> None:
        """Ask `model` what `serving` has asked."""
        self.id = getrandbits(63)
        self.capture = 0.0
        self.deadline_s = 0.0
        self.is_head = serving.is_head
        self.takes_frames = False
        self.takes_trailers = False
        self.upgrades = False
        self.kept = Kept(plane.settings.capture.max_body_bytes)
        self.keep: Callable[[bytes], None] | None = self.kept.add
        self._plane = plane
        self._mirror = mirror
        self.serving = serving
        self._pool = pool
        self.model = model
        self._wire = wire
        self._max_bytes = plane.settings.mirror.max_body_bytes
        self.head: AnswerHead | None = None
        self.stream: StreamClock | None = None
        self.response_bytes = 0
        self.connected_s: float | None = None
        self.first_byte_s: float | None = None
        self._attempt: Attempt | None = None
        self._connection: UpstreamConnection | None = None
        self._reused = False
        self.replayed = False
        self._is_over = False
        self.started_s = now_s()
        pool.n_running += 1
        self.in_flight = pool.n_running

    def begin(self, deadline_s: float) -> None:
        """Send it, to be done by `deadline_s`."""
        self.deadline_s = deadline_s
        connection = self._pool.lend()
        if connection is None:
            self._attempt = self._pool.open(self)
            return
        self._reused = True
        self._send(connection)

    def _send(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        self.connected_s = now_s()
        connection.send(self, [self._wire], is_last=True)

    def expired(self) -> None:
        """Drop it: it took too long."""
        self._finish(Failure.TIMEOUT)

    def on_connected(self, connection: UpstreamConnection) -> None:
        """Send it on a fresh connection."""
        self._attempt = None
        self._reused = False
        self._send(connection)

    def on_not_connected(self, failure: Failure) -> None:
        """Give up."""
        self._attempt = None
        self._finish(failure)

    def on_interim(self, head: AnswerHead) -> None:
        """Nobody waits for a 1xx of a copy."""

    def on_upgrade(self, head: AnswerHead, data: bytes) -> None:
        """Copies ask for no upgrade."""

    def on_full(self) -> None:
        """A copy is written whole; its bytes wait until its deadline."""

    def on_ready(self) -> None:
        """See `on_full`."""

    def on_answer(
        self, head: AnswerHead, data: bytes, n_payload: int, n_chunks: int, *, is_last: bool
    ) -> None:
        """Note the answer."""
        self.first_byte_s = now_s()
        self.head = head
        if head.is_stream:
            self.stream = StreamClock(self._plane.settings.capture.max_chunks)
        self.on_body(data, n_payload, n_chunks, is_last=is_last)

    def on_body(self, _data: bytes, n_payload: int, n_chunks: int, *, is_last: bool) -> None:
        """Read on, up to the limit."""
        if self.stream is not None and n_payload:
            self.stream.tick(now_s(), self.response_bytes, n_chunks)
        self.response_bytes += n_payload
        announced = 0 if self.head is None else self.head.announced_bytes
        if is_last:
            self._connection = None
            self._finish(None)
        elif max(announced, self.response_bytes) > self._max_bytes:
            # At once when it is announced: reading it to the limit would cost the loop's time.
            self._plane.drop("mirror_answer_too_long")
            self._let_go()

    def on_lost(self, failure: Failure, *, answered: bool) -> None:
        """Send it again where a request would be."""
        self._connection = None
        if failure is Failure.RESET and self._reused and not (self.replayed or answered):
            self.replayed = True
            self._attempt = self._pool.open(self)
        else:
            self._finish(failure)

    def _finish(self, failure: Failure | None) -> None:
        if self._is_over:
            return
        self._let_go()
        plane = self._plane
        exchange = exchange_of_copy(self, failure)
        plane.report(exchange)
        if self.head is not None:
            limit = plane.settings.capture.max_body_bytes
            plane.report(capture_of_copy(self, exchange, plane.fields, limit))

    def _let_go(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.keep = None
        if self._attempt is not None:
            self._attempt.owner = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._pool.n_running -= 1
        self._mirror.done(self)
