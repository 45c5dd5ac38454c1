"""Send events to the capture sink, from a bounded queue, never waited for.

Samples are worth less than the watching: what does not fit is dropped and counted. A delivery that
fails in passing is tried again a few times, ever more seldom; meanwhile it holds one of the places
under way, so that nothing is unbounded. Nothing is kept on disk, unlike alerts, which have
`notify.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from proxy.actuators.caller import Caller, Letter, Reply
from proxy.actuators.settings import SinkSettings
from proxy.tasks import TaskGroup

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_PASSING: Final = frozenset({0, 408, 425, 429})
"""Statuses, beside 5xx, after which another try may do; 0: there was no answer."""
_SERVER_ERROR: Final = 500
_ANSWER_BYTES: Final = 4096
"""Read of an answer; a longer one costs its connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One half of a sampled exchange, ready to be sent."""

    kind: str
    """`request` or `response`."""
    id: str
    fields: Mapping[str, str]
    """Header fields: the attributes of the event."""
    body: bytes


class Sink:
    """Delivers events to one receiver."""

    def __init__(self, settings: SinkSettings, *, count: Callable[[str, str], None]) -> None:
        """Wait for `start`; `count` is told (kind, result) of every event.

        Results: `sent`, `rejected` (the receiver will never take it), `failed`, `dropped` (full, or
        the end); and `retried`, for each further try, which is no end.
        """
        self._settings = settings
        self._count = count
        self._waiting: deque[Event] = deque()
        self._n_bytes = 0
        self._wake = asyncio.Event()
        self._n_failures = 0
        self._caller = Caller(_ANSWER_BYTES, keep_alive=True)
        self._tasks = TaskGroup("sink", limit=settings.max_in_flight)

    @property
    def is_full(self) -> bool:
        """Whether one more event would be dropped, however small."""
        return (
            len(self._waiting) >= self._settings.max_waiting
            or self._n_bytes >= self._settings.max_waiting_bytes
        )

    def offer(self, event: Event) -> None:
        """Take an event in for delivery, or drop it and count."""
        size = len(event.body)
        if self.is_full or self._n_bytes + size > self._settings.max_waiting_bytes:
            self._count(event.kind, "dropped")
            return
        self._waiting.append(event)
        self._n_bytes += size
        self._wake.set()

    def start(self) -> None:
        """Begin to deliver."""
        for number in range(self._settings.max_in_flight):
            self._tasks.spawn(str(number), self._serve())

    async def close(self) -> None:
        """Stop delivering; what waits is lost, and counted."""
        await self._tasks.close()
        await self._caller.close()
        while self._waiting:
            self._count(self._waiting.popleft().kind, "dropped")
        self._n_bytes = 0

    async def _serve(self) -> None:
        """Deliver one event after the other, for ever."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            event = self._waiting.popleft()
            self._n_bytes -= len(event.body)
            try:
                result = await self._deliver(event)
            except asyncio.CancelledError:
                self._count(event.kind, "dropped")
                raise
            self._count(event.kind, result)
            if result == "failed":
                await asyncio.sleep(self._pause_s())

    async def _deliver(self, event: Event) -> str:
        """Try to deliver an event, more than once where that may help; give what became of it."""
        n_tries = 0
        while True:
            reply = await self._send(event)
            n_tries += 1
            if reply.is_final:
                self._n_failures = 0
                return "sent" if reply.ok else "rejected"
            self._n_failures += 1
            if n_tries >= self._settings.max_tries or not _is_passing(reply):
                return "failed"
            # A sink that is down is asked seldom, so that it costs the watcher nothing.
            await asyncio.sleep(self._pause_s())
            self._count(event.kind, "retried")

    async def _send(self, event: Event) -> Reply:
        letter = Letter(
            url=self._settings.url,
            body=event.body,
            id=f"{event.id}.{event.kind}",
            fields=event.fields,
        )
        return await self._caller.call(self._settings, letter)

    def _pause_s(self) -> float:
        return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(self._n_failures - 1, 30))


def _is_passing(reply: Reply) -> bool:
    return reply.status in _PASSING or reply.status >= _SERVER_ERROR
