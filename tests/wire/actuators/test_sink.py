"""Events reach a real receiver; a dead, slow or failing one loses them, and that is counted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import pytest

from proxy.actuators.settings import SinkSettings
from proxy.actuators.sink import Event, Sink

Counts = Counter[tuple[str, str]]


class Inbox(Protocol):
    """What a test sees of a receiver; the real one is in conftest.py."""

    port: int
    bodies: list[bytes]
    fields: list[dict[str, str]]


Listening = Callable[..., AbstractAsyncContextManager[Inbox]]


def made(port: int, counts: Counts, **more: float) -> Sink:
    """Give a sink that sends to a port of this host."""
    url = f"http://127.0.0.1:{port}/events"
    settings = SinkSettings(url=url, allow_http=True, allow_private=True, **more)  # type: ignore[arg-type]  # times and numbers
    return Sink(settings, count=lambda *words: counts.update([words]))


async def settled(counts: Counts, n: int) -> None:
    """Wait until `n` events have an end."""
    async with asyncio.timeout(20):
        while counts.total() < n:
            await asyncio.sleep(0.01)


def event(number: int) -> Event:
    """Make one of many events."""
    return Event(kind="request", id=f"e{number}", fields={"ce-id": f"e{number}"}, body=b"{}")


def test_events_arrive_with_their_attributes(listening: Listening) -> None:
    """Each once, on connections that are kept."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening() as inbox:
            sink = made(inbox.port, counts)
            sink.start()
            for number in range(40):
                sink.offer(event(number))
            await settled(counts, 40)
            await sink.close()
            ids = sorted(fields["ce-id"] for fields in inbox.fields)
            assert ids == sorted(f"e{number}" for number in range(40))
            assert counts == {("request", "sent"): 40}

    asyncio.run(run())


@pytest.mark.parametrize(
    ("status", "result"), [(401, "failed"), (400, "rejected"), (307, "failed")]
)
def test_an_answer_that_will_not_change_ends_the_event(
    listening: Listening, status: int, result: str
) -> None:
    """It is not tried again, and the next one is sent."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening(statuses=[status]) as inbox:
            sink = made(inbox.port, counts, max_in_flight=1)
            sink.start()
            for number in range(3):
                sink.offer(event(number))
            await settled(counts, 3)
            await sink.close()
            assert counts == {("request", result): 1, ("request", "sent"): 2}
            assert len(inbox.bodies) == 3

    asyncio.run(run())


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failure_in_passing_costs_no_event(listening: Listening, status: int) -> None:
    """It is tried again with the same id, as often as allowed, before the next one."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening(statuses=[status, status, 200, status, status, status]) as inbox:
            sink = made(inbox.port, counts, max_in_flight=1)
            sink.start()
            for number in range(3):
                sink.offer(event(number))
            await settled(counts, 7)
            await sink.close()
            assert counts == {
                ("request", "sent"): 2,
                ("request", "failed"): 1,
                ("request", "retried"): 4,
            }
            ids = [fields["ce-id"] for fields in inbox.fields]
            assert ids == ["e0"] * 3 + ["e1"] * 3 + ["e2"]

    asyncio.run(run())


def test_an_event_waits_for_a_receiver_that_comes_back(listening: Listening) -> None:
    """A connection that is refused for a moment costs nothing but time."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening() as inbox:
            port = inbox.port
        sink = made(port, counts, max_tries=100)
        sink.start()
        sink.offer(event(0))
        async with asyncio.timeout(20):
            while not counts["request", "retried"]:
                await asyncio.sleep(0.01)
        async with listening(port=port) as again:
            async with asyncio.timeout(20):
                while not counts["request", "sent"]:
                    await asyncio.sleep(0.01)
            assert [fields["ce-id"] for fields in again.fields] == ["e0"]
        await sink.close()

    asyncio.run(run())


def test_no_event_is_lost_silently_at_the_end(listening: Listening) -> None:
    """What is under way, what pauses before its next try, and what waits are counted."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening() as inbox:
            port = inbox.port
        sink = made(port, counts, max_in_flight=2, max_tries=100)
        sink.start()
        for number in range(5):
            sink.offer(event(number))
        async with asyncio.timeout(20):
            while counts["request", "retried"] < 2:
                await asyncio.sleep(0.01)
        await sink.close()
        assert counts["request", "dropped"] == 5

    asyncio.run(run())


def test_a_dead_receiver_is_asked_seldom_and_the_rest_is_dropped(listening: Listening) -> None:
    """Nothing waits beyond the bound; when the receiver is back, events arrive again."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening() as inbox:
            port = inbox.port
        sink = made(port, counts, max_waiting=5, max_in_flight=2, max_tries=2)
        sink.start()
        for number in range(100):
            sink.offer(event(number))
            await asyncio.sleep(0)
        async with asyncio.timeout(20):
            while counts["request", "failed"] < 2:
                await asyncio.sleep(0.01)
        assert counts["request", "dropped"] >= 90
        assert counts["request", "sent"] == 0
        async with listening(port=port):
            while not counts["request", "sent"]:
                sink.offer(event(100))
                await asyncio.sleep(0.05)
        await sink.close()

    asyncio.run(run())


def test_a_slow_receiver_costs_events_and_no_waiting(listening: Listening) -> None:
    """Each delivery ends at its timeout; what comes meanwhile fills the queue and is dropped."""

    async def run() -> None:
        counts: Counts = Counter()
        async with listening(delay_s=30.0) as inbox:
            sink = made(
                inbox.port, counts, max_waiting=2, max_in_flight=1, timeout_s=0.05, max_tries=1
            )
            sink.start()
            for number in range(20):
                sink.offer(event(number))
            assert counts == {("request", "dropped"): 18}
            await settled(counts, 20)
            await sink.close()
            assert counts == {("request", "dropped"): 18, ("request", "failed"): 2}

    asyncio.run(run())
