"""One timer for all deadlines."""

from __future__ import annotations

import asyncio
from math import inf

from proxy.clock import now_s
from proxy.relay.sweep import Sweep


class Mortal:
    """Something that notes its end."""

    def __init__(self, deadline_s: float) -> None:
        self.deadline_s = deadline_s
        self.n_expired = 0

    def expired(self) -> None:
        """Note it, and never again."""
        self.n_expired += 1
        self.deadline_s = inf


def test_what_is_due_is_told_once_and_the_rest_is_left_alone() -> None:
    """A passed deadline is told at the next tick; a future one and a discarded one are not."""

    async def scenario() -> None:
        sweep = Sweep()
        due, later, gone = Mortal(now_s()), Mortal(now_s() + 99), Mortal(now_s())
        for one in (due, later, gone):
            sweep.add(one)
        sweep.discard(gone)
        ticks: list[float] = []
        sweep.every_tick(ticks.append)
        sweep.start()
        while len(ticks) < 2:
            await asyncio.sleep(0.05)
        sweep.stop()
        assert (due.n_expired, later.n_expired, gone.n_expired) == (1, 0, 0)
        assert len(sweep) == 2
        assert sweep.at_s == ticks[-1]

    asyncio.run(scenario())


def test_a_blocked_loop_is_noticed() -> None:
    """The lag is how late a tick was."""

    async def scenario() -> None:
        sweep = Sweep()
        sweep.start()
        until_s = now_s() + 0.5
        while now_s() < until_s:
            pass
        await asyncio.sleep(0.01)
        sweep.stop()
        assert sweep.lag_s >= 0.2

    asyncio.run(scenario())
