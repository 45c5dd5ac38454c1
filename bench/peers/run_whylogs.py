"""whylogs: profiles of a window and of the reference, compared by its drift scores.

The documentation ("Drift Algorithm Configuration"): `calculate_drift_scores` with its default
algorithms and thresholds; Kolmogorov-Smirnov on the profiles' sketches for numbers, drift below a
p-value of .05. Profiles are made per hour or per day; it has no rule for looking again and again.
"""

from __future__ import annotations

import contest
import numpy as np
import streams
import whylogs
from frames import table
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

LOOKS = {
    contest.TEN_MINUTES: {"unchanged": 144, "0.05 sd on all": 48, "daily wave": 48},
    contest.HOUR: {"unchanged": 72, "0.05 sd on all": 24, "daily wave": 24},
}


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    names = list(table(reference).columns)
    known = whylogs.log(table(reference)).view()

    def judge(rows: streams.Floats) -> contest.Flags:
        current = whylogs.log(table(rows)).view()
        scores = calculate_drift_scores(current, known, with_thresholds=True)
        return np.array([scores[name]["drift_category"] == "DRIFT" for name in names])

    return judge


LIBRARY = contest.Library(
    peer="whylogs",
    package="whylogs",
    settings="calculate_drift_scores, default thresholds",
    make=make,
    looks=LOOKS,
)

if __name__ == "__main__":
    contest.run(LIBRARY)
