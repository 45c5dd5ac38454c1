"""Which part of the traffic carries the drift of a column, if it is a part.

The rows are cut by every other column: by category, by quarter of a number, and by pairs of the
cuts that stand out. A part is named for one of two reasons. Either the column moved more within it
than everywhere, by more than chance explains for as many parts as were looked at (Bonferroni); or
the part itself grew or shrank, and its rows differ from the others in the column. The shares come
from the two-cell decomposition of a difference of means into a rate and a mix effect (Kitagawa
1955, "Components of a difference between two rates", JASA 50).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from scipy.special import ndtri

from proxy.records import Scalar, SubPopulation
from proxy.stats.basis.binning import category_text, to_numbers
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.samples import Sample, TwoSamples
from proxy.stats.reference.column import LARGEST, ColumnProfile, Kind

ALPHA: Final = 0.05
MIN_ROWS: Final = 30
"""Rows of either sample that a part needs."""
MAX_CUTS: Final = 10
"""Categories, or distinct numbers, of one column that are looked at."""
MAX_COLUMNS: Final = 40
MAX_PAIRED: Final = 10
"""Parts of one column that are cut once more by those of another."""
MAX_NAMED: Final = 3
"""Parts that are named for one column."""
LEAST_SHARE: Final = 0.2
"""A part must carry this much of the difference..."""
LEAST_LIFT: Final = 1.5
"""...and this many times its share of the rows."""
LEAST_MIX_SHARE: Final = 0.3
PLAIN: Final = 3.0
"""The column's own difference must be this many standard errors: else there is nothing to cut."""
FARTHEST: Final = 5.0
QUARTERS: Final = (0.25, 0.5, 0.75)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A part of the traffic."""

    columns: tuple[str, ...]
    condition: str
    reference: Mask
    current: Mask


@dataclass(frozen=True, slots=True)
class _Difference:
    """Means of both samples over one part, and how sure their difference is."""

    change: float
    error: float
    reference: float
    n_reference: float
    n_current: float


def sub_populations(evidence: ColumnEvidence, samples: TwoSamples) -> tuple[SubPopulation, ...]:
    """Give the parts that carry the drift of one column, the most telling first; often none.

    Args:
        evidence: the column, with the functional that carries its evidence.
        samples: rows of both times.
    """
    name = evidence.column.name
    if name not in samples.reference.columns or name not in samples.current.columns:
        return ()
    study = _study(evidence, samples)
    if study.plainness <= PLAIN:
        return ()
    singles = [
        cut
        for profile in [p for p in samples.profiles if p.name != name][:MAX_COLUMNS]
        for cut in _cuts(profile, samples)
        if study.is_large(cut)
    ]
    n_looked_at = len(singles) * (len(singles) + 1) // 2 or 1
    study.z = float(ndtri(1 - ALPHA / (2 * n_looked_at)))
    standing_out = sorted(singles, key=study.stands_out, reverse=True)[:MAX_PAIRED]
    pairs = [cut for cut in _pairs(standing_out) if study.is_large(cut)]
    found = [(cut, told) for cut in singles for told in study.tell(cut)]
    found += [
        (cut, told)
        for cut in pairs
        for told in study.tell(cut)
        if study.is_sharper(cut, standing_out)
    ]
    found.sort(key=lambda one: -study.concentration(one[0], one[1].share))
    kept: list[_Cut] = []
    named: list[SubPopulation] = []
    for cut, told in found:
        if len(kept) < MAX_NAMED and study.adds(cut, kept):
            kept.append(cut)
            named.append(told)
    return tuple(named)


def _study(evidence: ColumnEvidence, samples: TwoSamples) -> _Study:
    """Give what is compared: the mean where it moved clearly, else what carries the evidence.

    A bet on a tail may have won most because nothing was ever seen there; when the mean moved, too,
    people understand that better, and it shows in fewer rows.
    """
    if evidence.column.kind is Kind.NUMERIC and evidence.column.sd > 0:
        mean = _Study(structs.replace(evidence, carrier="location", is_share=False), samples)
        if mean.plainness > PLAIN:
            return mean
    return _Study(evidence, samples)


class _Study:
    """One column's values in both samples, and how they differ over any part."""

    def __init__(self, evidence: ColumnEvidence, samples: TwoSamples) -> None:
        self._name = evidence.column.name
        self._unit = "share" if evidence.is_share else "sd"
        self._reference = _Measured(evidence, samples.reference)
        self._current = _Measured(evidence, samples.current)
        self._whole = self._difference(
            _Cut((), "", self._reference.everything, self._current.everything)
        )
        self.z = PLAIN

    @property
    def plainness(self) -> float:
        """By how many standard errors the column differs in the rows at all."""
        error = self._whole.error
        return abs(self._whole.change) / error if 0 < error < math.inf else 0.0

    def is_large(self, cut: _Cut) -> bool:
        """Tell whether enough rows are within, and enough outside."""
        return all(
            MIN_ROWS <= np.count_nonzero(mask & ok) <= np.count_nonzero(ok) - MIN_ROWS
            for mask, ok in (
                (cut.reference, self._reference.ok),
                (cut.current, self._current.ok),
            )
        )

    def share_of_rows(self, cut: _Cut) -> float:
        """Give the share of the current rows."""
        return self._current.share(cut.current)

    def concentration(self, cut: _Cut, share: float) -> float:
        """Give how much of the difference is packed into how few rows: s ln(s / rows)."""
        rows = max(self.share_of_rows(cut), 1e-9)
        return share * math.log(max(share, 1e-9) / rows)

    def stands_out(self, cut: _Cut) -> float:
        """Give how many standard errors the part's difference lies beyond the whole's."""
        within = self._difference(cut)
        beyond = (within.change - self._whole.change) * math.copysign(1, self._whole.change)
        return beyond / within.error

    def is_sharper(self, cut: _Cut, singles: Sequence[_Cut]) -> bool:
        """Tell whether a pair says more than either of its parts alone."""
        within = self._difference(cut)
        parts = [one for one in singles if one.condition in cut.condition.split(" and ")]
        return all(
            abs(within.change) - self.z * within.error > abs(self._difference(one).change)
            for one in parts
        )

    def adds(self, cut: _Cut, kept: Sequence[_Cut]) -> bool:
        """Tell whether a part shows a difference beside those already named.

        Parts overlap: where one carrier's flights leave from one airport, that airport seems to
        carry what the carrier does. What counts is the part without the named ones.
        """
        if not kept:
            return True
        rest = _Cut(
            cut.columns,
            cut.condition,
            cut.reference & ~np.any([one.reference for one in kept], axis=0),
            cut.current & ~np.any([one.current for one in kept], axis=0),
        )
        if not self.is_large(rest):
            return False
        within = self._difference(rest)
        return abs(within.change) > self.z * within.error

    def tell(self, cut: _Cut) -> Iterator[SubPopulation]:
        """Give the part when it carries the difference by rate or by mix."""
        within, outside = self._difference(cut), self._difference(self._rest(cut))
        rows = self.share_of_rows(cut)
        of_rate = rows * within.change
        whole = of_rate + (1 - rows) * outside.change
        share = min(1.0, max(0.0, of_rate / whole)) if whole else 0.0
        lifted = share >= max(LEAST_SHARE, LEAST_LIFT * rows)
        if lifted and self.stands_out(cut) > self.z:
            yield self._named(cut, share, within.change, self._rate_words(share, rows, cut))
        mix = self._mix(cut, within, outside)
        if mix is not None:
            before = self._reference.share(cut.reference)
            words = (
                f"{cut.condition} makes up {rows:.0%} of the rows instead of {before:.0%}, which "
                f"explains {mix:.0%} of the change of {self._name}"
            )
            yield self._named(cut, mix, within.change, words)

    def _mix(self, cut: _Cut, within: _Difference, outside: _Difference) -> float | None:
        """Give the part of the difference that comes from the part's own growth."""
        now, before = self.share_of_rows(cut), self._reference.share(cut.reference)
        n_now, n_before = self._current.n_effective, self._reference.n_effective
        error = math.sqrt(now * (1 - now) / n_now + before * (1 - before) / n_before)
        if abs(now - before) <= self.z * error:
            return None
        explained = (now - before) * (within.reference - outside.reference)
        share = explained / self._whole.change
        return min(1.0, share) if share >= LEAST_MIX_SHARE else None

    def _rate_words(self, share: float, rows: float, cut: _Cut) -> str:
        within, outside = self._difference(cut).change, self._difference(self._rest(cut)).change
        return (
            f"{share:.0%} of the change of {self._name} comes from {cut.condition} "
            f"({rows:.0%} of the rows): {self._text(within)} there, {self._text(outside)} elsewhere"
        )

    def _text(self, change: float) -> str:
        return f"{change:+.2f} sd" if self._unit == "sd" else f"{change:+.0%}"

    def _named(self, cut: _Cut, share: float, effect: float, words: str) -> SubPopulation:
        return SubPopulation(
            condition=cut.condition,
            share=round(share, 4),
            n=int(np.count_nonzero(cut.current & self._current.ok)),
            effect=round(effect, 4),
            unit=self._unit,
            summary=words,
        )

    def _rest(self, cut: _Cut) -> _Cut:
        return _Cut(cut.columns, f"not {cut.condition}", ~cut.reference, ~cut.current)

    def _difference(self, cut: _Cut) -> _Difference:
        before, now = self._reference.mean(cut.reference), self._current.mean(cut.current)
        return _Difference(
            change=now[0] - before[0],
            error=math.sqrt(before[1] + now[1]),
            reference=before[0],
            n_reference=before[2],
            n_current=now[2],
        )


