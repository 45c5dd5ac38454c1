"""Sampling: fair, bounded, and honest about its chances."""

from __future__ import annotations

import pytest

from proxy.relay.capture import Kept, Sampler, allowed_fields, message
from proxy.relay.settings import Capture


def drive(sampler: Sampler, rate: float, seconds: float, start_s: float = 0.0) -> list[float]:
    """Offer requests at a steady rate, with ticks; give the chances of those that were taken."""
    taken, next_tick_s = [], start_s
    for n in range(int(rate * seconds)):
        at_s = start_s + n / rate
        while next_tick_s <= at_s:
            sampler.tick(next_tick_s)
            next_tick_s += 0.25
        probability = sampler.probability
        if sampler.draw():
            taken.append(probability)
    return taken


def test_below_the_limit_everything_is_taken() -> None:
    """A rate below the limit is taken whole, with certainty."""
    assert drive(Sampler(Capture(max_rows_per_s=200)), 100, 10) == [1.0] * 1000


@pytest.mark.parametrize("rate", [1_000, 20_000])
def test_above_the_limit_the_limit_is_kept_on_average(rate: float) -> None:
    """At any rate about `max_rows_per_s` are taken, and 1/chance adds up to the traffic."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, rate, 1)
    taken = drive(sampler, rate, 10, start_s=1.0)
    assert 1_700 < len(taken) < 2_300
    assert sum(1 / chance for chance in taken) == pytest.approx(rate * 10, rel=0.15)


def test_a_burst_out_of_silence_is_noticed_at_once() -> None:
    """Ten thousand requests in a hundredth of a second do not all become samples."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    for n in range(40):
        sampler.tick(n * 0.25)
    taken = sum(sampler.draw() for _ in range(10_000))
    assert taken < 1_000


def test_silence_restores_certainty() -> None:
    """When the rate falls the chances rise again."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, 10_000, 2)
    assert sampler.probability < 0.05
    for n in range(60):
        sampler.tick(2.0 + n * 0.25)
    assert sampler.probability == 1.0


def test_kept_pieces_are_cut_at_the_limit() -> None:
    """The first bytes are kept, the length is counted on, and the cut is noted."""
    kept = Kept(5)
    for piece in (b"abc", b"def", b"ghi"):
        kept.add(piece)
    assert (kept.body(), kept.n_bytes, kept.truncated) == (b"abcde", 9, True)


def test_a_body_that_fits_is_whole() -> None:
    """A body as long as the limit is not cut."""
    kept = Kept(6)
    for piece in (b"abc", b"def"):
        kept.add(piece)
    assert (kept.body(), kept.body(), kept.truncated) == (b"abcdef", b"abcdef", False)
    assert Kept(1).body() == b""


@pytest.mark.parametrize(
    ("limit", "broke_off", "truncated"), [(9, False, False), (2, False, True), (9, True, True)]
)
def test_a_message_says_when_it_is_not_whole(limit: int, broke_off: bool, truncated: bool) -> None:
    """Cut by the limit or by a broken exchange: both mark it."""
    kept = Kept(9)
    kept.add(b"abc")
    made = message(b"GET /\r\nA: b\r\n\r\n", frozenset(), kept, limit=limit, truncated=broke_off)
    assert made.truncated == truncated
    assert made.body == b"abc"[:limit]


def test_only_allowed_fields_are_kept() -> None:
    """Names in lower case, repeats joined, everything else left out."""
    raw = b"GET / HTTP/1.1\r\nX-A: 1\r\nx-a:2\r\nCookie: c\r\nX-B: \xff\r\n\r\n"
    allowed = frozenset({b"x-a", b"x-b"})
    assert allowed_fields(raw, allowed) == {"x-a": "1, 2", "x-b": "\xff"}
