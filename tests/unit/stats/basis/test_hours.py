"""Hours are told apart by UTC: by the day, or with weekends on their own."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from proxy.stats.basis.hours import Calendar


@pytest.mark.parametrize(
    ("at", "day", "week"),
    [
        (datetime(1970, 1, 1, 0, 30, tzinfo=UTC), 0, 0),
        (datetime(2023, 11, 17, 23, 59, tzinfo=UTC), 23, 23),
        (datetime(2023, 11, 18, 0, 0, tzinfo=UTC), 0, 24),
        (datetime(2023, 11, 19, 13, 1, tzinfo=UTC), 13, 37),
        (datetime(2023, 11, 20, 13, 1, tzinfo=UTC), 13, 13),
        (datetime(1969, 12, 27, 5, 0, tzinfo=UTC), 5, 29),
    ],
)
def test_the_hour_of_a_time(at: datetime, day: int, week: int) -> None:
    """Also before 1970, where a wrong clock may stand."""
    times = np.array([at.timestamp()])
    assert Calendar.DAY.hours(times).tolist() == [day]
    assert Calendar.WEEK.hours(times).tolist() == [week]
    assert (Calendar.DAY.n_hours, Calendar.WEEK.n_hours) == (24, 48)
