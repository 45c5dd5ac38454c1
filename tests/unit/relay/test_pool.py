"""Connections: lent, taken back, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from proxy.records import Failure
from proxy.relay.pool import Pool
from proxy.relay.settings import Upstream
from proxy.relay.states import UpstreamState
from proxy.relay.sweep import Sweep
from proxy.relay.upstream import UpstreamConnection


class Waiting:
    """An owner that waits for a connection."""

    def __init__(self) -> None:
        self.connection: UpstreamConnection | None = None
        self.failure: Failure | None = None
        self.told = asyncio.Event()

    def on_connected(self, connection: UpstreamConnection) -> None:
        """Note it."""
        self.connection = connection
        self.told.set()

    def on_not_connected(self, failure: Failure) -> None:
        """Note it."""
        self.failure = failure
        self.told.set()


class Holding(asyncio.Protocol):
    """An upstream's end that holds its connection until a byte comes."""

    def __init__(self, ends: set[asyncio.Transport]) -> None:
        self._ends = ends

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join."""
        self.transport = transport
        self._ends.add(transport)

    def data_received(self, _data: bytes) -> None:
        """End."""
        self.transport.close()


class Lab:
    """A listening socket and a pool of connections to it."""

    async def start(self, **options: float) -> None:
        """Listen, and make the pool."""
        self.ends: set[asyncio.Transport] = set()
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Holding(self.ends), "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.pool = Pool(Upstream(url=f"http://127.0.0.1:{port}", **options), Sweep(), 65_536)

    async def open(self) -> Waiting:
        """Open a connection and wait for what comes of it."""
        owner = Waiting()
        self.pool.open(owner)
        await asyncio.wait_for(owner.told.wait(), 5)
        return owner

    async def close(self) -> None:
        """Close all."""
        await self.pool.close()
        self.server.close()
        for end in self.ends:
            end.abort()
        while self.pool._n_open:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.01)


def run(scenario: Callable[[Lab], Awaitable[None]], **options: float) -> None:
    """Run a scenario in a lab."""

    async def inner() -> None:
        lab = Lab()
        await lab.start(**options)
        try:
            await scenario(lab)
        finally:
            await lab.close()

    asyncio.run(inner())


def test_the_connection_used_last_is_lent_first() -> None:
    """So that those that are not needed grow old."""

    async def scenario(lab: Lab) -> None:
        first, second = [(await lab.open()).connection for _ in range(2)]
        assert lab.pool.lend() is None
        lab.pool.give_back(first)
        lab.pool.give_back(second)
        assert [lab.pool.lend(), lab.pool.lend(), lab.pool.lend()] == [second, first, None]
        first.close()
        second.close()

    run(scenario)


def test_idle_connections_are_bounded() -> None:
    """One more than `max_idle` is closed as it comes back."""

    async def scenario(lab: Lab) -> None:
        held = [(await lab.open()).connection for _ in range(3)]
        for connection in held:
            lab.pool.give_back(connection)
        assert [c.state for c in held] == [
            UpstreamState.IDLE,
            UpstreamState.IDLE,
            UpstreamState.CLOSED,
        ]

    run(scenario, max_idle=2)


def test_all_connections_are_bounded() -> None:
    """At the limit an idle one makes room; with none idle the owner is told."""

    async def scenario(lab: Lab) -> None:
        first, second = [(await lab.open()).connection for _ in range(2)]
        assert (await lab.open()).failure is Failure.OVERLOAD
        lab.pool.give_back(first)
        third = (await lab.open()).connection
        assert third is not None
        assert first.state is UpstreamState.CLOSED
        second.close()
        third.close()

    run(scenario, max_connections=2)


def test_a_host_name_that_no_resolver_takes_is_a_refusal() -> None:
    """An empty label in a name is no network error, and yet the owner must learn of it."""

    async def scenario(lab: Lab) -> None:
        odd = Pool(Upstream(url="http://model..svc:80"), Sweep(), 65_536)
        owner = Waiting()
        odd.open(owner)
        await asyncio.wait_for(owner.told.wait(), 5)
        assert owner.failure is Failure.REFUSED
        await odd.close()
        assert (await lab.open()).connection is not None

    run(scenario)


def test_a_refusal_is_told() -> None:
    """Nobody listens there: the owner learns it, and the model stays reachable in principle."""

    async def scenario(lab: Lab) -> None:
        lab.server.close()
        await lab.server.wait_closed()
        assert (await lab.open()).failure is Failure.REFUSED
        assert lab.pool.is_reachable(0.0)

    run(scenario)


def test_a_connection_whose_owner_left_is_kept() -> None:
    """An attempt that is no longer wanted fills the pool."""

    async def scenario(lab: Lab) -> None:
        attempt = lab.pool.open(Waiting())
        attempt.owner = None
        while (connection := lab.pool.lend()) is None:
            await asyncio.sleep(0.01)
        connection.close()

    run(scenario)


def test_a_connection_that_ended_is_not_lent() -> None:
    """What the upstream closed while it was idle is forgotten."""

    async def scenario(lab: Lab) -> None:
        connection = (await lab.open()).connection
        lab.pool.give_back(connection)
        connection.transport.write(b"x")
        while connection.state is not UpstreamState.CLOSED:
            await asyncio.sleep(0.01)
        assert lab.pool.lend() is None
        assert lab.pool._n_open == 0

    run(scenario)
