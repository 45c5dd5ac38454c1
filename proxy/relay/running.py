"""One running exchange: it stands between a client and an upstream, and leaves one record.

What may happen to it, in order (a dash: it ends there):

    begin          an idle connection is lent, or one is opened
    on_connected   what came of the request is sent
    on_not_connected   the other model is tried once; else the failure is answered -
    on_answer      the answer's head goes to the client; from here on nothing is ever sent twice
    on_body        pieces go to the client; after the last one the record is made -
    on_lost        no byte of the answer yet, on a reused connection: sent again on a fresh one;
                   on a fresh one, for a prediction: sent to the other model if this one is dead;
                   else answered with 502 or 504 -, or, within an answer, the client is cut off -
    client_gone    the upstream is cut off: nobody wants its answer -
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import getrandbits
from typing import TYPE_CHECKING, Final

from proxy.clock import now_s
from proxy.records import Failure
from proxy.relay.answer_head import AnswerHead, without_chunking
from proxy.relay.capture import Kept
from proxy.relay.farewell import extra_fields
from proxy.relay.refusals import FAILURES, failure_answer, refusal
from proxy.relay.rewrite import rewritten
from proxy.relay.streams import StreamClock

if TYPE_CHECKING:
    from proxy.relay.downstream import DownstreamConnection
    from proxy.relay.plane import Plane
    from proxy.relay.pool import Attempt
    from proxy.relay.request_head import RequestHead
    from proxy.relay.upstream import UpstreamConnection

_FREE_HOLD_BYTES: Final = 16_384
"""Held bodies up to this length are not counted against the relay's total."""
MAX_HELD_BYTES: Final = 32 * 1024 * 1024
"""All held bodies together; beyond it bodies are not held, and so not replayed."""
DYING_S: Final = 0.03
"""A killed process may still take connections while the system closes them one by one. Asked after
this long it has none left; only requests whose connection died wait for it."""
MAX_WAITING_BYTES: Final = 256 * 1024
"""Body bytes taken from a client while there is no connection to send them on."""
_JOIN_BYTES: Final = 32_768
"""Up to this length copying into one buffer is cheaper than writing two."""


