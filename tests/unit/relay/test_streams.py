"""The pace of a stream."""

from __future__ import annotations

import pytest

from proxy.records import Stream
from proxy.relay.streams import StreamClock


def test_gaps_are_between_arrivals() -> None:
    """First content, longest and mean gap, with chunks that came together counted as such."""
    clock = StreamClock(2)
    clock.tick(10.0, 0, 1)
    clock.tick(10.5, 7, 2)
    clock.tick(12.0, 20, 1)
    record = clock.record()
    assert (record.first_content_s, record.n_chunks, record.longest_gap_s) == (10.0, 4, 1.5)
    assert record.mean_gap_s == pytest.approx(2 / 3)
    assert clock.arrivals == [(10.0, 0), (10.5, 7)]


def test_no_content_is_no_time() -> None:
    """A stream without a byte has no first content."""
    assert StreamClock(9).record() == Stream(None, 0, 0.0, 0.0)
    one = StreamClock(9)
    one.tick(1.0, 0, 1)
    assert one.record() == Stream(1.0, 1, 0.0, 0.0)
