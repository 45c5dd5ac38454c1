"""One timer for all deadlines: it looks at every connection four times a second.

A timer per request costs more than the rest of its bookkeeping; a sweep costs 50 ns per connection
and is late by a quarter of a second at most, which no timeout of a data plane minds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from proxy.clock import now_s

INTERVAL_S: Final = 0.25


class Mortal(Protocol):
    """Something with a deadline."""

    deadline_s: float

    def expired(self) -> None:
        """Take notice that the deadline has passed."""


class Sweep:
    """Watches deadlines, and how late the event loop is."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._watched: set[Mortal] = set()
        self._on_tick: list[Callable[[float], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._due_s = 0.0
        self.at_s = now_s()
        """The time of the last tick: good enough for deadlines, and free."""
        self.lag_s = 0.0
        """Longest delay of the loop since someone set this to 0."""

    def __len__(self) -> int:
        """Give the number of things watched."""
        return len(self._watched)

    def add(self, mortal: Mortal) -> None:
        """Watch the deadline of `mortal`."""
        self._watched.add(mortal)

    def discard(self, mortal: Mortal) -> None:
        """Watch `mortal` no more."""
        self._watched.discard(mortal)

    def every_tick(self, call: Callable[[float], None]) -> None:
        """Call `call` with the time at every tick."""
        self._on_tick.append(call)

    def start(self) -> None:
        """Begin; needs a running event loop."""
        self.at_s = now_s()
        self._due_s = self.at_s + INTERVAL_S
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tick)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self) -> None:
        self.at_s = at_s = now_s()
        self.lag_s = max(self.lag_s, at_s - self._due_s)
        for mortal in [one for one in self._watched if one.deadline_s <= at_s]:
            mortal.expired()
        for call in self._on_tick:
            call(at_s)
        # From now, not from when it was due: after a pause there is nothing to catch up with.
        self._due_s = at_s + INTERVAL_S
        self._timer = asyncio.get_running_loop().call_later(INTERVAL_S, self._tick)
