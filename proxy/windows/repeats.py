"""Ids that were seen lately: a report that comes twice is counted once."""

from __future__ import annotations

from collections import deque


class Repeats:
    """Remembers the last ids."""

    def __init__(self, max_ids: int) -> None:
        """Remember at most `max_ids` ids; an older one that comes again counts as new."""
        self._order: deque[int] = deque()
        self._known: set[int] = set()
        self._max_ids = max_ids
        self.n_repeated = 0
        """Ids that came again."""

    def is_repeated(self, number: int) -> bool:
        """Tell whether an id was seen before, and remember it."""
        if number in self._known:
            self.n_repeated += 1
            return True
        self._known.add(number)
        self._order.append(number)
        if len(self._order) > self._max_ids:
            self._known.discard(self._order.popleft())
        return False
