"""stablehand: its monitor of input drift with all defaults, ticks of ten seconds, every row.

The reference is certified in the order of time and with its times, as docs/detection.md recommends,
so that dependence and hours of the day are known. The budget is one false alarm in a year over all
fifty columns and all looks.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import contest
import numpy as np
import streams

from proxy import __version__
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Model, Rows, Side
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch

TICK_S = 10.0
TICKS_PER_BLOCK = 60
START_S = 60.0 * streams.FIRST_MINUTE
NAMES = tuple(f"x{place}" for place in range(streams.N_COLUMNS))
COST_BLOCKS = 12
"""Blocks that the processor time is measured on: two hours."""
SERIES_RUN_LENGTH = 10_000.0
"""Rows to a false alarm that are asked for in the annotated series: a hundred of them long."""
CALM_ROWS = 10
"""Rows before the first annotated change that are kept out of the reference: none may alarm."""


def certify(scenario: str = "unchanged") -> Profile:
    """Give the profile of the reference."""
    rows = streams.reference(scenario)
    times_s = (60 * streams.reference_minutes(scenario)).tolist()
    columns = {name: rows[:, place].tolist() for place, name in enumerate(NAMES)}
    return build_profile(columns, np.random.default_rng(0), ordered=True, times_s=times_s)


def monitor_of(profile: Profile) -> InputDrift:
    """Give a monitor without evidence."""
    benchmark = Benchmark(created_utc="", models={}, input=profile)
    return InputDrift(DriftSettings(), benchmark, Engine(tick_s=TICK_S, utc_offset_s=START_S))


def ticks(rows: streams.Floats) -> list[Rows]:
    """Give ten minutes as ticks of ten seconds."""
    return [rows_of(part, NAMES) for part in np.array_split(rows, TICKS_PER_BLOCK)]


def rows_of(part: streams.Floats, names: tuple[str, ...]) -> Rows:
    """Give rows as the monitor sees them."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=names,
        values=tuple(part.T.tolist()),
        n=len(part),
    )


def watch_month(entry: contest.Entry, scenario: str) -> None:
    """Watch a whole month, every tick of every row.

    The rows are counted ten minutes at a time and handed over as counts, as those of another
    replica are; `cost` and `faults` go the whole way.
    """
    watch = monitor_of(certify(scenario)).sides()["input"]
    binners = [stream.column.binner() for stream in watch.watch.streams if stream.column]
    places = watch.watch.layout.bins
    if len(binners) != streams.N_COLUMNS:
        raise ValueError(f"{len(binners)} streams where {streams.N_COLUMNS} were expected")
    n_alarms = n_bad = number = 0
    was_bad = False
    for index in range(streams.BLOCKS_PER_MONTH):
        rows = streams.block(scenario, index)
        columns = [
            places[i].start + binner.bins(rows[:, i].tolist()) for i, binner in enumerate(binners)
        ]
        for part in np.array_split(np.stack(columns, axis=1), TICKS_PER_BLOCK):
            number += 1
            watch.watch.pending += np.bincount(part.ravel(), minlength=watch.watch.layout.n_bins)
            watch.tick(START_S + (number - 0.5) * TICK_S)
            is_bad = watch.watch.breach is not None
            n_alarms += is_bad and not was_bad
            n_bad += is_bad
            was_bad = is_bad
    entry.alarms[scenario] = n_alarms
    entry.share[scenario], entry.looks[scenario] = n_bad / number, number


def cost() -> float:
    """Give the processor time of 1,000 rows, from rows to findings, in milliseconds."""
    monitor = monitor_of(certify())
    spent = 0.0
    for index in range(COST_BLOCKS):
        parts = ticks(streams.block("unchanged", index))
        began = time.process_time()
        for number, part in enumerate(parts):
            monitor.observe(part)
            monitor.judge((index * TICKS_PER_BLOCK + number) * TICK_S)
        spent += time.process_time() - began
    return spent / COST_BLOCKS * 1e3


def faults() -> dict[str, list[int | None]]:
    """Give the rows until the faulted column, one of fifty, is blamed."""
    profile = certify()
    return {
        fault: [rows_to_alarm(profile, fault, r) for r in range(streams.N_REPLICATES)]
        for fault in streams.FAULTS
    }


def rows_to_alarm(profile: Profile, fault: str, replicate: int) -> int | None:
    """Give the rows until column `replicate` is blamed; `None`: not in time."""
    monitor = monitor_of(profile)
    shown = 0
    for index in range(streams.MAX_ROWS // streams.BLOCK):
        rows = streams.block("unchanged", replicate * streams.BLOCKS_PER_DAY + index)
        rows[:, replicate] = streams.faulted(fault, replicate, index)
        for number, part in enumerate(ticks(rows)):
            monitor.observe(part)
            shown += part.n
            finding = monitor.judge((index * TICKS_PER_BLOCK + number) * TICK_S)
            if NAMES[replicate] in {blame.subject for blame in finding.blamed}:
                return shown
    return None


def annotated(series: list[dict[str, object]]) -> dict[str, dict[str, object]]:
    """Judge the annotated series: certified on what comes before the first change, row by row."""
    found: dict[str, dict[str, object]] = {}
    for one in series:
        columns, annotations = one["columns"], one["annotations"]
        if not isinstance(columns, dict) or not isinstance(annotations, list):
            raise TypeError("a series has columns by name and a list of annotations")
        change = first_change(annotations)
        names = tuple(columns)
        rows = np.array([columns[name] for name in names]).T
        n_reference = change - CALM_ROWS
        known = {name: rows[:n_reference, i].tolist() for i, name in enumerate(names)}
        profile = build_profile(known, np.random.default_rng(0), ordered=True)
        rule = DriftRule(tolerance=Tolerance(effect=0.1))
        watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=SERIES_RUN_LENGTH))
        alarm = None
        for row in range(n_reference, len(rows)):
            watch.count(rows_of(rows[row : row + 1], names))
            watch.tick()
            if watch.watch.breach is not None:
                alarm = row
                break
        found[str(one["name"])] = {"reference": n_reference, "change": change, "alarm": alarm}
    return found


def first_change(annotations: list[list[int]]) -> int:
    """Give the first row that at least half of the annotators marked, give or take five rows."""
    marked = sorted(row for rows in annotations for row in rows)
    for row in marked:
        near = sum(any(abs(other - row) <= 5 for other in rows) for rows in annotations)  # noqa: PLR2004 - the margin of the data set's own evaluation
        if 2 * near >= len(annotations):
            return row
    raise ValueError("no change that half of the annotators marked")


def main() -> None:
    """Watch the months, the faults, and river's series where river has left them."""
    entry = contest.Entry(
        peer="stablehand",
        version=__version__,
        rule="the alarm",
        settings="InputDrift, defaults, one false alarm a year",
        rows_per_look=round(streams.ROWS_PER_MINUTE * TICK_S / 60),
    )
    for scenario in streams.SCENARIOS:
        watch_month(entry, scenario)
    entry.cpu_ms = cost()
    entry.rows_to_alarm = faults()
    river = Path(sys.argv[1]).with_name("river.json")
    series = json.loads(river.read_text("utf-8"))["series"] if river.is_file() else []
    contest.write([entry], series=annotated(series))


if __name__ == "__main__":
    main()
