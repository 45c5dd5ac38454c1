"""Sampled rows of two times, side by side: what explanations compare beyond counts.

Counts say how far each column moved; what only whole rows show (which rows moved, which columns
moved together) needs rows. Those of the reference come from the benchmark or, where it keeps none,
from before the change; those of now come from the watcher's reservoirs, each with the number of
rows of the traffic that it stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from proxy.records import Scalar
from proxy.stats.basis.functionals import Floats
from proxy.stats.reference.column import ColumnProfile

LARGEST_INTEGER: Final = 1 << 63
LARGEST_FLOAT: Final = 10**308
Groups = NDArray[np.intp]


class SampledRow(Struct, frozen=True, array_like=True):
    """One kept row of the traffic."""

    exchange_id: int
    at_s: float
    weight: float
    """Rows of the traffic that it stands for."""
    form: int
    """Which of the forms of `SampledRows` names its values."""
    values: tuple[Scalar, ...]


class SampledRows(Struct, frozen=True):
    """Kept rows; most have the same columns, so that these are named once."""

    forms: tuple[tuple[str, ...], ...] = ()
    rows: tuple[SampledRow, ...] = ()

    def columns(self, names: Iterable[str]) -> dict[str, list[Scalar]]:
        """Give the values of some columns; what a row lacks is missing there."""
        places = [{name: place for place, name in enumerate(form)} for form in self.forms]
        found: dict[str, list[Scalar]] = {}
        for name in names:
            at = [known.get(name) for known in places]
            found[name] = [
                None if (place := at[row.form]) is None else row.values[place] for row in self.rows
            ]
        return found

    def weights(self) -> Floats:
        """Give how many rows each stands for: float array [rows]."""
        return np.array([row.weight for row in self.rows], dtype=np.float64)

    def tamed(self) -> SampledRows:
        """Give the same rows with cells that every coding can hold."""
        rows = (structs.replace(r, values=tuple(map(tamed, r.values))) for r in self.rows)
        return SampledRows(self.forms, tuple(rows))

    def groups(self) -> Groups:
        """Give a number that is equal for rows of the same exchange: int array [rows]."""
        ids = np.array([row.exchange_id for row in self.rows], dtype=np.uint64)
        _, groups = np.unique(ids, return_inverse=True)
        return groups.astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Rows by column, with what each stands for and which belong together."""

    columns: Mapping[str, Sequence[Scalar]]
    weights: Floats
    groups: Groups

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.weights)


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoSamples:
    """The reference and the current rows, over the same certified columns."""

    profiles: tuple[ColumnProfile, ...]
    """Columns that both have, the most important first."""
    reference: Sample
    current: Sample

    @property
    def weights(self) -> Floats:
        """The weights of both, the reference first."""
        return np.concatenate([self.reference.weights, self.current.weights])

    @property
    def groups(self) -> Groups:
        """The groups of both: no exchange is in both."""
        first = self.reference.groups
        beyond = int(first.max()) + 1 if len(first) else 0
        return np.concatenate([first, self.current.groups + beyond])


def sample_of(kept: SampledRows, names: Iterable[str]) -> Sample:
    """Give kept rows by column."""
    return Sample(columns=kept.columns(names), weights=kept.weights(), groups=kept.groups())


def equal_sample(columns: Mapping[str, Sequence[Scalar]], n: int) -> Sample:
    """Give rows that weigh alike and do not belong together."""
    return Sample(columns=columns, weights=np.ones(n), groups=np.arange(n, dtype=np.intp))


def tamed(value: Scalar) -> Scalar:
    """Give a value that every coding can hold: huge integers as floats, broken text repaired."""
    if isinstance(value, int) and not -LARGEST_INTEGER <= value < LARGEST_INTEGER:
        if abs(value) > LARGEST_FLOAT:
            return math.inf if value > 0 else -math.inf
        return float(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    return value
