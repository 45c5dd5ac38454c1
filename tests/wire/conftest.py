"""Real sockets around a real relay: clients and upstreams that say exactly what a test tells them.

A scenario is a coroutine that gets a `House`; `run(scenario)` runs it on uvloop, the loop that the
relay runs on, and closes everything afterwards.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Iterator
from enum import IntEnum
from types import MemberDescriptorType

import pytest
import uvloop

from proxy.records import Capture, Exchange, Model, Report, Routing
from proxy.relay.downstream import DownstreamConnection
from proxy.relay.plane import Plane
from proxy.relay.server import Server
from proxy.relay.settings import Capture as CaptureSettings
from proxy.relay.settings import Listen, Mirror, Models, RelaySettings, Upstream
from proxy.relay.states import DOWNSTREAM_MOVES, UPSTREAM_MOVES
from proxy.relay.sweep import Sweep
from proxy.relay.upstream import UpstreamConnection

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE_S = 30.0

Answer = Callable[["Request", "UpstreamSide"], Awaitable[None]]


class Request:
    """A request as an upstream saw it, byte by byte."""

    def __init__(self, raw: bytes, body: bytes, n_on_connection: int) -> None:
        self.raw = raw
        self.body = body
        self.n_on_connection = n_on_connection

    @property
    def start(self) -> bytes:
        """The request line."""
        return self.raw.partition(b"\r\n")[0]

    @property
    def lines(self) -> list[bytes]:
        """The field lines."""
        return self.raw[:-4].split(b"\r\n")[1:]

    def values(self, name: bytes) -> list[bytes]:
        """The values of a field, in order."""
        found = []
        for line in self.lines:
            key, _, value = line.partition(b":")
            if key.lower() == name.lower():
                found.append(value.strip())
        return found


class UpstreamSide:
    """An upstream's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send, as fast as the relay takes it."""
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        """End in an orderly way."""
        self.writer.close()

    def reset(self) -> None:
        """End with a reset."""
        tcp = self.writer.get_extra_info("socket")
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        self.writer.transport.abort()


class FakeUpstream:
    """A model server that reads whole requests and lets a coroutine answer them."""

    def __init__(self, answer: Answer | bytes, *, reads_body: bool = True) -> None:
        self._answer = answer
        self._reads_body = reads_body
        self.requests: list[Request] = []
        self.n_connections = 0
        self.port, self.url = 0, ""
        self._server: asyncio.Server | None = None
        self._sides: set[UpstreamSide] = set()
        self.closed_early = asyncio.Event()
        """Set when a connection ended."""

    async def start(self, port: int = 0) -> FakeUpstream:
        """Listen, on a free port or on the one it had."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port, limit=2**26)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def stop(self) -> None:
        """Refuse connections from now on, and cut the ones that are there."""
        if self._server is not None:
            self._server.close()
        for side in list(self._sides):
            side.reset()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        side = UpstreamSide(reader, writer)
        self._sides.add(side)
        n_requests = 0
        try:
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                body = await _read_body(raw, reader) if self._reads_body else b""
                n_requests += 1
                request = Request(raw, body, n_requests)
                self.requests.append(request)
                if isinstance(self._answer, bytes):
                    await side.send(self._answer)
                else:
                    await self._answer(request, side)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed_early.set()
        finally:
            self._sides.discard(side)
            writer.close()


async def _read_body(raw: bytes, reader: asyncio.StreamReader) -> bytes:
    head = raw.lower()
    if b"transfer-encoding: chunked" in head:
        return await read_chunked(reader)
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return await reader.readexactly(int(line.partition(b":")[2]))
    return b""


async def read_chunked(reader: asyncio.StreamReader) -> bytes:
    """Read one chunked body, framing and all."""
    raw = b""
    while True:
        line = await reader.readuntil(b"\r\n")
        raw += line
        size = int(line.partition(b";")[0], 16)
        if size == 0:
            while True:
                line = await reader.readuntil(b"\r\n")
                raw += line
                if line == b"\r\n":
                    return raw
        raw += await reader.readexactly(size + 2)


class Client:
    """A client's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Send piece by piece, as fast as the relay takes them."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()

    async def head(self) -> bytes:
        """Read one head."""
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), PATIENCE_S)

    async def answer(self, *, has_body: bool = True) -> tuple[bytes, bytes]:
        """Read one answer: its head and its body, with its framing."""
        head = await self.head()
        if not has_body:
            return head, b""
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            return head, await asyncio.wait_for(read_chunked(self.reader), PATIENCE_S)
        if b"content-length:" not in lower:
            return head, await self.rest()
        length = int(lower.partition(b"content-length:")[2].partition(b"\r\n")[0])
        return head, await asyncio.wait_for(self.reader.readexactly(length), PATIENCE_S)

    async def ask(self, raw: bytes, *, has_body: bool = True) -> tuple[bytes, bytes]:
        """Send a request and read its answer."""
        await self.send(raw)
        return await self.answer(has_body=has_body)

    async def rest(self) -> bytes:
        """Read to the end of the connection; a reset raises."""
        return await asyncio.wait_for(self.reader.read(-1), PATIENCE_S)

    async def rest_or_reset(self) -> tuple[bytes, bool]:
        """Read what still comes; tell whether it ended with a reset."""
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := await asyncio.wait_for(self.reader.read(65_536), PATIENCE_S):
                received += piece
            return received, False
        return received, True

    def close(self) -> None:
        """Leave."""
        self.writer.close()


