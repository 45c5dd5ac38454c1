"""Columns that are clocks: an hour of departure, a time of day, seen when that hour comes.

A clock means nothing within an hour, where all rows have the same value, and it must not be
compared with the hour of the request either: in summer, or with requests some minutes early, every
value would be off. What does not depend on any of that is how a whole day is distributed. So clocks
are compared by whole days, and here it is measured how much one day differs from the next.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from proxy.stats.basis.design_effect import (
    BLOCK_GROWTH,
    MIN_BLOCKS,
    by_chance,
    is_rare,
    with_borrowed,
)
from proxy.stats.basis.functionals import Functional
from proxy.stats.reference.column import ColumnProfile

CLOCK_LIKE: Final = 0.9
"""A column of which the hour explains this part is a clock."""


class Clock(Struct, frozen=True, kw_only=True):
    """What whole days of a clock looked like."""

    name: str
    days: int
    """Whole days of the reference."""
    rows: float
    """Rows of a day, on average. The design effects hold for days of at most so many: what days
    have of their own weighs the more, the more rows they have."""
    design_effects: dict[str, float]
    """By functional, between days: how many rows of a day count as one."""


def clock_of(profile: ColumnProfile, counts: NDArray[np.intp]) -> Clock | None:
    """Give the days of a clock; `None` when there are fewer than eight whole ones.

    The design effect of days is that of batch means with the days as batches, and with 2, 4, ...
    days on end; a figure counts when it is beyond the 99 % quantile of chance.

    Args:
        profile: the column.
        counts: int array [days, hours, bins], days in order; the first and the last may be parts of
            a day, and are left out.
    """
    daily = counts.sum(axis=1)[1:-1]
    daily = daily[daily.sum(axis=1) > 0]
    if len(daily) < MIN_BLOCKS:
        return None
    measured: dict[str, float] = {}
    rare: list[str] = []
    for functional in profile.functionals():
        hits = float((daily @ (functional.applies * functional.values)).sum())
        if is_rare(functional, hits):
            rare.append(functional.name)
        else:
            measured[functional.name] = _between_days(functional, daily)
    effects = with_borrowed(measured, rare)
    kept = {name: round(value, 2) for name, value in effects.items() if value > 1}
    rows = round(float(daily.sum(axis=1).mean()), 1)
    return Clock(name=profile.name, days=len(daily), rows=rows, design_effects=kept)


def clock_trouble(clock: Clock, known: Collection[str]) -> str:
    """Say what is wrong with a clock that was read from a file; empty when nothing is."""
    if clock.name not in known:
        return f"it has a clock {clock.name!r}, which is no column"
    if not all(value >= 1 for value in (clock.rows, *clock.design_effects.values())):
        return f"the rows of a day, or a design effect, of the clock {clock.name!r} are below 1"
    return ""


def _between_days(functional: Functional, daily: NDArray[np.intp]) -> float:
    """Give rows per block times the variance of block means over that of rows, at least 1."""
    variance = functional.variance(daily.sum(axis=0).astype(np.float64))
    largest, length = 1.0, 1
    while variance > 0 and len(daily) // length >= MIN_BLOCKS:
        n_blocks = len(daily) // length
        whole = daily[: n_blocks * length].reshape(n_blocks, length, -1).sum(axis=1)
        rows = (whole @ functional.applies).astype(np.float64)
        sums = whole @ (functional.applies * functional.values)
        kept = rows > 0
        rows, sums = rows[kept], sums[kept]
        if len(rows) < MIN_BLOCKS:
            break
        means = sums / rows
        between = float(rows @ (means - sums.sum() / rows.sum()) ** 2) / (len(rows) - 1)
        figure = between / variance
        if figure > by_chance(len(rows) - 1):
            largest = max(largest, figure)
        length *= BLOCK_GROWTH
    return largest
