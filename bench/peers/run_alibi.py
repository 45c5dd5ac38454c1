"""alibi-detect: its Kolmogorov-Smirnov detector for many columns (compared with, never used).

The documentation ("Kolmogorov-Smirnov"): `KSDrift` with p_val .05 and Bonferroni's correction over
the columns, its default. For looking again and again it recommends its online detectors with an
expected run time; what the one for univariate data says to fifty columns and a month is noted.
The licence is the Business Source Licence.
"""

from __future__ import annotations

import contest
import numpy as np
import streams
from alibi_detect.cd import CVMDriftOnline, KSDrift

LOOKS = {
    contest.TEN_MINUTES: {"unchanged": 288, "0.05 sd on all": 48, "daily wave": 48},
    contest.HOUR: {"unchanged": 144, "0.05 sd on all": 24, "daily wave": 24},
}
ONLINE_REFERENCE = 300
"""Rows for the online detector: it simulates its thresholds, which takes minutes with more."""


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    detector = KSDrift(reference, p_val=0.05)

    def judge(rows: streams.Floats) -> contest.Flags:
        found = detector.predict(rows)["data"]
        return np.array(found["p_val"] < found["threshold"])

    return judge


def online() -> str:
    """Say what the online detector answers when a month between false alarms is asked for."""
    rows = streams.BLOCKS_PER_MONTH * streams.BLOCK
    try:
        CVMDriftOnline(
            streams.reference()[:ONLINE_REFERENCE], ert=rows, window_sizes=[20], verbose=False
        )
    except ValueError as refusal:
        return f'CVMDriftOnline, asked for a false alarm in {rows:,} rows, refuses: "{refusal}"'
    return f"CVMDriftOnline takes an expected run time of {rows:,} rows"


LIBRARY = contest.Library(
    peer="alibi-detect",
    package="alibi-detect",
    settings="KSDrift, p_val .05, Bonferroni",
    make=make,
    looks=LOOKS,
)

if __name__ == "__main__":
    contest.run(LIBRARY, note=online())
