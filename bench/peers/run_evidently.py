"""Evidently: its preset for data drift, on the last 1,000 rows and on the last hour.

The documentation (docs.evidentlyai.com, "Data drift" and "Data drift preset"): the method follows
from the size of the reference (more than 1,000 rows: normed Wasserstein distance above 0.1 for
numbers), and the data set drifts when half of its columns do. It gives no size of window and no
rule for looking again and again.
"""

from __future__ import annotations

import contest
import numpy as np
import streams
from evidently import Report
from evidently.presets import DataDriftPreset
from frames import table

LOOKS = {
    contest.TEN_MINUTES: {"unchanged": 12, "0.05 sd on all": 4, "daily wave": 6},
    contest.HOUR: {"unchanged": 8, "0.05 sd on all": 4, "daily wave": 6},
}
"""A report takes seconds."""


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    known = table(reference)

    def judge(rows: streams.Floats) -> contest.Flags:
        report = Report([DataDriftPreset()], include_tests=True).run(table(rows), known)
        flags = {
            metric["config"]["column"]: metric["value"] > metric["config"]["threshold"]
            for metric in report.dict()["metrics"]
            if "column" in metric["config"]
        }
        return np.array([flags[name] for name in known.columns])

    return judge


LIBRARY = contest.Library(
    peer="Evidently",
    package="evidently",
    settings="DataDriftPreset, defaults",
    make=make,
    looks=LOOKS,
    rules={"any column": contest.ANY_COLUMN, "half of the columns": 0.5},
)
"""The rule for the data set follows from the same reports."""

if __name__ == "__main__":
    contest.run(LIBRARY)
