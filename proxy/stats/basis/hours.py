"""The hours that seasons and the recent past are told apart by, all in UTC."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import numpy as np

from proxy.stats.basis.functionals import Bins, Floats
from proxy.units import HOUR_S

HOURS: Final = 24
FIRST_WEEKDAY: Final = 3
"""1970-01-01 was a Thursday; Monday is 0."""
SATURDAY: Final = 5


class Calendar(StrEnum):
    """How the hours are told apart."""

    DAY = "day"
    """24 hours of the day, in UTC."""
    WEEK = "week"
    """24 hours of working days, then 24 of Saturdays and Sundays, in UTC."""

    @property
    def n_hours(self) -> int:
        """The number of different hours."""
        return HOURS if self is Calendar.DAY else 2 * HOURS

    def hours(self, utc_s: Floats) -> Bins:
        """Give the hour of each time: int array like `utc_s`, from 0."""
        hours = np.floor(utc_s / HOUR_S).astype(np.intp)
        hour: Bins = hours % HOURS
        if self is Calendar.DAY:
            return hour
        is_weekend = (hours // HOURS + FIRST_WEEKDAY) % 7 >= SATURDAY
        return hour + HOURS * is_weekend
