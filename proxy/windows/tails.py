"""The extremes of the recent past: slowest answers, strongest disagreement, latest errors.

A uniform sample hardly ever holds what people ask for in an incident. A tail keeps the items with
the highest scores of the last while; for errors the score is the time itself.
"""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Tail(Generic[Item]):
    """The `size` items of highest score that are not older than `max_age_s`."""

    def __init__(self, size: int, max_age_s: float) -> None:
        """Hold at most `size` items."""
        self._size = size
        self._max_age_s = max_age_s
        self._heap: list[tuple[float, int, float, Item]] = []
        self._n = 0

    def __len__(self) -> int:
        """Give the number of items."""
        return len(self._heap)

    def would_take(self, score: float, now_s: float) -> bool:
        """Tell whether an item of this score would be kept, before it is made."""
        if len(self._heap) < self._size:
            return True
        self.expire(now_s)
        return len(self._heap) < self._size or score > self._heap[0][0]

    def offer(self, item: Item, score: float, now_s: float) -> bool:
        """Show an item; true when it is among the extremes. A score that is no number is refused.

        Costs one comparison for a usual item.
        """
        if score != score:  # noqa: PLR0124 - NaN is the value that differs from itself
            return False
        full = len(self._heap) >= self._size
        if full and score <= self._heap[0][0]:
            self.expire(now_s)
            if len(self._heap) >= self._size:
                return False
        self._n += 1
        entry = (score, self._n, now_s, item)
        if len(self._heap) >= self._size:
            heapq.heapreplace(self._heap, entry)
        else:
            heapq.heappush(self._heap, entry)
        return True

    def expire(self, now_s: float) -> None:
        """Forget what is too old."""
        oldest_s = now_s - self._max_age_s
        if any(at_s < oldest_s for _, _, at_s, _ in self._heap):
            self._heap = [entry for entry in self._heap if entry[2] >= oldest_s]
            heapq.heapify(self._heap)

    def items(self, now_s: float) -> list[tuple[float, Item]]:
        """Give (score, item) of what is not too old, the highest score first."""
        self.expire(now_s)
        return [(score, item) for score, _, _, item in sorted(self._heap, key=_rank, reverse=True)]


def _rank(entry: tuple[float, int, float, object]) -> tuple[float, int]:
    return entry[0], entry[1]
