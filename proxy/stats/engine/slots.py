"""How a watch follows the hours: each tick is scored by the slot it belongs to.

Evidence goes on across slots. In each slot a bet keeps its place but is laid against the slot's own
masses, with the errors of the slot's own rows, so the factor of each tick has a mean of at most 1
while the column is within tolerance of that hour: what e-detectors promise holds unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from msgspec import structs

from proxy.stats.basis.bets import bet_table
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats
from proxy.stats.engine.streams import WatchedStream, design_effects_of
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.clocks import Clock
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.season import Seasons


def within_hours(
    columns: Sequence[ColumnProfile], seasons: Seasons | None
) -> tuple[ColumnProfile, ...]:
    """Give the columns with design effects within hours where they have a season.

    Those of clocks are measured between days, and for the rows of those days.
    """
    if seasons is None:
        return tuple(columns)
    known = {one.name: one.design_effects for one in seasons.columns}
    clocks = {clock.name: clock for clock in seasons.clocks}
    return tuple(_within(column, known, clocks) for column in columns)


def _within(
    column: ColumnProfile, known: Mapping[str, dict[str, float]], clocks: Mapping[str, Clock]
) -> ColumnProfile:
    clock = clocks.get(column.name)
    if clock is not None:
        n = min(column.n, round(clock.days * clock.rows))
        return structs.replace(column, n=n, design_effects=clock.design_effects)
    effects = known.get(column.name, column.design_effects)
    return structs.replace(column, design_effects=effects)


def with_seasons(
    streams: Sequence[WatchedStream], seasons: Seasons | None
) -> tuple[WatchedStream, ...]:
    """Give the streams with their seasons, and those that are clocks as such."""
    if seasons is None:
        return tuple(streams)
    known = {one.name: one for one in seasons.columns}
    clocks = {clock.name: clock.rows for clock in seasons.clocks}
    return tuple(
        replace(stream, season=known.get(stream.name), by_day=clocks.get(stream.name))
        for stream in streams
    )


MAX_KEPT: Final = 512
"""Slots of columns whose tables are kept: 11 MB; beyond, all are made anew, 1 ms each."""


class Slots:
    """Leads a watch from slot to slot. Tables are made when a slot is first entered."""

    def __init__(self, watch: Watch, tolerance: Tolerance) -> None:
        """Lead `watch`, whose streams know their seasons; nothing happens before the first tick."""
        self._watch = watch
        self._tolerance = tolerance
        self._slots: dict[int, int] = {}
        """By stream: the slot that its table is of."""
        self._kept: dict[tuple[int, int], WatchedStream] = {}

    def follow(self, utc_s: float) -> None:
        """Enter the slots of a time, the middle of the coming tick, in seconds since 1970, UTC.

        Time may jump or go backwards: the slot of the time given is entered, whatever came before.
        """
        changed: dict[int, WatchedStream] = {}
        for place, stream in enumerate(self._watch.certified):
            if stream.season is None:
                continue
            slot = stream.season.slot(utc_s)
            if self._slots.get(place) != slot:
                self._slots[place] = slot
                changed[place] = self._of(place, slot)
        if changed:
            self._watch.enter(changed)

    def _of(self, place: int, slot: int) -> WatchedStream:
        """Give a stream as it is compared with in a slot, made once while there is room."""
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        kept = self._kept.get((place, slot))
        if kept is None:
            kept = slot_stream(self._watch.certified[place], slot, self._tolerance)
            self._kept[(place, slot)] = kept
        return kept


def slot_stream(stream: WatchedStream, slot: int, tolerance: Tolerance) -> WatchedStream:
    """Give a stream as it is compared with in one of its slots."""
    season = stream.season
    if season is None:
        return stream
    masses = np.asarray(season.masses[slot])
    beside = rebased(stream, masses, season.n[slot], season.design_effects, tolerance)
    slopes = season.slopes[slot]
    return _sloping(beside, stream.masses, slopes, tolerance) if slopes else beside


def rebased(
    stream: WatchedStream,
    masses: Sequence[float] | Floats,
    n_reference: int,
    design_effects: dict[str, float] | None,
    tolerance: Tolerance,
) -> WatchedStream:
    """Give a stream with the same bets, laid against other masses of the same bins."""
    reference = np.asarray(masses, dtype=np.float64)
    table = bet_table(
        stream.functionals, reference, n_reference, design_effects, tolerance, stream.masses
    )
    return replace(
        stream,
        masses=reference,
        n_reference=n_reference,
        table=table,
        design_effects=design_effects_of(stream.functionals, design_effects, tolerance),
    )


def _sloping(
    stream: WatchedStream, base: Floats, slopes: dict[str, float], tolerance: Tolerance
) -> WatchedStream:
    """Give a stream that forgives what it moves by itself within the slot.

    Each functional with a slope gets the bets of its own, wider tolerance.
    """
    growth = stream.table.growth.copy()
    effects = dict(zip((f.name for f in stream.functionals), stream.design_effects, strict=True))
    for index, functional in enumerate(stream.functionals):
        if functional.name in slopes:
            wider = replace(tolerance, effect=tolerance.effect + slopes[functional.name])
            own = (functional,)
            table = bet_table(own, stream.masses, stream.n_reference, effects, wider, base)
            growth[:, stream.table.functional == index] = table.growth
    return replace(stream, table=replace(stream.table, growth=growth))
