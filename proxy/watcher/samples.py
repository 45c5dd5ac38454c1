"""The rows kept for people: a bounded memory of what was sampled last.

Redaction has happened in the decoder: what is here may be shown to who may see samples at all.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from proxy.records import Rows
from proxy.telemetry.desk import JsonObject

MAX_BODIES: Final = 2000
"""Bodies kept. At 200 sampled requests per second, the last five seconds of both sides."""
MAX_CELLS: Final = 400_000
"""Cells kept over all bodies, about 30 MiB: wide rows are kept for a shorter time."""


class Samples:
    """The last decoded bodies, bounded by number and by cells."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bodies: deque[Rows] = deque()
        self._n_cells = 0

    def __len__(self) -> int:
        """Give the number of bodies kept."""
        return len(self._bodies)

    def keep(self, rows: Rows) -> None:
        """Keep one body, and forget the oldest beyond the bounds."""
        self._bodies.append(rows)
        self._n_cells += _cells(rows)
        while len(self._bodies) > MAX_BODIES or self._n_cells > MAX_CELLS:
            self._n_cells -= _cells(self._bodies.popleft())

    def last(self, n: int) -> list[JsonObject]:
        """Give at most `n` rows, newest first, each with its weight and the ids clients know."""
        found: list[JsonObject] = []
        for rows in reversed(self._bodies):
            for at in range(rows.n):
                if len(found) >= n:
                    return found
                found.append(_row(rows, at))
        return found


def _cells(rows: Rows) -> int:
    return rows.n * len(rows.columns)


def _row(rows: Rows, at: int) -> JsonObject:
    values = zip(rows.columns, rows.values, strict=True)
    return {
        "exchange": f"{rows.exchange_id:016x}",
        "at_s": rows.at_s,
        "model": rows.model,
        "side": rows.side,
        "inclusion_probability": 1.0 / rows.weight if rows.weight > 0 else 0.0,
        "ids": list(rows.correlation),
        "row": {name: column[at] for name, column in values},
    }
