"""Whether a functional of a column comes in waves: hours against days, by analysis of variance.

A wave is what comes back: hours that differ by more than days within hours do. It also knows how
steep it is within an hour, because a slot of an hour has one mean only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import fdtrc

from proxy.stats.basis.functionals import N_SPECIAL_BINS, Bins, Floats, Form, Functional
from proxy.stats.basis.hours import HOURS
from proxy.stats.basis.tolerances import error_in_tolerances, in_tolerances

MATTERS: Final = 0.1
"""The tolerance that deviations are measured by: the default of the monitors."""
MIN_AMPLITUDE: Final = 0.5
"""A wave that takes half of the tolerance away leaves too little of it for anything else."""
MIN_PEAK: Final = 1.0
"""A single hour that leaves the tolerance for sure makes a season, however small the wave."""
CHANCE: Final = 1e-6
"""P-value of a season: with 1,000 columns of 15 functionals one in 60 certificates is mistaken."""
FREE_SLOPE: Final = 0.5
"""Part of the tolerance that a column may use up within an hour by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """How one functional changes with the hour."""

    functional: Functional
    deviations: Floats
    """float array [hours], in tolerances; 0 for an hour without rows."""
    errors: Floats
    """float array [hours], standard errors, in tolerances."""
    rows: Floats
    """float array [hours]."""
    hourly: Floats
    """float array [hours]: mean of the functional."""
    explained: float
    """Share of the functional's variance that the hour explains."""
    has_weekend: bool
    """Weekends differ from working days by more than chance."""


def wave_of(functional: Functional, masses: Floats, counts: NDArray[np.intp]) -> Wave | None:
    """Give the wave of one functional; `None` when it is chance, or too small to matter.

    Analysis of variance of hours against days within hours, after a straight trend common to all
    hours was taken out: F = (between hours / (H - 1)) / (within / degrees of freedom).

    Args:
        functional: what may come in waves.
        masses: float array [bins]: the column at all hours together.
        counts: int array [days, hours, bins], 24 hours or 48 with those of weekends apart.
    """
    weights = (counts @ functional.applies).astype(np.float64)
    sums = counts @ (functional.applies * functional.values)
    total = weights.sum()
    variance = functional.variance(masses)
    if total <= 0 or variance <= 0:
        return None
    means = _detrended(sums / np.maximum(weights, 1), weights)
    per_hour = weights.sum(axis=0)
    hourly = (weights * means).sum(axis=0) / np.maximum(per_hour, 1)
    deviations = np.where(per_hour > 0, hourly - float((weights * means).sum() / total), 0.0)
    n_hours = int((per_hour > 0).sum())
    freedom = int((weights > 0).sum()) - n_hours - 1
    if n_hours < 2 or freedom < n_hours:  # noqa: PLR2004 - something to compare
        return None
    within = float((weights * (means - hourly) ** 2).sum()) / freedom
    within = max(within, variance)  # rows of an hour are never better than independent
    between = float((per_hour * deviations**2).sum()) / (n_hours - 1)
    ratio = between / within
    if float(fdtrc(n_hours - 1, freedom, ratio)) > CHANCE:
        return None
    moved = in_tolerances(functional, masses, deviations, MATTERS)
    errors = error_in_tolerances(functional, masses, per_hour * variance / within, MATTERS)
    real = 1 - 1 / ratio
    amplitude = math.sqrt(2 * real * float((per_hour * moved**2).sum() / total))
    peak = float((np.abs(moved) - 2 * errors)[per_hour > 0].max())
    if amplitude < MIN_AMPLITUDE and peak < MIN_PEAK:
        return None
    explained = real * float((per_hour * deviations**2).sum()) / total / variance
    return Wave(
        functional=functional,
        deviations=moved,
        errors=errors,
        rows=per_hour,
        hourly=hourly,
        explained=min(1.0, explained),
        has_weekend=_has_weekend(deviations, per_hour, within, freedom),
    )


