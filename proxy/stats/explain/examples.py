"""The sampled rows that show a drift best, told so that a person can look them up.

A row's score is the evidence that it adds to the bets that have won most, over all blamed columns.
What a row tells is said in the bins of the reference, such as `below 24`: that is no more than the
histograms show anyway. The cells themselves are added where the operator wants them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.records import Example, Scalar
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.samples import SampledRows
from proxy.stats.reference.column import ColumnProfile, Kind

MAX_VALUES: Final = 12
"""Cells of one example."""
MAX_TEXT: Final = 80
MAX_ALIKE: Final = 2
"""Examples that tell the same."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One blamed column over all rows."""

    evidence: ColumnEvidence
    bins: NDArray[np.intp]
    scores: Floats


def examples(
    evidence: Sequence[ColumnEvidence],
    profiles: Sequence[ColumnProfile],
    kept: SampledRows,
    n: int,
    *,
    show_values: bool,
) -> tuple[Example, ...]:
    """Give at most `n` rows that speak for the breach, the most telling first.

    Args:
        evidence: the blamed columns; derived ones are left out.
        profiles: columns whose cells are shown, after the blamed ones.
        kept: current rows.
        n: how many are wanted; one row of each exchange.
        show_values: show the cells themselves, not only the bin that each lies in.
    """
    known = {name for form in kept.forms for name in form}
    blamed = [one for one in evidence if one.blamed and one.column.name in known]
    if not blamed or not kept.rows or n <= 0:
        return ()
    names = [profile.name for profile in profiles]
    columns = kept.columns(dict.fromkeys([*(one.column.name for one in blamed), *names]))
    judged = [_judge(one, columns[one.column.name]) for one in blamed]
    total = np.sum([one.scores for one in judged], axis=0)
    found: list[Example] = []
    exchanges: set[int] = set()
    told: Counter[str] = Counter()
    for row in np.argsort(-total, kind="stable").tolist():
        if total[row] <= 0 or len(found) >= n:
            break
        source = kept.rows[row]
        ranked = sorted(judged, key=lambda one: -float(one.scores[row]))
        why = _why(ranked[0], row)
        if source.exchange_id in exchanges or told[why] >= MAX_ALIKE:
            continue
        exchanges.add(source.exchange_id)
        told[why] += 1
        shown = [*(one.evidence.column for one in ranked), *profiles]
        found.append(
            Example(
                exchange=f"{source.exchange_id:016x}",
                at_s=source.at_s,
                why=why,
                values=_values(shown, columns, row, show_values=show_values),
            )
        )
    return tuple(found)


def _judge(evidence: ColumnEvidence, values: Sequence[Scalar]) -> _Judged:
    bins = evidence.column.binner().bins(values)
    return _Judged(evidence, bins, np.array(evidence.scores)[bins])


def _why(judged: _Judged, row: int) -> str:
    """Say what is telling about a row, without its values."""
    evidence = judged.evidence
    column, place = evidence.column, int(judged.bins[row])
    n_values = len(evidence.masses) - N_SPECIAL_BINS
    name = column.name
    if place >= n_values:
        return f"{name} is missing" if place == n_values else f"{name} is of another type"
    if column.kind is Kind.CATEGORICAL and place == n_values - 1:
        return f"{name} is not in the reference"
    if column.kind is Kind.NUMERIC and column.edges and place in {0, n_values - 1}:
        edge, end = (column.edges[0], "below") if place == 0 else (column.edges[-1], "above")
        return f"{name} lies {end} everything in the reference ({edge:.6g})"
    total = max(1.0, sum(evidence.counts))
    return (
        f"{name} is {column.bin_names()[place]}: {evidence.counts[place] / total:.1%} of the "
        f"current rows, {evidence.masses[place]:.1%} of the reference"
    )


def _values(
    shown: Sequence[ColumnProfile],
    columns: Mapping[str, Sequence[Scalar]],
    row: int,
    *,
    show_values: bool,
) -> dict[str, Scalar]:
    """Give the cells of one row, each as itself or as the bin it lies in."""
    found: dict[str, Scalar] = {}
    for profile in shown:
        if profile.name in found or profile.name not in columns:
            continue
        if len(found) >= MAX_VALUES:
            break
        value = columns[profile.name][row]
        if show_values:
            found[profile.name] = value[:MAX_TEXT] if isinstance(value, str) else _plain(value)
        else:
            place = int(profile.binner().bins([value])[0])
            found[profile.name] = profile.bin_names()[place][:MAX_TEXT]
    return found


def _plain(value: Scalar) -> Scalar:
    """Give what JSON can hold: infinities and NaN as text."""
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value
