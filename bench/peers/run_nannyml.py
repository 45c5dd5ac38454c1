"""NannyML: univariate drift of chunks, as its tutorial does it.

The documentation ("Univariate Drift Detection", "Chunking", "Thresholds"): ten chunks of the
reference by default, here 1,000 rows each; Jensen-Shannon distance for numbers; a chunk alerts
beyond the mean plus three standard deviations of the reference's own chunks. Every chunk is judged
for itself. An hour's 6,000 rows would leave one chunk of the reference to learn a threshold from,
which the documentation advises against (at least six).
"""

from __future__ import annotations

import contest
import nannyml
import numpy as np
import streams
from frames import table

LOOKS = {contest.TEN_MINUTES: {"unchanged": 144, "0.05 sd on all": 48, "daily wave": 48}}


def make(reference: streams.Floats) -> contest.Judge:
    """Give a judge against a reference."""
    known = table(reference)
    names = list(known.columns)
    calculator = nannyml.UnivariateDriftCalculator(
        column_names=names, chunk_size=contest.TEN_MINUTES
    ).fit(known)

    def judge(rows: streams.Floats) -> contest.Flags:
        result = calculator.calculate(table(rows)).filter(period="analysis").to_df()
        return np.array([bool(result[name, "jensen_shannon", "alert"].any()) for name in names])

    return judge


LIBRARY = contest.Library(
    peer="NannyML",
    package="nannyml",
    settings="UnivariateDriftCalculator, defaults, chunks of 1,000 rows",
    make=make,
    looks=LOOKS,
)

if __name__ == "__main__":
    contest.run(LIBRARY)
