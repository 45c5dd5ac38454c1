"""How far the answers of two models to the same request lie apart, row by row.

Labels and texts differ or not. Numbers differ by a distance in standard deviations of the stable's
own answers, so that it means the same for prices and for minutes. Probabilities of classes differ
by the total variation, half the sum of the absolute differences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.records import Compared, Pair, Rows, Scalar
from proxy.stats.basis.binning import category_text

PROBABILITY: Final = re.compile(r"p\d+")
DERIVED: Final = frozenset({"confidence", "entropy"})
"""Columns that the decoder derives from the probabilities: comparing them again adds nothing."""
MAX_CLASSES: Final = 20
"""Whole numbers with more distinct values than this are quantities."""
LARGEST: Final = 1e300
"""Beyond this a number is taken as infinite, and distances would overflow."""


class Comparison(Struct, frozen=True, kw_only=True):
    """Both models' answers for one row, compared."""

    labels_differ: bool
    """A class, a label, a text or the form of the answer differs."""
    has_labels: bool
    """There was something other than numbers to compare."""
    distance: float | None
    """`None`: there were no numbers to compare."""

    @property
    def apart(self) -> float:
        """How far the answers lie apart, for an order among those that differ: labels count 1."""
        return float(self.labels_differ) + (self.distance or 0.0)

    def differs(self, far: float) -> bool:
        """Tell whether people would say that the answers differ."""
        if self.labels_differ:
            return True
        return not self.has_labels and self.distance is not None and self.distance > far


def compare(pair: Pair, scales: dict[str, float], max_rows: int = 100) -> list[Comparison]:
    """Compare the answers of a pair, at most `max_rows` of its rows, evenly spread.

    Args:
        pair: answers of both models. When one has fewer rows, its missing rows differ.
        scales: unit of distance by numeric column; a column that is not named holds labels.
        max_rows: bound on the rows compared.
    """
    candidate, stable = pair.candidate, pair.stable
    n = max(candidate.n, stable.n)
    rows = range(n) if n <= max_rows else np.linspace(0, n - 1, max_rows).astype(int)
    left, right = _by_name(candidate), _by_name(stable)
    names = sorted((left.keys() | right.keys()) - DERIVED)
    return [
        _compare_row(
            {
                name: (_at(left.get(name), int(row)), _at(right.get(name), int(row)))
                for name in names
            },
            scales,
        )
        for row in rows
    ]


def by_rule(pair: Pair, scales: dict[str, float], far: float, max_rows: int) -> Compared:
    """Compare the answers of a pair by a certified rule, for all who want to know.

    Args:
        pair: answers of both models.
        scales: unit of distance by numeric column.
        far: distance from which numbers count as different.
        max_rows: bound on the rows compared.
    """
    rows = compare(pair, scales, max_rows)
    return Compared(
        pair=pair,
        differ=tuple(row.differs(far) for row in rows),
        distances=tuple(row.distance for row in rows if row.distance is not None),
        apart=max((row.apart for row in rows if row.differs(far)), default=0.0),
    )


def numeric_scales(answers: Sequence[Rows]) -> dict[str, float]:
    """Give the standard deviation of each numeric column of a model's answers.

    Columns of few whole numbers are class numbers: they are left out, and so compared as labels.
    """
    values: dict[str, list[float]] = {}
    for rows in answers:
        for name, column in zip(rows.columns, rows.values, strict=False):
            values.setdefault(name, []).extend(v for v in map(_number, column) if v is not None)
    return {
        name: float(np.std(column)) or 1.0
        for name, column in values.items()
        if column
        and name not in DERIVED
        and not PROBABILITY.fullmatch(name)
        and not _are_class_numbers(column)
    }


def _compare_row(cells: dict[str, tuple[Scalar, Scalar]], scales: dict[str, float]) -> Comparison:
    labels_differ = has_labels = False
    distances: list[float] = []
    variation = 0.0
    has_probabilities = False
    for name, (left, right) in cells.items():
        a, b = _number(left), _number(right)
        scale = scales.get(name)
        if a is not None and b is not None and PROBABILITY.fullmatch(name):
            has_probabilities = True
            variation += abs(a - b) / 2
        elif a is not None and b is not None and scale is not None:
            distances.append(abs(a - b) / scale)
        else:
            has_labels = True
            labels_differ |= category_text(left) != category_text(right)
    if has_probabilities:
        distances.append(variation)
    distance = sum(distances) / len(distances) if distances else None
    return Comparison(labels_differ=labels_differ, has_labels=has_labels, distance=distance)


def _are_class_numbers(column: list[float]) -> bool:
    distinct = set(column)
    return len(distinct) <= MAX_CLASSES and all(value.is_integer() for value in distinct)


def _by_name(rows: Rows) -> dict[str, list[Scalar]]:
    return dict(zip(rows.columns, rows.values, strict=False))


def _at(column: list[Scalar] | None, row: int) -> Scalar:
    return column[row] if column is not None and row < len(column) else None


def _number(value: Scalar) -> float | None:
    """Give a finite number; `None` for everything else, booleans included: they are labels."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    number = float(value) if abs(value) < LARGEST else math.inf
    return number if math.isfinite(number) else None
