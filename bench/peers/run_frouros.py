"""Frouros: its batch Kolmogorov-Smirnov detector on every column.

The documentation (readme, "Data drift"): fit `KSTest` on the reference, compare a batch, drift at
a p-value of at most .001. It is a detector of one column; many columns, and looking again and
again, are left to the user.
"""

from __future__ import annotations

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


LIBRARY = contest.Library(
    peer="Frouros",
    package="frouros",
    settings="KSTest, p at most .001",
    make=make,
    looks=LOOKS,
)

if __name__ == "__main__":
    contest.run(LIBRARY)
