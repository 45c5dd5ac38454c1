"""Sampling: fair, bounded, and honest about its chances."""

from __future__ import annotations

from random import Random

import pytest

from proxy.relay.capture import FieldPicker, Kept, Sampler
from proxy.relay.settings import Capture

DICE = Random(10)


def draw(sampler: Sampler, dice: Random = DICE) -> bool:
    """Draw one request, as the plane does; tell whether it was kept."""
    sampler.n_seen += 1
    is_kept = dice.random() < sampler.keep
    if is_kept:
        sampler.kept()
    return is_kept


def drive(
    sampler: Sampler, rate: float, seconds: float, start_s: float = 0.0, dice: Random = DICE
) -> list[float]:
    """Offer requests at a steady rate, with ticks; give the chances of those that were kept."""
    taken, next_tick_s = [], start_s
    for n in range(int(rate * seconds)):
        at_s = start_s + n / rate
        while next_tick_s <= at_s:
            sampler.tick(next_tick_s)
            next_tick_s += 0.25
        chance = sampler.keep
        if draw(sampler, dice):
            taken.append(chance)
    return taken


def test_below_the_limit_everything_is_kept() -> None:
    """A rate below the limit is kept whole, with certainty."""
    assert drive(Sampler(Capture(max_rows_per_s=200)), 100, 10) == [1.0] * 1000


@pytest.mark.parametrize("rate", [1_000, 20_000])
def test_above_the_limit_the_limit_is_kept_on_average(rate: float) -> None:
    """At any rate about `max_rows_per_s` are kept, and 1/chance adds up to the traffic."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, rate, 1)
    taken = drive(sampler, rate, 10, start_s=1.0)
    assert 1_700 < len(taken) < 2_300
    assert sum(1 / chance for chance in taken) == pytest.approx(rate * 10, rel=0.15)


def test_a_burst_out_of_silence_is_noticed_at_once() -> None:
    """Ten thousand requests between two ticks do not all become samples."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    for n in range(40):
        sampler.tick(n * 0.25)
    assert sum(draw(sampler) for _ in range(10_000)) < 1_000


def test_silence_restores_certainty() -> None:
    """When the rate falls the chances rise again."""
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, 10_000, 2)
    assert sampler.keep < 0.05
    for n in range(60):
        sampler.tick(2.0 + n * 0.25)
    assert sampler.keep == 1.0


def test_either_is_the_chance_of_two_independent_draws() -> None:
    """Keeping and copying are drawn as if by two numbers; suspended, neither is."""
    sampler = Sampler(Capture())
    sampler.fit(keep=0.3, copy=0.2)
    assert sampler.either == pytest.approx(1 - 0.7 * 0.8)
    sampler.is_suspended = True
    sampler.fit()
    assert sampler.either == 0.0
    sampler.is_suspended = False
    sampler.fit(copy=0.0)
    assert sampler.either == pytest.approx(0.3)


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
    made = FieldPicker(()).message(b"GET /\r\nA: b\r\n\r\n", kept, limit=limit, truncated=broke_off)
    assert made.truncated == truncated
    assert made.body == b"abc"[:limit]
    assert made.fields == {}


def test_only_allowed_fields_are_kept() -> None:
    """Names in lower case, repeats joined, values as they were, everything else left out."""
    raw = b"GET / HTTP/1.1\r\nX-A: 1 \r\nx-a:Two\r\nCookie: c\r\nX-B: \xff\r\nX-Ab: 3\r\n\r\n"
    picker = FieldPicker(("X-A", "x-b"))
    for _ in range(2):
        assert picker.pick(raw) == {"x-a": "1, Two", "x-b": "\xff"}


def test_what_is_remembered_of_heads_is_bounded() -> None:
    """Heads that never repeat do not pile up."""
    picker = FieldPicker(("x-a",))
    for n in range(500):
        assert picker.pick(b"GET / HTTP/1.1\r\nX-A: %d\r\n\r\n" % n) == {"x-a": str(n)}
    assert len(picker._remembered) <= 64


def test_the_sample_of_an_overload_is_uniform() -> None:
    """Ten times what may be kept: over positions in time, kept ones are as even as chance allows.

    Pearson's chi-square over 50 positions of 400 requests each, with the chances that the records
    carry as expectation and their variance: 49 degrees of freedom, 99.9 % quantile 85.4.
    """
    dice = Random(11)
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, 2_000, 2, dice=dice)
    kept, expected, variance = [0] * 50, [0.0] * 50, [0.0] * 50
    for n in range(20_000):
        if n % 500 == 0:
            sampler.tick(2.0 + n / 2_000)
        place, chance = n // 400, sampler.keep
        expected[place] += chance
        variance[place] += chance * (1 - chance)
        kept[place] += draw(sampler, dice)
    assert 1_800 < sum(kept) < 2_200
    assert sum((k - e) ** 2 / v for k, e, v in zip(kept, expected, variance, strict=True)) < 85.4
    even = sum(kept) / 50
    assert sum((k - even) ** 2 / (even * 0.9) for k in kept) < 85.4


def test_no_place_between_two_ticks_is_preferred() -> None:
    """Sampling the first requests of each quarter second would be a bias that looks even."""
    dice = Random(12)
    sampler = Sampler(Capture(max_rows_per_s=200))
    drive(sampler, 2_000, 2, dice=dice)
    kept = [0] * 10
    for n in range(20_000):
        if n % 500 == 0:
            sampler.tick(2.0 + n / 2_000)
        kept[n % 500 // 50] += draw(sampler, dice)
    even = sum(kept) / 10
    # 9 degrees of freedom, 99.9 % quantile 27.9.
    assert sum((k - even) ** 2 / (even * 0.9) for k in kept) < 27.9
