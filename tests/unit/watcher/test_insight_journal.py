"""What the journal keeps of an explanation: bounded, and without the cells of rows."""

from __future__ import annotations

import msgspec
import pytest

from proxy.records import AlarmName, ColumnInsight, Example, HistogramBin, Insight
from proxy.watcher.insight import for_journal


def large_insight() -> Insight:
    """Give an insight that is longer than an entry may be."""
    bars = tuple(HistogramBin(label="x" * 60, reference=0.1, current=0.1) for _ in range(20))
    column = ColumnInsight(
        name="age",
        kind="numeric",
        n_reference=1,
        n_current=1,
        shift_sd=None,
        auc=None,
        psi=0.0,
        psi_null=0.0,
        wasserstein_sd=None,
        wasserstein_null=None,
        new_share=0.0,
        missing=(0.0, 0.0),
        effect=0.0,
        interval=None,
        unit="sd",
        summary="",
        histogram=bars,
    )
    return Insight(
        alarm=AlarmName.INPUT_DRIFT,
        at_s=0.0,
        since_s=0.0,
        columns=(column,) * 12,
        sub_populations=(),
        examples=(Example(exchange="0" * 16, at_s=0.0, why="age is low", values={"age": 3}),),
        separation=None,
        discrepancy=None,
        reason="",
    )


@pytest.mark.parametrize("max_bytes", [1 << 20, 16_000, 4_000, 1_000])
def test_the_journals_entry_is_bounded_and_loses_the_least_important_first(max_bytes: int) -> None:
    """The histogram of the first column goes last."""
    whole = large_insight()
    entry = for_journal(whole, hide=False, max_bytes=max_bytes)
    assert len(msgspec.json.encode(entry)) <= max_bytes
    drawn = [bool(column.histogram) for column in entry.columns]
    assert drawn == sorted(drawn, reverse=True)
    assert entry.columns


def test_the_journal_never_holds_the_cells_of_rows() -> None:
    """Where cells are shown to people, the entry has the exchange and what is telling only."""
    entry = for_journal(large_insight(), hide=True)
    assert entry.examples[0].values == {}
    assert entry.examples[0].why == "age is low"
