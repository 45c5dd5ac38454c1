"""Streams: a reference with its bets, shared where references are equal."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Tolerance
from proxy.stats.engine.streams import NOT_WORSE, watch_columns, watch_shares
from proxy.stats.reference.column import build_column

RNG = np.random.default_rng(1)


def test_continuous_columns_share_one_table() -> None:
    """Fifty continuous columns cost one matrix."""
    columns = [build_column(f"x{i}", list(RNG.normal(size=500)), ordered=False) for i in range(5)]
    streams = watch_columns(columns, {"x1": 3.0}, Tolerance(effect=0.1))
    assert len({id(stream.table) for stream in streams}) == 1
    assert [stream.weight for stream in streams] == [1.0, 3.0, 1.0, 1.0, 1.0]


def test_worse_only_leaves_out_what_may_grow_while_all_gets_better() -> None:
    """Distances that all become zero are no reason to alarm."""
    column = build_column("distance", list(RNG.gamma(2, size=500)), ordered=False)
    (stream,) = watch_columns((column,), {}, Tolerance(effect=0.1, worse_only=True))
    assert not NOT_WORSE & {functional.name for functional in stream.functionals}
    zeros = np.zeros(len(column.masses))
    zeros[0] = 100
    assert (zeros @ stream.table.growth).max() <= 0


def test_unmeasured_design_effect_is_the_tolerances() -> None:
    """What was not measured is assumed, what was measured is used."""
    values = list(np.repeat(RNG.normal(size=100), 20))
    unordered, ordered = (build_column("x", values, ordered=order) for order in (False, True))
    tolerance = Tolerance(effect=0.1, unmeasured_design_effect=7.0)
    first, second = watch_columns((unordered, ordered), {}, tolerance)
    assert set(first.design_effects) == {7.0}
    assert max(second.design_effects) > 10


def test_shares_have_two_bins_and_gain_only_beyond_their_bound() -> None:
    """A share at its tolerated bound gives no evidence, three times as much does."""
    (stream,) = watch_shares("", {"timeout": 0.05}, 100, Tolerance(effect=0.05), 1.0)
    factors = np.exp(stream.table.growth.astype(np.float64))
    assert (np.array([0.95, 0.05]) @ factors).max() <= 1 + 1e-6
    assert (np.array([0.85, 0.15]) @ stream.table.growth).max() > 0.02
    assert stream.name == "timeout"
    assert float(stream.masses.sum()) == pytest.approx(1.0)
