"""How many dependent rows are worth one independent row: the design effect, by batch means.

Rows of real traffic come in clusters: the flights of one hour share its weather, one client sends
similar rows. The mean of m such rows varies as if there were m / deff of them. Evidence is divided
by deff, and the reference itself counts as n / deff rows. It is learnt where rows are in order of
time, never during an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import chdtri

from proxy.stats.basis.functionals import Bins, Floats, Form, Functional

MIN_BLOCKS = 8
"""Fewer blocks say nothing about the variance between blocks."""
FIRST_BLOCK_ROWS = 16
BLOCK_GROWTH = 2
CERTAINTY = 0.01
"""A variance between blocks that independent rows exceed in 1 % of cases is taken as dependence."""
MIN_HITS = 20
"""A share seen in fewer rows has no measurable design effect: it borrows one."""
UNSEEN_SPECIAL = 4.0
"""Missing values and wrong types that the reference hardly has borrow no more than this: they are
no property of the season that makes rows alike, so when they come in a cluster, that is news."""
SPECIAL = ("missing", "wrong type")
NESTED_TAILS = (
    ("lowest 1 %", "lowest 0.1 %", "below the reference"),
    ("highest 1 %", "highest 0.1 %", "above the reference"),
)
"""The tails of each side, the widest first."""


def block_lengths(n_rows: int) -> list[int]:
    """Give the block lengths, in rows, that `n_rows` rows in order of time can measure."""
    lengths: list[int] = []
    length = FIRST_BLOCK_ROWS
    while n_rows // length >= MIN_BLOCKS:
        lengths.append(length)
        length *= BLOCK_GROWTH
    return lengths


def batch_means(values: Floats, lengths: Sequence[int]) -> float:
    """Give the largest design effect over the block lengths, at least 1.

    deff(b) = b * Var(block means) / Var(rows). Rows that are independent give 1 up to chance, so a
    block length counts only when its figure is beyond the 99 % quantile of chi2(J - 1) / (J - 1).
    Source: batch means, Flegal and Jones (2010), "Batch means and spectral variance estimators in
    Markov chain Monte Carlo", Annals of Statistics 38(2), section 2.

    Args:
        values: float array [rows] in order of time, without NaN.
        lengths: block lengths in rows.
    """
    variance = float(values.var()) if len(values) > 1 else 0.0
    largest = 1.0
    for length in lengths if variance > 0 else ():
        n_blocks = len(values) // length
        if n_blocks < MIN_BLOCKS:
            continue
        means = values[: n_blocks * length].reshape(n_blocks, length).mean(axis=1)
        figure = length * float(means.var(ddof=1)) / variance
        if figure > by_chance(n_blocks - 1):
            largest = max(largest, figure)
    return largest


def by_chance(freedom: float | Floats) -> Floats:
    """Give the figure that independent rows exceed in 1 % of cases: chi2 / degrees of freedom."""
    return np.asarray(chdtri(freedom, CERTAINTY) / freedom, dtype=np.float64)


def is_rare(functional: Functional, hits: float) -> bool:
    """Tell whether a functional is a share that was seen too seldom to have an effect measured."""
    return functional.form is Form.SHARE and hits < MIN_HITS


def measure(
    functionals: Sequence[Functional], bins: Bins, groups: Bins | None = None
) -> dict[str, float]:
    """Give the design effect of each functional from the bins of rows in order of time.

    What is rare cannot show its own clusters. So every tail counts as at least as clustered as the
    next wider tail of its side, which values beyond the reference's range, never seen there, borrow
    in full: a cold night that leaves the range is a cold night. Any other share with fewer than 20
    hits borrows the largest figure of its column.

    Args:
        functionals: the functionals of one column.
        bins: int array [rows] in order of time: the bin of each row.
        groups: int array [rows]: groups, such as hours of the day, whose means are known and so
            make no rows alike. `None`: all rows are one group.

    Returns:
        Design effects by functional name, at least 1.
    """
    lengths = block_lengths(len(bins))
    measured: dict[str, float] = {}
    rare: list[str] = []
    for functional in functionals:
        counted = functional.applies[bins]
        values = functional.values[bins][counted]
        if is_rare(functional, float(values.sum())):
            rare.append(functional.name)
        else:
            if groups is not None:
                values = _within(values, groups[counted])
            measured[functional.name] = batch_means(values, lengths)
    return with_borrowed(measured, rare)


def with_borrowed(measured: dict[str, float], rare: Sequence[str]) -> dict[str, float]:
    """Give the measured figures with those of rare shares, which borrow: see `measure`."""
    largest = max(measured.values(), default=1.0)
    complete = dict(measured)
    for side in NESTED_TAILS:
        _borrow(complete, side)
    for name in rare:
        borrowed = min(largest, UNSEEN_SPECIAL) if name in SPECIAL else largest
        complete.setdefault(name, borrowed)
    return complete


def _within(values: Floats, groups: Bins) -> Floats:
    """Give values less the mean of their group."""
    means = np.bincount(groups, weights=values) / np.maximum(np.bincount(groups), 1)
    centred: Floats = values - means[groups]
    return centred


def _borrow(measured: dict[str, float], side: Sequence[str]) -> None:
    """Give each tail at least the figure of the next wider one that is known."""
    wider = 1.0
    known = False
    for name in side:
        known = known or name in measured
        wider = max(wider, measured.get(name, 1.0))
        if known:
            measured[name] = wider
