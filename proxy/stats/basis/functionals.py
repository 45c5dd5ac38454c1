"""What is watched about one stream: bounded functionals of its histogram.

A functional gives every bin a number in [0, 1]; its mean over rows is what may move. Numbers have a
location, a spread, a skew, a shape and shares beyond the reference's tails; categories have their
shares; every column has the shares of missing values and of values of another type. Working on the
mid-rank u = F_reference(x) instead of x makes all of this free of the unit and robust to outliers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Bins = NDArray[np.intp]

N_SPECIAL_BINS = 2
"""The last two bins of every column: missing, and values of another type."""
MISSING_BIN = -2
ODD_BIN = -1

TAIL_SLACK = 1.2
"""A tail of 1 % takes the bins up to 1.2 %: with ties no bin border may lie exactly at 1 %."""
TAILS = (("0.1 %", 0.001), ("1 %", 0.01))

COMMON_BIN = 0.01
"""Bins of repeated values with less than this share are not watched one by one."""


class Form(StrEnum):
    """How evidence about a functional is scored."""

    MEAN = "mean"
    """A mean in [0, 1], watched in both directions."""
    SHARE = "share"
    """A share of rows, watched for growth, and for loss where it is common."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Functional:
    """One bounded functional of a histogram."""

    name: str
    form: Form
    values: Floats
    """float array [bins], in [0, 1]."""
    applies: Mask
    """bool array [bins]: rows of the other bins say nothing about this functional."""
    tolerance_scale: float = 1.0
    """Multiplies the smallest mean shift that matters. The spread of u moves by less than its
    location for a change that people would call equally large."""

    def mean(self, masses: Floats) -> float:
        """Give the mean over the rows that count. 0 when none do."""
        total = float(masses[self.applies].sum())
        return float((masses * self.values)[self.applies].sum()) / total if total > 0 else 0.0

    def variance(self, masses: Floats) -> float:
        """Give the variance over the rows that count. 0 when none do."""
        total = float(masses[self.applies].sum())
        if total <= 0:
            return 0.0
        deviation = self.values - self.mean(masses)
        return float((masses * deviation**2)[self.applies].sum()) / total

    def share_of_rows(self, masses: Floats) -> float:
        """Give the share of rows that count for this functional."""
        return float(masses[self.applies].sum())


def mid_ranks(masses: Floats) -> Floats:
    """Give the mid-rank of each value bin: the mass below it plus half its own.

    Args:
        masses: float array [bins], with the two special bins last.

    Returns:
        float array [bins] in [0, 1], conditional on a value being there; 0.5 for the special bins.
    """
    ranks = np.full(len(masses), 0.5)
    values = masses[:-N_SPECIAL_BINS]
    total = values.sum()
    if total > 0:
        ranks[:-N_SPECIAL_BINS] = (np.cumsum(values) - values / 2) / total
    return ranks


def numeric_functionals(masses: Floats, bin_names: Sequence[str] = ()) -> tuple[Functional, ...]:
    """Give the functionals of a numeric column.

    Args:
        masses: float array [bins], special bins last.
        bin_names: given for a column of repeated values, such as hours or route lengths: then the
            share of each common bin is watched, too. An hour that is off by one hardly moves the
            location, but it moves every share.
    """
    rank = mid_ranks(masses)
    has_value = np.ones(len(masses), dtype=np.bool_)
    has_value[-N_SPECIAL_BINS:] = False
    shapes = (
        ("location", rank, 1.0),
        ("spread", np.abs(2 * rank - 1), 1.0635),
        ("skew", (1 + np.sin(2 * np.pi * rank)) / 2, 1.0),
        ("shape", (1 + np.cos(4 * np.pi * rank)) / 2, 1.0),
    )
    means = tuple(
        Functional(
            name=name, form=Form.MEAN, values=values, applies=has_value, tolerance_scale=scale
        )
        for name, values, scale in shapes
    )
    common = tuple(
        _share(f"value {name}", np.arange(len(masses)) == place, has_value)
        for place, name in enumerate(bin_names)
        if masses[place] >= COMMON_BIN and has_value[place]
    )
    return means + _tails(masses, has_value) + common + _special_shares(len(masses))


def categorical_functionals(categories: tuple[str, ...], n_bins: int) -> tuple[Functional, ...]:
    """Give the share of each category, of all other categories, and the special shares."""
    has_value = np.ones(n_bins, dtype=np.bool_)
    has_value[-N_SPECIAL_BINS:] = False
    shares = tuple(
        _share(f"category {name}", np.arange(n_bins) == index, has_value)
        for index, name in enumerate((*categories, "other"))
    )
    return shares + _special_shares(n_bins)


def _tails(masses: Floats, has_value: Mask) -> tuple[Functional, ...]:
    values = masses[:-N_SPECIAL_BINS]
    share = values / values.sum() if values.sum() > 0 else values
    from_below, from_above = np.cumsum(share), np.cumsum(share[::-1])[::-1]
    bins = np.arange(len(values))
    masks = [("below the reference", bins == 0), ("above the reference", bins == len(values) - 1)]
    for name, level in TAILS:
        low, high = from_below <= level * TAIL_SLACK, from_above <= level * TAIL_SLACK
        masks += [
            (f"lowest {name}", low | (bins == 0)),
            (f"highest {name}", high | (bins == bins[-1])),
        ]
    functionals: list[Functional] = []
    for name, mask in masks:
        whole = np.append(mask, np.zeros(N_SPECIAL_BINS, dtype=np.bool_))
        functionals.append(_share(name, whole, has_value))
    return tuple(functionals)


def _special_shares(n_bins: int) -> tuple[Functional, ...]:
    everything = np.ones(n_bins, dtype=np.bool_)
    bins = np.arange(n_bins)
    return (
        _share("missing", bins == n_bins + MISSING_BIN, everything),
        _share("wrong type", bins == n_bins + ODD_BIN, everything),
    )


def _share(name: str, members: Mask, applies: Mask) -> Functional:
    return Functional(
        name=name, form=Form.SHARE, values=members.astype(np.float64), applies=applies
    )
