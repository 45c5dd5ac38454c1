"""The life of a breach: found, confirmed on later data, recovered from, with the streams to blame.

A `Watch` is the engine of every monitor. Rows are counted into `pending`; `tick` folds them. Three
evidences are kept apart: the detector's, which latches a breach at the threshold; the
confirmation's, an e-process on data after the breach only, so that a false breach is confirmed with
probability at most exp(-confirmation); and the recovery's, a reverse bet on every blamed stream.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from proxy.stats.basis.demands import Certainty
from proxy.stats.basis.functionals import Bins, Floats
from proxy.stats.engine.blame import Suspect, e_bh, explained, with_members
from proxy.stats.engine.breach import Breach, stakes_of
from proxy.stats.engine.e_detector import EDetector, Layout, Singles
from proxy.stats.engine.history import (
    FINE_TICKS,
    CountHistory,
    ExpectedCounts,
    WholeDay,
    onset_ticks,
)
from proxy.stats.engine.recovery import recovery_of
from proxy.stats.engine.streams import WatchedStream

MAX_BLAMED: Final = 16
RECOVERING: Final = math.log(10)
"""Below this recovery has not begun: evidence of another breach is counted from here on."""
CALM: Final = 0.75
"""A breach is not over while fresh evidence is beyond this part of the threshold."""
PLAIN: Final = 0.8
"""The location is named as the carrier when it has this part of the strongest log evidence."""
MOSTLY: Final = 0.9
"""Part of the rows that must have been compared with something to say with what."""
VOTING_TICKS: Final = 16
"""The last ticks, whose rows tell which column fits least: the breach may have changed. With few
rows a tick they are more."""
VOTERS: Final = 20
"""Fewer rows name nobody."""


class Watch:
    """The engine of one monitor: streams in, breach and recovery out."""

    def __init__(
        self, streams: Sequence[WatchedStream], certainty: Certainty, terms: bytes = b""
    ) -> None:
        """Make an engine without evidence; its memory is fixed from now on.

        `terms`: what its counts are about beside the streams; evidence fits no other terms.
        """
        self.terms = terms
        self.streams = tuple(streams)
        """As compared with now; a stream with a season changes with the hour."""
        self.certified = self.streams
        """As they were in the beginning: what evidence is saved for."""
        self._resolve_evidence = certainty.resolve_evidence
        layout = Layout([s.table for s in streams], [s.weight for s in streams])
        self.layout = layout
        self.detector = EDetector(layout, certainty.run_length_ticks, certainty.min_ticks)
        self.history = CountHistory(layout.n_bins)
        self._expected: ExpectedCounts | None = None
        self.pending: Singles = np.zeros(layout.n_bins, dtype=np.float32)
        self.breach: Breach | None = None
        self.whole_days: dict[int, WholeDay] = {}
        """By stream that is counted by whole days: the last one."""
        self.ticks_without_rows = 0
        self._n_calm = 0

    def add(self, stream: int, bins: Bins) -> None:
        """Count rows of a stream, given the bin of each."""
        place = self.layout.bins[stream]
        self.pending[place] += np.bincount(bins, minlength=place.stop - place.start)

    def add_counts(self, stream: int, counts: Bins | Floats) -> None:
        """Count rows of a stream, given how many are in each bin, or what they stand for."""
        self.pending[self.layout.bins[stream]] += counts

    def enter(self, changed: Mapping[int, WatchedStream]) -> None:
        """Compare streams with other masses from now on: another hour of the day has begun."""
        streams = list(self.streams)
        for place, stream in changed.items():
            streams[place] = stream
            self.layout.swap(place, stream.table)
        self.streams = tuple(streams)
        if self._expected is None:
            self._expected = ExpectedCounts(self.layout, self.history.n_ticks)
        for place, stream in changed.items():
            self._expected.set(place, stream.masses)

    def tick(self) -> None:
        """Fold what was counted since the last tick."""
        counts, self.pending = self.pending, np.zeros_like(self.pending)
        if not counts.any():
            self.ticks_without_rows += 1
            if self.breach is not None:
                self.breach.spoke = None
            return
        self.ticks_without_rows = 0
        self._n_calm += 1
        self.history.push(counts)
        if self._expected is not None:
            self._expected.push(counts)
        factors = self.detector.score(counts)
        self.detector.fold(factors)
        if self.breach is not None:
            self._follow(self.breach, counts, factors)
        elif self.detector.evidence() >= self.detector.threshold:
            self._begin()

    @property
    def evidence(self) -> float:
        """The log e-value of the detector; in a breach at least the threshold."""
        evidence = self.detector.evidence()
        return evidence if self.breach is None else max(evidence, self.detector.threshold)

    @property
    def confirmation(self) -> float:
        """The log e-value of the data after the breach; 0 without a breach."""
        return 0.0 if self.breach is None else self.breach.confirmation()

    @property
    def spoke(self) -> bool | None:
        """Whether the last tick speaks for the breach; `None` without one, or without its rows."""
        return None if self.breach is None else self.breach.spoke

    @property
    def recovery(self) -> float:
        """The log e-value for "no longer bad" of the blamed stream that recovered least."""
        if self.breach is None:
            return 0.0
        return min(recovery.evidence() for recovery in self.breach.recoveries.values())

    def blamed(self) -> list[int]:
        """Give the streams to blame, the strongest first; empty without a breach."""
        return [] if self.breach is None else list(self.breach.recoveries)

    def strongest(self) -> int:
        """Give the stream with most evidence."""
        return int(np.argmax(self.layout.weights * self.detector.stream_wealth()))

    def carrier(self, stream: int) -> int:
        """Give the functional of a stream that carries its evidence; its location if that will do.

        While a breach recovers, it is the one that carried the breach.
        """
        if self.breach is not None and stream in self.breach.carriers:
            return self.breach.carriers[stream]
        watched = self.streams[stream]
        if watched.spokesmen:
            return self._voted(stream)
        evidence = np.log1p(self.detector.wealth[self.layout.bets[stream]])
        owners = watched.table.functional
        best = int(np.argmax(evidence))
        # The first functional of a numeric column is its location, which people understand best.
        first = float(evidence[owners == 0].max())
        return 0 if first >= PLAIN * float(evidence[best]) else int(owners[best])

    def subject(self, stream: int) -> str:
        """Give the name under which a stream is blamed: the column that it speaks for."""
        watched = self.streams[stream]
        if not watched.spokesmen:
            return watched.name
        return watched.spokesmen[self.carrier(stream)] or watched.name

    def stream_evidence(self, stream: int) -> float:
        """Give the log e-value of one stream, at least 0."""
        wealth = float(self.detector.wealth[self.layout.bets[stream]].mean(dtype=np.float64))
        return math.log(max(1.0, wealth))

    def current(self, stream: int) -> Floats:
        """Give the counts of a stream since the breach began, else of the last calm ticks."""
        return self.counts_since(self._ticks_shown(), stream)

    def counts_since(self, n_ticks: int, stream: int) -> Floats:
        """Give the counts of the last ticks; of a clock those of the last whole day."""
        if stream in self.whole_days:
            return self.whole_days[stream].counts
        return self.history.last(n_ticks, self.layout.bins[stream])

    def seen(self, stream: int) -> WatchedStream:
        """Give a stream as it was compared with over the ticks of `current`.

        With a season these ticks may have met several slots: then its masses are their mixture.
        """
        return self._mixed(stream, self._ticks_shown())

    def expected_over(self, stream: int, n_ticks: int) -> Floats | None:
        """Give the masses that the last ticks were compared with; `None`: most with nothing."""
        if self._expected is None:
            return None
        shown = float(self.history.last(n_ticks, self.layout.bins[stream]).sum())
        return self._expected.masses(stream, n_ticks, least=MOSTLY * shown)

    def _ticks_shown(self) -> int:
        return min(FINE_TICKS, self._n_calm) if self.breach is None else self.breach.onset

    def _mixed(self, stream: int, n_ticks: int) -> WatchedStream:
        watched = self.streams[stream]
        masses = None if self._expected is None else self._expected.masses(stream, n_ticks)
        return watched if masses is None else replace(watched, masses=masses)

    def reset(self) -> None:
        """Forget the evidence, not the picture of the last ticks.

        With a breach, it is that which is forgotten: clocks that it did not blame keep theirs.
        """
        kept = np.zeros_like(self.detector.wealth)
        if self.breach is not None:
            self._keep_clocks(self.breach, kept)
        else:
            self.whole_days.clear()
        self.detector.wealth = kept
        self.breach = None
        self._n_calm = 0
        self.pending[:] = 0

    def _begin(self) -> None:
        """Latch a breach: fix whom to blame, what to confirm and what recovery would mean."""
        stakes = stakes_of(self.layout, self.detector.wealth)
        breach = Breach(0, 1, stakes, self.detector.sibling())
        strongest = self.strongest()
        score = self.score(strongest)
        breach.onset = onset_ticks(self.history.ticks(self.layout.bins[strongest]), score)
        if strongest in self.whole_days:
            breach.onset = max(breach.onset, self.whole_days[strongest].n_ticks)
        self.breach = breach
        self._blame(breach)

    def _follow(self, breach: Breach, counts: Singles, factors: Singles) -> None:
        """Take one more tick of a breach, and end it when every blamed stream recovered."""
        breach.n_ticks += 1
        breach.onset += 1
        breach.spoke = None
        if any(counts[self.layout.bins[stream]].any() for stream in breach.recoveries):
            breach.hear(factors)
        for stream, recovery in breach.recoveries.items():
            moved = 0.0
            if self.streams[stream] is not self.certified[stream]:
                moved = float(self.streams[stream].masses @ recovery.score) - recovery.healthy
            recovery.fold(counts[self.layout.bins[stream]].astype(np.float64), moved)
        if self.recovery < RECOVERING:
            breach.fresh.reset()
            breach.n_recovering = 0
            self._blame(breach)
            return
        breach.n_recovering += 1
        breach.fresh.fold(factors)
        if breach.fresh.evidence() >= breach.fresh.threshold:
            # What was blamed recovers, but something else broke meanwhile: it is one breach.
            self._blame(breach)
            return
        calm = breach.fresh.evidence() < CALM * breach.fresh.threshold
        if self.recovery >= self._resolve_evidence and calm:
            self._carry_on(breach)
            self._n_calm = breach.n_recovering
            self.breach = None

    def _carry_on(self, breach: Breach) -> None:
        """Go on after a breach with what has been won since recovery began.

        What is counted by whole days, and was not to blame, keeps what it had: a breach of hours
        has little to do with it, and its evidence takes days.
        """
        wealth = breach.fresh.wealth
        self._keep_clocks(breach, wealth)
        self.detector.wealth = wealth

    def _keep_clocks(self, breach: Breach, wealth: Singles) -> None:
        """Write what clocks have won into `wealth`, but for those that a breach blames."""
        for stream, watched in enumerate(self.certified):
            if watched.by_day is not None and stream not in breach.recoveries:
                bets = self.layout.bets[stream]
                wealth[bets] = self.detector.wealth[bets]

    def _blame(self, breach: Breach) -> None:
        """Add the streams that are to blame now to those to blame; they stay until recovery."""
        breach.carriers = {}
        for stream in self._guilty():
            if stream in breach.recoveries or len(breach.recoveries) >= MAX_BLAMED:
                continue
            carrier = self.carrier(stream)
            watched = self._mixed(stream, breach.onset)
            breach.recoveries[stream] = recovery_of(
                self.score(stream),
                watched.masses,
                self.counts_since(breach.onset, stream),
                watched.design_effects[carrier],
            )
        beside = explained([self._suspect(stream) for stream in breach.recoveries])
        over = {
            s for s, one in breach.recoveries.items() if one.evidence() >= self._resolve_evidence
        }
        lasting = {s: one for s, one in breach.recoveries.items() if s not in beside | over}
        if lasting:
            for stream in over:
                # What it won while it was bad must not accuse it again.
                self.detector.wealth[self.layout.bets[stream]] = 0
            breach.recoveries = lasting
        breach.carriers = {stream: self.carrier(stream) for stream in breach.recoveries}

    def _guilty(self) -> list[int]:
        """Give the streams that e-BH rejects, with derived ones traced back to their members."""
        weighted = self.layout.weights * self.detector.stream_wealth()
        rejected = e_bh(weighted, self.detector.threshold)
        suspects = [self._suspect(stream) for stream in rejected]
        members = {name for one in suspects for name in one.watched.members}
        if members:
            beside = [s for s in np.argsort(-weighted).tolist() if self.streams[s].name in members]
            others = [self._suspect(stream) for stream in beside if stream not in rejected]
            likely = np.flatnonzero(weighted >= math.exp(self.detector.threshold / 2))
            suspects = with_members(suspects, others, set(likely.tolist()))
        found = explained(suspects)
        return [one.stream for one in suspects if one.stream not in found]

    def _votes(self, stream: int) -> Floats:
        """Give the counts of the last ticks of a stream whose rows name columns, 20 or more."""
        n_ticks, bins = VOTING_TICKS, self.layout.bins[stream]
        votes = self.history.last(min(n_ticks, self._ticks_shown()), bins)
        while votes.sum() < VOTERS and n_ticks < self._ticks_shown():
            n_ticks *= 2
            votes = self.history.last(min(n_ticks, self._ticks_shown()), bins)
        return votes

    def _voted(self, stream: int) -> int:
        """Give the functional of the column that is named so much more often than certified.

        Too few rows name nobody: then it is one that speaks for no column.
        """
        watched, votes = self.seen(stream), self._votes(stream)
        if votes.sum() < VOTERS:
            return watched.spokesmen.index("")
        grown = [
            functional.mean(votes) - functional.mean(watched.masses) if name else -1.0
            for name, functional in zip(watched.spokesmen, watched.functionals, strict=True)
        ]
        return int(np.argmax(grown))

    def _suspect(self, stream: int) -> Suspect:
        """Give a stream with the column that it speaks for, and how clearly."""
        watched = self.streams[stream]
        if not watched.spokesmen:
            return Suspect(stream=stream, watched=watched, subject=watched.name, share=1.0)
        place = self.carrier(stream)
        functional = watched.functionals[place]
        usual = functional.mean(self.seen(stream).masses)
        share = (functional.mean(self._votes(stream)) - usual) / max(1 - usual, 1e-9)
        subject = watched.spokesmen[place] or watched.name
        return Suspect(stream=stream, watched=watched, subject=subject, share=share)

    def score(self, stream: int) -> Floats:
        """Give the evidence per row of a stream's bets, weighted by what they have won."""
        wealth = self.detector.wealth[self.layout.bets[stream]].astype(np.float64)
        total = wealth.sum()
        weights = wealth / total if total > 0 else np.full(len(wealth), 1 / len(wealth))
        score: Floats = self.streams[stream].table.growth.astype(np.float64) @ weights
        return score
