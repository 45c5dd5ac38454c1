"""What a certificate can promise: which shifts will be seen, and whether the reference is calm.

For each column the rows are computed that a shift needs until it alarms: the threshold divided by
the growth of the best bet under the shift. And the reference is shown to itself, each half against
the profile of the other half: what alarms there would alarm in production without any fault.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.special import ndtr, ndtri

from proxy.records import Model, Rows, Side
from proxy.stats.basis.demands import Certainty, DriftRule
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats
from proxy.stats.engine.slots import within_hours
from proxy.stats.engine.streams import WatchedStream, watch_columns
from proxy.stats.promise.resampling import ROWS_PER_TICK, Replayed, Subject, replay, rows_of_an_hour
from proxy.stats.reference.column import ColumnProfile, Kind
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch, chosen

YEAR_OF_TICKS: Final = 3_153_600.0
"""A year in ticks of 10 seconds."""
LARGEST_SHIFT: Final = 6.0
LARGEST_SHARE: Final = 0.9
STEPS: Final = 24
FEW: Final = 1_000
MANY: Final = 10_000
MAX_NAMED: Final = 5
NOTED_SHIFT: Final = 0.25
NOTED_SHARE: Final = 0.05
MOST_ROWS: Final = 1e8
"""What needs more rows is never seen."""
FEW_INDEPENDENT: Final = 500.0


class Detectable(Struct, frozen=True, kw_only=True):
    """What the detector will see of one column."""

    column: str
    unit: str
    """`sd`: a shift; `share`: rows with a category that the reference did not have."""
    within_1000_rows: float | None
    """The smallest shift found within 1,000 rows on average. `None`: none is."""
    within_10000_rows: float | None
    shift: float = 0.0
    """A shift that people would want to know of: 0.25 sd, or 5 % of the rows."""
    rows: int | None = None
    """Rows until that is found, on average. `None`: it is never found."""

    def sentence(self) -> str:
        """Say what will be seen, such as `age: +0.25 sd in 2,900 rows`."""
        what = f"+{self.shift:g} sd" if self.unit == "sd" else f"{self.shift:.0%} of a new category"
        if self.rows is None:
            return f"{self.column}: {what} is never seen"
        return f"{self.column}: {what} in {self.rows:,} rows"


class SelfTest(Struct, frozen=True, kw_only=True):
    """What certification found out about its own benchmark."""

    detectable: tuple[Detectable, ...]
    halves_ticks: int
    """Ticks in which one half of the reference was shown to the profile of the other."""
    halves_alarms: int
    """Alarms in those ticks; at most one was to be expected in a year."""
    halves_blamed: tuple[str, ...]
    """Columns that differ between the halves: seasonal, or changed while the data were taken."""
    replayed: Replayed | None = None
    """What a watch said to blocks of the reference. `None`: the reference is too small."""
    warnings: tuple[str, ...]


def self_test(
    subject: Subject,
    rng: np.random.Generator,
    rule: DriftRule,
    certainty: Certainty,
    step: Callable[[], None],
) -> SelfTest:
    """Test a benchmark's input profile with the reference it was made of.

    Args:
        subject: the reference.
        rng: draws blocks, and shuffles the rows when they are not in order of time.
        rule: what the monitor will forgive.
        certainty: the budget of false alarms that the monitor will keep.
        step: called a hundred times while it goes on.
    """
    profile = subject.profile
    found = detectable(profile, rule, certainty)
    ticks, alarms, blamed = _halves(subject, rng, rule, certainty)
    replayed = None
    if chosen(profile, rule):
        replayed = replay(subject, rng, rule, certainty, step)
    warnings = [*_warn_of_blind(found), *_warn_of_dependence(profile)]
    if alarms:
        named = ", ".join(blamed[:MAX_NAMED])
        warnings.append(
            f"one half of the reference alarms against the other ({named}): these columns change "
            "with the season or changed meanwhile; they will alarm in production, too"
        )
    if replayed is not None and replayed.alarms:
        named = ", ".join([*replayed.columns][:MAX_NAMED])
        warnings.append(
            f"the reference alarms against itself {replayed.alarms} times in {replayed.ticks:,} "
            f"ticks ({named}): its rows depend on each other over longer spans than it can show; "
            "give a longer reference in order of time"
        )
    return SelfTest(
        detectable=found,
        halves_ticks=ticks,
        halves_alarms=alarms,
        halves_blamed=tuple(blamed),
        replayed=replayed,
        warnings=tuple(warnings),
    )


def detectable(profile: Profile, rule: DriftRule, certainty: Certainty) -> tuple[Detectable, ...]:
    """Give what will be seen of each column within 1,000 and within 10,000 rows, on average."""
    # What follows the hour is watched within its hour, where rows depend less on each other.
    columns = within_hours(chosen(profile, rule), profile.seasons)
    streams = watch_columns(columns, rule.weights, rule.tolerance)
    total = sum(stream.weight for stream in streams)
    found: list[Detectable] = []
    for column, stream in zip(columns, streams, strict=True):
        needed = math.log(certainty.run_length_ticks * stream.table.n_bets * total / stream.weight)
        few, many = (_smallest(column, stream, needed / rows) for rows in (FEW, MANY))
        is_number = column.kind is Kind.NUMERIC
        shift = NOTED_SHIFT if is_number else NOTED_SHARE
        rows = rows_needed(column, stream, shift, needed)
        found.append(
            Detectable(
                column=column.name,
                unit="sd" if is_number else "share",
                within_1000_rows=few,
                within_10000_rows=many,
                shift=shift,
                rows=_rounded(rows) if rows < MOST_ROWS else None,
            )
        )
    return tuple(found)


def rows_needed(column: ColumnProfile, stream: WatchedStream, shift: float, needed: float) -> float:
    """Give the rows until `needed` evidence under a shift; infinite when it is never reached."""
    growth = float((_shifted(column, stream.masses, shift) @ stream.table.growth).max())
    return needed / growth if growth > 0 else math.inf


def _smallest(column: ColumnProfile, stream: WatchedStream, growth: float) -> float | None:
    """Give the smallest shift whose best bet grows by `growth` per row, by bisection."""
    low, high = 0.0, LARGEST_SHIFT if column.kind is Kind.NUMERIC else LARGEST_SHARE
    if rows_needed(column, stream, high, growth) > 1:
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        if rows_needed(column, stream, middle, growth) > 1:
            low = middle
        else:
            high = middle
    return round(high, 3)


def _shifted(column: ColumnProfile, masses: Floats, shift: float) -> Floats:
    """Give the masses after a shift: upwards as a normal's, or of rows to unseen categories."""
    values = masses[:-N_SPECIAL_BINS]
    total = float(values.sum())
    moved = masses.copy()
    if column.kind is Kind.CATEGORICAL:
        moved *= 1 - shift
        moved[-N_SPECIAL_BINS - 1] += shift
        return moved
    below = np.clip(np.cumsum(values)[:-1] / max(total, 1e-300), 1e-15, 1 - 1e-15)
    borders = np.concatenate([[0.0], ndtr(ndtri(below) - shift), [1.0]])
    moved[:-N_SPECIAL_BINS] = np.diff(borders) * total
    return moved


