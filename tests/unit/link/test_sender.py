"""The sender is bounded, counts what it drops, and finds a watcher that comes back."""

from __future__ import annotations

import asyncio
from pathlib import Path

from proxy.link.receiver import LinkReceiver, Reports
from proxy.link.sender import LinkSender
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