class Running:
    """See the module's table. It is the `Owner` of its upstream connection."""

    __slots__ = (
        "_attempt",
        "_client",
        "_connection",
        "_counted_bytes",
        "_held",
        "_held_bytes",
        "_holds",
        "_is_over",
        "_is_probing",
        "_plane",
        "_reused",
        "answer",
        "capture",
        "closes",
        "connected_s",
        "failed_over",
        "first_byte_s",
        "head",
        "id",
        "in_flight",
        "is_head",
        "is_tunnel",
        "keep",
        "kept_answer",
        "kept_request",
        "mirrors",
        "model",
        "pool",
        "replayed",
        "request_bytes",
        "request_done",
        "response_bytes",
        "started_s",
        "status",
        "stream",
        "takes_frames",
        "takes_trailers",
        "upgrades",
    )

    def __init__(self, plane: Plane, client: DownstreamConnection, head: RequestHead) -> None:
        """Stand between `client` and the model that serves now."""
        self.id = getrandbits(63)
        self.started_s = now_s()
        self.head = head
        self.is_head = head.method == b"HEAD"
        self.takes_frames = head.is_http11
        self.takes_trailers = head.takes_trailers
        self.upgrades = head.upgrades
        self.model = plane.switch.model
        self.pool = plane.switch.pool
        self.request_done = False
        self.request_bytes = 0
        self.response_bytes = 0
        plane.n_in_flight += 1
        self.pool.n_running += 1
        self.in_flight = self.pool.n_running
        self.status = 0
        self.closes = False
        """Whether the client's connection ends with this exchange."""
        self.is_tunnel = False
        self.failed_over = False
        self.replayed = False
        self.connected_s: float | None = None
        self.first_byte_s: float | None = None
        self.answer: AnswerHead | None = None
        self.stream: StreamClock | None = None
        self.capture = 0.0
        self.mirrors = False
        self.keep: Callable[[bytes], None] | None = None
        self.kept_request: Kept | None = None
        self.kept_answer: Kept | None = None
        self._plane = plane
        self._client = client
        self._attempt: Attempt | None = None
        self._connection: UpstreamConnection | None = None
        self._is_over = False
        self._reused = False
        self._is_probing = False
        """A fresh connection died: one more shows whether the model died with it."""
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._counted_bytes = 0
        self._holds = True

    # From the client.

    def begin(self, body: bytes, n_payload: int, *, is_last: bool) -> None:
        """Send the request, or what there is of it: `body` goes on and carries `n_payload`."""
        self.request_bytes = n_payload
        self.request_done = is_last
        plane = self._plane
        if plane.n_in_flight > plane.listen.max_in_flight:
            self._answer_failure(Failure.OVERLOAD)
            return
        if body:
            self._hold(body)
        if not self.pool.is_reachable(self.started_s):
            self._take_alternative()
        self._find_connection()

    def more(self, body: bytes, n_payload: int, *, is_last: bool) -> None:
        """Send more of the request's body."""
        self.request_bytes += n_payload
        self.request_done = is_last
        connection = self._connection
        if self._holds and body:
            self._hold(body)
        if connection is not None:
            connection.send_more(body, is_last=is_last)
        elif self._held_bytes > MAX_WAITING_BYTES and not is_last:
            self._client.pause()

    def refused(self, status: int, why: str) -> None:
        """Answer for a request that turned out bad or too long in its middle."""
        if self.first_byte_s is not None:
            self._client.cut()
        else:
            self.status = status
            self.closes = True
            self._client.write(refusal(status, why, is_head=self.is_head, closes=True))
        self._finish(Failure.CLIENT_GONE)

    def client_gone(self) -> None:
        """Stop the upstream's work: the client has left, or was cut off."""
        self._finish(Failure.CLIENT_GONE)

    def client_full(self) -> None:
        """Let the upstream wait for a slow client."""
        if self._connection is not None:
            self._connection.pause()

    def client_ready(self) -> None:
        """Let the upstream go on."""
        if self._connection is not None:
            self._connection.resume()

    def tunnel(self, data: bytes) -> None:
        """Pass bytes of a tunnel on."""
        self.request_bytes += len(data)
        if self._connection is not None:
            self._connection.send_more(data, is_last=False)

    # From the upstream (`Owner`).

    def on_connected(self, connection: UpstreamConnection) -> None:
        """Send what has been held; what cannot be needed again is held no longer."""
        self._attempt = None
        if self._is_probing:
            # The model lives, so it hung up on purpose, or on this request: that is its answer.
            self.pool.give_back(connection)
            self._answer_failure(Failure.RESET)
            return
        self._reused = False
        self.connected_s = now_s()
        self._send(connection)
        if self.head.route == "other":
            self._release()
        self._client.unpause()

    def on_not_connected(self, failure: Failure) -> None:
        """Try the other model once: this request is still whole."""
        self._attempt = None
        if self._is_probing:
            self._is_probing, self.replayed = False, True
        if failure is not Failure.OVERLOAD and not self.failed_over and self._take_alternative():
            self._find_connection()
            return
        self._answer_failure(failure)

    def on_interim(self, head: AnswerHead) -> None:
        """Pass a 1xx on, but to HTTP/1.0, which knows none."""
        if self.head.is_http11:
            self._client.write(head.forward)

    def on_upgrade(self, head: AnswerHead, data: bytes) -> None:
        """Go on as a tunnel."""
        self.first_byte_s = now_s()
        self.status = head.status
        self.is_tunnel = True
        self.response_bytes += len(data)
        self._release()
        self._client.write(head.forward + data)
        self._client.to_tunnel()

    def on_answer(
        self, head: AnswerHead, data: bytes, n_payload: int, n_chunks: int, *, is_last: bool
    ) -> None:
        """Pass the head and the first bytes behind it on."""
        self.first_byte_s = at_s = now_s()
        self.answer = head
        self.status = head.status
        self.response_bytes = n_payload
        if self._holds:
            self._release()
        plane = self._plane
        if head.is_stream:
            self.stream = StreamClock(plane.max_chunks if self.keep is not None else 0)
            if n_payload:
                self.stream.tick(at_s, 0, n_chunks)
        if extra := extra_fields(self, head, plane):
            forward = head.forward if self.takes_frames else without_chunking(head.forward)
            data = b"".join((forward[:-2], extra, b"\r\n", data[len(head.raw) :]))
        elif not head.is_verbatim:
            data = head.forward + data[len(head.raw) :]
        self._client.write(data)
        if is_last:
            self._connection = None
            self._finish(None)

    def on_body(self, data: bytes, n_payload: int, n_chunks: int, *, is_last: bool) -> None:
        """Pass a piece of the body on."""
        if self.stream is not None and n_payload:
            self.stream.tick(now_s(), self.response_bytes, n_chunks)
        self.response_bytes += n_payload
        if data:
            self._client.write(data)
        if is_last:
            self._connection = None
            self._finish(None)

    def on_lost(self, failure: Failure, *, answered: bool) -> None:
        """Replay, answer the failure, or cut the client off: never a word behind half an answer."""
        self._connection = None
        if self.is_tunnel:
            self._finish(None)
        elif self.first_byte_s is not None:
            self._client.cut()
            self._finish(failure)
        elif failure is not Failure.RESET or answered or not self._holds:
            self._answer_failure(failure)
        elif self._reused and not self.replayed:
            # A reused connection had died before it was used: nothing was executed.
            self.replayed = True
            self._attempt = self.pool.open(self)
        else:
            # A fresh one may have been used, so that only a model that is dead as well is passed
            # over: then the other one is asked, which has not executed it.
            self._is_probing = True
            asyncio.get_running_loop().call_later(DYING_S, self._probe)

    def _probe(self) -> None:
        """See whether the model still takes connections."""
        if not self._is_over:
            self._attempt = self.pool.open(self)

    def on_full(self) -> None:
        """Let the client wait for a slow upstream."""
        self._client.pause()

    def on_ready(self) -> None:
        """Let the client go on."""
        self._client.unpause()

    # The steps.

    def _find_connection(self) -> None:
        connection = self.pool.lend()
        if connection is None:
            self._attempt = self.pool.open(self)
        else:
            self._reused = True
            self.connected_s = self.started_s
            self._send(connection)

    def _take_alternative(self) -> bool:
        """Turn to the other model; `False`: there is none."""
        other = self._plane.switch.alternative(self.model)
        if other is None:
            return False
        self.pool.n_running -= 1
        self.model, self.pool = other
        self.pool.n_running += 1
        self.in_flight = self.pool.n_running
        self.failed_over = True
        return True

    def _send(self, connection: UpstreamConnection) -> None:
        self._connection = connection
        forward, end = self.head.forward, self._client.identity
        if self.pool.rewrites:
            forward = rewritten(forward, self.pool.upstream)
        held = self._held
        if not held:
            connection.send(self, [forward + end], is_last=self.request_done)
        elif self._held_bytes <= _JOIN_BYTES:
            connection.send(self, [b"".join((forward, end, *held))], is_last=self.request_done)
        else:
            connection.send(self, [forward + end, *held], is_last=self.request_done)

    def _hold(self, body: bytes) -> None:
        self._held.append(body)
        self._held_bytes += len(body)
        if self._held_bytes > _FREE_HOLD_BYTES:
            plane = self._plane
            self._counted_bytes += len(body)
            plane.held_bytes += len(body)
            is_too_much = (
                self._held_bytes > plane.replay_body_bytes or plane.held_bytes > MAX_HELD_BYTES
            )
            if is_too_much and self._connection is not None:
                self._release()

    def _release(self) -> None:
        """Hold the body no longer: it will not be sent again."""
        self._holds = False
        if self._held:
            self._held = []
            self._plane.held_bytes -= self._counted_bytes
            self._counted_bytes = 0

    def _answer_failure(self, failure: Failure) -> None:
        self.status = FAILURES[failure][0]
        head = self.head
        self.closes = (
            not (self.request_done and head.keep_alive and head.is_http11)
            or self._plane.is_draining
        )
        self._client.write(failure_answer(failure, is_head=self.is_head, closes=self.closes))
        self._finish(failure)

    def _finish(self, failure: Failure | None) -> None:
        """Let go of everything, leave the record, and free the client's connection."""
        if self._is_over:
            return
        self._is_over = True
        self.keep = None
        if self._attempt is not None:
            self._attempt.owner = None
            self._attempt = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._held:
            self._release()
        self.pool.n_running -= 1
        plane = self._plane
        plane.n_in_flight -= 1
        plane.finished(self, failure, self._client.identity)
        self._client.exchange_done(self)
