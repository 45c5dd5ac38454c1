"""Counts of replicas: taken, packed, merged and put back give the evidence of one watcher."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import made
from proxy.records import Rows
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.pooling import (
    MAX_COUNT,
    PoolingError,
    Tally,
    layout_sha256,
    merge,
    n_rows,
    pack,
    put,
    sizes,
    take,
    unpack,
)
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch

CITIES = ("bonn", "ulm", "kiel")


def certified(seed: int = 1) -> Profile:
    """Give a profile of numbers, whole numbers and words, whose bins differ in number."""
    rng = np.random.default_rng(seed)
    columns = {
        "x": rng.normal(size=3000).tolist(),
        "hour": rng.integers(0, 24, 3000).tolist(),
        "city": rng.choice(CITIES, 3000).tolist(),
        "y": rng.normal(size=3000).tolist(),
    }
    return build_profile(columns, rng, ordered=False)


PROFILE = certified()


def new_watch(profile: Profile = PROFILE, learn_ticks: int = 0) -> ProfileWatch:
    """Give a watch without evidence."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1), learn_ticks=learn_ticks)
    return ProfileWatch(profile, rule, Certainty(run_length_ticks=1e4))


def rows_of(rng: np.random.Generator, n: int, shift: float = 0.0) -> Rows:
    """Give rows of live traffic."""
    return made.rows(
        {
            "x": rng.normal(shift, 1, n).tolist(),
            "hour": rng.integers(0, 24, n).tolist(),
            "city": rng.choice(CITIES, n).tolist(),
            "y": [None if one else 1.0 for one in rng.random(n) < 0.1],
        }
    )


def named(watch: ProfileWatch) -> dict[str, Watch]:
    """Give the watch as a monitor would."""
    return {"input": watch.gather()}


def test_the_merged_evidence_is_that_of_one_watcher_who_saw_all_rows() -> None:
    """Bit for bit, tick for tick, into a breach, for three replicas of different traffic."""
    one, replicas = new_watch(), [new_watch() for _ in range(3)]
    folded = new_watch()
    rng = np.random.default_rng(5)
    for tick in range(60):
        shift = 0.0 if tick < 20 else 0.8
        for place, replica in enumerate(replicas):
            rows = rows_of(rng, 5 + 20 * place, shift)
            replica.count(rows)
            one.count(rows)
        shares = [pack(take(named(replica))) for replica in replicas]
        total = merge([unpack(share, sizes(named(folded))) for share in shares])
        put(named(folded), total)
        assert (folded.gather().pending == one.gather().pending).all()
        one.tick()
        folded.tick()
        assert (folded.watch.detector.wealth == one.watch.detector.wealth).all()
    assert folded.watch.breach is not None
    assert folded.watch.blamed() == one.watch.blamed()
    assert folded.save() == one.save()


def test_replicas_that_have_learnt_other_design_effects_still_add_up() -> None:
    """What was learnt changes bets and inner order, but not the hash nor the order of counts."""
    fresh, taught = new_watch(), new_watch(learn_ticks=32)
    rng = np.random.default_rng(6)
    for _ in range(40):
        taught.count(rows_of(rng, 20))
        taught.tick()
    assert taught.learnt is not None
    assert layout_sha256(named(taught)) == layout_sha256(named(fresh))
    rows = rows_of(rng, 50)
    fresh.count(rows)
    taught.count(rows)
    left, right = take(named(fresh)), take(named(taught))
    assert (left["input"] == right["input"]).all()


def test_taking_leaves_nothing_and_putting_adds() -> None:
    """Counts that were taken are gone from the watch, and come back as often as they are put."""
    watch = new_watch()
    watch.count(rows_of(np.random.default_rng(7), 30))
    tally = take(named(watch))
    assert n_rows(tally) == 4 * 30
    assert not watch.watch.pending.any()
    put(named(watch), merge([tally, tally]))
    assert n_rows(take(named(watch))) == 8 * 30
    put(named(watch), {"another": tally["input"]})
    assert not watch.watch.pending.any()


def test_other_bins_have_another_hash() -> None:
    """Another reference, another name, another salt: their counts must not be added up."""
    ours = layout_sha256(named(new_watch()))
    assert layout_sha256(named(new_watch())) == ours
    assert layout_sha256(named(new_watch(certified(seed=2)))) != ours
    assert layout_sha256({"output": new_watch().gather()}) != ours
    assert layout_sha256(named(new_watch()), ["other benchmark"]) != ours
    fewer = structs.replace(PROFILE, columns=PROFILE.columns[:2])
    assert layout_sha256(named(new_watch(fewer))) != ours


@given(
    st.dictionaries(
        st.sampled_from("abc"),
        st.lists(st.integers(0, MAX_COUNT), min_size=1, max_size=20),
        max_size=3,
    )
)
def test_packing_keeps_every_count(counts: dict[str, list[int]]) -> None:
    """What is unpacked is what was packed, whatever the counts are."""
    tally: Tally = {name: np.array(own, dtype=np.int64) for name, own in counts.items()}
    found = unpack(pack(tally), {name: len(own) for name, own in counts.items()})
    assert {name: own.tolist() for name, own in found.items()} == counts


@given(st.binary(max_size=64))
def test_foreign_bytes_are_refused(raw: bytes) -> None:
    """Bytes that nobody packed raise the error of this room and no other."""
    with pytest.raises(PoolingError):
        unpack(raw, {"input": 3})


def test_damaged_long_and_impossible_counts_are_refused() -> None:
    """Another length, a bomb, a cut, something behind it, or a count beyond the bound."""
    good = pack({"input": np.array([1, 2, 3])})
    huge = zlib.compress(np.full(3, MAX_COUNT + 1, dtype="<u4").tobytes())
    bomb = zlib.compress(bytes(50_000_000), 1)
    for raw, words in (
        (good[:-3], "expected"),
        (good + b"more", "expected"),
        (bomb, "expected"),
        (pack({"input": np.array([1, 2])}), "expected"),
        (huge, "more than a tick can hold"),
        (good[1:], "unpacked"),
    ):
        with pytest.raises(PoolingError, match=words):
            unpack(raw, {"input": 3})


def test_a_count_beyond_the_bound_is_cut() -> None:
    """A replica never publishes what others would refuse."""
    watch = new_watch()
    watch.watch.pending[0] = 2.0 * MAX_COUNT
    assert int(take(named(watch))["input"].max()) == MAX_COUNT


def test_no_rows_are_no_rows() -> None:
    """An empty tally, and an empty merge, are empty."""
    assert merge([]) == {}
    assert n_rows({}) == 0
    assert unpack(pack({}), {}) == {}


def test_replicas_that_were_cut_off_come_to_the_same_evidence_again() -> None:
    """What each judged alone for a while dies away: evidence is started anew at every tick."""
    rng = np.random.default_rng(11)
    one, other = new_watch(), new_watch()
    for _ in range(60):
        for watch in (one, other):
            watch.count(rows_of(rng, 20))
            watch.tick()
    apart = np.abs(one.watch.detector.wealth - other.watch.detector.wealth).max()
    for _ in range(150):
        together = rows_of(rng, 100)
        for watch in (one, other):
            watch.count(together)
            watch.tick()
    left = np.abs(one.watch.detector.wealth - other.watch.detector.wealth).max()
    assert left < 0.01 < apart
