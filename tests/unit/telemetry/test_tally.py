"""Buckets and tables: exact counts, bounded keys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.telemetry.tally import Buckets, Table


def test_a_value_on_an_edge_belongs_below_it() -> None:
    """Prometheus' `le` means less or equal."""
    buckets = Buckets([1.0, 2.0])
    for value in (1.0, 1.5, 2.0, 2.5):
        buckets.observe(value)
    assert list(buckets.cumulative()) == [("1.0", 1), ("2.0", 3), ("+Inf", 4)]
    assert buckets.total == 7.0


@given(st.lists(st.floats(0, 20), max_size=50))
def test_nothing_is_lost(values: list[float]) -> None:
    """Count and sum are those of the values, and the cumulated counts never fall."""
    buckets = Buckets([0.1, 1.0, 10.0])
    for value in values:
        buckets.observe(value)
    counts = [n for _, n in buckets.cumulative()]
    assert buckets.n == len(values) == counts[-1]
    assert buckets.total == pytest.approx(sum(values))
    assert counts == sorted(counts)
    assert counts[1] == sum(value <= 1.0 for value in values)


def test_a_negative_duration_counts_as_zero() -> None:
    """A sum that falls would look like a restart to Prometheus."""
    buckets = Buckets([1.0])
    buckets.observe(-3.0)
    assert (buckets.n, buckets.total) == (1, 0.0)


def test_quantiles_lie_where_the_values_lie() -> None:
    """On uniform values and fine edges, a quantile is within one bucket of the true one."""
    rng = np.random.default_rng(7)
    buckets = Buckets([edge / 50 for edge in range(1, 51)])
    values = rng.uniform(0, 1, 5_000)
    for value in values:
        buckets.observe(float(value))
    for share in (0.05, 0.5, 0.95, 0.99):
        assert buckets.quantile(share) == pytest.approx(np.quantile(values, share), abs=0.02)


def test_quantiles_at_the_ends() -> None:
    """Nothing observed gives None; what is above the last edge gives the last edge."""
    buckets = Buckets([1.0, 2.0])
    assert buckets.quantile(0.5) is None
    buckets.observe(50.0)
    assert buckets.quantile(0.5) == 2.0


def test_a_full_table_folds_the_last_label() -> None:
    """Keys beyond the limit are counted under `other`; known keys go on; nothing is lost."""
    table = Table(limit=2)
    for name in ("a", "b", "c", "d", "a"):
        table.add("x", name)
    assert table.values == {("x", "a"): 2, ("x", "b"): 1, ("x", "other"): 2}
    assert table.n_folded == 2


def test_a_table_without_labels_counts() -> None:
    """No labels means one counter."""
    table = Table(limit=1)
    table.add(by=2)
    table.add()
    assert table.values == {(): 3}
