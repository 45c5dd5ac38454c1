"""The watcher's end of the link: a unix socket that relays connect to.

Each relay is greeted with the routing in force, so that a relay that was started, or cut off, while
the watcher was away always learns where traffic goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import cast

from proxy.link.frames import FrameSplitter, LinkError, read_reports, routing_frame
from proxy.records import Capture, Exchange, Pulse, Routing

log = logging.getLogger(__name__)

Reports = list[Exchange | Capture | Pulse]


class LinkReceiver:
    """Listens at `path` and hands every batch of reports to `on_reports`."""

    def __init__(self, path: str, on_reports: Callable[[Reports], None], routing: Routing) -> None:
        """Greet relays with `routing` until `broadcast` gives another."""
        self._path = path
        self._on_reports = on_reports
        self._routing = routing
        self._server: asyncio.AbstractServer | None = None
        self._relays: set[_ReceiverProtocol] = set()

    @property
    def n_relays(self) -> int:
        """Give the number of connected relays."""
        return len(self._relays)

    async def start(self) -> None:
        """Listen; a socket file left behind by a dead watcher is replaced."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # noqa: PTH108  # a socket path, not a file to open
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: _ReceiverProtocol(self), self._path
        )

    def broadcast(self, routing: Routing) -> None:
        """Tell every relay, now and when it connects, where traffic goes."""
        self._routing = routing
        frame = routing_frame(routing)
        for relay in self._relays:
            relay.send(frame)

    async def close(self) -> None:
        """Stop listening and hang up."""
        if self._server is not None:
            self._server.close()
        for relay in list(self._relays):
            relay.hang_up()
        while self._relays:  # noqa: ASYNC110  # an abort ends within one turn of the loop
            await asyncio.sleep(0)
        if self._server is not None:
            await self._server.wait_closed()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)  # noqa: PTH108  # a socket path, not a file to open

    def joined(self, relay: _ReceiverProtocol) -> None:
        """Greet a relay that has connected."""
        self._relays.add(relay)
        relay.send(routing_frame(self._routing))

    def left(self, relay: _ReceiverProtocol) -> None:
        """Forget a relay that has gone."""
        self._relays.discard(relay)

    def received(self, reports: Reports) -> None:
        """Hand over one batch."""
        self._on_reports(reports)


class _ReceiverProtocol(asyncio.Protocol):
    """One connected relay."""

    def __init__(self, receiver: LinkReceiver) -> None:
        self._receiver = receiver
        self._splitter = FrameSplitter()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._receiver.joined(self)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._receiver.received(read_reports(body))
        except LinkError as error:
            log.warning("link: hanging up on a relay: %s", error)
            self.hang_up()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        self._receiver.left(self)

    def send(self, frame: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(frame)

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
