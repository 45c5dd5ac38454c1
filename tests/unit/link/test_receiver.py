"""The receiver greets relays, hangs up on strangers and replaces a dead watcher's socket."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from proxy.link.frames import FrameSplitter, read_routing
from proxy.link.receiver import LinkReceiver
from proxy.records import Model, Routing


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """Close a connection and wait until it is gone, whoever closed it first."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def test_every_relay_hears_a_change_of_routing(tmp_path: Path) -> None:
    """A relay is greeted with the routing in force and told of the next one."""

    async def scenario() -> list[Routing]:
        path = str(tmp_path / "link")
        receiver = LinkReceiver(path, lambda _: None, Routing(epoch=1))
        await receiver.start()
        reader, writer = await asyncio.open_unix_connection(path)
        splitter = FrameSplitter()
        heard = [read_routing(body) for body in splitter.feed(await reader.read(1000))]
        receiver.broadcast(Routing(serving=Model.STABLE, epoch=2))
        heard += [read_routing(body) for body in splitter.feed(await reader.read(1000))]
        await hang_up(writer)
        await receiver.close()
        return heard

    assert asyncio.run(scenario()) == [Routing(epoch=1), Routing(serving=Model.STABLE, epoch=2)]


def test_a_stranger_is_hung_up_on_and_others_stay(tmp_path: Path) -> None:
    """Bytes that are no frames close that connection only."""

    async def scenario() -> int:
        path = str(tmp_path / "link")
        receiver = LinkReceiver(path, lambda _: None, Routing())
        await receiver.start()
        good = await asyncio.open_unix_connection(path)
        reader, writer = await asyncio.open_unix_connection(path)
        await reader.readexactly(4)
        while receiver.n_relays < 2:
            await asyncio.sleep(0.01)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):  # an abort may reach the peer as a reset
            await asyncio.wait_for(reader.read(), 5)
        while receiver.n_relays > 1:
            await asyncio.sleep(0.01)
        left = receiver.n_relays
        await hang_up(good[1])
        await hang_up(writer)
        await receiver.close()
        return left

    assert asyncio.run(scenario()) == 1


def test_a_socket_left_by_a_dead_watcher_is_replaced(tmp_path: Path) -> None:
    """A stale socket file does not keep the next watcher from listening."""

    async def scenario() -> None:
        path = tmp_path / "link"
        path.write_bytes(b"")
        receiver = LinkReceiver(str(path), lambda _: None, Routing())
        await receiver.start()
        _, writer = await asyncio.open_unix_connection(str(path))
        while not receiver.n_relays:
            await asyncio.sleep(0.01)
        await hang_up(writer)
        await receiver.close()
        assert not path.exists()

    asyncio.run(scenario())
