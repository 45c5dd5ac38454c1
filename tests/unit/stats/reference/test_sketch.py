"""Sketches: errors within what is promised, bounded memory, and merging that loses nothing."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.stats.reference.sketch import HeavyHitters, Quantiles

LEVELS = np.linspace(0.001, 0.999, 999)


def worst(sketch: Quantiles, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """Give the largest rank error of the sketch's quantiles."""
    ordered = np.sort(values)
    found = sketch.quantiles(LEVELS)
    low = np.searchsorted(ordered, found, side="left") / len(values)
    high = np.searchsorted(ordered, found, side="right") / len(values)
    return float(np.maximum(np.maximum(low - LEVELS, LEVELS - high), 0).max())


def test_few_values_are_kept_exactly() -> None:
    """Until the first compaction every quantile is one of the values, without error."""
    sketch = Quantiles(np.random.default_rng(0))
    sketch.add(np.arange(1000.0))
    assert sketch.rank_error == 0
    assert sketch.quantiles([0.0, 0.5, 1.0]).tolist() == [0.0, 499.0, 999.0]
    assert sketch.ranks([-1.0, 499.0, 999.0]).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("order", ["random", "rising", "falling"])
def test_the_rank_error_is_within_the_promise(seed: int, order: str) -> None:
    """Half a million values in any order and odd chunks, in the memory of a few thousand."""
    rng = np.random.default_rng(seed)
    values = rng.lognormal(size=500_000)
    if order != "random":
        values.sort()
    values = values[::-1] if order == "falling" else values
    sketch = Quantiles(rng)
    for chunk in np.array_split(values, 173):
        sketch.add(chunk)
    assert worst(sketch, values) <= sketch.rank_error == pytest.approx(0.00142, abs=1e-5)
    assert sum(map(len, sketch._levels)) < 4 * 2000
    assert (sketch.low, sketch.high, sketch.n) == (values.min(), values.max(), 500_000)


def test_merged_sketches_are_as_good_as_one() -> None:
    """Ten machines with different data: the merged sketch knows all of it within one error."""
    rng = np.random.default_rng(1)
    parts = [rng.normal(place, 1, 30_000 + 10_000 * place) for place in range(10)]
    merged = Quantiles(rng)
    for part in parts:
        own = Quantiles(rng)
        own.add(part)
        merged.merge(own)
    everything = np.concatenate(parts)
    assert merged.n == len(everything)
    assert worst(merged, everything) <= merged.rank_error


def test_weights_add_up_to_all_values() -> None:
    """No value is lost or made in a compaction: the rank of the maximum is 1 of n."""
    rng = np.random.default_rng(2)
    sketch = Quantiles(rng, size=16)
    for n in (1, 7, 100, 3, 999):
        sketch.add(rng.normal(size=n))
    assert sum(len(values) * 2**h for h, values in enumerate(sketch._levels)) == 1110
    assert sketch.ranks([sketch.high])[0] == 1.0


def test_nothing_seen_gives_no_quantile() -> None:
    """An empty sketch says NaN rather than something."""
    assert np.isnan(Quantiles(np.random.default_rng(0)).quantiles([0.5])).all()


def test_frequent_categories_survive_a_flood_of_rare_ones() -> None:
    """A name per row between them: what is frequent stays, its count within the error."""
    sketch = HeavyHitters(size=100)
    true: Counter[str] = Counter()
    for chunk in range(50):
        counts = Counter({f"id {chunk}-{i}": 1 for i in range(800)}) + Counter(york=150, bath=50)
        true += counts
        sketch.add(counts)
    assert [name for name, _ in sketch.most_common(2)] == ["york", "bath"]
    assert sketch.n == 50_000
    assert sketch.error <= sketch.n / 101
    for name, n in sketch.most_common(100):
        assert true[name] - sketch.error <= n <= true[name]
    assert len(sketch._counts) <= 100


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=30), max_size=8))
def test_merging_keeps_the_error_bound(parts: list[list[str]]) -> None:
    """Whatever is merged in whatever portions, no count is too high, none lacks more than said."""
    merged = HeavyHitters(size=3)
    for part in parts:
        own = HeavyHitters(size=3)
        own.add(Counter(part))
        merged.merge(own)
    true = Counter(one for part in parts for one in part)
    assert merged.n == true.total()
    assert merged.error <= merged.n / 4
    kept = dict(merged.most_common(3))
    assert all(true[name] - merged.error <= kept.get(name, 0) <= true[name] for name in true)
