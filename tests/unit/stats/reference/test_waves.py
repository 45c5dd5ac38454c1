"""Waves: hours against days, within chance and beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.functionals import Functional, numeric_functionals
from proxy.stats.reference.column import build_column
from proxy.stats.reference.waves import moves_of, slopes_of, wave_of

RNG = np.random.default_rng(1)
COLUMN = build_column("x", list(RNG.normal(size=20_000)), ordered=False)
MASSES = np.array(COLUMN.masses)
LOCATION: Functional = numeric_functionals(MASSES)[0]
PER_CELL = 40


def counts_of(n_days: int, by: np.ndarray) -> np.ndarray:
    """Count normal rows of every hour of every day, shifted: [days, hours, bins]."""
    shape = (n_days, len(by), PER_CELL)
    values = RNG.normal(size=shape) + by[np.newaxis, :, np.newaxis]
    bins = COLUMN.binner().bins(values.ravel().tolist()).reshape(n_days * len(by), PER_CELL)
    found = np.stack([np.bincount(cell, minlength=len(MASSES)) for cell in bins])
    return found.reshape(n_days, len(by), len(MASSES))


def sine(height: float) -> np.ndarray:
    """Give a wave by hour of the day."""
    return height * np.sin(2 * np.pi * np.arange(24) / 24)


def test_a_wave_is_found_with_its_height() -> None:
    """0.3 sd is three tolerances; the hour explains 4 % of the variance."""
    wave = wave_of(LOCATION, MASSES, counts_of(10, sine(0.3)))
    assert wave is not None
    assert float(np.abs(wave.deviations).max()) == pytest.approx(3.0, abs=1.0)
    assert wave.explained == pytest.approx(0.04, abs=0.015)
    assert not wave.has_weekend
    assert moves_of([wave], np.arange(24)).startswith("up to 0.")


def test_chance_is_no_wave() -> None:
    """A p-value below one in a million is asked: none of 300 references without a wave has it."""
    assert not any(wave_of(LOCATION, MASSES, counts_of(4, sine(0.0))) for _ in range(300))


def test_a_weekend_that_differs_is_told() -> None:
    """Of 48 hours the second 24 lie half a standard deviation lower."""
    by = np.concatenate([np.zeros(24), np.full(24, -0.5)])
    wave = wave_of(LOCATION, MASSES, counts_of(6, by))
    assert wave is not None
    assert wave.has_weekend


def test_too_few_days_are_no_wave() -> None:
    """One day has nothing to compare its hours with; none has nothing at all."""
    assert wave_of(LOCATION, MASSES, counts_of(1, sine(1.0))) is None
    assert wave_of(LOCATION, MASSES, np.zeros((3, 24, len(MASSES)), dtype=np.intp)) is None


def test_a_slope_within_an_hour_is_what_lies_beyond_half_of_the_tolerance() -> None:
    """At the steepest hour of a wave of 2 sd half a step is 0.26 sd; at its height nothing."""
    wave = wave_of(LOCATION, MASSES, counts_of(30, sine(2.0)))
    assert wave is not None
    hours = np.arange(24)
    whole = counts_of(30, sine(2.0)).sum(axis=0)
    steep = slopes_of([wave], hours == 0, whole[0] / whole[0].sum())
    flat = slopes_of([wave], hours == 6, whole[6] / whole[6].sum())
    assert steep["location"] > 0.1
    assert flat.get("location", 0.0) < 0.1
