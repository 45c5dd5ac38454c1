"""Histograms for people: the fine bins of a profile, merged to at most 20 bars with names.

The detector counts in up to 67 bins, most of them a sixtieth of the reference. A person reads a
dozen bars: neighbours are added up, what lies outside the reference stays apart, and categories
that are rare on both sides become one bar.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from proxy.records import HistogramBin
from proxy.stats.basis.binning import N_EDGES
from proxy.stats.basis.functionals import MISSING_BIN, N_SPECIAL_BINS, ODD_BIN, Floats
from proxy.stats.reference.column import ColumnProfile, Kind

MAX_INNER: Final = 16
"""Bars between the edges of the reference; below, above, missing and wrong type come on top."""
FLOOR_SLACK: Final = 1.5
"""An empty bin of a profile holds 1 / (n + 1); what is below 1.5 of that was never seen."""
ROUNDED: Final = 6
MAX_LABEL: Final = 60
"""Categories may be long texts; what is shown of them is bounded."""


def seen(masses: Floats, n_reference: int) -> Floats:
    """Give the reference's shares with 0 where nothing was seen: float array [bins]."""
    least = FLOOR_SLACK / (n_reference + 1)
    return np.where(masses < least, 0.0, masses)


def bars(column: ColumnProfile, masses: Floats, counts: Floats) -> tuple[HistogramBin, ...]:
    """Give at most 20 bars.

    Args:
        column: the certified column.
        masses: float array [bins], reference.
        counts: float array [bins], current rows.
    """
    total = float(counts.sum())
    current = counts / total if total > 0 else np.zeros(len(counts))
    reference = seen(masses, column.n)
    found = [
        HistogramBin(
            label=label[:MAX_LABEL],
            reference=round(float(reference[places].sum()), ROUNDED),
            current=round(float(current[places].sum()), ROUNDED),
        )
        for label, places in _groups(column, reference, current)
    ]
    return tuple(found)


def _groups(
    column: ColumnProfile, reference: Floats, current: Floats
) -> Iterator[tuple[str, list[int]]]:
    """Give the name and the bins of each bar; special ones only where there is something."""
    n_values = len(reference) - N_SPECIAL_BINS
    if column.kind is Kind.CATEGORICAL:
        yield from _categories(column, np.maximum(reference, current))
    elif not column.edges:
        yield "any", list(range(n_values))
    else:
        yield from _ranges(column, n_values)
    for name, place in (("missing", MISSING_BIN), ("wrong type", ODD_BIN)):
        if reference[place] > 0 or current[place] > 0:
            yield name, [place]


def _ranges(column: ColumnProfile, n_values: int) -> Iterator[tuple[str, list[int]]]:
    """Merge neighbours into equally many bins; repeated values that are few keep their own bar."""
    edges = column.edges
    yield f"below {_text(edges[0])}", [0]
    inner = list(range(1, n_values - 1))
    parts = np.array_split(np.array(inner), min(MAX_INNER, len(inner)))
    repeated = len(edges) < N_EDGES
    for part in parts:
        first, last = int(part[0]) - 1, int(part[-1]) - 1
        if repeated:
            label = _text(edges[first])
            if last > first:
                label = f"{label} to {_text(edges[last])}"
        else:
            label = f"{_text(edges[first])} to {_text(edges[last + 1])}"
        yield label, [int(place) for place in part]
    yield f"above {_text(edges[-1])}", [n_values - 1]


def _categories(column: ColumnProfile, largest: Floats) -> Iterator[tuple[str, list[int]]]:
    """Keep the categories that are common on either side, in the order of the reference."""
    n = len(column.categories)
    common = set(np.argsort(-largest[:n], kind="stable")[:MAX_INNER].tolist())
    for place, name in enumerate(column.categories):
        if place in common:
            yield name, [place]
    rare = [place for place in range(n) if place not in common]
    if rare:
        yield f"{len(rare)} rarer ones", rare
    yield "not in the reference", [n]


def _text(number: float) -> str:
    """Give a number as people write it: four digits, thousands without an exponent."""
    return f"{number:.0f}" if 1000 <= abs(number) < 1e7 else f"{number:.4g}"  # noqa: PLR2004  # digits
