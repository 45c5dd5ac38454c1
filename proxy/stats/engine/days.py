"""Clocks are counted by whole days: what a tick counts is held back until its day is over.

An hour of the day is one value for a whole hour, so no tick says anything about it. A day does: how
often each hour occurs in it hardly changes. A day of which a part was not seen says nothing either,
and is dropped.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from proxy.stats.engine.e_detector import Singles
from proxy.stats.engine.history import WholeDay
from proxy.stats.engine.watch import Watch
from proxy.units import DAY_S, HOUR_S

GAP_S: Final = HOUR_S
"""A day with a longer gap between two ticks, in either direction, is not whole."""


class SavedDays(Struct, frozen=True):
    """What is held back, for a watcher that starts again."""

    last_s: float
    is_whole: bool
    n_ticks: int
    held: list[list[float]]
    """By clock: counts by bin."""
    last: list[tuple[list[float], int]]
    """By clock: counts by bin and ticks of the last whole day; empty before the first."""


class WholeDays:
    """Holds the counts of clocks back, and gives them to their watch when a day is over."""

    def __init__(self, watch: Watch) -> None:
        """Hold back for `watch` what it counts of clocks."""
        self._watch = watch
        certified = enumerate(watch.certified)
        self.places = [place for place, stream in certified if stream.by_day is not None]
        """Streams of the watch that are clocks."""
        self._held = [np.zeros_like(self._bins(place)) for place in self.places]
        self._last_s = -np.inf
        self._is_whole = False
        self._n_ticks = 0

    def follow(self, utc_s: float | None) -> None:
        """Hold back what the coming tick has counted, and give what is over.

        `utc_s`: the middle of the tick, in seconds since 1970. `None`: not known, and nothing is
        said about clocks. A time that is set back or forward by up to an hour does no harm.
        """
        if not self.places:
            return
        counted = [self._take(place) for place in self.places]
        if utc_s is None:
            self.reset()
            return
        is_seen = abs(utc_s - self._last_s) <= GAP_S
        if utc_s // DAY_S != self._last_s // DAY_S:
            # A day that comes again, because the time was set back over midnight, is not whole.
            is_later = is_seen and utc_s > self._last_s
            if is_later and self._is_whole:
                self._give()
            self._begin()
            self._is_whole = is_later
        self._is_whole = self._is_whole and is_seen
        self._last_s = utc_s
        self._n_ticks += 1
        pairs = zip(self._held, counted, strict=True)
        self._held = [held + counts for held, counts in pairs]

    def reset(self) -> None:
        """Forget the day that runs."""
        self._begin()
        self._is_whole, self._last_s = False, -np.inf

    def save(self) -> SavedDays | None:
        """Give the day that runs; `None` when there is nothing to hold back."""
        if not self.places or self._last_s == -np.inf:
            return None
        held = [counts.tolist() for counts in self._held]
        days = self._watch.whole_days
        last = [(days[i].counts.tolist(), days[i].n_ticks) for i in self.places if i in days]
        return SavedDays(self._last_s, self._is_whole, self._n_ticks, held, last)

    def load(self, saved: SavedDays) -> bool:
        """Go on with a day that was saved; false, and no change, when it does not fit."""
        sizes = [len(self._bins(place)) for place in self.places]
        last = [len(counts) for counts, _ in saved.last]
        fits = [len(held) for held in saved.held] == sizes and last in ([], sizes)
        if not fits or not np.isfinite(saved.last_s):
            return False
        self._held = [np.array(held, dtype=np.float32) for held in saved.held]
        self._last_s, self._is_whole = saved.last_s, saved.is_whole
        self._n_ticks = saved.n_ticks
        for place, (counts, n_ticks) in zip(self.places, saved.last, strict=False):
            self._watch.whole_days[place] = WholeDay(np.array(counts), n_ticks)
        return True

    def _bins(self, place: int) -> Singles:
        return self._watch.pending[self._watch.layout.bins[place]]

    def _take(self, place: int) -> Singles:
        """Take the counts of a stream out of the tick."""
        bins = self._bins(place)
        counts = bins.copy()
        bins[:] = 0
        return counts

    def _give(self) -> None:
        """Let the watch count the day that is over, as a certified day has rows at most.

        Rows of a day have something in common that more rows do not wash out.
        """
        for place, held in zip(self.places, self._held, strict=True):
            most = self._watch.certified[place].by_day or 0.0
            self._bins(place)[:] = held * min(1.0, most / max(float(held.sum()), 1.0))
            self._watch.whole_days[place] = WholeDay(held.astype(np.float64), self._n_ticks)

    def _begin(self) -> None:
        self._held = [np.zeros_like(held) for held in self._held]
        self._n_ticks = 0
