"""How far one column moved, in units a person knows, with what the units show without any change.

Everything is computed from the counts in the bins of the certified column. Distances such as the
population stability index or Wasserstein's are positive even between two samples of the same
traffic, the more so the fewer the rows: so each comes with its mean under "no change", found by
drawing both samples anew from the reference's shares.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from proxy.records import ColumnInsight
from proxy.stats.basis.binning import N_EDGES
from proxy.stats.basis.functionals import MISSING_BIN, N_SPECIAL_BINS, ODD_BIN, Floats
from proxy.stats.engine.effects import distances, shift_sd
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.histograms import bars, seen
from proxy.stats.reference.column import ColumnProfile, Kind

N_SIMULATED: Final = 200
"""Pairs of samples drawn without a change: the mean distance is known to a few per cent."""
WORTH_SAYING: Final = 0.02
"""Shares that changed by less are not put into the sentence."""
SAID_BY_CARRIER: Final = {
    "below the reference",
    "above the reference",
    "wrong type",
    "category other",
}
"""Carriers whose own sentence tells the share of new values."""
DIGITS: Final = 6


def column_insight(evidence: ColumnEvidence, rng: np.random.Generator) -> ColumnInsight:
    """Give what people are told about one column.

    Args:
        evidence: its bins, masses and counts.
        rng: draws the samples without a change.
    """
    column = evidence.column
    masses, counts = np.array(evidence.masses), np.array(evidence.counts)
    n = float(counts.sum())
    told = distances(masses, counts)
    has_order = column.kind is Kind.NUMERIC and bool(column.edges)
    has_values = has_order and float(counts[:-N_SPECIAL_BINS].sum()) > 0
    auc = told["auc"] if has_values else None
    wasserstein = wasserstein_sd(column, masses, counts[None, :]) if has_values else None
    psi_null, wasserstein_null = null_means(column, masses, n, rng)
    new_share = _new_share(column, masses, counts)
    missing = (float(seen(masses, column.n)[MISSING_BIN]), _share(counts, MISSING_BIN))
    return ColumnInsight(
        name=column.name,
        kind=column.kind.value,
        n_reference=column.n,
        n_current=int(n),
        shift_sd=None if auc is None else round(shift_sd(auc), DIGITS),
        auc=None if auc is None else round(auc, DIGITS),
        psi=round(told.get("psi", 0.0), DIGITS),
        psi_null=round(psi_null, DIGITS),
        wasserstein_sd=None if wasserstein is None else round(float(wasserstein[0]), DIGITS),
        wasserstein_null=None if wasserstein is None else round(wasserstein_null, DIGITS),
        new_share=round(new_share, DIGITS),
        missing=(round(missing[0], DIGITS), round(missing[1], DIGITS)),
        effect=evidence.effect,
        interval=evidence.interval,
        unit=evidence.unit,
        summary=_summary(evidence, auc, new_share, missing),
        histogram=bars(column, masses, counts),
    )


def wasserstein_sd(column: ColumnProfile, masses: Floats, counts: Floats) -> Floats | None:
    """Give the first Wasserstein distance of counts from masses, in the reference's sd.

    The integral of |F - G| between the edges of the reference: values outside count as lying on the
    edge, so it is a lower bound when there are any. Between two edges both F and G are straight;
    where the reference has repeated values they are steps.

    Args:
        column: the certified column.
        masses: float array [bins] or [samples, bins].
        counts: float array [samples, bins].

    Returns:
        float array [samples]; `None` without edges or spread.
    """
    edges = np.array(column.edges)
    if len(edges) < 2 or column.sd <= 0:  # noqa: PLR2004  # a width needs two edges
        return None
    width = np.diff(edges) / column.sd
    gap = _cumulated(counts) - _cumulated(np.atleast_2d(masses))
    if len(edges) < N_EDGES:
        # The bin after "below" holds the first value itself: F is constant up to the next value.
        found: Floats = np.abs(gap[:, 1 : len(edges)]) @ width
        return found
    left, right = gap[:, : len(edges) - 1], gap[:, 1 : len(edges)]
    size = np.abs(left) + np.abs(right)
    crossing = (left * right < 0) & (size > 0)
    # Where F and G cross, two triangles are left of the trapezium.
    area = np.where(crossing, (left**2 + right**2) / np.maximum(2 * size, 1e-300), size / 2)
    crossed: Floats = area @ width
    return crossed


def null_means(
    column: ColumnProfile, masses: Floats, n: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Give the means of PSI and of Wasserstein's distance without a change.

    Both samples are drawn anew from the reference's shares, 200 times. For well-filled bins the
    mean of PSI is (bins - 1) (1/n + 1/m), as Yurdakul and Naranjo (2020), "Statistical properties
    of the population stability index", Journal of Risk Model Validation 14(4), derive; the bins of
    the tails are too thin for that formula. Rows count as independent.

    Args:
        column: the certified column, with its number of rows m.
        masses: float array [bins].
        n: current rows.
        rng: draws them.
    """
    rows, reference_rows = max(1, round(n)), max(1, column.n)
    shares = masses / masses.sum()
    counts = rng.multinomial(rows, shares, N_SIMULATED).astype(np.float64)
    drawn = rng.multinomial(reference_rows, shares, N_SIMULATED).astype(np.float64)
    reference = np.maximum(drawn / reference_rows, 1 / (reference_rows + 1))
    reference /= reference.sum(axis=1, keepdims=True)
    current = (counts + 0.5 * reference) / (rows + 0.5)
    psi = ((current - reference) * np.log(current / reference)).sum(axis=1)
    far = wasserstein_sd(column, drawn, counts)
    return float(psi.mean()), 0.0 if far is None else float(far.mean())


def _cumulated(counts: Floats) -> Floats:
    """Give the distribution function after each value bin: float array [samples, value bins]."""
    values = counts[:, :-N_SPECIAL_BINS]
    total = np.maximum(values.sum(axis=1, keepdims=True), 1e-300)
    cumulated: Floats = np.cumsum(values, axis=1) / total
    return cumulated


def _new_share(column: ColumnProfile, masses: Floats, counts: Floats) -> float:
    """Give the share of rows that the reference does not know, beyond its own such share."""
    places = [ODD_BIN]
    n_values = len(masses) - N_SPECIAL_BINS
    if column.kind is Kind.CATEGORICAL:
        places.append(n_values - 1)
    elif column.edges:
        places += [0, n_values - 1]
    reference = seen(masses, column.n)
    return max(0.0, sum(_share(counts, place) - float(reference[place]) for place in places))


def _share(counts: Floats, place: int) -> float:
    total = float(counts.sum())
    return float(counts[place]) / total if total > 0 else 0.0


def _summary(
    evidence: ColumnEvidence, auc: float | None, new_share: float, missing: tuple[float, float]
) -> str:
    """Give the blame's sentence with what it leaves out."""
    parts = [evidence.summary]
    if auc is not None and abs(auc - 0.5) >= WORTH_SAYING:
        parts.append(f"a current value exceeds a reference value {auc:.0%} of the time")
    if new_share >= WORTH_SAYING and evidence.carrier not in SAID_BY_CARRIER:
        what = "lies" if evidence.column.kind is Kind.NUMERIC else "is"
        where = "outside the reference" if what == "lies" else "not in the reference"
        parts.append(f"{new_share:.0%} of it {what} {where}")
    if abs(missing[1] - missing[0]) >= WORTH_SAYING and evidence.carrier != "missing":
        parts.append(f"missing {missing[0]:.0%} -> {missing[1]:.0%}")
    return "; ".join(parts)
