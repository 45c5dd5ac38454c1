"""Mirroring: copies of requests for the shadow, sent after the client has its answer.

Nothing here can reach the main path: copies have their own connections, a cap on how many run, a
cap on their bytes and a time after which they are dropped, all counted.

A copy's life: opened -> sent -> its answer read -> recorded; cut off at its deadline, or when its
answer grows too long.
"""

from __future__ import annotations

from collections.abc import Callable
from random import getrandbits, random
from typing import TYPE_CHECKING, Final

from proxy.clock import now_s
from proxy.records import Capture, Exchange, Failure, Model, Position
from proxy.relay.answer_head import AnswerHead
from proxy.relay.capture import Kept, message
from proxy.relay.request_head import MARKER
from proxy.relay.rewrite import body_with_model, rewritten
from proxy.relay.streams import StreamClock

if TYPE_CHECKING:
    from proxy.relay.plane import Plane
    from proxy.relay.pool import Attempt, Pool
    from proxy.relay.request_head import RequestHead
    from proxy.relay.running import Running
    from proxy.relay.upstream import UpstreamConnection

_CREDENTIALS: Final = frozenset(
    {b"authorization", b"cookie", b"proxy-authorization", b"x-api-key", b"api-key"}
)
_REFRAMED: Final = frozenset({b"content-length", b"transfer-encoding", b"expect", b"trailer"})


class Mirror:
    """Decides which requests are copied, and runs the copies."""

    def __init__(self, plane: Plane) -> None:
        """Copy under the settings of `plane`."""
        self._plane = plane
        self._settings = plane.settings.mirror
        self._running: set[Copy] = set()

    def probability(self, head: RequestHead) -> float:
        """Give the probability with which a request is to be copied."""
        routing = self._plane.switch.routing
        if routing.shadow is None or head.is_copy or head.upgrades:
            return 0.0
        if self._plane.is_short_of_memory or not self._settings.max_in_flight:
            return 0.0
        return routing.mirror_fraction

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
        """Give the copy's head: marked, framed by its length, without what we vouch for twice."""
        start, *lines = running.head.forward.split(b"\r\n")
        dropped = _REFRAMED | _CREDENTIALS if self._settings.strip_credentials else _REFRAMED
        # The last line is the one that the client's address belongs to: it stays last.
        kept = [line for line in lines if line.partition(b":")[0].lower() not in dropped]
        out = [start, *kept[:-1], MARKER + b": %016x" % running.id]
        if n_body or running.head.method not in {b"GET", b"HEAD", b"DELETE", b"OPTIONS"}:
            out.append(b"Content-Length: %d" % n_body)
        forward = b"\r\n".join([*out, kept[-1]])
        return (rewritten(forward, pool.upstream) if pool.rewrites else forward) + identity


class Copy:
    """One running copy: the `Owner` of a connection to the shadow."""

    __slots__ = (
        "_attempt",
        "_connected_s",
        "_connection",
        "_first_byte_s",
        "_head",
        "_in_flight",
        "_is_over",
        "_is_replay",
        "_kept",
        "_max_bytes",
        "_mirror",
        "_model",
        "_plane",
        "_pool",
        "_response_bytes",
        "_reused",
        "_serving",
        "_started_s",
        "_stream",
        "_wire",
        "capture",
        "deadline_s",
        "id",
        "is_head",
        "keep",
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
        self._kept = Kept(plane.settings.capture.max_body_bytes)
        self.keep: Callable[[bytes], None] | None = self._kept.add
        self._plane = plane
        self._mirror = mirror
        self._serving = serving
        self._pool = pool
        self._model = model
        self._wire = wire
        self._max_bytes = plane.settings.mirror.max_body_bytes
        self._head: AnswerHead | None = None
        self._stream: StreamClock | None = None
        self._response_bytes = 0
        self._connected_s: float | None = None
        self._first_byte_s: float | None = None
        self._attempt: Attempt | None = None
        self._connection: UpstreamConnection | None = None
        self._reused = False
        self._is_replay = False
        self._is_over = False
        self._started_s = now_s()
        pool.n_running += 1
        self._in_flight = pool.n_running

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
        self._connected_s = now_s()
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
        self._first_byte_s = now_s()
        self._head = head
        if head.is_stream:
            self._stream = StreamClock(self._plane.settings.capture.max_chunks)
        self.on_body(data, n_payload, n_chunks, is_last=is_last)

    def on_body(self, _data: bytes, n_payload: int, n_chunks: int, *, is_last: bool) -> None:
        """Read on, up to the limit."""
        if self._stream is not None and n_payload:
            self._stream.tick(now_s(), self._response_bytes, n_chunks)
        self._response_bytes += n_payload
        if is_last:
            self._connection = None
            self._finish(None)
        elif self._response_bytes > self._max_bytes:
            self._plane.drop("mirror_answer_too_long")
            self._let_go()

    def on_lost(self, failure: Failure, *, answered: bool) -> None:
        """Send it again where a request would be."""
        self._connection = None
        if failure is Failure.RESET and self._reused and not (self._is_replay or answered):
            self._is_replay = True
            self._attempt = self._pool.open(self)
        else:
            self._finish(failure)

    def _finish(self, failure: Failure | None) -> None:
        if self._is_over:
            return
        self._let_go()
        serving = self._serving
        head = self._head
        exchange = Exchange(
            id=self.id,
            pair_id=serving.id,
            model=self._model,
            position=Position.SHADOW,
            route=serving.head.route,
            started_s=self._started_s,
            connected_s=self._connected_s,
            first_byte_s=self._first_byte_s,
            finished_s=now_s(),
            status=0 if head is None else head.status,
            failure=failure,
            failed_over=False,
            replayed=self._is_replay,
            request_bytes=serving.request_bytes,
            response_bytes=self._response_bytes,
            in_flight=self._in_flight,
            stream=None if self._stream is None else self._stream.record(),
            capture=self.capture,
        )
        self._plane.report(exchange)
        if head is not None:
            self._plane.report(self._captured(exchange, head, failure))

    def _captured(self, exchange: Exchange, head: AnswerHead, failure: Failure | None) -> Capture:
        plane = self._plane
        return Capture(
            exchange=exchange,
            target=self._serving.head.target.partition(b"?")[0].decode("latin-1"),
            request=None,
            response=message(
                head.raw,
                plane.captured_fields,
                self._kept,
                limit=plane.settings.capture.max_body_bytes,
                truncated=failure is not None,
            ),
        )

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
