"""What the runs of all libraries share: how looks are counted, timed and written down.

Two kinds of libraries are met. Most judge a *window* against the reference, whenever they are
asked: they are asked every ten minutes about the last 1,000 rows, or every hour about the last
6,000. Disjoint windows of independent rows are independent looks, so a part of the month's looks
stands for all of them. The others judge a *stream* row by row, or tick by tick.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import streams
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Judge = Callable[[streams.Floats], Flags]
"""Rows of a window in, the columns that the library flags out: bool array [columns]."""
Maker = Callable[[streams.Floats], Judge]
"""A reference in, a judge out."""

ANY_COLUMN: Final = 0.0
NEVER: Final[list[int | None]] = [None] * streams.N_REPLICATES
HOUR: Final = 6_000
TEN_MINUTES: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library that judges windows, and how much of the months it is shown."""

    peer: str
    package: str
    """What the version is asked of."""
    settings: str
    """How the library is set, in words."""
    make: Maker
    looks: dict[int, dict[str, int]]
    """By the rows of a window, by scenario: looks to take, evenly spread over the month; over one
    day for the wave, so that every hour is seen."""
    rules: dict[str, float] = field(default_factory=lambda: {"any column": ANY_COLUMN})
    """By name: the share of the columns that must be flagged for an alarm."""


@dataclass(kw_only=True)
class Entry:
    """One line of the comparison."""

    peer: str
    version: str
    rule: str = "any column"
    """What counts as an alarm, in words."""
    settings: str
    """How the library was set, and where its documentation says so."""
    rows_per_look: int
    """Rows between two judgements."""
    alarms: dict[str, float] = field(default_factory=dict)
    """By scenario: alarms in a month, those that go on counted once."""
    share: dict[str, float] = field(default_factory=dict)
    """By scenario: share of looks that alarm."""
    looks: dict[str, int] = field(default_factory=dict)
    """By scenario: looks that were taken."""
    rows_to_alarm: dict[str, list[int | None]] = field(default_factory=dict)
    """By fault: rows until the faulted column is flagged, one per replicate; `None`: not found."""
    cpu_ms: float = 0.0
    """Processor time per 1,000 rows of fifty columns, in milliseconds."""
    checksum: str = field(default_factory=streams.checksum)


def run(library: Library, **more: object) -> None:
    """Let a library look at windows of each size, and write down what came of it."""
    entries = [entry for rows in library.looks for entry in judge_windows(library, rows)]
    write(entries, **more)


def judge_windows(library: Library, rows: int) -> list[Entry]:
    """Let a library look at parts of the months and at the faults.

    Returns:
        One entry per rule, all from the same looks.
    """
    n_looks, spent = library.looks[rows], 0.0
    plain = Entry(
        peer=library.peer,
        version=version(library.package),
        settings=library.settings,
        rows_per_look=rows,
    )
    flags: dict[str, list[Flags]] = {}
    for scenario, looks in n_looks.items():
        judge = library.make(streams.reference(scenario))
        span = streams.BLOCKS_PER_DAY if scenario == "daily wave" else streams.BLOCKS_PER_MONTH
        flags[scenario] = []
        for look in range(looks):
            window = streams.window(scenario, look * (span // looks), rows)
            began = time.process_time()
            flags[scenario].append(judge(window))
            spent += time.process_time() - began
    cpu_ms = spent / sum(n_looks.values()) / rows * 1e6
    found = find_faults(library.make(streams.panel_reference()), rows)
    entries = []
    for rule, needed in library.rules.items():
        entry = replace(plain, rule=rule, cpu_ms=cpu_ms, alarms={}, share={}, looks=n_looks)
        # A fault of one column in fifty is never seen by a rule that asks for half of them.
        entry.rows_to_alarm = found if needed == ANY_COLUMN else dict.fromkeys(found, NEVER)
        for scenario, seen in flags.items():
            share = sum(is_alarm(one, needed) for one in seen) / len(seen)
            in_a_month = streams.BLOCKS_PER_MONTH * streams.BLOCK / rows
            # Independent looks alarm in runs, and at each look a share of (1 - p) of them ends.
            entry.alarms[scenario] = in_a_month * share * (1 - share)
            entry.share[scenario] = share
        entries.append(entry)
    return entries


def is_alarm(flags: Flags, needed: float) -> bool:
    """Tell whether these flags are an alarm: any, or at least the needed share of the columns."""
    return bool(flags.any()) if needed == ANY_COLUMN else bool(flags.mean() >= needed)


def find_faults(judge: Judge, rows: int) -> dict[str, list[int | None]]:
    """Give the rows until each faulted column is flagged."""
    found: list[int | None] = [None] * (len(streams.FAULTS) * streams.N_REPLICATES)
    for look in range(streams.MAX_ROWS // rows):
        for place in np.flatnonzero(judge(streams.panel(look, rows))):
            if found[place] is None:
                found[place] = (look + 1) * rows
        if None not in found:
            break
    n = streams.N_REPLICATES
    return {fault: found[i * n : (i + 1) * n] for i, fault in enumerate(streams.FAULTS)}


def write(entries: list[Entry], **more: object) -> None:
    """Write the results where the first argument says, for the report."""
    text = json.dumps({"entries": [asdict(entry) for entry in entries], **more}, indent=1)
    Path(sys.argv[1]).write_text(text + "\n", "utf-8")
    for entry in entries:
        print(f"{entry.peer}, {entry.rule}, {entry.rows_per_look} rows: {entry.alarms}")
