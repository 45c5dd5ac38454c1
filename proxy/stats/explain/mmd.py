"""How far apart two samples of rows are as a whole: the maximum mean discrepancy.

The kernel compares rows with all their columns at once, so it sees any difference of the joint
distributions that the samples are large enough to show. Its null distribution is made by dealing
the rows anew: no assumption but that rows are exchangeable without a change. For people; the price
of a call is fixed by bounds on rows and permutations.

Source: Gretton, Borgwardt, Rasch, Schoelkopf and Smola (2012), "A kernel two-sample test", Journal
of Machine Learning Research 13, equation 3 (unbiased estimate), section 8 (median heuristic).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.records import Discrepancy
from proxy.stats.basis.functionals import Floats
from proxy.stats.explain.design_matrix import DesignMatrix

MAX_REFERENCE: Final = 500
MAX_CURRENT: Final = 1000
MIN_ROWS: Final = 20
PERMUTATIONS: Final = 200
PLAIN: Final = 0.01
"""Below this p-value the sentence says that the samples differ."""
UNUSUAL: Final = 0.05
Singles = NDArray[np.float32]


def discrepancy(
    matrix: DesignMatrix,
    weights: Floats,
    groups: NDArray[np.intp],
    rng: np.random.Generator,
    permutations: int = PERMUTATIONS,
) -> Discrepancy | str:
    """Give the discrepancy of the two samples; or, as text, why it cannot be said.

    Args:
        matrix: both samples, the reference first.
        weights: float array [rows]: a row is drawn with a chance in proportion to what it stands
            for, so that the drawn rows weigh alike.
        groups: int array [rows], equal for rows of one exchange: only one of them is taken, since
            rows that come together are not exchangeable.
        rng: draws rows and deals them anew.
        permutations: how often they are dealt.
    """
    is_current = np.arange(len(matrix.values)) >= matrix.n_reference
    reference = _draw(np.flatnonzero(~is_current), MAX_REFERENCE, weights, groups, rng)
    current = _draw(np.flatnonzero(is_current), MAX_CURRENT, weights, groups, rng)
    n, m = len(reference), len(current)
    if min(n, m) < MIN_ROWS:
        return f"{n} reference and {m} current exchanges: the kernel test needs {MIN_ROWS} of each"
    if not matrix.values.shape[1]:
        return "no column tells any two rows apart"
    kernel = gaussian_kernel(matrix.values[np.concatenate([reference, current])])
    dealt = np.zeros((n + m, permutations + 1), dtype=np.float32)
    dealt[:n, 0] = 1
    for deal in range(1, permutations + 1):
        dealt[rng.permutation(n + m)[:n], deal] = 1
    found = _unbiased(kernel, dealt, n, m)
    p_value = (1 + int(np.count_nonzero(found[1:] >= found[0]))) / (1 + permutations)
    return Discrepancy(
        mmd2=round(float(found[0]), 6),
        p_value=round(p_value, 6),
        permutations=permutations,
        n_reference=n,
        n_current=m,
        summary=_summary(p_value),
    )


def gaussian_kernel(values: Floats) -> Singles:
    """Give exp(-|x - y|^2 / (2 s^2)) with s the median distance: float array [rows, rows]."""
    rows = values.astype(np.float32)
    squares = (rows**2).sum(axis=1)
    apart: Singles = squares[:, None] + squares[None, :] - 2 * (rows @ rows.T)
    np.maximum(apart, 0, out=apart)
    positive = apart[np.triu_indices(len(apart), k=1)]
    positive = positive[positive > 0]
    width = float(np.median(positive)) if len(positive) else 1.0
    kernel: Singles = np.exp(apart / np.float32(-2 * width))
    return kernel


def _unbiased(kernel: Singles, dealt: Singles, n: int, m: int) -> Floats:
    """Give the unbiased estimate for each way to deal the rows: float array [ways].

    With a = 1 for the rows of the first sample: sum of k within it is a'Ka - n, between the samples
    a'K1 - a'Ka, within the second 1'K1 - 2 a'K1 + a'Ka - m. One product serves all ways.
    """
    product = (kernel @ dealt).astype(np.float64)
    within = (dealt * product).sum(axis=0)
    touching = product.sum(axis=0)
    total = float(kernel.sum(dtype=np.float64))
    between = touching - within
    others = total - 2 * touching + within
    found: Floats = (
        (within - n) / (n * (n - 1)) + (others - m) / (m * (m - 1)) - 2 * between / (n * m)
    )
    return found


def _draw(
    rows: NDArray[np.intp],
    size: int,
    weights: Floats,
    groups: NDArray[np.intp],
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    """Draw at most `size` rows by weight without replacement, one of each group.

    Source: Efraimidis and Spirakis (2006), "Weighted random sampling with a reservoir",
    Information Processing Letters 97(5).
    """
    keys = np.log(rng.random(len(rows))) / np.maximum(weights[rows], 1e-12)
    ordered = rows[np.argsort(-keys)]
    _, first = np.unique(groups[ordered], return_index=True)
    return ordered[np.sort(first)[:size]]


def _summary(p_value: float) -> str:
    if p_value <= PLAIN:
        return f"Taken together, current rows differ from the reference (p = {p_value:.3f})."
    if p_value <= UNUSUAL:
        return f"Taken together, current rows may differ from the reference (p = {p_value:.3f})."
    return f"Taken together, current rows do not stand out from the reference (p = {p_value:.2f})."