class _Measured:
    """What the drift of a column is about, row by row of one sample."""

    def __init__(self, evidence: ColumnEvidence, sample: Sample) -> None:
        values = _measured(evidence, sample.columns[evidence.column.name])
        self.ok = np.isfinite(values)
        self.everything = np.ones(len(values), dtype=np.bool_)
        self._values = np.where(self.ok, values, 0.0)
        self._weights = np.where(self.ok, sample.weights, 0.0)
        self._spread = self._variance(self._weights)

    @property
    def n_effective(self) -> float:
        """Equally weighted rows that these are worth (Kish 1965)."""
        return _effective(self._weights)

    def share(self, mask: Mask) -> float:
        """Give the share of the rows within a part, by weight."""
        total = float(self._weights.sum())
        return float(self._weights[mask].sum()) / total if total > 0 else 0.0

    def mean(self, mask: Mask) -> tuple[float, float, float]:
        """Give the mean over a part, its squared standard error, and the rows it rests on.

        The variance is drawn to that of all rows with the weight of one row: a part in which all
        rows happen to be equal is not known without error.
        """
        weights = np.where(mask, self._weights, 0.0)
        total = float(weights.sum())
        if total <= 0:
            return 0.0, math.inf, 0.0
        n = _effective(weights)
        variance = (n * self._variance(weights) + self._spread) / (n + 1)
        return float(weights @ self._values) / total, variance / n, n

    def _variance(self, weights: Floats) -> float:
        total = float(weights.sum())
        if total <= 0:
            return 0.0
        mean = float(weights @ self._values) / total
        return float(weights @ (self._values - mean) ** 2) / total


