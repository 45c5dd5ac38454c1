"""Drift of all columns of one side: a profile, its counter and its watch, put together."""

from __future__ import annotations

from dataclasses import replace

from proxy.records import Rows
from proxy.stats.columns import ColumnCounter
from proxy.stats.demands import Certainty, DriftRule, Tolerance
from proxy.stats.multivariate import WEIGHT, Multivariate
from proxy.stats.profile import Profile
from proxy.stats.reference import ColumnProfile
from proxy.stats.streams import WatchedStream, watch_columns
from proxy.stats.watch import Watch


class ProfileWatch:
    """A watch on the columns of a profile."""

    def __init__(self, profile: Profile, rule: DriftRule, certainty: Certainty) -> None:
        """Make a watch without evidence. The profile must have a column that is not ignored."""
        columns = chosen(profile, rule)
        multivariate = together(profile, columns)
        streams = watch_columns(columns, rule.weights, rule.tolerance)
        if multivariate is not None:
            streams += watch_derived(multivariate, rule.tolerance)
        self.watch = Watch(streams, certainty)
        self.counter = ColumnCounter(columns, multivariate, self.watch, rule.max_rows)

    def count(self, rows: Rows) -> None:
        """Take rows of the watched side."""
        self.counter.count(rows)

    def tick(self) -> None:
        """Fold the rows since the last tick."""
        self.counter.flush()
        self.watch.tick()

    def reset(self) -> None:
        """Forget the evidence."""
        self.counter.clear()
        self.watch.reset()

    def misfit(self) -> str:
        """Say why the profile does not fit the traffic; empty when it does."""
        if self.counter.n_foreign > self.counter.n_rows:
            return (
                f"{self.counter.n_foreign} rows had none of the certified columns "
                f"({', '.join(stream.name for stream in self.watch.streams[:5])}): the benchmark "
                "belongs to another model, or the payload is read by the wrong protocol"
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


def watch_derived(multivariate: Multivariate, tolerance: Tolerance) -> tuple[WatchedStream, ...]:
    """Give the streams of derived columns, which know the columns that they are made of."""
    names = multivariate.columns
    members = [frozenset({names[a], names[b]}) for a, b in multivariate.pairs]
    members += [frozenset(names)] * (len(multivariate.derived) - len(members))
    weights = {column.name: WEIGHT for column in multivariate.derived}
    streams = watch_columns(multivariate.derived, weights, tolerance)
    return tuple(replace(stream, members=of) for stream, of in zip(streams, members, strict=True))
