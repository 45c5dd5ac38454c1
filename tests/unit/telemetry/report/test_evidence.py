"""What monitors, insights and findings tell of one column is brought together."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.records import AlarmName, Blame, Finding, Insight
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.report.evidence import (
    MAX_BARS,
    MAX_CELLS,
    MAX_COLUMNS,
    abridged,
    columns_of,
    evidence_of,
    load_cells_of,
)
from proxy.telemetry.report.values import Evidence


def a_stream(name: str, evidence: float = 8.0, n_bins: int = 67) -> JsonObject:
    """Give one stream as `detail_of` writes it."""
    return {
        "stream": name,
        "effect": 0.5,
        "interval": [0.4, 0.6],
        "unit": "sd",
        "evidence": evidence,
        "n": 300,
        "n_reference": 5000,
        "summary": f"{name}: higher",
        "blamed": evidence > 16,
        "distances": {"psi": 0.3, "psi_if_unchanged": 0.01, "auc": 0.7, "js": 0.1},
        "histogram": {
            "bins": [f"b{at}" for at in range(n_bins)],
            "reference": [1 / n_bins] * n_bins,
            "current": [1 / n_bins] * n_bins,
        },
    }


def a_detail(*streams: JsonObject) -> JsonObject:
    """Give what a monitor tells."""
    return {"threshold": 16.0, "evidence": 8.0, "streams": list(streams)}


def test_the_alarms_own_words_stand_before_those_of_the_insight(
    finding: Callable[..., Finding], insight: Callable[..., Insight]
) -> None:
    """Effect and interval are the finding's; distances the insight's; evidence the monitor's."""
    blamed = finding(AlarmName.INPUT_DRIFT, 9.0).blamed
    detail = a_detail(a_stream("wind"), a_stream("temperature", 20.0))
    columns = columns_of(detail, blamed, insight())
    assert [one.name for one in columns] == ["temperature"]
    (column,) = columns
    assert (column.effect, column.interval, column.unit) == (-2.9, (-3.2, -2.6), "sd")
    assert column.summary == "temperature: 2.9 sd lower (median 74 -> 23)"
    assert (column.auc, column.psi, column.psi_null) == (0.02, 4.1, 0.011)
    assert column.wasserstein_sd == 2.7
    assert column.strength == 1.25
    assert [bar.label for bar in column.bars[:2]] == ["20 to 40", "40 to 80"]


def test_without_an_insight_the_monitor_is_enough(finding: Callable[..., Finding]) -> None:
    """PSI beside its mean without a change, and the histogram in at most 24 bars."""
    detail = a_detail(a_stream("temperature", 20.0))
    (column,) = columns_of(detail, finding(AlarmName.INPUT_DRIFT, 9.0).blamed, None)
    assert (column.psi, column.psi_null, column.auc) == (0.3, 0.01, 0.7)
    assert column.wasserstein_sd is None
    assert 1 < len(column.bars) <= MAX_BARS
    assert column.bars[0].label == "b0 … b2"
    assert abs(sum(one.current for one in column.bars) - 1) < 1e-4


def test_with_nothing_but_a_finding_the_finding_is_told(finding: Callable[..., Finding]) -> None:
    """A journal of an older version has no more; details of another shape are as good as none."""
    blamed = finding(AlarmName.INPUT_DRIFT, 9.0).blamed
    for detail in ({}, {"streams": 7}, {"reason": "switched off"}):
        (column,) = columns_of(detail, blamed, None)
        assert (column.name, column.effect, column.bars) == ("temperature", -2.9, ())


def test_with_nobody_to_blame_the_strongest_come_first() -> None:
    """So a quiet alarm shows what it watches; streams without evidence are left out."""
    detail = a_detail(a_stream("a", 0.0), a_stream("b", 2.0), a_stream("c", 5.0))
    assert [one.name for one in columns_of(detail, (), None)] == ["c", "b"]


def test_what_the_journal_keeps_is_small_and_reads_the_same() -> None:
    """A thousand columns become twelve with coarser bars: some kilobytes."""
    detail = a_detail(*(a_stream(f"c{at}", 20.0 if at == 777 else 1.0) for at in range(1000)))
    kept = abridged(detail)
    assert len(msgspec.json.encode(kept)) < 40_000
    columns = columns_of(kept, (), None)
    assert columns[0].name == "c777"
    assert columns[0].bars == columns_of(detail, (), None)[0].bars
    assert len(columns_of(a_detail(*[a_stream(f"c{i}") for i in range(99)]), (), None)) <= (
        MAX_COLUMNS
    )


def test_an_insight_is_told_with_wall_time_and_bounded_cells(
    insight: Callable[..., Insight],
) -> None:
    """Twelve cells of an example, each cut; a missing one is called so."""
    example = insight().examples[0]
    many = {f"c{at}": "x" * 500 for at in range(50)}
    wide = msgspec.structs.replace(example, values={"gate": None, "t": 0.1 + 0.2, **many})
    base = Evidence(alarm=AlarmName.INPUT_DRIFT, at_utc="t")
    told = evidence_of(insight(examples=(wide,)), (), base, lambda at_s: f"at {at_s:g}")
    (shown,) = told.examples
    assert shown.at_utc == "at 11"
    assert shown.cells[:2] == (("gate", "missing"), ("t", "0.3"))
    assert len(shown.cells) == MAX_CELLS
    assert len(shown.cells[-1][1]) == 80
    assert told.separation is not None
    assert told.sub_populations[0].share == 0.61
    assert evidence_of(None, (), base, str) == base


def test_load_cells_without_answers_are_left_out() -> None:
    """Details by model give the candidate's; the others' say nothing of it."""
    cells = [{"load": "1", "answers": 9, "current_median_s": 0.1}, {"load": "2", "answers": 0}]
    (cell,) = load_cells_of({"candidate": {"cells": cells}, "slowest": []})
    assert (cell.load, cell.answers, cell.certified_p99_s) == ("1", 9, None)


def test_a_blame_without_words_is_no_loss() -> None:
    """The monitor's own words stand then."""
    blame = Blame(
        subject="a", effect=1.0, interval=None, unit="sd", evidence=1.0, n_current=1, summary=""
    )
    (column,) = columns_of(a_detail(a_stream("a")), (blame,), None)
    assert (column.summary, column.interval) == ("a: higher", None)
