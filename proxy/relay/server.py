"""The relay's listening socket, and how it is left: lame duck, drain, end.

    SERVING --drain()--> LAME_DUCK --lame_duck_s--> DRAINING --all done, or grace_s--> ENDED
    any --end()--> ENDED

As a lame duck it still accepts, because endpoints take seconds to leave the lists of those who
connect; each answer says `Connection: close`. What waits in the accept queue when the socket is to
be closed is accepted first: the kernel has told those clients that they are connected.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from enum import StrEnum
from typing import Final

from proxy.clock import now_s
from proxy.relay.downstream import DownstreamConnection
from proxy.relay.plane import Plane
from proxy.relay.sweep import INTERVAL_S
from proxy.relay.tls import ListenerTls
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

_BACKLOG: Final = 4096
_QUIET_S: Final = 1.0
"""A connection that has been quiet for so long while draining is closed: no request is on its way,
as far as one can know."""


class ServerState(StrEnum):
    """See the module's table."""

    SERVING = "serving"
    LAME_DUCK = "lame_duck"
    DRAINING = "draining"
    ENDED = "ended"


class Server:
    """Accepts clients for a plane until it is told to drain."""

    def __init__(self, plane: Plane, listening: socket.socket) -> None:
        """Accept on `listening`, which is bound already."""
        self._plane = plane
        self._socket = listening
        self._server: asyncio.Server | None = None
        self._tls: ListenerTls | None = None
        self._ended = asyncio.Event()
        self._tasks = TaskGroup("relay.server", limit=1)
        self._drain_from_s = 0.0
        self.state = ServerState.SERVING

    @property
    def is_listening(self) -> bool:
        """Whether new connections are accepted."""
        return self._server is not None

    async def start(self) -> None:
        """Begin to accept."""
        settings = self._plane.listen.tls
        if settings is not None:
            self._tls = ListenerTls(settings)
            self._plane.sweep.every_tick(self._tls.refresh)
        # uvloop closes the socket it is given; ours is needed to empty the queue at the end.
        self._server = await asyncio.get_running_loop().create_server(
            self._client,
            sock=self._socket.dup(),
            backlog=_BACKLOG,
            ssl=None if self._tls is None else self._tls.context,
        )
        self._plane.sweep.every_tick(self._look)

    def _client(self) -> DownstreamConnection:
        return DownstreamConnection(self._plane)

    def drain(self) -> None:
        """Begin to leave."""
        if self.state == ServerState.SERVING:
            self.state = ServerState.LAME_DUCK
            self._plane.is_draining = True
            self._drain_from_s = now_s()

    def end(self) -> None:
        """End now."""
        self.state = ServerState.ENDED
        self._ended.set()

    async def wait(self) -> None:
        """Wait for the end, then close everything."""
        await self._ended.wait()
        self._stop_listening()
        for client in list(self._plane.clients):
            client.end()
        await self._plane.close()
        await self._tasks.close()
        self._socket.close()
        # One turn of the loop lets the closed transports write what is written, and go.
        await asyncio.sleep(INTERVAL_S / 5)

    def _look(self, at_s: float) -> None:
        """Go on with leaving, at every tick of the sweep."""
        listen = self._plane.listen
        since_s = at_s - self._drain_from_s
        if self.state == ServerState.LAME_DUCK and since_s >= listen.lame_duck_s:
            self.state = ServerState.DRAINING
            self._tasks.spawn("empty_queue", self._empty_queue())
        if self.state != ServerState.DRAINING:
            return
        for client in list(self._plane.clients):
            if client.quiet_s(at_s) >= _QUIET_S:
                client.end()
        is_empty = not self._plane.clients and not len(self._tasks)
        if is_empty or since_s >= listen.grace_s:
            self.end()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _empty_queue(self) -> None:
        """Stop accepting, and take over those who are connected already without knowing us."""
        loop = asyncio.get_running_loop()
        self._stop_listening()
        self._socket.settimeout(0)
        context = None if self._tls is None else self._tls.context
        while True:
            try:
                accepted, _ = self._socket.accept()
            except OSError:
                # Nobody waits any longer, or we are out of files: both end it.
                break
            try:
                await loop.connect_accepted_socket(self._client, accepted, ssl=context)
            except OSError as error:
                log.info("a connection from the accept queue failed: %s", error)
        self._socket.close()