def _effective(weights: Floats) -> float:
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _measured(evidence: ColumnEvidence, values: Sequence[Scalar]) -> Floats:
    """Give each row's part in what moved; NaN for rows that say nothing about it."""
    column = evidence.column
    if not evidence.is_share and column.sd > 0 and evidence.carrier in {"location", "spread"}:
        with np.errstate(over="ignore"):
            standard = (_numbers(values) - column.mean) / column.sd
        standard = np.clip(standard, -FARTHEST, FARTHEST)
        return standard if evidence.carrier == "location" else np.abs(standard)
    bins = column.binner().bins(values)
    measured: Floats = np.array(evidence.carrier_values)[bins]
    if evidence.is_share:
        return measured
    measured[bins >= len(evidence.masses) - N_SPECIAL_BINS] = np.nan
    return measured * math.sqrt(12)


def _cuts(profile: ColumnProfile, samples: TwoSamples) -> Iterator[_Cut]:
    """Cut both samples by one column."""
    before = samples.reference.columns[profile.name]
    now = samples.current.columns[profile.name]
    if profile.kind is Kind.CATEGORICAL:
        was, are = (np.array([_known(value) for value in values]) for values in (before, now))
        for category in profile.categories[:MAX_CUTS]:
            condition = f"{profile.name} = {category}"
            yield _Cut((profile.name,), condition, was == category, are == category)
        return
    first, second = _numbers(before), _numbers(now)
    present = first[np.isfinite(first)]
    distinct = np.unique(present)
    if len(distinct) <= MAX_CUTS:
        for value in distinct.tolist():
            condition = f"{profile.name} = {value:.6g}"
            yield _Cut((profile.name,), condition, first == value, second == value)
        return
    inner = np.unique(np.quantile(present, QUARTERS)).tolist()
    for low, high in zip([-math.inf, *inner], [*inner, math.inf], strict=True):
        condition = _range_text(profile.name, low, high)
        masks = [(numbers >= low) & (numbers < high) & np.isfinite(numbers)
                 for numbers in (first, second)]  # fmt: skip
        yield _Cut((profile.name,), condition, masks[0], masks[1])


def _numbers(values: Sequence[Scalar]) -> Floats:
    """Give measurements; NaN for what is none, infinities included."""
    numbers = to_numbers(values)
    return np.where(np.isfinite(numbers), np.clip(numbers, -LARGEST, LARGEST), np.nan)


def _range_text(name: str, low: float, high: float) -> str:
    if math.isinf(low):
        return f"{name} < {high:.6g}"
    if math.isinf(high):
        return f"{name} ≥ {low:.6g}"
    return f"{low:.6g} ≤ {name} < {high:.6g}"


def _known(value: Scalar) -> str:
    return "" if value is None else category_text(value)


def _pairs(cuts: Sequence[_Cut]) -> Iterator[_Cut]:
    """Cut parts of one column by parts of another."""
    for place, first in enumerate(cuts):
        for second in cuts[place + 1 :]:
            if first.columns != second.columns:
                yield _Cut(
                    first.columns + second.columns,
                    f"{first.condition} and {second.condition}",
                    first.reference & second.reference,
                    first.current & second.current,
                )
