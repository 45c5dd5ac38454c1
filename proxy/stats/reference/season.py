"""What the hour of the day and the weekend do to a column, so that season does not alarm.

From reference rows with times it is decided, column by column, whether hours differ by more than
chance and by enough to matter. Where they do, neighbouring hours that are alike are merged into
slots, and each slot keeps masses of its own: traffic of the night is then compared with certified
nights. How a watch changes from slot to slot stands in `slots`.

Not here: dependence of rows (`design_effect`), and seasons of the year, which no reference of a few
weeks can show.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from proxy.records import Scalar
from proxy.stats.basis import design_effect
from proxy.stats.basis.functionals import Bins, Floats, Functional
from proxy.stats.basis.hours import HOURS, Calendar
from proxy.stats.reference.clocks import CLOCK_LIKE, Clock, clock_of, clock_trouble
from proxy.stats.reference.column import ColumnProfile, masses_of
from proxy.stats.reference.merging import merge_slots
from proxy.stats.reference.waves import explained_of, moves_of, slopes_of, wave_of
from proxy.units import DAY_S

MIN_DAYS: Final = 3
"""Fewer days cannot tell what comes back every day from what happened once."""
WEEK_DAYS: Final = 20
"""Days from which weekends are looked at: with these there are at least two whole ones."""
MAX_NUMBERS: Final = 1_000_000
"""Masses that all slots together may have: about 10 MB of JSON."""
MAX_NAMED: Final = 5


class ColumnSeason(Struct, frozen=True, kw_only=True):
    """The slots of one column."""

    name: str
    calendar: Calendar
    slots: tuple[int, ...]
    """By hour of the calendar: the slot it belongs to."""
    masses: tuple[tuple[float, ...], ...]
    """By slot: share of each bin of the column's profile."""
    n: tuple[int, ...]
    """By slot: reference rows."""
    slopes: tuple[dict[str, float], ...]
    """By slot and functional: how far beyond half of the tolerance the column moves within the slot
    itself, in standard deviations (Cohen's h for shares). It is forgiven on top."""
    design_effects: dict[str, float]
    """By functional, measured within hours: what the hour explains makes no rows alike."""
    moves: str
    """For people: how far the hour moves the column."""

    def slot(self, utc_s: float) -> int:
        """Give the slot of a time in seconds since 1970, UTC."""
        return self.slots[int(self.calendar.hours(np.array(utc_s)))]


class Seasons(Struct, frozen=True, kw_only=True):
    """All columns of a profile that have a season."""

    days: int
    """Days of the reference."""
    columns: tuple[ColumnSeason, ...]
    clocks: tuple[Clock, ...] = ()
    """Columns that are clocks themselves."""

    def names(self) -> frozenset[str]:
        """Give the columns that no hour may be compared with another in."""
        clocks = {clock.name for clock in self.clocks}
        return frozenset(clocks.union(one.name for one in self.columns))


def find_seasons(
    columns: Mapping[str, Sequence[Scalar]],
    profiles: Sequence[ColumnProfile],
    times_s: Sequence[float],
    *,
    is_even: bool = True,
) -> Seasons | None:
    """Give the columns that depend on the hour; `None` when there are none, or too few days.

    Args:
        columns: reference rows by column name, in order of time.
        profiles: their profiles. Columns that stand only in one of the two are left out.
        times_s: seconds since 1970 in UTC of each row, ascending; NaN: not known.
        is_even: rows stand for as much traffic at every hour. Else nothing is a clock: how busy
            the hours are is what a clock is judged by.
    """
    clock = _clock_of(times_s)
    if clock is None:
        return None
    found: list[ColumnSeason] = []
    clocks: list[Clock] = []
    numbers = 0
    for profile in profiles:
        if profile.name not in columns:
            continue
        bins = profile.binner().bins(columns[profile.name])[clock.rows]
        season = _season_of(profile, bins, clock)
        if isinstance(season, Clock) and is_even:
            clocks.append(season)
        if not isinstance(season, ColumnSeason):
            continue
        numbers += sum(len(masses) for masses in season.masses)
        if numbers > MAX_NUMBERS:
            break
        found.append(season)
    if not found and not clocks:
        return None
    return Seasons(days=clock.n_days, columns=tuple(found), clocks=tuple(clocks))


def about_seasons(times_s: Sequence[float], seasons: Seasons | None) -> list[str]:
    """Give what a reader of the certificate should know about seasons, one sentence each."""
    n_days = len(np.unique(_days(np.asarray(times_s, dtype=np.float64))))
    if n_days < MIN_DAYS:
        few = (
            f"the reference covers {_span(times_s, n_days)}: what comes back every day "
            f"cannot be told from what happened once; certify on {MIN_DAYS} days or more, "
            f"{WEEK_DAYS} for weekends, to have hours compared with their own"
        )
        return [few]
    if seasons is None:
        return []
    named = seasons.columns[:MAX_NAMED]
    texts = [
        f"the hour of the {one.calendar} moves {one.name} by {one.moves}: "
        "watched against its own hour"
        for one in named
    ]
    if len(seasons.columns) > MAX_NAMED:
        texts.append(f"so are {len(seasons.columns) - MAX_NAMED} more columns")
    return texts + [
        f"{one.name} is a clock: watched by whole days, {one.days} of which are certified"
        for one in seasons.clocks
    ]


