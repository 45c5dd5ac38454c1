"""whylogs: profiles of a window and of the reference, compared by its drift scores.

The documentation ("Drift Algorithm Configuration"): `calculate_drift_scores` with its default
algorithms and thresholds; Kolmogorov-Smirnov on the profiles' sketches for numbers, drift below a
p-value of .05. Profiles are made per hour or per day; it has no rule for looking again and again.
"""

from __future__ import annotations

from importlib.metadata import version

import contest
import numpy as np
import pandas as pd
import streams
import whylogs
from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

LOOKS = {
    contest.TEN_MINUTES: {"unchanged": 144, "0.05 sd on all": 48, "daily wave": 48},
    contest.HOUR: {"unchanged": 72, "0.05 sd on all": 24, "daily wave": 24},
}


def table(rows: streams.Floats) -> pd.DataFrame:
    """Give rows as a data frame."""
    return pd.DataFrame(rows, columns=[f"x{place:02}" for place in range(rows.shape[1])])


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    names = list(table(reference).columns)
    known = whylogs.log(table(reference)).view()

    def judge(rows: streams.Floats) -> contest.Flags:
        current = whylogs.log(table(rows)).view()
        scores = calculate_drift_scores(current, known, with_thresholds=True)
        return np.array([scores[name]["drift_category"] == "DRIFT" for name in names])

    return judge


def main() -> None:
    """Run both sizes of window."""
    entries: list[contest.Entry] = []
    for rows, looks in LOOKS.items():
        plain = contest.Entry(
            peer="whylogs",
            version=version("whylogs"),
            settings="calculate_drift_scores, default thresholds",
            rows_per_look=rows,
        )
        rules = {"any column": contest.ANY_COLUMN}
        entries += contest.judge_windows(plain, make, looks, rules)
    contest.write(entries)


if __name__ == "__main__":
    main()
