"""When the reference rows were taken: one column of the reference, read as UTC.

ISO 8601 (`2013-01-31T23:15:00+01:00`, a date alone, `Z`; without an offset it is UTC) or seconds
since 1970. Milliseconds since 1970 are told by their size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from proxy.certify.files import CertifyError
from proxy.records import Scalar

MAX_SHOWN: Final = 5
EARLIEST_S: Final = 0.0
LATEST_S: Final = 7_258_118_400.0
"""The year 2200: beyond this a number is no time in seconds."""
MILLISECONDS: Final = 1000.0


def utc_seconds(value: Scalar) -> float | None:
    """Give the seconds since 1970 that a cell means; `None` when it means no time."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            return _in_range(float(value))
        except ValueError:
            return _from_text(value)
    return _in_range(float(value))


def _in_range(seconds: float) -> float | None:
    if seconds > LATEST_S:
        seconds /= MILLISECONDS
    return seconds if math.isfinite(seconds) and EARLIEST_S <= seconds <= LATEST_S else None


def _from_text(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return _in_range(at.timestamp())


def read_times(
    name: str, columns: Mapping[str, Sequence[Scalar]], n_before: int = 0
) -> list[float]:
    """Read the time of every row from column `name`; `n_before` rows were read before.

    Raises:
        CertifyError: there is no such column, or some of its cells are no times: with the first
            rows, numbered from 1, and the count.
    """
    if name not in columns:
        there = ", ".join(sorted(columns)[:8]) or "none"
        raise CertifyError(f"--time {name}: the reference has no such column; it has {there}")
    read = [utc_seconds(value) for value in columns[name]]
    bad = [row for row, at_s in enumerate(read) if at_s is None]
    if bad:
        shown = ", ".join(
            f"row {n_before + row + 1} ({columns[name][row]!r:.40})" for row in bad[:MAX_SHOWN]
        )
        raise CertifyError(
            f"--time {name}: {len(bad)} of {len(read)} rows have no readable time: {shown}; "
            "times are ISO 8601 or seconds since 1970"
        )
    return [at_s for at_s in read if at_s is not None]


def sort_by_time(
    columns: Mapping[str, Sequence[Scalar]], times_s: Sequence[float]
) -> tuple[dict[str, list[Scalar]], list[float], str]:
    """Put rows in the order of their times; give them, their times, and what is to be said.

    Rows of equal times keep their order. The note is empty when the rows were in order.
    """
    at_s = np.asarray(times_s)
    backwards = np.flatnonzero(np.diff(at_s) < 0)
    if not len(backwards):
        return {name: list(values) for name, values in columns.items()}, list(times_s), ""
    order = np.argsort(at_s, kind="stable").tolist()
    ordered = {name: [values[row] for row in order] for name, values in columns.items()}
    shown = ", ".join(str(row + 2) for row in backwards[:MAX_SHOWN].tolist())
    note = (
        f"The times of the reference go backwards {len(backwards)} times (first at row {shown}); "
        "its rows were sorted by time."
    )
    return ordered, at_s[order].tolist(), note
