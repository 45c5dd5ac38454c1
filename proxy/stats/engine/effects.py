"""What people are told about a stream: how far it moved, in units they know, and how surely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtri

from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats, Form, Functional, mid_ranks
from proxy.stats.basis.intervals import NORMAL_95, mean_interval, share_interval
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.reference.column import ColumnProfile, Kind

FARTHEST_RANK: Final = 1e-6
"""A stream that left the reference altogether is said to be 6.7 standard deviations away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """How far one functional of a stream moved."""

    value: float
    interval: tuple[float, float]
    unit: str
    """`sd`: standard deviations of the reference; `ratio`: of spreads; `share`: difference of
    shares."""
    n: int
    """Current rows."""
    summary: str


def effect_of(stream: WatchedStream, index: int, counts: Floats) -> Effect:
    """Give the effect of one functional of a stream.

    Args:
        stream: the stream.
        index: which of its functionals.
        counts: float array [bins], current rows.
    """
    functional = stream.functionals[index]
    reference, current, (low, high) = movement(stream, index, counts)
    if functional.form is Form.SHARE:
        value, unit = current - reference, "share"
        interval = (low - reference, high - reference)
    else:
        value, interval, unit = _in_units(functional, reference, current, (low, high))
    return Effect(
        value=value,
        interval=interval,
        unit=unit,
        n=int(counts.sum()),
        summary=_summary(stream, index, counts, (reference, current, value)),
    )


def movement(
    stream: WatchedStream, index: int, counts: Floats
) -> tuple[float, float, tuple[float, float]]:
    """Give the certified and the current mean of a functional, and the interval of the current one.

    The interval has room for the error of the certificate, too: its distance to the certified mean
    is that of the movement.

    Args:
        stream: the stream.
        index: which of its functionals.
        counts: float array [bins], current rows. Without any the current mean is the certified one.
    """
    functional = stream.functionals[index]
    n = float(counts[functional.applies].sum())
    independent = n / stream.design_effects[index]
    reference = functional.mean(stream.masses)
    current = functional.mean(counts) if n > 0 else reference
    n_reference = stream.n_reference * functional.share_of_rows(stream.masses)
    error = NORMAL_95 * math.sqrt(
        functional.variance(stream.masses) * stream.design_effects[index] / max(1.0, n_reference)
    )
    if functional.form is Form.SHARE:
        low, high = share_interval(current * independent, independent)
    else:
        low, high = mean_interval(current, functional.variance(counts), independent)
    return reference, current, (low - error, high + error)


def absolute_share(stream: WatchedStream, index: int, counts: Floats) -> Effect:
    """Give a share itself, for failures and disagreement: people know them as shares."""
    functional = stream.functionals[index]
    n = float(counts[functional.applies].sum())
    independent = n / stream.design_effects[index]
    share = functional.mean(counts) if n > 0 else 0.0
    return Effect(
        value=share,
        interval=share_interval(share * independent, independent),
        unit="share",
        n=int(n),
        summary=(
            f"{stream.name}: {share:.2%} of {int(n)}, certified at most "
            f"{functional.mean(stream.masses):.2%}"
        ),
    )


def shift_sd(rank: float) -> float:
    """Give sqrt(2) * Phi^-1(P(new > reference)): the shift of a normal in its sd.

    Source: McGraw and Wong (1992), "A common language effect size statistic", Psychological
    Bulletin 111(2), turned around.
    """
    return math.sqrt(2) * float(ndtri(min(1 - FARTHEST_RANK, max(FARTHEST_RANK, rank))))


def spread_ratio(folded: float) -> float:
    """Give the ratio of standard deviations from the mean of |2u - 1|.

    For normals E|2 Phi(r Z) - 1| = (2 / pi) atan(r).
    """
    return math.tan(math.pi / 2 * min(0.999, max(0.001, folded)))


def distances(masses: Floats, counts: Floats) -> dict[str, float]:
    """Give the usual distances between current counts and reference masses, for display only.

    `psi` with its mean under "no change", (bins - 1) / n, without which it cannot be read; `auc`,
    the chance that a current value exceeds a reference value; `js`, Jensen-Shannon in bits.
    """
    n = float(counts.sum())
    if n <= 0:
        return {}
    current = (counts + 0.5 * masses) / (n + 0.5)
    middle = (current + masses) / 2
    js = 0.5 * float(current @ np.log2(current / middle) + masses @ np.log2(masses / middle))
    values = counts[:-N_SPECIAL_BINS]
    auc = float(values @ mid_ranks(masses)[:-N_SPECIAL_BINS]) / max(1.0, float(values.sum()))
    return {
        "psi": float((current - masses) @ np.log(current / masses)),
        "psi_if_unchanged": (len(masses) - 1) / n,
        "js": js,
        "auc": auc,
    }


def _in_units(
    functional: Functional, reference: float, current: float, interval: tuple[float, float]
) -> tuple[float, tuple[float, float], str]:
    low, high = interval
    if functional.name == "location":
        centre = 0.5 - reference
        values = [shift_sd(mean + centre) for mean in (current, low, high)]
        return values[0], (values[1], values[2]), "sd"
    if functional.name == "spread":
        # With ties the reference's own mean of |2u - 1| is not 1/2; relate to it.
        base = spread_ratio(reference)
        values = [spread_ratio(mean) / base for mean in (current, low, high)]
        return values[0], (values[1], values[2]), "ratio"
    unit = math.sqrt(1 / 12)
    return (current - reference) / unit, ((low - reference) / unit, (high - reference) / unit), "sd"


def _summary(
    stream: WatchedStream,
    index: int,
    counts: Floats,
    moved: tuple[float, float, float],
) -> str:
    functional = stream.functionals[index]
    reference, current, value = moved
    if functional.form is Form.SHARE:
        if stream.spokesmen and stream.spokesmen[index]:
            named = f"{stream.spokesmen[index]}: fits the other columns least in"
            return f"{named} {reference:.2%} -> {current:.2%} of rows"
        return f"{stream.name}: {functional.name} {reference:.2%} -> {current:.2%} of rows"
    column = stream.column
    medians = ""
    if column is not None and column.kind is Kind.NUMERIC:
        was, now = quantile_text(column, stream.masses), quantile_text(column, counts)
        medians = f" (median {was} -> {now})"
    if functional.name == "location":
        direction = "higher" if value > 0 else "lower"
        return f"{stream.name}: {abs(value):.2f} sd {direction} than the reference{medians}"
    if functional.name == "spread":
        return f"{stream.name}: spread {value:.2f} times the reference's{medians}"
    return f"{stream.name}: the {functional.name} of its distribution changed{medians}"


def quantile_text(column: ColumnProfile, counts: Floats, level: float = 0.5) -> str:
    """Give a quantile of binned values as text, interpolated within its bin."""
    values = counts[:-N_SPECIAL_BINS]
    total = float(values.sum())
    if total <= 0 or not column.edges:
        return "none"
    edges = column.edges
    below = np.cumsum(values) / total
    place = int(np.searchsorted(below, level))
    if place <= 0:
        return f"below {edges[0]:.6g}"
    if place >= len(values) - 1:
        return f"above {edges[-1]:.6g}"
    if place >= len(edges):
        return f"{edges[-1]:.6g}"
    before, inside = float(below[place - 1]), float(values[place]) / total
    part = (level - before) / inside if inside > 0 else 0.0
    low, high = edges[place - 1], edges[place]
    return f"{low + part * (high - low):.4g}"
