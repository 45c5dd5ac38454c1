"""How streams arrived."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.streams import times

PATH = "/v1/chat/completions"


def piece(content: str) -> bytes:
    """Make one event of a chat stream."""
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % content.encode()


def test_a_piece_arrives_with_the_chunk_that_completes_it() -> None:
    """An event cut over two chunks is there with the second."""
    arrivals = ((1.0, 0), (2.0, 10), (3.0, 20))
    assert times([10, 11, 20, 25], arrivals) == [1.0, 2.0, 2.0, 3.0]
    assert times([5], ()) == []


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20))
def test_times_never_go_back(sizes: list[int]) -> None:
    """Later pieces never arrive before sooner ones."""
    arrivals = tuple((float(i), sum(sizes[:i])) for i in range(len(sizes)))
    ends = list(range(1, sum(sizes) + 1))
    found = times(ends, arrivals)
    assert found == sorted(found)
    assert set(found) == {at_s for at_s, _ in arrivals}


def test_without_arrivals_nothing_is_measured(reading: Any) -> None:
    """A stream that the relay did not stamp has an end, but no times."""
    fields = {"content-type": "text/event-stream"}
    found = reading.output(PATH, piece("a") + piece("b"), fields)
    assert found["ttft_s"] == [None]
    assert found["tokens_per_s"] == [None]
    assert found["deltas"] == [2]
    assert found["end"] == ["unfinished"]


def test_one_piece_has_no_gaps(reading: Any) -> None:
    """With one token there is a first token and nothing between tokens."""
    found = reading.stream(PATH, [(10.5, piece("a"))])
    assert found["ttft_s"] == [pytest.approx(0.5)]
    assert found["gap_mean_s"] == [None]
    assert found["gap_max_s"] == [None]
    assert found["stalls"] == [0]


def test_pieces_after_the_last_stamp_are_not_timed(reading: Any) -> None:
    """The relay stamps a bounded number of chunks; later pieces have no known time."""
    body = [piece(str(i)) for i in range(6)]
    arrivals = ((10.1, 0), (10.2, len(body[0])), (10.3, 2 * len(body[0])))
    fields = {"content-type": "text/event-stream"}
    record = reading.timed(first_s=10.1, last_s=10.6, n_chunks=6)
    found = reading.output(PATH, b"".join(body), fields, arrivals=arrivals, stream=record)
    assert found["gap_max_s"] == [pytest.approx(0.1)]
    assert found["tokens_per_s"] == [pytest.approx(10)]
    assert found["deltas"] == [6]


def test_a_stream_that_was_stamped_to_its_end_is_timed_to_its_end(reading: Any) -> None:
    """The relay's own record agrees with the last stamp: nothing is left out."""
    body = [piece(str(i)) for i in range(3)]
    pieces = [(10.1 + i / 10, one) for i, one in enumerate(body)]
    record = reading.timed(first_s=10.1, last_s=10.3, n_chunks=3)
    found = reading.stream(PATH, pieces, stream=record)
    assert found["tokens_per_s"] == [pytest.approx(10)]
    assert found["gap_max_s"] == [pytest.approx(0.1)]
    assert found["gap_mean_s"] == [pytest.approx(0.1)]


def test_a_clock_that_stood_still_gives_no_rate(reading: Any) -> None:
    """All tokens in one chunk: gaps of zero, and no rate of tokens."""
    found = reading.stream(PATH, [(10.5, piece("a") + piece("b"))])
    assert found["gap_mean_s"] == [0.0]
    assert found["tokens_per_s"] == [None]
