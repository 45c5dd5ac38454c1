"""The rows of a window as the libraries take them that work on data frames."""

from __future__ import annotations

import pandas as pd
import streams


def table(rows: streams.Floats) -> pd.DataFrame:
    """Give rows as a data frame."""
    return pd.DataFrame(rows, columns=[f"x{place:02}" for place in range(rows.shape[1])])
