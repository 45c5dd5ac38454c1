"""A watcher reports on itself: what its journal says, and what it knows better now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import msgspec
import pytest

from proxy import __version__, clock
from proxy.records import AlarmName
from proxy.telemetry.desk import DeskError
from proxy.telemetry.report import document
from proxy.watcher.process import Watcher
from proxy.watcher.reporting import versions

MakeWatcher = Callable[..., Watcher]
Pass = Callable[[Watcher, range], None]
START_S = int(clock.now_s())


def test_an_open_incident_is_reported_with_what_is_next(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """State, words, evidence and the versions; the page can be made of it."""
    watcher = make_watcher()
    watcher._hands.begin("Watching began.", watcher._versions)
    pass_unready(watcher, range(START_S, START_S + 4))
    report = asyncio.run(watcher._desk.report(None))
    assert (report.alarm, report.state) == (AlarmName.STABLE_UNREADY, "firing")
    assert report.watched == "churn-2"
    assert report.cause == "infrastructure"
    assert report.next
    assert [one.name for one in report.milestones][:2] == ["Began", "Found"]
    assert report.measures[0].effect is None, "a fact was stated, nothing was measured"
    assert report.timeline[0].text == "Watching began."
    assert dict(report.provenance)["stablehand"] == __version__
    assert len(dict(report.provenance)["configuration (SHA-256)"]) == 64
    assert b"not ready" in document(report).body


def test_what_a_monitor_showed_is_kept_for_later(
    make_watcher: MakeWatcher, pass_unready: Pass
) -> None:
    """One entry when the alarm fires, which the timeline does not show."""
    watcher = make_watcher()
    pass_unready(watcher, range(START_S, START_S + 4))
    entries = msgspec.json.decode(msgspec.json.encode(watcher._desk.journal(100)))
    kept = [one["body"] for one in entries if one["kind"] == "evidence"]
    assert kept == [
        {"alarm": "stable_unready", "detail": {"threshold": 1.0, "streams": [], "cells": []}}
    ]
    assert not [one for one in watcher._desk.status().timeline if "Evidence" in one.text]


def test_a_watcher_that_saw_nothing_has_nothing_to_report(make_watcher: MakeWatcher) -> None:
    """Named, an alarm is told as it stands; unnamed, what could be named is said."""
    desk = make_watcher()._desk
    assert asyncio.run(desk.report(AlarmName.LATENCY)).state == "quiet"
    with pytest.raises(DeskError) as refused:
        asyncio.run(desk.report(None))
    assert (refused.value.status, refused.value.code) == (404, "nothing_to_report")
    assert "latency" in refused.value.hint


def test_the_journal_is_read_beside_the_loop(make_watcher: MakeWatcher) -> None:
    """While a report reads some megabytes, links, ticks and pulses have their turns."""
    watcher = make_watcher()
    for _ in range(300):
        watcher._hands.write("note", list(range(2_000)))

    async def turns_of_the_loop() -> int:
        report = asyncio.ensure_future(watcher._desk.report(AlarmName.LATENCY))
        n = 0
        while not report.done():
            await asyncio.sleep(0)
            n += 1
        assert report.result().state == "quiet"
        return n

    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        assert asyncio.run(turns_of_the_loop()) > 20
    finally:
        sys.setswitchinterval(before_s)


def test_versions_name_what_was_in_force(make_watcher: MakeWatcher) -> None:
    """What there is not (a benchmark) is not named."""
    named = versions(make_watcher()._loaded)
    assert list(named) == ["stablehand", "configuration (SHA-256)"]