def _span(times_s: Sequence[float], n_days: int) -> str:
    """Say how long the reference is, in days of the calendar that it touches."""
    known = [at_s for at_s in times_s if math.isfinite(at_s)]
    if not known or max(known) - min(known) < DAY_S / 2:
        return "less than half a day"
    return f"{n_days} day{'s' * (n_days != 1)}"


def trouble_of(seasons: Seasons, columns: Sequence[ColumnProfile]) -> str:
    """Say what is wrong with seasons that were read from a file; empty when nothing is."""
    bins = {column.name: len(column.masses) for column in columns}
    wrong = [clock_trouble(one, bins) for one in seasons.clocks]
    wrong += [_trouble_of(one, bins) for one in seasons.columns]
    return next(filter(None, wrong), "")


def _trouble_of(one: ColumnSeason, bins: Mapping[str, int]) -> str:
    if one.name not in bins:
        return f"it has a season of {one.name!r}, which is no column"
    n_slots = len(one.masses)
    fits = len(one.slots) == one.calendar.n_hours and set(one.slots) <= set(range(n_slots))
    if not fits or not len(one.n) == len(one.slopes) == n_slots or min(one.n) < 1:
        return f"the hours of column {one.name!r} do not fit its {n_slots} slots"
    for masses in one.masses:
        if len(masses) != bins[one.name] or not all(0 < mass <= 1 for mass in masses):
            return f"a slot of column {one.name!r} has a mass outside 0 to 1, or too few"
    if any(not 0 <= value < math.inf for slope in one.slopes for value in slope.values()):
        return f"a slope of column {one.name!r} is no positive number"
    if any(not value >= 1 for value in one.design_effects.values()):
        return f"a design effect of column {one.name!r} is below 1"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """When the rows were taken."""

    rows: NDArray[np.intp]
    """Rows whose time is known."""
    days: Bins
    """int array [rows], from 0."""
    hours: Bins
    """int array [rows], by the calendar."""
    n_days: int
    calendar: Calendar

    def daily(self) -> _Clock:
        """Give the same without weekends."""
        return replace(self, hours=self.hours % HOURS, calendar=Calendar.DAY)


def _days(times_s: Floats) -> NDArray[np.float64]:
    days: Floats = np.floor(times_s[np.isfinite(times_s)] / DAY_S)
    return days


def _clock_of(times_s: Sequence[float]) -> _Clock | None:
    times = np.asarray(times_s, dtype=np.float64)
    rows = np.flatnonzero(np.isfinite(times))
    known, days = np.unique(_days(times), return_inverse=True)
    if len(known) < MIN_DAYS:
        return None
    calendar = Calendar.WEEK if len(known) >= WEEK_DAYS else Calendar.DAY
    return _Clock(
        rows=rows,
        days=days.astype(np.intp),
        hours=calendar.hours(times[rows]),
        n_days=len(known),
        calendar=calendar,
    )


def _season_of(profile: ColumnProfile, bins: Bins, clock: _Clock) -> ColumnSeason | Clock | None:
    """Give the season of one column, given the bin of each row; `None` when it has none.

    Weekends are looked at first, and forgotten when they say nothing of their own.
    """
    n_bins, n_hours = len(profile.masses), clock.calendar.n_hours
    cells = clock.days * n_hours + clock.hours
    size = clock.n_days * n_hours
    counts = np.bincount(cells * n_bins + bins, minlength=size * n_bins)
    counts = counts.reshape(clock.n_days, n_hours, n_bins)
    functionals = profile.functionals()
    masses = np.asarray(profile.masses)
    waves = [wave for f in functionals if (wave := wave_of(f, masses, counts)) is not None]
    if clock.calendar is Calendar.WEEK and not any(wave.has_weekend for wave in waves):
        return _season_of(profile, bins, clock.daily())
    if not waves:
        return None
    if explained_of(waves, masses) > CLOCK_LIKE:
        return clock_of(profile, counts)
    by_hour = counts.sum(axis=0)
    slots = merge_slots(
        np.stack([wave.deviations for wave in waves], axis=1),
        np.stack([wave.errors for wave in waves], axis=1),
        by_hour.sum(axis=1).astype(np.float64),
    )
    n_slots = int(slots.max()) + 1
    if n_slots == 1:
        return None
    own = [by_hour[slots == slot].sum(axis=0).astype(np.float64) for slot in range(n_slots)]
    slopes = [slopes_of(waves, slots == slot, one / one.sum()) for slot, one in enumerate(own)]
    return ColumnSeason(
        name=profile.name,
        calendar=clock.calendar,
        slots=tuple(int(slot) for slot in slots),
        masses=tuple(_rounded(masses_of(one, int(one.sum()))) for one in own),
        n=tuple(int(one.sum()) for one in own),
        slopes=tuple(slopes),
        design_effects=_design_effects(functionals, bins, clock),
        moves=moves_of(waves, slots),
    )


def _design_effects(
    functionals: Sequence[Functional], bins: Bins, clock: _Clock
) -> dict[str, float]:
    """Give the design effects within hours; the hours' own means cost a day of freedom."""
    measured = design_effect.measure(functionals, bins, groups=clock.hours)
    days = clock.n_days if clock.calendar is Calendar.DAY else clock.n_days * 2 / 7
    spent = days / (days - 1)
    return {name: round(value * spent, 2) for name, value in measured.items() if value > 1}


def _rounded(masses: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(max(1e-7, round(mass, 7)) for mass in masses)
