"""Conclusions: the finding says what is known, and first of all what is not."""

from __future__ import annotations

import json

import numpy as np

from proxy.records import AlarmName, Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.conclude import (
    MAX_SILENT_TICKS,
    Wording,
    conclude,
    detail_of,
    unknown,
    verdict_of,
)
from proxy.stats.engine.streams import watch_shares
from proxy.stats.engine.watch import Watch

WORDING = Wording(name=AlarmName.ERRORS, rows="answers", min_rows=150, tick_s=2.0)


def watch() -> Watch:
    """Give a watch on two shares."""
    streams = watch_shares("", {"a": 0.01, "b": 0.01}, 1000, Tolerance(effect=0.05), 1.0)
    return Watch(streams, Certainty(run_length_ticks=1e6))


def show(watched: Watch, ticks: int, n_bad: int) -> None:
    """Show ticks of 100 rows with this many bad ones in the first stream."""
    for _ in range(ticks):
        bins = np.zeros(100, dtype=np.intp)
        bins[:n_bad] = 1
        watched.add(0, bins)
        watched.tick()


def test_too_few_then_ok_then_silent() -> None:
    """Unknown until there are enough rows, OK after, unknown again after a long silence."""
    watched = watch()
    show(watched, 1, 0)
    few = conclude(watched, WORDING, 0.0, Verdict.OK)
    assert (few.verdict, few.reason) == (
        Verdict.UNKNOWN,
        "only 100 answers so far, 150 are needed",
    )
    show(watched, 1, 0)
    assert conclude(watched, WORDING, 2.0, Verdict.OK).verdict is Verdict.OK
    for _ in range(MAX_SILENT_TICKS + 1):
        watched.tick()
    silent = conclude(watched, WORDING, 30.0, Verdict.OK)
    assert silent.verdict is Verdict.UNKNOWN
    assert "no answers" in silent.reason


def test_breach_says_who_since_when_and_how_much() -> None:
    """The finding of a breach carries everything an alert needs."""
    watched = watch()
    show(watched, 20, 1)
    show(watched, 5, 40)
    finding = conclude(watched, WORDING, 100.0, Verdict.UNKNOWN)
    assert finding.verdict is Verdict.BREACH
    assert finding.subject == "a"
    assert finding.since_s == 90.0
    assert finding.evidence >= finding.threshold
    assert finding.interval is not None
    assert finding.interval[0] < finding.effect < finding.interval[1]
    assert [blame.subject for blame in finding.blamed] == ["a"]
    assert "40.00%" in finding.reason
    assert verdict_of(watched, 10**9) is Verdict.BREACH


def test_unknown_carries_its_reason() -> None:
    """Without a reference there is nothing but the reason."""
    finding = unknown(AlarmName.LATENCY, 5.0, "no certified latency")
    assert (finding.verdict, finding.reason) == (Verdict.UNKNOWN, "no certified latency")
    assert finding.evidence < finding.threshold


def test_detail_is_json() -> None:
    """Every number of the detail can be written as JSON."""
    watched = watch()
    show(watched, 5, 40)
    detail = json.loads(json.dumps(detail_of(watched, WORDING), allow_nan=False))
    assert [stream["blamed"] for stream in detail["streams"]] == [True, False]
