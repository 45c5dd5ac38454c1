"""From labelled rows to evidence: a queue that is folded slowly, and both models side by side.

Labels come in files, a day's at once. Folded in one tick they could neither reach an alarm, since
what one tick may add is bounded, nor confirm one. So they wait here and are folded over some ticks
in the order of their predictions: one bad minute cannot alarm, and a breach is confirmed by other
rows than it was found by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Final

import numpy as np

from proxy.records import Model, Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.basis.intervals import mean_interval
from proxy.stats.engine import snapshot
from proxy.stats.engine.conclude import verdict_of
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import Quality, loss_counter
from proxy.stats.quality.measures import Scored

FOLDED_ROWS: Final = 100
"""Rows folded per tick at least."""
FOLDED_PART: Final = 20
"""Of more, this part: a day's file takes some minutes."""
MAX_QUEUED: Final = 20_000
PAIR_TICKS: Final = 64
"""Folded ticks whose pairs are compared."""
MIN_PAIRS: Final = 30
"""Rows labelled for both models before their losses are compared."""
SHARED_PART: Final = 0.5
"""The stable shares a loss when it lost at least half as much."""


class LossWatch:
    """The evidence that either model has become worse than certified."""

    def __init__(
        self, certified: Mapping[str, Quality], tolerance: Tolerance, certainty: Certainty
    ) -> None:
        """Watch the models whose quality was certified."""
        self._errors = {Model(model): quality.mean_error for model, quality in certified.items()}
        self._counters = {
            Model(model): loss_counter(quality, tolerance) for model, quality in certified.items()
        }
        self.watches = {
            model: Watch(counter.streams, certainty) for model, counter in self._counters.items()
        }
        self._queue: list[tuple[float, int, Model, Scored, tuple[float, ...]]] = []
        """Time of the prediction, number, model, row, and both models' losses where known."""
        self._n_put = 0
        self._pairs: deque[list[tuple[float, ...]]] = deque(maxlen=PAIR_TICKS)
        """By folded tick: losses of candidate and stable on the same rows."""
        self._began_s: deque[float] = deque(maxlen=PAIR_TICKS)
        """By folded tick: when the earliest of its rows was predicted."""
        self.onset_s: float | None = None
        """When the predictions of the candidate's breach began to be bad, about. `None`: no breach,
        or it was found in an earlier life."""
        self.silent_ticks = 0
        """Ticks since a labelled row of the candidate was folded."""

    def __len__(self) -> int:
        """Give the number of rows that wait to be folded."""
        return len(self._queue)

    @property
    def knows_both(self) -> bool:
        """Tell whether both models were certified, so that their losses can be compared."""
        return len(self._counters) == len(Model)

    def put(self, scored: Mapping[Model, Scored], new: tuple[Model, ...]) -> None:
        """Queue what one truth says of the models.

        Args:
            scored: the losses that are known of this row.
            new: models whose loss was not queued before.
        """
        losses = tuple(scored[model].error for model in Model) if len(scored) == len(Model) else ()
        for model in new:
            if model in scored and model in self._counters:
                self._n_put += 1
                row = scored[model]
                heappush(self._queue, (row.at_s, self._n_put, model, row, losses))
                losses = ()

    def fold(self) -> None:
        """Count the earliest predictions of the queue, and let the watches take their tick."""
        n = max(FOLDED_ROWS, len(self._queue) // FOLDED_PART, len(self._queue) - MAX_QUEUED)
        pairs: list[tuple[float, ...]] = []
        n_candidate = 0
        earliest_s = self._queue[0][0] if self._queue else 0.0
        for _ in range(min(n, len(self._queue))):
            _, _, model, row, losses = heappop(self._queue)
            watch = self.watches[model]
            for stream, place in self._counters[model].bins(row):
                watch.pending[watch.layout.bins[stream].start + place] += 1
            pairs += [losses] if losses else []
            n_candidate += model is Model.CANDIDATE
        self.silent_ticks = 0 if n_candidate else self.silent_ticks + 1
        if n_candidate:
            self._pairs.append(pairs)
            self._began_s.append(earliest_s)
        for watch in self.watches.values():
            # A tick without labels says nothing, and must not make the last ones look old.
            if watch.pending.any():
                watch.tick()
            elif watch.breach is not None:
                # Nor does it speak for the breach again, as the last one did.
                watch.breach.spoke = None
        self._date()

    def _date(self) -> None:
        """Date a breach by its predictions: the labels that show it may have come days later."""
        watch = self.watches.get(Model.CANDIDATE)
        breach = None if watch is None else watch.breach
        if breach is None:
            self.onset_s = None
        elif breach.n_ticks == 0 and self._began_s:
            self.onset_s = self._began_s[-min(breach.onset, len(self._began_s))]

    def shared(self, min_rows: int) -> Verdict:
        """Say whether the stable model lost as well: on the very same rows, where it can be.

        That the stable is not in a breach of its own proves nothing: it has fewer labels, since it
        is asked a part of the requests only.
        """
        candidate, stable = self.watches.get(Model.CANDIDATE), self.watches.get(Model.STABLE)
        if candidate is None or stable is None:
            return Verdict.UNKNOWN
        if candidate.breach is None or stable.breach is not None:
            return verdict_of(stable, min_rows)
        recent = list(self._pairs)[-candidate.breach.onset :]
        pairs = [pair for tick in recent for pair in tick]
        if len(pairs) < MIN_PAIRS:
            return Verdict.UNKNOWN
        losses = np.array(pairs)
        certified = [self._errors[model] for model in Model]
        gaps = losses[:, 0] - losses[:, 1]
        low, high = mean_interval(float(gaps.mean()), float(gaps.var()), len(gaps))
        apart = certified[0] - certified[1]
        lost = [float(losses[:, place].mean()) - certified[place] for place in range(len(Model))]
        if lost[0] > 0 and low > apart and lost[1] < SHARED_PART * lost[0]:
            return Verdict.OK
        is_shared = lost[0] > 0 and (low > apart or high - apart < SHARED_PART * lost[0])
        return Verdict.BREACH if is_shared else Verdict.UNKNOWN

    def save(self) -> bytes:
        """Give the evidence as bytes; rows that wait to be folded are not kept."""
        return snapshot.save_all({str(model): one for model, one in self.watches.items()})

    def load(self, raw: bytes) -> bool:
        """Go on from saved evidence; false when it does not fit."""
        if not self.watches:
            return True
        return snapshot.load_all({str(model): one for model, one in self.watches.items()}, raw)

    def reset(self) -> None:
        """Forget the evidence, and what waits to become some."""
        self._queue.clear()
        self._pairs.clear()
        self._began_s.clear()
        self.onset_s = None
        for watch in self.watches.values():
            watch.reset()
