"""Tokens: each stream counts once, by its pieces of content where they were read."""

from __future__ import annotations

import pytest

import made
from proxy.records import Exchange, Scalar, Stream
from proxy.telemetry.settings import MetricsSettings
from proxy.telemetry.tally import Buckets
from proxy.telemetry.tokens import MAX_WAITING, WAIT_S, Tokens

RECORD = Stream(first_content_s=100.2, n_chunks=5, mean_gap_s=0.05, longest_gap_s=0.14)


def streamed(number: int = 1, *, capture: float = 1.0, stream: Stream | None = RECORD) -> Exchange:
    """Give a streamed exchange that began at 100 s and ended at 101 s."""
    return made.exchange(
        id=number,
        started_s=100.0,
        connected_s=100.0,
        first_byte_s=100.1,
        finished_s=101.0,
        stream=stream,
        capture=capture,
    )


def timings(**columns: list[Scalar]) -> dict[str, list[Scalar]]:
    """Give the timings of one answer of three pieces."""
    read: dict[str, list[Scalar]] = {
        "ttft_s": [0.3],
        "gap_mean_s": [0.1],
        "gap_max_s": [0.15],
        "deltas": [3],
    }
    return read | columns


def seen(tokens: Tokens) -> tuple[Buckets, Buckets]:
    """Give what was counted at the candidate: first tokens and gaps."""
    (_, first), (_, gap) = [*tokens.firsts(), *tokens.gaps()]
    return first, gap


def fresh() -> Tokens:
    """Give tokens with the usual edges."""
    return Tokens(MetricsSettings())


def test_a_stream_that_is_not_sampled_counts_by_its_chunks() -> None:
    """Nobody reads its body, so the relay's record is all there is; gaps are exact in sum."""
    tokens = fresh()
    tokens.observe(streamed(capture=0.0))
    first, gap = seen(tokens)
    assert (first.n, gap.n) == (1, 4)
    assert first.total == pytest.approx(0.2)
    assert gap.total == pytest.approx(0.2)


def test_a_sampled_stream_counts_once_by_its_pieces() -> None:
    """The pieces win over the chunks, and what comes again or late adds nothing."""
    tokens = fresh()
    tokens.observe(streamed())
    assert seen(tokens)[0].n == 0
    tokens.read(streamed(), timings())
    tokens.read(streamed(), timings())
    tokens.settle(1000.0)
    first, gap = seen(tokens)
    assert (first.n, gap.n) == (1, 2)
    assert first.total == pytest.approx(0.3)
    assert gap.total == pytest.approx(0.2)


def test_a_sampled_stream_without_pieces_counts_by_its_chunks() -> None:
    """A predictor's chunked answer has no tokens to read."""
    tokens = fresh()
    tokens.observe(streamed())
    tokens.read(streamed(), {})
    assert (seen(tokens)[0].n, seen(tokens)[1].n) == (1, 4)


def test_several_answers_of_one_exchange_have_one_first_token() -> None:
    """The client waited once; the gaps of each answer are gaps of their own."""
    tokens = fresh()
    tokens.observe(streamed())
    two = timings(ttft_s=[0.4, 0.3], gap_mean_s=[0.1, 0.2], gap_max_s=[0.1, 0.2], deltas=[3, 2])
    tokens.read(streamed(), two)
    first, gap = seen(tokens)
    assert (first.n, first.total) == (1, pytest.approx(0.3))
    assert (gap.n, gap.total) == (3, pytest.approx(0.4))


def test_a_stream_that_was_cut_has_its_first_token_read_and_its_gaps_from_the_chunks() -> None:
    """The beginning was read, but how many pieces there were in all is not known."""
    tokens = fresh()
    tokens.observe(streamed())
    tokens.read(streamed(), timings(deltas=[None]))
    first, gap = seen(tokens)
    assert (first.n, first.total) == (1, pytest.approx(0.3))
    assert gap.n == 4


def test_a_stream_without_content_has_no_first_token() -> None:
    """Events that carry no content, such as an error, are not a fast answer."""
    tokens = fresh()
    tokens.observe(streamed())
    tokens.read(streamed(), timings(ttft_s=[None], gap_mean_s=[None], gap_max_s=[None], deltas=[0]))
    assert (seen(tokens)[0].n, seen(tokens)[1].n) == (0, 0)


def test_a_sample_that_was_lost_counts_by_its_chunks_after_a_while() -> None:
    """A body that never comes costs the pieces, not the stream."""
    tokens = fresh()
    tokens.observe(streamed())
    tokens.settle(101.0 + WAIT_S)
    assert seen(tokens)[0].n == 0
    tokens.settle(101.1 + WAIT_S)
    assert seen(tokens)[0].n == 1


def test_waiting_streams_are_bounded() -> None:
    """The oldest makes room, counted by its chunks."""
    tokens = fresh()
    for number in range(MAX_WAITING + 3):
        tokens.observe(streamed(number))
    assert seen(tokens)[0].n == 3
    tokens.read(streamed(0), timings())
    assert seen(tokens)[0].n == 3


def test_an_answer_that_is_no_stream_counts_nothing() -> None:
    """Its place is there, at zero."""
    tokens = fresh()
    tokens.observe(streamed(stream=None))
    tokens.read(streamed(stream=None), timings())
    assert (seen(tokens)[0].n, seen(tokens)[1].n) == (0, 0)
