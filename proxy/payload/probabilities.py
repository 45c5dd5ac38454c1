"""Probability vectors: told from other vectors, and summed up as class, confidence and entropy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from proxy.payload.parse import Json
from proxy.records import Scalar

_TOLERANCE: Final = 2e-3
"""Servers round: three digits over four classes are off by up to 2e-3."""
_MIN_CLASSES: Final = 2


def are_probabilities(rows: Sequence[Sequence[Json]]) -> npt.NDArray[np.float64] | None:
    """Give `rows` as an array [n, n_classes] when each of them is a distribution, `None` otherwise.

    A distribution: at least two numbers, none below 0 or above 1, with the sum 1 up to rounding,
    and not all rows made of zeros and ones only (those are one-hot labels or flags).
    """
    width = len(rows[0]) if rows else 0
    if width < _MIN_CLASSES or any(len(row) != width for row in rows):
        return None
    kinds = {type(cell) for row in rows for cell in row}
    if float not in kinds or not kinds <= {float, int}:
        return None
    try:
        matrix = np.asarray(rows, dtype=np.float64)
    except OverflowError:
        return None
    in_range = matrix.min() >= 0 and matrix.max() <= 1 + _TOLERANCE
    if not in_range or np.abs(matrix.sum(axis=1) - 1).max() > _TOLERANCE + 1e-6 * width:
        return None
    return matrix


def sum_up(matrix: npt.NDArray[np.float64]) -> dict[str, list[Scalar]]:
    """Give, for distributions [n, n_classes], the columns `class`, `confidence` and `entropy`.

    `class` is the index of the largest as text, since it is a category; entropy is in bits:
    H = -sum p log2 p, with 0 log2 0 = 0 (Shannon, 1948, section 6).
    """
    safe = np.where(matrix > 0, matrix, 1.0)
    entropy = -(matrix * np.log2(safe)).sum(axis=1) + 0.0
    return {
        "class": [str(best) for best in matrix.argmax(axis=1).tolist()],
        "confidence": matrix.max(axis=1).tolist(),
        "entropy": entropy.tolist(),
    }
