"""Neighbouring hours that are alike become one slot, so that each slot has enough rows.

Every slot pays for its precision: three standard errors of its own rows are forgiven. So hours are
kept apart only where they differ by more than is lost by merging them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from proxy.stats.basis.functionals import Bins, Floats
from proxy.stats.basis.hours import HOURS

ALIKE: Final = 0.5
"""Hours whose means differ by half of the tolerance may share a slot: each is then a quarter of the
tolerance from their common mean."""
CHANCE_Z: Final = 2.0
"""Hours that differ by less than two standard errors may share a slot, too."""
MIN_ROWS: Final = 100.0
"""A slot with fewer rows forgives more than 0.3 standard deviations, and joins its neighbour."""


def merge_slots(deviations: Floats, errors: Floats, rows: Floats) -> Bins:
    """Give the slot of each hour.

    The two neighbouring slots that differ least are merged again and again, until all that are left
    differ and have rows enough.

    Args:
        deviations: float array [24 or 48 hours, functionals], in tolerances. Of 48 hours the second
            24 are those of weekends; each is also a neighbour of the same hour of working days.
        errors: float array of the same shape, standard errors.
        rows: float array [hours].

    Returns:
        int array [hours]: slots from 0, numbered by their first hour.
    """
    slots = np.arange(len(rows))
    means, precision, n = deviations.copy(), 1 / errors**2, rows.copy()
    precision[rows <= 0] = 0
    edges = _neighbours(len(rows))
    while True:
        pairs = {(min(a, b), max(a, b)) for a, b in slots[edges] if a != b}
        if not pairs:
            break
        nearest, pair = min((_apart(means, precision, a, b), (a, b)) for a, b in pairs)
        if nearest > 1:
            small = [p for p in pairs if min(n[p[0]], n[p[1]]) < MIN_ROWS]
            if not small:
                break
            pair = min(small, key=lambda p: _apart(means, precision, *p))
        keep, drop = pair
        together = precision[keep] + precision[drop]
        weighted = precision[keep] * means[keep] + precision[drop] * means[drop]
        means[keep] = weighted / np.maximum(together, 1e-300)
        precision[keep] = together
        n[keep] += n[drop]
        slots[slots == drop] = keep
    numbered: Bins = np.unique(slots, return_inverse=True)[1].astype(np.intp)
    return numbered


def _apart(means: Floats, precision: Floats, a: int, b: int) -> float:
    """Give how far two slots are apart; at most 1 when they may be merged."""
    if not precision[a].any() or not precision[b].any():
        return 0.0
    chance = np.sqrt(1 / np.maximum(precision[a], 1e-12) + 1 / np.maximum(precision[b], 1e-12))
    forgiven = np.maximum(ALIKE, CHANCE_Z * chance)
    return float((np.abs(means[a] - means[b]) / forgiven).max())


def _neighbours(n_hours: int) -> Bins:
    """Give the pairs of neighbouring hours, around the clock: int array [pairs, 2]."""
    pairs = [
        (start + hour, start + (hour + 1) % HOURS)
        for start in range(0, n_hours, HOURS)
        for hour in range(HOURS)
    ]
    pairs += [(hour, hour - HOURS) for hour in range(HOURS, n_hours)]
    return np.array(pairs, dtype=np.intp)