def explained_of(waves: Sequence[Wave], masses: Floats) -> float:
    """Give the share of a column that the hour explains: of its location, or of its categories.

    What is missing in one hour of the night, a tail, or a single value says nothing about the rest.
    Of categories it is Goodman and Kruskal's tau: the variance explained of all shares together.

    Args:
        waves: of one column.
        masses: float array [bins]: the column at all hours together.
    """
    for wave in waves:
        if wave.functional.name == "location":
            return wave.explained
    shares = [wave for wave in waves if wave.functional.name.startswith("category ")]
    total = 1 - float((masses[:-N_SPECIAL_BINS] ** 2).sum())
    explained = sum(wave.explained * wave.functional.variance(masses) for wave in shares)
    return explained / total if total > 0 else 0.0


def slopes_of(waves: Sequence[Wave], inside: NDArray[np.bool_], masses: Floats) -> dict[str, float]:
    """Give how far a column moves within a slot, beyond half of the tolerance and chance.

    A slot ends half-way to the next hour: there the column stands between both hours' means. What
    it moves until then is no drift, however many rows show it.
    """
    found: dict[str, float] = {}
    for wave in waves:
        functional = wave.functional
        centre = functional.mean(masses)
        around = wave.hourly.reshape(-1, HOURS)
        edges = [(around + np.roll(around, step, axis=1)).ravel() / 2 for step in (1, -1)]
        farthest = 0.0
        for edge in edges:
            moved = in_tolerances(functional, masses, edge - centre, MATTERS)
            known = inside & (wave.rows > 0)
            beyond = np.abs(moved[known]) - wave.errors[known]
            farthest = max(farthest, float(beyond.max(initial=0.0)))
        if farthest > FREE_SLOPE:
            found[functional.name] = round((farthest - FREE_SLOPE) * MATTERS, 4)
    return found


def _has_weekend(deviations: Floats, rows: Floats, within: float, freedom: int) -> bool:
    """Tell whether weekends differ from the same hours of working days: an F-test of contrasts."""
    if len(rows) == HOURS:
        return False
    both = (rows[:HOURS] > 0) & (rows[HOURS:] > 0)
    contrasts = (deviations[HOURS:] - deviations[:HOURS])[both]
    errors = within * (1 / rows[:HOURS][both] + 1 / rows[HOURS:][both])
    n = len(contrasts)
    return n > 0 and float(fdtrc(n, freedom, float((contrasts**2 / errors).sum()) / n)) < CHANCE


def _detrended(means: Floats, weights: Floats) -> Floats:
    """Take the straight trend out that all hours share: float array [days, hours].

    The slope is estimated within hours, so a season cannot be mistaken for a trend; and without
    its trend a reference that only grows is not mistaken for a season.
    """
    days = np.arange(len(means), dtype=np.float64)[:, np.newaxis] * np.ones_like(means)
    per_hour = np.maximum(weights.sum(axis=0), 1e-300)
    off_day = days - (weights * days).sum(axis=0) / per_hour
    off_mean = means - (weights * means).sum(axis=0) / per_hour
    spread = float((weights * off_day**2).sum())
    slope = float((weights * off_day * off_mean).sum()) / spread if spread > 0 else 0.0
    times = days + (np.arange(means.shape[1]) % HOURS) / HOURS
    return means - slope * times


def moves_of(waves: Sequence[Wave], slots: Bins) -> str:
    """Say how far the hour moves a column: its location if it does, else what moves most."""
    largest = [_largest(wave, slots) for wave in waves]
    place = 0 if waves[0].functional.name == "location" else int(np.argmax(largest))
    functional, moved = waves[place].functional, largest[place] * MATTERS
    if functional.form is Form.SHARE:
        return f"{moved:.2f} (Cohen's h of its share of {functional.name!r})"
    if functional.name == "location":
        return f"up to {moved:.2f} sd"
    return f"{moved:.2f} sd (its {functional.name})"


def _largest(wave: Wave, slots: Bins) -> float:
    """Give the largest deviation of a slot, in tolerances."""
    precision = np.where(wave.rows > 0, 1 / wave.errors**2, 0.0)
    sums = np.bincount(slots, weights=precision * wave.deviations)
    return float(np.abs(sums / np.maximum(np.bincount(slots, weights=precision), 1e-300)).max())
