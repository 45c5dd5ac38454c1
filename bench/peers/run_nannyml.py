"""NannyML: univariate drift of chunks, as its tutorial does it.

The documentation ("Univariate Drift Detection", "Chunking", "Thresholds"): ten chunks of the
reference by default, here 1,000 rows each; Jensen-Shannon distance for numbers; a chunk alerts
beyond the mean plus three standard deviations of the reference's own chunks. Every chunk is judged
for itself. An hour's 6,000 rows would leave one chunk of the reference to learn a threshold from,
which the documentation advises against (at least six).
"""

from __future__ import annotations

from importlib.metadata import version

import contest
import nannyml
import numpy as np
import pandas as pd
import streams

LOOKS = {"unchanged": 144, "0.05 sd on all": 48, "daily wave": 48}


def table(rows: streams.Floats) -> pd.DataFrame:
    """Give rows as a data frame."""
    return pd.DataFrame(rows, columns=[f"x{place:02}" for place in range(rows.shape[1])])


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


def main() -> None:
    """Run the default size of chunks."""
    plain = contest.Entry(
        peer="NannyML",
        version=version("nannyml"),
        settings="UnivariateDriftCalculator, defaults, chunks of 1,000 rows",
        rows_per_look=contest.TEN_MINUTES,
    )
    rules = {"any column": contest.ANY_COLUMN}
    contest.write(contest.judge_windows(plain, make, LOOKS, rules))


if __name__ == "__main__":
    main()
