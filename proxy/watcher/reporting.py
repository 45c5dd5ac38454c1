"""The incident report of a running watcher: its journal, and what its parts know beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from proxy import __version__, clock
from proxy.benchmark import Benchmark
from proxy.config import Loaded
from proxy.pipeline import Pipeline
from proxy.records import AlarmName, Insight
from proxy.telemetry.desk import DeskError
from proxy.telemetry.journal import Journal, entries
from proxy.telemetry.report import IncidentReport, Live, NothingToReportError, build_from
from proxy.telemetry.report.chronicle import Chronicle, read

ENTRIES: Final = 1_000
"""Entries that are looked at: all that the journal keeps in memory."""


async def chronicle(journal: Journal) -> Chronicle:
    """Read what the journal keeps in memory, in a thread: megabytes would hold up the ticks."""
    lines = journal.lines(ENTRIES)
    return await asyncio.to_thread(lambda: read(entries(lines)))


def report(
    name: AlarmName | None,
    told: Chronicle,
    pipeline: Pipeline,
    insights: Mapping[AlarmName, Insight],
    loaded: Loaded,
) -> IncidentReport:
    """Report on the last incident of an alarm; `None`: on what is worst now, or came last.

    Raises:
        DeskError: nothing has happened that could be reported on.
    """
    config = loaded.config
    live = Live(
        made_utc=clock.utc_text(),
        alarms=pipeline.alarms,
        incidents=pipeline.decision.incidents,
        detail=pipeline.detail,
        insights=insights,
        utc=clock.utc_text_of,
        watched=config.models.candidate.name,
        expected_run_length_s=config.alarms.expected_run_length_s,
        provenance=tuple(versions(loaded).items()),
    )
    try:
        return build_from(told, name, live)
    except NothingToReportError as error:
        hint = f"Ask for an alarm by its name: {', '.join(pipeline.alarms)}."
        message = f"There is nothing to report on: {error}."
        raise DeskError(404, "nothing_to_report", message, hint) from error


def versions(loaded: Loaded, certified: Benchmark | None = None) -> dict[str, str]:
    """Give what a report of these days must name to be understood later: versions and hashes."""
    known = {
        "stablehand": __version__,
        "configuration (SHA-256)": loaded.sha256,
        "benchmark (SHA-256)": loaded.benchmark_sha256,
    }
    if certified is not None:
        known["certified"] = certified.created_utc
        known |= {f"certified {what} (SHA-256)": it for what, it in certified.sha256.items()}
    return {what: value for what, value in known.items() if value}
