"""The time column of the reference: what is a time, and rows in its order."""

from __future__ import annotations

import pytest

from proxy.certify.files import CertifyError
from proxy.certify.times import read_times, sort_by_time, utc_seconds
from proxy.records import Scalar


@pytest.mark.parametrize(
    ("cell", "seconds"),
    [
        ("1970-01-02", 86_400.0),
        ("1970-01-01T01:00:00", 3600.0),
        ("1970-01-01 01:00:00Z", 3600.0),
        ("1970-01-01T01:00:00+01:00", 0.0),
        ("3600.5", 3600.5),
        (3600, 3600.0),
        (1_700_000_000_000, 1_700_000_000.0),
        ("yesterday", None),
        ("", None),
        (-5.0, None),
        (float("nan"), None),
        (float("inf"), None),
        (1e300, None),
        (True, None),
        (None, None),
    ],
)
def test_times_are_iso_8601_or_seconds(cell: Scalar, seconds: float | None) -> None:
    """Text and numbers give UTC seconds; milliseconds are told by size; anything else is none."""
    assert utc_seconds(cell) == seconds


def test_rows_without_a_time_are_refused_by_row_and_count() -> None:
    """All are counted, the first are shown."""
    at: list[Scalar] = [0, "soon", None, 3]
    with pytest.raises(CertifyError, match=r"2 of 4 rows .* row 2 \('soon'\), row 3 \(None\)"):
        read_times("at", {"at": at})
    with pytest.raises(CertifyError, match="no such column; it has x"):
        read_times("at", {"x": [1]})
    assert read_times("at", {"at": [0, "1"]}) == [0.0, 1.0]


def test_rows_are_sorted_by_time_and_that_is_said() -> None:
    """Whole rows move; rows of one time keep their order; sorted rows need no word."""
    given: dict[str, list[Scalar]] = {"x": ["c", "a", "b", "d"]}
    columns, times_s, note = sort_by_time(given, [5.0, 1.0, 1.0, 7.0])
    assert columns == {"x": ["a", "b", "c", "d"]}
    assert times_s == [1.0, 1.0, 5.0, 7.0]
    assert "backwards 1 times (first at row 2)" in note
    assert sort_by_time(columns, times_s) == (columns, times_s, "")
