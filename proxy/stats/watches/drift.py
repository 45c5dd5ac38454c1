"""Drift of all columns of one side: a profile, its counter and its watch, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Struct, structs

from proxy.records import Finding, Pace, Rows, Verdict
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine import snapshot
from proxy.stats.engine.days import SavedDays, WholeDays
from proxy.stats.engine.dependence import DependenceLearner
from proxy.stats.engine.e_detector import Singles
from proxy.stats.engine.slots import Slots, with_seasons, within_hours
from proxy.stats.engine.streams import WatchedStream, watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.multivariate import (
    FITS_LEAST,
    TOGETHER,
    WEIGHT,
    Multivariate,
    derived_names,
)
from proxy.stats.reference.profile import Profile
from proxy.stats.watches.columns import ColumnCounter
from proxy.stats.watches.recent import RecentPast, SavedPast, recent_past
from proxy.stats.watches.trend import Trend

PROBATION_TICKS: Final = 120
MISFIT_COLUMNS: Final = 3
"""With fewer columns a change of type is taken as drift, not as another model's traffic."""
PACES: Final = {
    Pace.SUDDEN: "sudden: the same hours of the last days were not like this",
    Pace.SLOW: "slow: the same hours of the last days had moved already",
}
PACE_TICKS: Final = 60
"""Ticks of a breach in which its pace is told anew: the first rows may mislead."""


