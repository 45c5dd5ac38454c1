"""The streams that every library judges: drawn from seeds, block by block, the same everywhere.

Fifty independent normal columns at 100 rows a minute, after a reference of 10,000 rows. A block is
ten minutes. Any block can be drawn without those before it, so that a slow library may look at a
part of the month that a fast one sees in full. Only numpy is imported: this file runs in the
virtual environment of every library.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEED: Final = 20131101
N_COLUMNS: Final = 50
N_REFERENCE: Final = 10_000
ROWS_PER_MINUTE: Final = 100
BLOCK: Final = 1_000
"""Rows of ten minutes."""
BLOCKS_PER_DAY: Final = 144
BLOCKS_PER_MONTH: Final = 30 * BLOCKS_PER_DAY
MINUTES_PER_DAY: Final = 1_440
MINUTES_PER_WEEK: Final = 7 * MINUTES_PER_DAY

SCENARIOS: Final = ("unchanged", "0.05 sd on all", "daily wave")
"""Months without anything that should alarm; every column is affected alike."""
BENIGN_SHIFT: Final = 0.05
WAVE: Final = 0.15
"""Height of the daily wave in standard deviations; the reference spans a week of it."""
FIRST_MINUTE: Final = 100 * MINUTES_PER_DAY
"""Minute, counted from 1970 in UTC, at which every month begins: 11 April 1970, midnight."""

FAULTS: Final = ("0.25 sd", "0.5 sd", "1 sd", "sd x 1.5", "5 % at +6 sd")
"""What happens to one of the fifty columns, from the first row of the stream on."""
OUTLIERS: Final = 0.05
N_REPLICATES: Final = 10
"""Streams of each fault; in replicate r it is column r."""
MAX_ROWS: Final = 12_000
"""A fault that is not found within so many rows counts as not found."""


def reference(scenario: str = "unchanged") -> Floats:
    """Give the certified rows in order of time: float array [10,000, 50]."""
    rows = np.random.default_rng([SEED, 0]).normal(size=(N_REFERENCE, N_COLUMNS))
    if scenario == "daily wave":
        rows += wave(reference_minutes(scenario))[:, np.newaxis]
    return rows


def reference_minutes(scenario: str = "unchanged") -> Floats:
    """Give the minute since 1970 of each reference row: the time right before the month."""
    minutes = MINUTES_PER_WEEK if scenario == "daily wave" else N_REFERENCE // ROWS_PER_MINUTE
    return FIRST_MINUTE - minutes + np.arange(N_REFERENCE) * (minutes / N_REFERENCE)


def block(scenario: str, index: int) -> Floats:
    """Give ten minutes of a month: float array [1,000, 50]."""
    rng = np.random.default_rng([SEED, 1 + SCENARIOS.index(scenario), index])
    rows = rng.normal(size=(BLOCK, N_COLUMNS))
    if scenario == "0.05 sd on all":
        rows += BENIGN_SHIFT
    if scenario == "daily wave":
        minutes = FIRST_MINUTE + (index * BLOCK + np.arange(BLOCK)) / ROWS_PER_MINUTE
        rows += wave(minutes)[:, np.newaxis]
    return rows


def wave(minutes: Floats) -> Floats:
    """Give the height of the daily wave at these minutes since 1970."""
    return WAVE * np.sin(2 * np.pi * minutes / MINUTES_PER_DAY)


def faulted(fault: str, replicate: int, index: int) -> Floats:
    """Give ten minutes of the faulted column of one replicate: float array [1,000]."""
    rng = np.random.default_rng([SEED, 10 + FAULTS.index(fault), replicate, index])
    values = rng.normal(size=BLOCK)
    if fault == "sd x 1.5":
        return 1.5 * values
    if fault == "5 % at +6 sd":
        return np.where(rng.random(BLOCK) < OUTLIERS, values + 6, values)
    return values + float(fault.split(maxsplit=1)[0])


def window(scenario: str, first_block: int, n_rows: int) -> Floats:
    """Give the rows of a look: `n_rows` from the start of a block."""
    blocks = range(first_block, first_block + n_rows // BLOCK)
    return np.concatenate([block(scenario, index) for index in blocks])


def panel(look: int, n_rows: int) -> Floats:
    """Give the faulted columns of all replicates side by side, [n_rows, 50], of the k-th look.

    A rule that judges each column by itself says the same about a column whatever stands beside
    it; so one call judges fifty streams.
    """
    first = look * n_rows // BLOCK
    columns = [
        np.concatenate([faulted(fault, replicate, first + i) for i in range(n_rows // BLOCK)])
        for fault in FAULTS
        for replicate in range(N_REPLICATES)
    ]
    return np.stack(columns, axis=1)


def panel_reference() -> Floats:
    """Give the reference of each column of `panel`: replicate r is column r."""
    return np.tile(reference()[:, :N_REPLICATES], (1, len(FAULTS)))


def checksum() -> str:
    """Give a short hash of what is drawn: equal hashes are equal streams."""
    parts = [reference("daily wave"), block("daily wave", 0), panel(0, BLOCK)]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]
