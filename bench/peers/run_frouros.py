"""Frouros: its batch Kolmogorov-Smirnov detector on every column.

The documentation (readme, "Data drift"): fit `KSTest` on the reference, compare a batch, drift at
a p-value of at most .001. It is a detector of one column; many columns, and looking again and
again, are left to the user.
"""

from __future__ import annotations

from importlib.metadata import version

import contest
import numpy as np
import streams
from frouros.detectors.data_drift import KSTest

LEVEL = 0.001
LOOKS = {
    contest.TEN_MINUTES: {"unchanged": 72, "0.05 sd on all": 24, "daily wave": 24},
    contest.HOUR: {"unchanged": 72, "0.05 sd on all": 24, "daily wave": 24},
}


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    detectors = [KSTest() for _ in range(reference.shape[1])]
    for place, detector in enumerate(detectors):
        detector.fit(X=reference[:, place])

    def judge(rows: streams.Floats) -> contest.Flags:
        results = [one.compare(X=rows[:, place])[0] for place, one in enumerate(detectors)]
        return np.array([result.p_value <= LEVEL for result in results])

    return judge


def main() -> None:
    """Run both sizes of window."""
    entries: list[contest.Entry] = []
    for rows, looks in LOOKS.items():
        plain = contest.Entry(
            peer="Frouros",
            version=version("frouros"),
            settings="KSTest, p at most .001",
            rows_per_look=rows,
        )
        rules = {"any column": contest.ANY_COLUMN}
        entries += contest.judge_windows(plain, make, looks, rules)
    contest.write(entries)


if __name__ == "__main__":
    main()