class ProfileWatch:
    """A watch on the columns of a profile."""

    def __init__(self, profile: Profile, rule: DriftRule, certainty: Certainty) -> None:
        """Make a watch without evidence. The profile must have a column that is not ignored."""
        self._profile = profile
        self.rule = rule
        self._certainty = certainty
        self.learnt: list[dict[str, float]] | None = None
        """Design effects learnt from live traffic, by stream; `None`: none are."""
        self.learner: DependenceLearner | None = None
        """What learns them; `None`: the reference has shown them, or they are learnt."""
        self._probation: Watch | None = None
        """The watch with learnt figures, beside one that is in a breach."""
        columns = chosen(profile, rule)
        multivariate = together(profile, columns)
        self.watch = self._new_watch()
        self._slots = Slots(self.watch, rule.tolerance)
        self._days = WholeDays(self.watch)
        self.counter = ColumnCounter(columns, multivariate, self.watch, rule.max_rows)
        self.recent: RecentPast | None = None
        """The comparison with the last days; `None`: switched off."""
        if rule.recent_past:
            self.recent = recent_past(self.watch, rule.tolerance, certainty)
        self.pace = Pace.UNKNOWN
        """How the breach came; unknown without one."""
        self.trend: Trend | None = None
        """The days of the columns, for who asks for them; `None`: nobody does."""
        if self._is_to_learn:
            self.learner = self._new_learner()

    def count(self, rows: Rows) -> None:
        """Take rows of the watched side."""
        self.counter.count(rows)

    def tick(self, utc_s: float | None = None) -> None:
        """Fold the rows since the last tick; learn from them while there is something to learn.

        `utc_s`: the middle of the tick, in seconds since 1970; it tells the season slot. `None`:
        not known, and every hour is compared with the whole reference.
        """
        if utc_s is not None:
            self._slots.follow(utc_s)
        self.counter.flush()
        self._days.follow(utc_s)
        counts = self.watch.pending
        self.watch.tick()
        if utc_s is not None:
            self._follow_days(counts, utc_s)
        if self.learner is not None and counts.any():
            self.learner.add(counts)
            if self.learner.left <= 0:
                self._apply(self.learner.learnt())
        if self._probation is not None and counts.any():
            # With other design effects streams that shared a table may stand in another order.
            places = zip(self.watch.layout.bins, self._probation.layout.bins, strict=True)
            for old, new in places:
                self._probation.pending[new] = counts[old]
            self._probation.tick()
            self._end_probation(self._probation)

    def _follow_days(self, counts: Singles, utc_s: float) -> None:
        """Compare a tick with the recent past, and add it to its day."""
        if self.recent is not None:
            self.recent.tick(counts, utc_s, self.watch)
            self._settle_pace(self.recent)
        if self.trend is not None:
            self.trend.tick(counts, utc_s, self.watch.streams)

    def _settle_pace(self, recent: RecentPast) -> None:
        """Say how a breach came, and do not change that when it has lasted."""
        breach = self.watch.breach
        if breach is None:
            self.pace = Pace.UNKNOWN
        elif self.pace is Pace.UNKNOWN or breach.n_ticks <= PACE_TICKS:
            self.pace = recent.pace(self.watch)

    def gather(self) -> Watch:
        """Count what waits, and give the watch whose counts of the tick are then complete."""
        self.counter.flush()
        return self.watch

    def reset(self) -> None:
        """Forget the evidence, not what was learnt about dependence."""
        self.counter.clear()
        if self._probation is not None:
            self._replace(self._probation)
        if self.watch.breach is None:
            self._days.reset()
        self.watch.reset()
        if self.recent is not None:
            self.recent.reset()
        if self.learner is not None:
            self.learner = self._new_learner()

    def save(self) -> bytes:
        """Give the evidence, and the learnt design effects, as bytes."""
        watch = self.watch if self._probation is None else self._probation
        past = None if self.recent is None else self.recent.save()
        saved = _Saved(self.learnt, snapshot.save(watch), past, self.pace, self._days.save())
        return msgspec.msgpack.encode(saved)

    def load(self, raw: bytes) -> bool:
        """Go on from saved evidence; false when it does not fit."""
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except (msgspec.DecodeError, ValueError):
            return False
        if saved.learnt is not None:
            if len(saved.learnt) != len(self.watch.streams):
                return False
            self._apply(saved.learnt)
        if not snapshot.load(self.watch, saved.watch):
            self._unlearn()
            return False
        if self.recent is not None and saved.past is not None:
            self.recent.load(saved.past)
        if saved.days is not None:
            self._days.load(saved.days)
        self.pace = saved.pace
        return True

    def _new_watch(self) -> Watch:
        columns = chosen(self._profile, self.rule)
        multivariate = together(self._profile, columns)
        seasons = self._profile.seasons
        columns = within_hours(columns, seasons)
        learnt = self.learnt
        if learnt is not None:
            columns = _with(columns, learnt)
        streams = watch_columns(columns, self.rule.weights, self.rule.tolerance)
        if multivariate is not None:
            derived = within_hours(multivariate.derived, seasons)
            if learnt is not None:
                derived = _with(derived, learnt[len(columns) :])
            streams += watch_derived(multivariate, derived, self.rule.tolerance)
        return Watch(with_seasons(streams, seasons), self._certainty)

    @property
    def _is_to_learn(self) -> bool:
        return self.rule.learn_ticks > 0 and not self._profile.ordered

    def _unlearn(self) -> None:
        """Forget what was learnt beside another benchmark, and learn anew."""
        self.learnt = None
        self._replace(self._new_watch())
        self.learner = self._new_learner() if self._is_to_learn else None

    def _new_learner(self) -> DependenceLearner:
        watch = self.watch
        return DependenceLearner(watch.streams, watch.layout, self.rule.learn_ticks)

    def _apply(self, learnt: list[dict[str, float]]) -> None:
        """Watch with learnt design effects from now on.

        A breach is not forgotten for their sake: it lasts while the new watch is on probation. If
        that finds it again it goes on; if not within 120 ticks, dependence was all there was.
        """
        self.learnt = learnt
        self.learner = None
        successor = self._new_watch()
        if self.watch.breach is None:
            self._replace(successor)
        else:
            self._probation = successor

    def _end_probation(self, successor: Watch) -> None:
        """Let the new watch take over when the old one has nothing more to say."""
        decided = successor.breach is not None or successor.history.n_ticks >= PROBATION_TICKS
        if decided or self.watch.breach is None:
            self._replace(successor)

    def _replace(self, successor: Watch) -> None:
        self.watch = successor
        self._slots = Slots(successor, self.rule.tolerance)
        self._days = WholeDays(successor)
        self._probation = None
        self.counter.into(successor)
        if self.recent is not None:
            self.recent.adopt(successor)
        if self.trend is not None:
            self.trend.adopt(successor)

    def misfit(self) -> str:
        """Say why the profile does not fit the traffic; empty when it does."""
        if self.counter.n_foreign > self.counter.n_rows:
            return (
                f"{self.counter.n_foreign} rows had none of the certified columns "
                f"({', '.join(stream.name for stream in self.watch.streams[:5])}): the benchmark "
                "belongs to another model, or the payload is read by the wrong protocol"
            )
        strange, n_columns = self.counter.strangers(), self.counter.n_columns
        if n_columns >= MISFIT_COLUMNS and len(strange) * 2 > n_columns:
            return (
                f"most values of {len(strange)} of {n_columns} columns ({', '.join(strange[:5])}) "
                "are of another type than certified, or categories that were not: the benchmark "
                "belongs to another model, the rows are read differently, or capture.redact.key "
                "is not that of certification"
            )
        return ""


