"""The sender is bounded, counts what it drops, and finds a watcher that comes back."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

from proxy.link.frames import FrameSplitter, read_reports
from proxy.link.receiver import LinkReceiver, Reports
from proxy.link.sender import FLUSH_BYTES, LinkSender
from proxy.records import Pulse, Routing


def pulse(number: int) -> Pulse:
    """Give a small report that can be told from others."""
    return Pulse(number, 1, 0.0, True, False, 0, {}, 0.0, 0, {})


def ignore(_routing: Routing) -> None:
    """Take a routing and do nothing with it."""


def test_without_a_watcher_the_outbox_stops_at_its_bounds(tmp_path: Path) -> None:
    """Records beyond the bound are refused and counted by kind."""
    sender = LinkSender(str(tmp_path / "none"), ignore, max_bytes=10_000, max_records=5)
    assert [sender.put(pulse(n)) for n in range(7)] == [True] * 5 + [False] * 2
    assert sender.dropped == {"exchange": 0, "capture": 0, "pulse": 2}


def test_bytes_bound_the_outbox_too(tmp_path: Path) -> None:
    """The byte bound holds though the record bound is far away."""
    sender = LinkSender(str(tmp_path / "none"), ignore, max_bytes=100, max_records=10_000)
    accepted = sum(sender.put(pulse(n)) for n in range(1000))
    assert 0 < accepted < 20
    assert sender.dropped["pulse"] == 1000 - accepted


def test_what_was_queued_before_the_watcher_came_is_delivered_in_order(tmp_path: Path) -> None:
    """Reports wait for the watcher, up to the bound, and arrive as they were put."""

    async def scenario() -> Reports:
        path = str(tmp_path / "link")
        got: Reports = []
        sender = LinkSender(path, ignore)
        sender.start()
        for number in range(10):
            sender.put(pulse(number))
        receiver = LinkReceiver(path, got.extend, Routing())
        await receiver.start()
        while len(got) < 10:
            await asyncio.sleep(0.01)
        await sender.close()
        await receiver.close()
        return got

    assert asyncio.run(scenario()) == [pulse(n) for n in range(10)]


def test_the_sender_returns_to_a_restarted_watcher_and_learns_its_routing(tmp_path: Path) -> None:
    """After the watcher went away, the next one greets the relay with its own routing."""

    async def scenario() -> list[Routing]:
        path = str(tmp_path / "link")
        learnt: list[Routing] = []
        sender = LinkSender(path, learnt.append)
        sender.start()
        for epoch in (1, 2):
            receiver = LinkReceiver(path, lambda _: None, Routing(epoch=epoch))
            await receiver.start()
            while not learnt or learnt[-1].epoch != epoch:
                await asyncio.sleep(0.01)
            await receiver.close()
            while sender.connected:
                await asyncio.sleep(0.01)
        await sender.close()
        return learnt

    assert asyncio.run(scenario()) == [Routing(epoch=1), Routing(epoch=2)]


def test_a_watcher_that_stalls_is_sent_small_frames_when_it_reads_again(tmp_path: Path) -> None:
    """What piled up leaves in frames of one batch each, in order, and none is lost or repeated."""
    path = str(tmp_path / "link")
    n_reports, length = 2000, 4000

    async def scenario() -> tuple[list[int], int, float]:
        loop = asyncio.get_running_loop()
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()
        listening.setblocking(False)
        sender = LinkSender(path, ignore)
        sender.start()
        peer, _ = await loop.sock_accept(listening)
        while not sender.connected:
            await asyncio.sleep(0.01)
        for number in range(n_reports):
            assert sender.put(Pulse(number, 1, 0.0, True, False, 0, {"x" * length: 1}, 0.0, 0, {}))
        piled_up = sender.fullness
        got: list[int] = []
        longest = 0
        splitter = FrameSplitter()
        peer.setblocking(False)
        while len(got) < n_reports:
            for body in splitter.feed(await loop.sock_recv(peer, 1 << 20)):
                longest = max(longest, len(body))
                got += [one.worker for one in read_reports(body) if isinstance(one, Pulse)]
        assert sender.fullness == 0.0
        await sender.close()
        peer.close()
        listening.close()
        return got, longest, piled_up

    got, longest, piled_up = asyncio.run(scenario())
    assert got == list(range(n_reports))
    assert longest < FLUSH_BYTES + 2 * length
    assert 0.3 < piled_up < 0.6
