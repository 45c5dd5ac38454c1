"""Persistent connections to one model server: lent for one exchange, taken back, kept bounded.

The connection used last is lent first, so that the others grow old and are closed. A connection is
opened by a task of its own, since it happens rarely; lending one costs a list's pop.
"""

from __future__ import annotations

import asyncio
import errno
from typing import Final

from proxy.clock import now_s
from proxy.records import Failure
from proxy.relay.answer_head import AnswerReader
from proxy.relay.owner import Owner
from proxy.relay.settings import Upstream
from proxy.relay.sweep import Sweep
from proxy.relay.tls import UpstreamTls
from proxy.relay.upstream import CLOSED, IDLE, UpstreamConnection
from proxy.tasks import TaskGroup

_UNREACHABLE_S: Final = 1.0
"""How long a model that let a connection time out is passed over when there is another."""
_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Attempt:
    """A connection being opened. Its owner may lose interest: `owner` is `None` then."""

    __slots__ = ("owner",)

    def __init__(self, owner: Owner) -> None:
        """Open for `owner`."""
        self.owner: Owner | None = owner


class Pool:
    """The connections to one upstream, for one position."""

    def __init__(self, upstream: Upstream, sweep: Sweep, max_head_bytes: int) -> None:
        """Hold no connection yet."""
        self.upstream = upstream
        self.reader = AnswerReader()
        self.response_timeout_s = upstream.response_timeout_s
        self.max_head_bytes = max_head_bytes
        self.n_running = 0
        """Exchanges running on this upstream, in this position; kept by their owners."""
        self.rewrites = upstream.host is not None or upstream.model is not None
        self.sweep = sweep
        self._tls = UpstreamTls(upstream) if upstream.is_tls else None
        self._idle: list[UpstreamConnection] = []
        self._n_open = 0
        self._opening: set[UpstreamConnection] = set()
        self._tasks = TaskGroup("relay.connect", limit=upstream.max_connections)
        self._unreachable_until_s = 0.0
        self._is_closed = False

    def is_reachable(self, at_s: float) -> bool:
        """Tell whether connecting is worth a request's time."""
        return at_s >= self._unreachable_until_s

    def lend(self) -> UpstreamConnection | None:
        """Give an idle connection; `None`: open one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if connection.state == IDLE and not connection.transport.is_closing():
                return connection
        return None

    def open(self, owner: Owner) -> Attempt:
        """Open a connection for `owner`, who is told later, never within this call."""
        attempt = Attempt(owner)
        if self._n_open + len(self._opening) >= self.upstream.max_connections and not self._evict():
            asyncio.get_running_loop().call_soon(_tell, attempt, Failure.OVERLOAD)
            return attempt
        connection = UpstreamConnection(self)
        self._opening.add(connection)
        if self._tasks.spawn("open", self._open(attempt, connection)) is None:
            self._opening.discard(connection)
            asyncio.get_running_loop().call_soon(_tell, attempt, Failure.OVERLOAD)
        return attempt

    async def _open(self, attempt: Attempt, connection: UpstreamConnection) -> None:
        try:
            async with asyncio.timeout(self.upstream.connect_timeout_s):
                await self._connect(connection)
        except TimeoutError:
            self._unreachable_until_s = now_s() + _UNREACHABLE_S
            _tell(attempt, Failure.CONNECT_TIMEOUT)
        except (OSError, ValueError) as error:
            # A host name that no resolver takes is a ValueError. Nobody must wait for ever.
            is_ours = isinstance(error, OSError) and error.errno in _OUT_OF_FILES
            _tell(attempt, Failure.OVERLOAD if is_ours else Failure.REFUSED)
        else:
            self._unreachable_until_s = 0.0
            if connection.state == CLOSED:
                # It ended before it was used: nothing was sent.
                _tell(attempt, Failure.REFUSED)
            elif attempt.owner is not None:
                attempt.owner.on_connected(connection)
            else:
                self.give_back(connection)
        finally:
            self._opening.discard(connection)

    async def _connect(self, connection: UpstreamConnection) -> None:
        loop = asyncio.get_running_loop()
        host, port = self.upstream.address
        if self._tls is None:
            await loop.create_connection(lambda: connection, host, port)
            return
        await loop.create_connection(
            lambda: connection,
            host,
            port,
            ssl=self._tls.context(),
            server_hostname=self._tls.server_name,
        )

    def _evict(self) -> bool:
        """Close the oldest idle connection to make room; `False`: there is none."""
        if not self._idle:
            return False
        self._idle.pop(0).close()
        return True

    def joined(self, connection: UpstreamConnection) -> None:
        """Count a connection."""
        self._opening.discard(connection)
        self._n_open += 1
        self.sweep.add(connection)

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep a connection for reuse, if there is room for it."""
        if self._is_closed or len(self._idle) >= self.upstream.max_idle:
            connection.close()
            return
        self._idle.append(connection)
        connection.deadline_s = self.sweep.at_s + self.upstream.idle_timeout_s

    def left(self, connection: UpstreamConnection) -> None:
        """Forget a connection."""
        self._n_open -= 1
        self.sweep.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    async def close(self) -> None:
        """Close what is idle, and stop opening; what is lent is closed when it comes back."""
        self._is_closed = True
        for connection in list(self._idle):
            connection.close()
        self._idle.clear()
        await self._tasks.close()


def _tell(attempt: Attempt, failure: Failure) -> None:
    if attempt.owner is not None:
        attempt.owner.on_not_connected(failure)
