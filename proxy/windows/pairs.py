"""Waiting for the other half: the answers of two models to the same request become a pair.

The shadow answers after the serving model, or never. What waits too long, or does not fit the
bounds, is forgotten and counted.
"""

from __future__ import annotations

from collections import OrderedDict

from proxy.records import Model, Pair, Rows


class PairJoiner:
    """Joins answers by the id of the serving exchange."""

    def __init__(self, max_pairs: int, max_cells: int, max_age_s: float) -> None:
        """Hold at most `max_pairs` halves of together `max_cells` cells, each `max_age_s`."""
        self._max_pairs = max_pairs
        self._max_cells = max_cells
        self._max_age_s = max_age_s
        self._waiting: OrderedDict[int, Rows] = OrderedDict()
        self.n_cells = 0
        """Cells that are held."""
        self.n_joined = 0
        self.n_expired = 0
        """Halves whose other half did not come in time."""
        self.n_evicted = 0
        """Halves that made room for newer ones."""

    def __len__(self) -> int:
        """Give the number of halves that wait."""
        return len(self._waiting)

    def offer(self, rows: Rows, pair_id: int) -> Pair | None:
        """Take the answers of one model; give the pair when the other model's were there.

        Args:
            rows: output rows of either model. The same model twice keeps the later.
            pair_id: id of the serving exchange, for both halves.
        """
        self.expire(rows.at_s)
        other = self._forget(pair_id)
        if other is None or other.model is rows.model:
            self._waiting[pair_id] = rows
            self.n_cells += rows.n * len(rows.columns)
            while len(self._waiting) > self._max_pairs or self.n_cells > self._max_cells:
                self._forget(next(iter(self._waiting)))
                self.n_evicted += 1
            return None
        self.n_joined += 1
        candidate, stable = (rows, other) if rows.model is Model.CANDIDATE else (other, rows)
        return Pair(
            pair_id=pair_id,
            at_s=max(rows.at_s, other.at_s),
            candidate=candidate,
            stable=stable,
        )

    def expire(self, now_s: float) -> int:
        """Forget halves that wait too long; give how many."""
        n_before = self.n_expired
        while self._waiting:
            pair_id, oldest = next(iter(self._waiting.items()))
            if now_s - oldest.at_s <= self._max_age_s:
                break
            self._forget(pair_id)
            self.n_expired += 1
        return self.n_expired - n_before

    def _forget(self, pair_id: int) -> Rows | None:
        rows = self._waiting.pop(pair_id, None)
        if rows is not None:
            self.n_cells -= rows.n * len(rows.columns)
        return rows
