"""Which tick's counts are folded when: own counts wait some ticks for those of the fleet.

Ticks are numbered alike on every replica: the number of a tick is how often it fits into the time
since 1970. Each number is folded once, with the fleet's sum where there is one, else with the own
counts, and always `lag` ticks after it ended: so no row is folded twice when the fleet comes or
goes in between.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.stats.engine.pooling import Tally, merge


def tick_number(utc_s: float, tick_s: float) -> int:
    """Give the number of the tick that `utc_s` (seconds since 1970) lies in."""
    return math.floor(utc_s / tick_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """The fleet's counts of one tick."""

    tally: Tally
    replicas: tuple[str, ...]
    """Whose counts are in it, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """What is to be folded now."""

    tally: Tally
    """Empty: no tick is due, or nothing was counted in it."""
    n_fleet: int
    """Ticks in it that are the fleet's sum."""
    n_own: int
    """Ticks in it that are own counts, because there was no sum."""


class Ledger:
    """Own counts and the fleet's sums, by tick, until they are folded."""

    def __init__(self, lag: int, max_ticks: int = 64) -> None:
        """Fold each tick `lag` ticks after it ended; hold at most `max_ticks` ticks."""
        self._lag = lag
        self._max_ticks = max(max_ticks, lag + 1)
        self._own: dict[int, Tally] = {}
        self._sums: dict[int, Sum] = {}
        self.last: int | None = None
        """Number of the last tick that ended. `None`: none has."""

    def __len__(self) -> int:
        """Give the number of ticks that wait."""
        return len(self._own)

    def end(self, tick: int, own: Tally) -> Fold:
        """Take the own counts of a tick that ended; give what is due.

        A tick that ended before, since the clock was set back, begins the numbering anew: all that
        waits is folded at once, without the fleet.
        """
        if self.last is not None and tick < self.last:
            overdue = self._fold(sorted(self._own))
            self._own, self._sums, self.last = {tick: own}, {}, tick
            return overdue
        self._add(tick, own)
        self.last = tick
        due = [number for number in sorted(self._own) if number <= tick - self._lag]
        n_over = len(self._own) - len(due) - self._max_ticks
        if n_over > 0:
            due += sorted(number for number in self._own if number not in due)[:n_over]
        return self._fold(due)

    def awaited(self) -> tuple[int, ...]:
        """Give the ticks that are folded when the next one ends, and whose sum is not there."""
        if self.last is None:
            return ()
        limit = self.last + 1 - self._lag
        return tuple(n for n in sorted(self._own) if n <= limit and n not in self._sums)

    def provide(self, tick: int, total: Sum) -> None:
        """Take the fleet's sum of a tick; one that was folded already is left out."""
        if tick in self._own:
            self._sums[tick] = total

    def _add(self, tick: int, own: Tally) -> None:
        """Hold own counts; a tick that ends twice has those of both, with its sum or without."""
        self._own[tick] = merge([self._own[tick], own]) if tick in self._own else own
        total = self._sums.get(tick)
        if total is not None:
            more = merge([total.tally, own])
            self._sums[tick] = Sum(tally=more, replicas=total.replicas)

    def _fold(self, due: Sequence[int]) -> Fold:
        tallies, n_fleet = [], 0
        for number in due:
            own, total = self._own.pop(number), self._sums.pop(number, None)
            tallies.append(own if total is None else total.tally)
            n_fleet += total is not None
        return Fold(tally=merge(tallies), n_fleet=n_fleet, n_own=len(due) - n_fleet)
