"""The rows of the reference that stay in the benchmark: few, at random, and without the rare.

They show people, and tests that need rows rather than counts, what the reference looked like. What
is kept has passed the redaction of the configuration. Beyond that a string stays only when it is a
category of the profile, which at least five rows had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from proxy.benchmark import MAX_SAMPLE, ReferenceSample
from proxy.records import Scalar
from proxy.stats.basis.binning import category_text
from proxy.stats.reference.column import ColumnProfile, Kind
from proxy.stats.reference.profile import Profile

MAX_CELLS: Final = 200_000
"""Cells that are kept at most, about 4 MB of the file: wide references keep fewer rows."""
DIGITS: Final = ".9g"
"""Digits of a kept number. Nine tell any measurement and any time in seconds."""


def keep_sample(
    columns: Mapping[str, Sequence[Scalar]], profile: Profile, n: int, rng: np.random.Generator
) -> ReferenceSample | None:
    """Draw at most `n` rows without replacement; `None` when none are wanted or there are none.

    Args:
        columns: redacted reference rows.
        profile: their profile; columns that it does not have are left out.
        n: rows wanted, at most 1,000.
        rng: draws the rows. They keep their order.
    """
    kept = {one.name: one for one in profile.columns if one.name in columns}
    n_rows = min((len(columns[name]) for name in kept), default=0)
    size = min(n, MAX_SAMPLE, n_rows, MAX_CELLS // max(len(kept), 1))
    if size <= 0:
        return None
    rows = np.sort(rng.choice(n_rows, size, replace=False)).tolist()
    return ReferenceSample(
        columns={
            name: [_kept(columns[name][row], column) for row in rows]
            for name, column in kept.items()
        },
        n=size,
    )


def _kept(value: Scalar, column: ColumnProfile) -> Scalar:
    """Give what is kept of one cell; rare strings and what JSON cannot say are `None`."""
    if value is None or value != value:  # noqa: PLR0124 - finds NaN
        return None
    if column.kind is Kind.CATEGORICAL:
        return value if category_text(value) in column.categories else None
    if isinstance(value, str) or not np.isfinite(value):
        return None
    return float(format(value, DIGITS)) if isinstance(value, float) else value
