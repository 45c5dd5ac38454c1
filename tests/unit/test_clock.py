"""The clocks: monotonic seconds for everything that decides, RFC 3339 text for people."""

from __future__ import annotations

import re
from datetime import UTC

from proxy import clock


def test_monotonic_time_does_not_go_back() -> None:
    """Two readings are in order, so that a difference is never negative."""
    first = clock.now_s()
    assert clock.now_s() >= first


def test_wall_time_knows_its_zone() -> None:
    """Wall time is UTC and says so; naive times would be read as local ones."""
    assert clock.utc().tzinfo is UTC


def test_wall_time_as_text_has_milliseconds_and_ends_in_z() -> None:
    """The journal's times sort as text and parse everywhere."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", clock.utc_text())


def test_the_offset_leads_from_monotonic_to_wall_time() -> None:
    """Monitors are handed it to know the hour of the day without reading a clock."""
    assert abs(clock.now_s() + clock.utc_offset_s() - clock.utc().timestamp()) < 1.0
