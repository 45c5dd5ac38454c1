"""Numbers that describe a tensor: an embedding, an image, a wide vector.

A drift engine works on columns. A tensor of a thousand numbers becomes a dozen: how large it is,
where its values lie, how sharp it is, and where it lies on the reference's main directions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from proxy.payload.reasons import Reason, Unreadable
from proxy.records import Scalar

Array: TypeAlias = npt.NDArray[np.float64]

MEASURES: Final = ("size", "norm", "mean", "sd", "min", "max", "zeros", "sharpness", "missing")
_LARGEST: Final = 1e150
"""Values beyond are clipped: their squares would overflow the norm."""


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """The main directions of a reference sample of vectors, to project later vectors on."""

    mean: list[float]
    """[n_features]"""
    directions: list[list[float]]
    """[n_directions, n_features], orthonormal but for rounding, by falling variance."""


def of(value: object) -> Array:
    """Make a float array of nested lists of numbers; `None` inside becomes NaN.

    Raises:
        Unreadable: ragged, or with something that is no number.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        detail = "A tensor is ragged or holds something that is not a number."
        raise Unreadable(Reason.WRONG_SHAPE, detail) from None
    return array


def describe(array: Array) -> dict[str, Scalar]:
    """Describe one tensor of any shape by `MEASURES`. NaN and infinities count as missing cells.

    `sharpness` is the mean square of the second difference along the two longest axes over the
    variance: the one-number form of the variance of the Laplacian (Pech-Pacheco et al., 2000,
    "Diatom autofocusing in brightfield microscopy"), made free of contrast. Blur lowers it, noise
    raises it; white noise has 6.
    """
    finite = np.isfinite(array)
    n_missing = array.size - int(finite.sum())
    if array.size == n_missing:
        return {"size": array.size, "missing": 1.0}
    values = np.clip(array if n_missing == 0 else array[finite], -_LARGEST, _LARGEST)
    mean, sd = float(values.mean()), float(values.std())
    return {
        "size": array.size,
        "norm": float(np.linalg.norm(values.ravel())),
        "mean": mean,
        "sd": sd,
        "min": float(values.min()),
        "max": float(values.max()),
        "zeros": float((values == 0).mean()),
        "sharpness": None if n_missing else _sharpness(values, sd),
        "missing": n_missing / array.size,
    }


def describe_sparse(values: Array, size: int) -> dict[str, Scalar]:
    """Describe a tensor of `size` numbers of which all but `values` are zero, by `MEASURES`.

    The same figures as `describe` gives of it written out, but for `sharpness`, which is missing:
    neighbours of a cell are not known. O(values), whatever the size. `size` is at least 1.
    """
    finite = np.isfinite(values)
    n_missing = values.size - int(np.count_nonzero(finite))
    if size == n_missing:
        return {"size": size, "missing": 1.0}
    given = np.clip(values if n_missing == 0 else values[finite], -_LARGEST, _LARGEST)
    n_implied, n = size - values.size, size - n_missing
    if n_implied:
        # One zero stands for all that are implied: it bounds the values, and counts below.
        given = np.append(given, 0.0)
    mean = float(given.sum()) / n
    apart = given - mean
    variance = (float(apart @ apart) + max(n_implied - 1, 0) * mean * mean) / n
    n_zeros = given.size - int(np.count_nonzero(given)) + max(n_implied - 1, 0)
    return {
        "size": size,
        "norm": math.sqrt(given @ given),
        "mean": mean,
        "sd": math.sqrt(variance),
        "min": float(given.min()),
        "max": float(given.max()),
        "zeros": n_zeros / n,
        "sharpness": None,
        "missing": n_missing / size,
    }


def _sharpness(values: Array, sd: float) -> float | None:
    """Give the mean square of second differences over the variance; `None` for flat or short."""
    if sd == 0 or not np.isfinite(sd):
        return None
    axes = sorted(range(values.ndim), key=lambda axis: values.shape[axis])[-2:]
    squares = [
        float(np.mean(np.square(np.diff(values, n=2, axis=axis) / sd)))
        for axis in axes
        if values.shape[axis] > 2  # noqa: PLR2004 - a second difference needs three values
    ]
    return sum(squares) / len(squares) if squares else None


def fit(vectors: Sequence[Array], n_directions: int = 8) -> Basis | None:
    """Fit the main directions of a reference sample; `None` with too few or unequal vectors.

    Principal components by singular value decomposition of the centred sample [n, n_features]
    (Jolliffe, 2002, "Principal Component Analysis", section 3.5).
    """
    widths = {vector.size for vector in vectors}
    if len(widths) != 1 or len(vectors) < 2 * n_directions:
        return None
    matrix = np.stack([vector.ravel() for vector in vectors])
    matrix = np.clip(matrix[np.isfinite(matrix).all(axis=1)], -_LARGEST, _LARGEST)
    if matrix.shape[0] < 2 * n_directions:
        return None
    mean = matrix.mean(axis=0)
    _, _, directions = np.linalg.svd(matrix - mean, full_matrices=False)
    # Rounded, since these numbers stand in a file that people may read.
    return Basis(
        mean=[float(f"{value:.6g}") for value in mean],
        directions=directions[:n_directions].round(6).tolist(),
    )


class Axes:
    """The main directions of a reference, ready to project on."""

    def __init__(self, basis: Basis) -> None:
        """Turn the stored numbers into arrays, once."""
        self._mean = np.asarray(basis.mean)
        self._directions = np.asarray(basis.directions)
        self.measures = (*(f"pc{i}" for i in range(len(basis.directions))), "residual")

    def project(self, array: Array) -> dict[str, Scalar]:
        """Give the coordinates `pc0`, `pc1`, ... on the main directions, and `residual`.

        `residual` is the reconstruction error: the norm of what the directions do not explain. All
        are missing when the width differs from the reference's or a value is not finite.
        """
        vector = array.ravel()
        if vector.size != self._mean.size or not np.isfinite(vector).all():
            return dict.fromkeys(self.measures)
        centred = np.clip(vector, -_LARGEST, _LARGEST) - self._mean
        coordinates = self._directions @ centred
        residual = float(np.linalg.norm(centred - coordinates @ self._directions))
        return dict(zip(self.measures, [*coordinates.tolist(), residual], strict=True))