def _rounded(rows: float) -> int:
    """Give rows with two digits: the figure is an average, right within a third."""
    return int(float(f"{max(rows, 1.0):.2g}"))


def _halves(
    subject: Subject, rng: np.random.Generator, rule: DriftRule, certainty: Certainty
) -> tuple[int, int, list[str]]:
    """Show each half of the reference to the profile of the other; give ticks, alarms, columns."""
    columns, profile = subject.columns, subject.profile
    n = len(next(iter(columns.values()), ()))
    order = np.arange(n) if profile.ordered else rng.permutation(n)
    halves = [
        Subject(
            columns={name: [values[row] for row in part] for name, values in columns.items()},
            profile=profile,
            times_s=None if subject.times_s is None else [subject.times_s[row] for row in part],
        )
        for part in (order[: n // 2], order[n // 2 :])
    ]
    size = ROWS_PER_TICK if subject.times_s is None else rows_of_an_hour(subject.times_s)
    ticks, alarms, blamed = 0, 0, dict[str, None]()
    for known, shown in (halves, reversed(halves)):
        own = build_profile(known.columns, rng, ordered=profile.ordered, times_s=known.times_s)
        if not chosen(own, rule) or own.n < size:
            continue
        watch = ProfileWatch(own, replace(rule, recent_past=False), certainty)
        breached = False
        for start in range(0, len(next(iter(shown.columns.values()))), size):
            _show(watch, shown, start, size)
            ticks += 1
            now = watch.watch.breach is not None
            alarms += now and not breached
            breached = now
            blamed |= dict.fromkeys(watch.watch.streams[s].name for s in watch.watch.blamed())
    return ticks, alarms, list(blamed)


def _show(watch: ProfileWatch, shown: Subject, start: int, n: int) -> None:
    """Show one tick of rows, at its own hour when that is known."""
    values = tuple(list(column[start : start + n]) for column in shown.columns.values())
    watch.count(
        Rows(
            exchange_id=0,
            at_s=0.0,
            model=Model.CANDIDATE,
            side=Side.INPUT,
            columns=tuple(shown.columns),
            values=values,
            n=len(values[0]),
        )
    )
    times_s = shown.times_s
    watch.tick(None if times_s is None else times_s[start + len(values[0]) // 2])


def _warn_of_dependence(profile: Profile) -> list[str]:
    """Say which columns have a reference that is worth few independent rows."""
    few: list[str] = []
    for column in within_hours(profile.columns, profile.seasons):
        location = (column.design_effects or {}).get("location", 1.0)
        if location > 1 and column.n / location < FEW_INDEPENDENT:
            few.append(f"{column.name} ({column.n / location:,.0f})")
    if not few:
        return []
    named = ", ".join(few[:MAX_NAMED]) + (", ..." if len(few) > MAX_NAMED else "")
    told = (
        f"rows depend on each other: the reference is worth few independent rows for {named}; a "
        "longer reference would show smaller shifts"
    )
    return [told]


def _warn_of_blind(found: Sequence[Detectable]) -> list[str]:
    blind = [one.column for one in found if one.within_10000_rows is None]
    if not blind:
        return []
    named = ", ".join(blind[:MAX_NAMED]) + (", ..." if len(blind) > MAX_NAMED else "")
    why = "the reference is too small, or its rows depend on each other too much"
    return [f"no shift of {named} can be seen within 10,000 rows: {why}"]
