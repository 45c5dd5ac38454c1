"""Streamed design effects are those of rows that are all at hand."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.batches import BatchMeans, StreamedEffects
from proxy.stats.basis.design_effect import batch_means, block_lengths, measure
from proxy.stats.reference.column import build_column


@pytest.mark.parametrize("n", [0, 15, 127, 128, 5000, 40_000])
def test_figures_are_those_of_batch_means_for_any_chunks(n: int) -> None:
    """Clustered, independent and constant series together, in chunks of every size."""
    rng = np.random.default_rng(n)
    clustered = np.repeat(rng.uniform(size=n // 20 + 1), 20)[:n]
    series = np.stack([clustered, rng.uniform(size=n), np.full(n, 0.3)], axis=1)
    means = BatchMeans(3)
    at = 0
    while at < n:
        size = int(rng.integers(1, 700))
        means.add(series[at : at + size])
        at += size
    wanted = [batch_means(one, block_lengths(n)) for one in series.T]
    assert means.figures() == pytest.approx(wanted, rel=1e-9)
    if n == 40_000:
        assert wanted[0] > 10


def test_functionals_of_a_column_borrow_as_they_do_at_once() -> None:
    """Missing rows are left out of what has a value; rare shares borrow."""
    rng = np.random.default_rng(1)
    values = [None if i % 7 == 0 else float(v) for i, v in
              enumerate(np.repeat(rng.normal(size=300), 30))]  # fmt: skip
    column = build_column("x", values, ordered=False)
    bins = column.binner().bins(values)
    streamed = StreamedEffects(column.functionals())
    for chunk in np.array_split(bins, 37):
        streamed.add(chunk)
    assert streamed.measured() == pytest.approx(measure(column.functionals(), bins), rel=1e-9)
