"""The bounds of the queue; deliveries are in tests/wire/actuators/test_sink.py."""

from __future__ import annotations

import asyncio
from collections import Counter

from proxy.actuators.settings import SinkSettings
from proxy.actuators.sink import Event, Sink


def counted(n_events: int, n_bytes: int, **bounds: int) -> tuple[Counter[tuple[str, str]], bool]:
    """Offer events to a sink that nobody started, close it, and give its counts; was it full?"""
    counts: Counter[tuple[str, str]] = Counter()

    async def run() -> bool:
        settings = SinkSettings(url="https://events.example/", **bounds)
        sink = Sink(settings, count=lambda *words: counts.update([words]))
        for number in range(n_events):
            sink.offer(Event(kind="request", id=str(number), fields={}, body=b"x" * n_bytes))
        was_full = sink.is_full
        before = sum(counts.values())
        await sink.close()
        counts["at the end", "dropped"] = sum(counts.values()) - before
        return was_full

    was_full = asyncio.run(run())
    return counts, was_full


def test_events_beyond_the_number_are_dropped_and_counted() -> None:
    """Three wait, two are dropped at once, and the end loses none silently."""
    counts, was_full = counted(5, 10, max_waiting=3)
    assert was_full
    assert counts["request", "dropped"] == 5
    assert counts["at the end", "dropped"] == 3


def test_bytes_beyond_the_bound_are_dropped_and_counted() -> None:
    """Two bodies of 40 fit into 100 bytes, the third does not, though there is some room."""
    counts, was_full = counted(3, 40, max_waiting_bytes=100)
    assert not was_full
    assert counts["at the end", "dropped"] == 2
    assert counts["request", "dropped"] == 3


def test_a_sink_is_full_at_its_bytes() -> None:
    """Whoever would write one more event is told before the work."""
    _, was_full = counted(1, 100, max_waiting_bytes=100)
    assert was_full
