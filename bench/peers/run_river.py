"""River: its three drift detectors of one stream of numbers, row by row, with their defaults.

The documentation ("Drift detection"): one detector per stream, `update` with every row, act when
`drift_detected`. `ADWIN`, delta .002: a bound on false alarms that holds however often it is
looked at, of one stream; `PageHinkley` and `KSWIN` have none. They compare the recent past with the
past, not with a certified reference; here they are warmed up with the reference. What is counted
for a few columns and rows is scaled to fifty columns and a month.

River also brings series whose change points people have annotated (from the Turing change point
data set, van den Burg and Williams, 2020, arXiv 2003.06222). They are passed on, so that stablehand
judges them without river.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version

import contest
import numpy as np
import streams
from river import drift
from river.base import DriftDetector
from river.drift import datasets


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much one detector is shown."""

    make: Callable[[], DriftDetector]
    n_columns: int
    n_blocks: int
    n_warm: int
    """Rows of the reference shown beforehand; KSWIN remembers a hundred."""
    settings: str


PLANS = {
    "ADWIN": Plan(
        make=drift.ADWIN, n_columns=10, n_blocks=4320, n_warm=10_000, settings="delta .002"
    ),
    "PageHinkley": Plan(
        make=drift.PageHinkley,
        n_columns=10,
        n_blocks=144,
        n_warm=10_000,
        settings="delta .005, threshold 50",
    ),
    "KSWIN": Plan(
        make=lambda: drift.KSWIN(seed=1),
        n_columns=4,
        n_blocks=4,
        n_warm=1_000,
        settings="alpha .005, window 100",
    ),
}

SERIES = {
    "Occupancy": (datasets.Occupancy, 1),
    "RunLog": (datasets.RunLog, 1),
    "Apple": (datasets.Apple, 3),
    "AirlinePassengers": (datasets.AirlinePassengers, 1),
    "UKCoalEmploy": (datasets.UKCoalEmploy, 1),
}
"""Series, and every how many rows the annotated copy took one. Of Bitcoin and Brent the annotated
copies cannot be told from the package: they are left out."""


def warmed(plan: Plan, rows: streams.Floats) -> DriftDetector:
    """Give a detector that has seen the end of a reference column."""
    detector = plan.make()
    for value in rows[-plan.n_warm :].tolist():
        detector.update(value)
    return detector


def n_alarms(detector: DriftDetector, values: Iterable[float]) -> int:
    """Show rows, count alarms; the detectors start again by themselves."""
    found = 0
    for value in values:
        detector.update(value)
        found += detector.drift_detected
    return found


def months(entry: contest.Entry, plan: Plan) -> None:
    """Count the alarms of a part of each month, scaled to all columns and all rows."""
    spent = n_rows = 0.0
    for scenario in streams.SCENARIOS:
        reference = streams.reference(scenario)
        detectors = [warmed(plan, reference[:, place]) for place in range(plan.n_columns)]
        found = 0
        for index in range(plan.n_blocks):
            rows = streams.block(scenario, index)
            began = time.process_time()
            for place, detector in enumerate(detectors):
                found += n_alarms(detector, rows[:, place].tolist())
            spent += time.process_time() - began
            n_rows += streams.BLOCK
        scale = streams.N_COLUMNS / plan.n_columns * streams.BLOCKS_PER_MONTH / plan.n_blocks
        entry.alarms[scenario] = found * scale
        entry.looks[scenario] = plan.n_columns * plan.n_blocks * streams.BLOCK
    entry.cpu_ms = spent / n_rows * 1e6 * streams.N_COLUMNS / plan.n_columns


def faults(plan: Plan) -> dict[str, list[int | None]]:
    """Give the rows until each faulted column alarms."""
    reference = streams.reference()
    found: dict[str, list[int | None]] = {}
    for fault in streams.FAULTS:
        found[fault] = []
        for replicate in range(streams.N_REPLICATES):
            detector = warmed(plan, reference[:, replicate])
            found[fault].append(first_alarm(detector, fault, replicate))
    return found


def first_alarm(detector: DriftDetector, fault: str, replicate: int) -> int | None:
    """Give the rows until the first alarm; `None`: none in time."""
    for index in range(streams.MAX_ROWS // streams.BLOCK):
        for row, value in enumerate(streams.faulted(fault, replicate, index).tolist()):
            detector.update(value)
            if detector.drift_detected:
                return index * streams.BLOCK + row + 1
    return None


def annotated() -> list[dict[str, object]]:
    """Give the annotated series with the rows at which each detector alarms."""
    found: list[dict[str, object]] = []
    for name, (dataset, every) in SERIES.items():
        source = dataset()
        columns: dict[str, list[float]] = {}
        for row, (_, target) in enumerate(source):
            values = target if isinstance(target, dict) else {"value": target}
            for column, value in values.items() if row % every == 0 else ():
                columns.setdefault(column, []).append(float(value))
        if name == "Apple":
            columns = {column: columns[column] for column in ("Close", "Volume")}
        alarms = {
            kind: sorted({row for values in columns.values() for row in alarm_rows(plan, values)})
            for kind, plan in PLANS.items()
        }
        found.append(
            {
                "name": name,
                "columns": columns,
                "annotations": list(source.annotations.values()),
                "alarms": alarms,
            }
        )
    return found


def alarm_rows(plan: Plan, values: list[float]) -> list[int]:
    """Give the rows of one column at which a fresh detector alarms.

    The defaults of the detectors suit numbers of about unit size, so the column is standardised by
    its first fifth.
    """
    start = np.array(values[: len(values) // 5])
    detector = plan.make()
    rows = []
    for row, value in enumerate((np.array(values) - start.mean()) / (start.std() or 1.0)):
        detector.update(float(value))
        if detector.drift_detected:
            rows.append(row)
    return rows


def main() -> None:
    """Run the three detectors."""
    entries = []
    for name, plan in PLANS.items():
        entry = contest.Entry(
            peer=f"River {name}",
            version=version("river"),
            settings=plan.settings,
            rows_per_look=1,
        )
        months(entry, plan)
        entry.rows_to_alarm = faults(plan)
        entries.append(entry)
    contest.write(entries, series=annotated())


if __name__ == "__main__":
    main()
