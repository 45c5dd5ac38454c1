"""Sampled rows: compact on the way, by column where they are used, tame for every coding."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from proxy.stats.explain.samples import (
    SampledRow,
    SampledRows,
    TwoSamples,
    equal_sample,
    sample_of,
    tamed,
)

KEPT = SampledRows(
    (("a", "b"), ("b", "c")),
    (
        SampledRow(7, 1.0, 2.0, 0, (1, "x")),
        SampledRow(7, 1.0, 2.0, 0, (2, "y")),
        SampledRow((1 << 63) - 1, 2.0, 5.0, 1, ("z", None)),
    ),
)


def test_rows_of_different_forms_line_up_by_column() -> None:
    """What a row lacks is missing there; a column that no row has is missing everywhere."""
    assert KEPT.columns(["a", "b", "d"]) == {
        "a": [1, 2, None],
        "b": ["x", "y", "z"],
        "d": [None, None, None],
    }


def test_rows_of_one_exchange_are_one_group() -> None:
    """The largest id that there is, is no trouble."""
    assert KEPT.groups().tolist() == [0, 0, 1]
    assert KEPT.weights().tolist() == [2.0, 2.0, 5.0]


def test_the_groups_of_both_samples_are_apart() -> None:
    """A reference row and a current row never belong together, whatever their numbers."""
    both = TwoSamples(
        profiles=(), reference=equal_sample({"a": [1, 2]}, 2), current=sample_of(KEPT, ["a"])
    )
    assert both.groups.tolist() == [0, 1, 2, 2, 3]
    assert both.weights.tolist() == [1, 1, 2, 2, 5]
    assert (both.reference.n, both.current.n) == (2, 3)


def test_nothing_is_a_sample_too() -> None:
    """No row kept: empty columns, no group."""
    empty = sample_of(SampledRows(), ["a"])
    assert (empty.n, empty.columns["a"], empty.groups.tolist()) == (0, [], [])


def test_odd_cells_become_what_every_coding_can_hold() -> None:
    """Integers beyond 64 bits, beyond floats, and text with half a surrogate."""
    assert tamed(1 << 70) == float(1 << 70)
    assert tamed(-(10**400)) == -math.inf
    assert tamed("a\ud800b") == "a?b"
    assert tamed(True) is True
    odd = SampledRows((("a",),), (SampledRow(1, 0.0, 1.0, 0, (1 << 70,)),)).tamed()
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(odd), type=SampledRows)
    assert np.isclose(float(again.rows[0].values[0] or 0), 2.0**70)
