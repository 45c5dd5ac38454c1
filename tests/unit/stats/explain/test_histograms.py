"""Histograms for people: few bars with names, nothing lost in merging."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Scalar
from proxy.stats.explain.histograms import MAX_LABEL, bars, seen
from proxy.stats.reference.column import ColumnProfile, build_column

RNG = np.random.default_rng(2)
COLUMNS: dict[str, list[Scalar]] = {
    "normal": RNG.normal(size=3000).tolist(),
    "hours": RNG.integers(0, 24, 3000).tolist(),
    "two values": RNG.integers(0, 2, 3000).tolist(),
    "words": RNG.choice([f"word {n}" for n in range(50)], 3000).tolist(),
    "constant": [7.0] * 3000,
    "nothing": [None] * 3000,
}


def counts_of(column: ColumnProfile, values: list[Scalar]) -> np.ndarray:
    """Give the number of values in each bin."""
    binner = column.binner()
    return np.bincount(binner.bins(values), minlength=binner.n_bins).astype(np.float64)


@pytest.mark.parametrize("name", COLUMNS)
def test_at_most_twenty_bars_hold_every_row(name: str) -> None:
    """Whatever the column, shares of both sides add up to one and no name appears twice."""
    column = build_column(name, COLUMNS[name], ordered=False)
    found = bars(column, np.array(column.masses), counts_of(column, COLUMNS[name]))
    assert 1 <= len(found) <= 20
    assert len({bar.label for bar in found}) == len(found)
    assert sum(bar.current for bar in found) == pytest.approx(1, abs=1e-4)
    # Unseen bins hold a little of the reference's mass, which is not shown.
    assert sum(bar.reference for bar in found) == pytest.approx(1, abs=0.02)


def test_merged_bins_say_their_range_and_what_lies_outside_stays_apart() -> None:
    """A person reads borders of the reference, from below its least to above its most."""
    column = build_column("x", list(map(float, range(3000))), ordered=False)
    found = bars(column, np.array(column.masses), counts_of(column, [-1.0, 10.0, 4000.0, None]))
    assert (found[0].label, found[0].current) == ("below 0", 0.25)
    assert (found[-2].label, found[-2].current) == ("above 2999", 0.25)
    assert (found[-1].label, found[-1].reference) == ("missing", 0.0)
    assert found[1].label.startswith("0 to ")


def test_common_categories_keep_their_bar_and_rare_ones_share_one() -> None:
    """A category that is common on either side is shown; unknown ones are called that."""
    words: list[Scalar] = [f"w{n}" for n in range(30) for _ in range(100 - 2 * n)]
    column = build_column("w", words, ordered=False)
    found = bars(column, np.array(column.masses), counts_of(column, ["w29"] * 5 + ["new"] * 5))
    shown = {bar.label: bar.current for bar in found}
    assert shown["w29"] == 0.5
    assert shown["not in the reference"] == 0.5
    assert "14 rarer ones" in shown


def test_long_categories_are_cut() -> None:
    """A text as a category must not fill the journal."""
    column = build_column("w", ["y" * 500] * 50, ordered=False)
    found = bars(column, np.array(column.masses), counts_of(column, ["y" * 500]))
    assert max(len(bar.label) for bar in found) == MAX_LABEL


def test_a_bin_that_was_never_seen_shows_as_empty() -> None:
    """Profiles give unseen bins a little mass; people are shown what was there."""
    column = build_column("x", list(map(float, range(2000))), ordered=False)
    shown = seen(np.array(column.masses), column.n)
    assert shown[0] == shown[-1] == shown[-2] == 0
    assert shown[1:-3].min() > 0
