"""From labelled rows to evidence: a queue that is folded slowly, and both models side by side.

Labels come in files, a day's at once. Folded in one tick they could neither reach an alarm, since
what one tick may add is bounded, nor confirm one. So they wait here and are folded over some ticks
in the order of their predictions: one bad minute cannot alarm, and a breach is confirmed by other
rows than it was found by.

With several replicas each queues its own rows, and what they count in a tick is added up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from heapq import heappop, heappush
from typing import Final

from proxy.records import Model, Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine import snapshot
from proxy.stats.engine.acquittal import Abreast
from proxy.stats.engine.conclude import verdict_of
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import Quality, loss_counter
from proxy.stats.quality.measures import Scored
from proxy.stats.quality.paired import PairedLosses

FOLDED_ROWS: Final = 100
"""Rows folded per tick at least."""
FOLDED_PART: Final = 20
"""Of more, this part: a day's file takes some minutes."""
MAX_QUEUED: Final = 20_000
DATED_TICKS: Final = 64
"""Folded ticks of which is known when their rows were predicted: as many as an onset goes back."""


class LossWatch:
    """The evidence that either model has become worse than certified."""

    def __init__(
        self, certified: Mapping[str, Quality], tolerance: Tolerance, certainty: Certainty
    ) -> None:
        """Watch the models whose quality was certified."""
        self._counters = {
            Model(model): loss_counter(quality, tolerance) for model, quality in certified.items()
        }
        self.watches = {
            model: Watch(counter.streams, certainty) for model, counter in self._counters.items()
        }
        self._paired: PairedLosses | None = None
        if self.knows_both:
            candidate, stable = (certified[model.value] for model in Model)
            self._paired = PairedLosses(candidate, stable, tolerance, certainty)
        self._abreast = Abreast()
        self._queue: list[tuple[float, int, Model, Scored, int | None]] = []
        """Time of the prediction, number, model, row, and the bin of both losses where known."""
        self._n_put = 0
        self._n_folds = 0
        self._is_gathered = False
        """The rows of the coming fold are counted already."""
        self._dated: deque[tuple[int, float]] = deque(maxlen=DATED_TICKS)
        """Number of a fold with our own rows of the candidate; when the earliest was predicted."""
        self._folded: deque[int] = deque(maxlen=DATED_TICKS)
        """Numbers of the folds with rows of the candidate, whoever counted them."""
        self.onset_s: float | None = None
        """When the predictions of the candidate's breach began to be bad, about. `None`: no breach,
        or it was found in an earlier life, or in rows of other replicas only."""
        self.silent_ticks = 0
        """Ticks since labelled rows of the candidate were folded, ours or another replica's."""

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
        both: int | None = None
        if self._paired is not None and len(scored) == len(Model):
            both = self._paired.place(*(scored[model] for model in Model))
        for model in new:
            if model in scored and model in self._counters:
                self._n_put += 1
                row = scored[model]
                heappush(self._queue, (row.at_s, self._n_put, model, row, both))
                both = None

    def pooled(self) -> dict[str, Watch]:
        """Give the watches by name, the counts of the coming fold complete."""
        self._gather()
        paired = {} if self._paired is None else {"both": self._paired.watch}
        return {str(model): watch for model, watch in self.watches.items()} | paired

    def _gather(self) -> None:
        """Count the earliest predictions of the queue, once before each fold."""
        if self._is_gathered:
            return
        self._is_gathered = True
        n = max(FOLDED_ROWS, len(self._queue) // FOLDED_PART, len(self._queue) - MAX_QUEUED)
        earliest_s: float | None = None
        for _ in range(min(n, len(self._queue))):
            at_s, _, model, row, both = heappop(self._queue)
            watch = self.watches[model]
            for stream, place in self._counters[model].bins(row):
                watch.pending[watch.layout.bins[stream].start + place] += 1
            if both is not None and self._paired is not None:
                self._paired.count(both)
            if model is Model.CANDIDATE and earliest_s is None:
                earliest_s = at_s
        if earliest_s is not None:
            self._dated.append((self._n_folds + 1, earliest_s))

    def fold(self) -> None:
        """Count what is to be counted now, and let the watches take their tick."""
        self._gather()
        self._is_gathered = False
        self._n_folds += 1
        candidate = self.watches.get(Model.CANDIDATE)
        has_rows = candidate is not None and bool(candidate.pending.any())
        self.silent_ticks = 0 if has_rows else self.silent_ticks + 1
        if has_rows:
            self._folded.append(self._n_folds)
        for watch in self.watches.values():
            # A tick without labels says nothing, and must not make the last ones look old.
            if watch.pending.any():
                watch.tick()
            elif watch.breach is not None:
                # Nor does it speak for the breach again, as the last one did.
                watch.breach.spoke = None
        if self._paired is not None and candidate is not None:
            self._paired.watch.tick()
            self._abreast.note(self._paired.watch, candidate)
        self._date()

    def _date(self) -> None:
        """Date a breach by its predictions: the labels that show it may have come days later."""
        watch = self.watches.get(Model.CANDIDATE)
        breach = None if watch is None else watch.breach
        if breach is None:
            self.onset_s = None
        elif breach.n_ticks == 0 and self._folded:
            number = self._folded[-min(breach.onset, len(self._folded))]
            # With several replicas a fold holds rows that were counted some ticks before it.
            before = [at_s for n, at_s in self._dated if n <= number]
            self.onset_s = before[-1] if before else None

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
        if self._paired is None:
            return Verdict.UNKNOWN
        return self._paired.shared(self._abreast.since(candidate.breach.onset))

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
        self.onset_s = None
        for watch in self.watches.values():
            watch.reset()
        if self._paired is not None:
            self._paired.watch.reset()
