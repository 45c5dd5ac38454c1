"""Who stands at the two ends of an upstream connection: its owner and its pool."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from proxy.records import Failure
from proxy.relay.answer_head import AnswerHead, AnswerReader
from proxy.relay.sweep import Sweep

if TYPE_CHECKING:
    from proxy.relay.upstream import UpstreamConnection


class Owner(Protocol):
    """Who sends a request over a connection and gets the answer."""

    is_head: bool
    """The request is a HEAD: its answer has no body."""
    takes_frames: bool
    """Chunks are passed on as chunks; else only what they carry."""
    takes_trailers: bool
    upgrades: bool
    keep: Callable[[bytes], None] | None
    """Shown each piece of the answer's payload, when there is someone to show it to."""

    def on_connected(self, connection: UpstreamConnection) -> None:
        """A new connection is ready."""

    def on_not_connected(self, failure: Failure) -> None:
        """There will be no new connection."""

    def on_interim(self, head: AnswerHead) -> None:
        """A 1xx came; the answer is still to come."""

    def on_upgrade(self, head: AnswerHead, data: bytes) -> None:
        """The upstream goes on as a websocket, beginning with `data`."""

    def on_answer(
        self, head: AnswerHead, data: bytes, n_payload: int, n_chunks: int, *, is_last: bool
    ) -> None:
        """The answer began: `data` is its head as it came and what goes on of its body.

        It carries `n_payload` bytes, in `n_chunks` chunks.
        """

    def on_body(self, data: bytes, n_payload: int, n_chunks: int, *, is_last: bool) -> None:
        """More of the body that goes on."""

    def on_lost(self, failure: Failure, *, answered: bool) -> None:
        """The answer will not be complete; `answered`: a byte of it had come."""

    def on_full(self) -> None:
        """The upstream takes no more of the request for now."""

    def on_ready(self) -> None:
        """The upstream takes bytes again."""


class Home(Protocol):
    """The pool a connection belongs to, as the connection sees it."""

    reader: AnswerReader
    sweep: Sweep
    response_timeout_s: float
    max_head_bytes: int

    def joined(self, connection: UpstreamConnection) -> None:
        """Count a connection."""

    def give_back(self, connection: UpstreamConnection) -> None:
        """Take a connection whose exchange is over for reuse."""

    def left(self, connection: UpstreamConnection) -> None:
        """Forget a connection."""