class Notebook:
    """A watcher that only writes down."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def put(self, record: Report) -> bool:
        """Write down."""
        return self.reports.append(record) is None

    @property
    def exchanges(self) -> list[Exchange]:
        """The records so far."""
        return [one for one in self.reports if isinstance(one, Exchange)]

    @property
    def captures(self) -> list[Capture]:
        """The samples so far."""
        return [report for report in self.reports if isinstance(report, Capture)]


class Moves:
    """Stands in for a connection's `state` slot, and notes the moves it makes."""

    def __init__(self, slot: MemberDescriptorType) -> None:
        self._slot = slot
        self.made: set[tuple[IntEnum, IntEnum]] = set()

    def __get__(self, one: object, kind: type) -> object:
        """Give the state."""
        return self._slot.__get__(one, kind)

    def __set__(self, one: object, state: IntEnum) -> None:
        """Note the move, and make it."""
        with contextlib.suppress(AttributeError):
            self.made.add((self._slot.__get__(one, type(one)), state))
        self._slot.__set__(one, state)


@pytest.fixture(autouse=True)
def _only_known_moves(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hold every move that a connection makes in any of these tests against the tables."""
    watched = []
    for kind, table in (
        (DownstreamConnection, DOWNSTREAM_MOVES),
        (UpstreamConnection, UPSTREAM_MOVES),
    ):
        moves = Moves(kind.__dict__["state"])
        monkeypatch.setattr(kind, "state", moves)
        watched.append((kind, moves, table))
    yield
    for kind, moves, table in watched:
        odd = [(was, to) for was, to in moves.made if was is not to and to not in table[was]]
        assert not odd, (kind, odd)


class House:
    """One relay with its upstreams and clients."""

    def __init__(self) -> None:
        self.notebook = Notebook()
        self.plane: Plane
        self.server: Server
        self.port = 0
        self._stack = contextlib.AsyncExitStack()
        self._waiter: asyncio.Task[None] | None = None

    async def upstream(self, answer: Answer | bytes = OK, **options: bool) -> FakeUpstream:
        """Start a model server."""
        upstream = await FakeUpstream(answer, **options).start()
        self._stack.push_async_callback(upstream.stop)
        return upstream

    async def relay(
        self,
        candidate: FakeUpstream | Upstream,
        stable: FakeUpstream | Upstream | None = None,
        *,
        listen: Listen | None = None,
        mirror: Mirror | None = None,
        routing: Routing | None = None,
        **rooms: CaptureSettings | tuple[tuple[str, str], ...],
    ) -> None:
        """Start the relay; `rooms` may hold `capture` and `routes`."""
        settings = RelaySettings(
            models=Models(
                candidate=_settings(candidate),
                stable=None if stable is None else _settings(stable),
            ),
            listen=listen or Listen(),
            mirror=mirror or Mirror(),
            **rooms,
        )
        sweep = Sweep()
        self.plane = Plane(settings, sweep, routing or Routing())
        self.plane.reporter = self.notebook
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        self.port = listening.getsockname()[1]
        self.server = Server(self.plane, listening)
        await self.server.start()
        sweep.start()
        self._waiter = asyncio.get_running_loop().create_task(self.server.wait())
        self._stack.callback(sweep.stop)

    async def client(self, *, local: str | None = None) -> Client:
        """Connect a client."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1",
            self.port,
            limit=2**26,
            local_addr=None if local is None else (local, 0),
        )
        client = Client(reader, writer)
        self._stack.callback(writer.close)
        return client

    async def ask(self, raw: bytes, *, has_body: bool = True) -> tuple[bytes, bytes]:
        """Send one request on a connection of its own and read its answer."""
        client = await self.client()
        answer = await client.ask(raw, has_body=has_body)
        client.close()
        return answer

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so; fail when it does not become so."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await asyncio.sleep(0.005)

    async def exchange(self, n: int = 1) -> Exchange:
        """Wait for the `n`-th record and give it."""
        await self.until(lambda: len(self.notebook.exchanges) >= n)
        return self.notebook.exchanges[n - 1]

    async def close(self) -> None:
        """End everything, and see that nothing is left."""
        if self._waiter is not None:
            self.server.end()
            await self._waiter
        await self._stack.aclose()
        # Nothing of the relay may outlive it.
        assert self.plane.n_in_flight == 0
        assert self.plane.held_bytes == 0
        assert not any(self.plane.switch.in_flight().values())


def _settings(upstream: FakeUpstream | Upstream) -> Upstream:
    return upstream if isinstance(upstream, Upstream) else Upstream(url=upstream.url)


def run(scenario: Callable[[House], Awaitable[None]]) -> None:
    """Run a scenario in a house of its own, on the relay's loop."""

    async def inhabited() -> None:
        house = House()
        try:
            await scenario(house)
        finally:
            await house.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(inhabited())


class Kit:
    """What tests of this directory use, in one fixture: they are no package to import from."""

    run = staticmethod(run)
    Upstream = Upstream
    Listen = Listen
    Mirror = Mirror
    Capture = CaptureSettings
    Routing = Routing
    Model = Model
    OK = OK


@pytest.fixture
def kit() -> type[Kit]:
    """The wire kit."""
    return Kit
