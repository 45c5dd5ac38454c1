"""Counting rows: every row counts once in every certified column, whatever it carries."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from proxy.records import Scalar
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import build_column
from proxy.stats.watches.columns import ColumnCounter

RNG = np.random.default_rng(1)
COLUMNS = (
    build_column("age", list(RNG.normal(size=500)), ordered=False),
    build_column("city", ["york", "bath"] * 250, ordered=False),
)
STREAMS = watch_columns(COLUMNS, {}, Tolerance(effect=0.1))


def counter(max_rows: int = 100) -> tuple[ColumnCounter, Watch]:
    """Give a counter and the watch it counts into."""
    watch = Watch(STREAMS, Certainty(run_length_ticks=1e6))
    return ColumnCounter(COLUMNS, None, watch, max_rows), watch


def missing(watch: Watch, stream: int) -> int:
    """Give the rows counted as missing."""
    return int(watch.pending[watch.layout.bins[stream]][-2])


def test_order_of_columns_does_not_matter_and_absent_ones_are_missing() -> None:
    """A row without a certified column counts there as missing; unknown columns are ignored."""
    counted, watch = counter()
    counted.count(made.rows({"city": ["york"], "age": [0.1]}))
    counted.count(made.rows({"extra": [1], "city": ["bath"]}))
    counted.count(made.rows({"age": [0.2]}))
    counted.flush()
    assert (missing(watch, 0), missing(watch, 1)) == (1, 1)
    assert counted.n_rows == 3


def test_rows_of_another_form_are_foreign() -> None:
    """Without a single certified column a row is not counted but remembered."""
    counted, watch = counter()
    counted.count(made.rows({"x0": [1.0, 2.0]}))
    counted.flush()
    assert (counted.n_foreign, counted.n_rows) == (2, 0)
    assert watch.pending.sum() == 0


def test_batches_are_thinned_evenly() -> None:
    """Of a thousand rows ten are counted, from the whole batch."""
    counted, watch = counter(max_rows=10)
    counted.count(made.rows({"age": [0.0] * 500 + [None] * 500, "city": ["york"] * 1000}))
    counted.flush()
    assert counted.n_rows == 10
    assert missing(watch, 0) == 5


def test_a_repeated_column_counts_once() -> None:
    """A damaged payload with the same column twice cannot count rows twice."""
    counted, watch = counter()
    doubled = made.rows({"age": [0.0], "": [1.0], "city": ["york"]}, columns=("age", "age", "city"))
    counted.count(doubled)
    counted.flush()
    assert watch.pending[watch.layout.bins[0]].sum() == 1


def test_clear_drops_what_waits() -> None:
    """After a reset old rows do not reach the watch."""
    counted, watch = counter()
    counted.count(made.rows({"age": [0.1], "city": ["york"]}))
    counted.clear()
    counted.flush()
    assert watch.pending.sum() == 0


@pytest.mark.parametrize("n", [1, 100, 1023, 1024, 3000])
def test_many_rows_reach_the_watch_once(n: int) -> None:
    """Flushing early or late counts the same."""
    counted, watch = counter(max_rows=10_000)
    counted.count(made.rows({"age": [0.5] * n, "city": ["york"] * n}))
    counted.flush()
    assert watch.pending[watch.layout.bins[1]].sum() == n


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["age", "city", "extra"]),
            st.one_of(st.none(), st.floats(), st.text(max_size=2), st.integers()),
        ),
        max_size=8,
    )
)
def test_every_column_counts_equally_many_rows(requests: list[dict[str, Scalar]]) -> None:
    """Whatever columns rows carry, each counted row counts once per certified column."""
    counted, watch = counter()
    for request in requests:
        counted.count(made.rows({name: [value] for name, value in request.items()}))
    counted.flush()
    per_column = {int(watch.pending[watch.layout.bins[stream]].sum()) for stream in (0, 1)}
    assert per_column == {counted.n_rows}
