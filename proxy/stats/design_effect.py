"""How many dependent rows are worth one independent row: the design effect, by batch means.

Rows of real traffic come in clusters: the flights of one hour share its weather, one client sends
similar rows. The mean of m such rows varies as if there were m / deff of them. Evidence is divided
by deff, and the reference itself counts as n / deff rows. It is learnt where rows are in order of
time, never during an alarm.
"""

from __future__ import annotations

from collections.abc import Sequence

from scipy.special import chdtri

from proxy.stats.functionals import Bins, Floats, Form, Functional

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
        if figure > float(chdtri(n_blocks - 1, CERTAINTY)) / (n_blocks - 1):
            largest = max(largest, figure)
    return largest


def measure(functionals: Sequence[Functional], bins: Bins) -> dict[str, float]:
    """Give the design effect of each functional from the bins of rows in order of time.

    A share with fewer than 20 hits (values below the reference's minimum have none at all) cannot
    show its own clusters. It borrows the largest figure among the functionals that could be
    measured: what makes rows alike in their location or their 1 % tail makes them alike beyond it.

    Args:
        functionals: the functionals of one column.
        bins: int array [rows] in order of time: the bin of each row.

    Returns:
        Design effects by functional name, at least 1.
    """
    lengths = block_lengths(len(bins))
    measured: dict[str, float] = {}
    unmeasured: list[str] = []
    for functional in functionals:
        counted = functional.applies[bins]
        values = functional.values[bins][counted]
        if functional.form is Form.SHARE and values.sum() < MIN_HITS:
            unmeasured.append(functional.name)
        else:
            measured[functional.name] = batch_means(values, lengths)
    borrowed = max(measured.values(), default=1.0)
    return measured | {
        name: min(borrowed, UNSEEN_SPECIAL) if name in SPECIAL else borrowed for name in unmeasured
    }