def profile_watch(
    profile: Profile | None, rule: DriftRule, certainty: Certainty
) -> ProfileWatch | None:
    """Give a watch on a profile; `None` when there is nothing to compare with."""
    if profile is None or profile.n == 0 or not chosen(profile, rule):
        return None
    return ProfileWatch(profile, rule, certainty)


def chosen(profile: Profile, rule: DriftRule) -> tuple[ColumnProfile, ...]:
    """Give the columns to watch, the heaviest first when there are too many."""
    columns = [column for column in profile.columns if column.name not in rule.ignore]
    if len(columns) > rule.max_columns:
        columns.sort(key=lambda column: -rule.weights.get(column.name, 1.0))
    return tuple(columns[: rule.max_columns])


def together(profile: Profile, columns: tuple[ColumnProfile, ...]) -> Multivariate | None:
    """Give the derived columns, when every column that they are made of is watched."""
    multivariate = profile.multivariate
    if multivariate is None or not {c.name for c in columns} >= set(multivariate.columns):
        return None
    return multivariate


def watch_derived(
    multivariate: Multivariate, derived: tuple[ColumnProfile, ...], tolerance: Tolerance
) -> tuple[WatchedStream, ...]:
    """Give the streams of derived columns, which know the columns that they are made of."""
    names = multivariate.columns
    members = {
        name: frozenset({names[a], names[b]})
        for name, (a, b) in zip(derived_names(multivariate), multivariate.pairs, strict=False)
    }
    members |= {TOGETHER: frozenset({*names, FITS_LEAST}), FITS_LEAST: frozenset(names)}
    weights = {column.name: WEIGHT for column in derived}
    streams = watch_columns(derived, weights, tolerance)
    return tuple(
        replace(
            stream,
            members=members[stream.name],
            spokesmen=_spokesmen(stream, names) if stream.name == FITS_LEAST else (),
        )
        for stream in streams
    )


def _spokesmen(stream: WatchedStream, columns: Sequence[str]) -> tuple[str, ...]:
    """Give the column that each share of votes speaks for; nothing speaks for missing ones."""
    rest = len(stream.functionals) - len(columns)
    return (*columns, *[""] * rest)


def paced(finding: Finding, watch: ProfileWatch) -> Finding:
    """Give a finding with what the last days say about it."""
    if finding.verdict is Verdict.BREACH and watch.pace is not Pace.UNKNOWN:
        reason = f"{finding.reason} ({PACES[watch.pace]})"
        return structs.replace(finding, pace=watch.pace, reason=reason)
    moved = [] if watch.recent is None else watch.recent.moved()
    if finding.verdict is Verdict.OK and moved:
        names = ", ".join(str(one["stream"]) for one in moved[:3])
        reason = f"{finding.reason}, but unlike the same hours of the last days: {names}"
        return structs.replace(finding, reason=reason)
    return finding


def recent_detail(watch: ProfileWatch) -> dict[str, object] | None:
    """Give the comparison with the recent past, ready for JSON; `None` when it is switched off."""
    return None if watch.recent is None else watch.recent.detail() | {"pace": watch.pace.value}


class _Saved(Struct, frozen=True):
    learnt: list[dict[str, float]] | None
    watch: bytes
    past: SavedPast | None = None
    pace: Pace = Pace.UNKNOWN
    days: SavedDays | None = None


def _with(
    columns: Sequence[ColumnProfile], learnt: Sequence[dict[str, float]]
) -> tuple[ColumnProfile, ...]:
    """Give the columns with learnt design effects."""
    return tuple(
        structs.replace(column, design_effects=effects)
        for column, effects in zip(columns, learnt, strict=False)
    )
