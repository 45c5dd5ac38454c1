"""Deviations of a functional in one unit for all: multiples of the shift that is tolerated.

A location in ranks, a spread and a share of rows cannot be compared; how many times the tolerance
each has moved can. 1 is a shift that just begins to matter.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from proxy.stats.basis.bets import UNIFORM_VARIANCE
from proxy.stats.basis.functionals import Floats, Form, Functional


def tolerated_shift(functional: Functional, masses: Floats, effect: float) -> float:
    """Give the shift of a mean functional that is tolerated; 0 when it cannot vary.

    A shift of d standard deviations moves the mean of u = F(x) by Phi(d / sqrt 2) - 1/2.
    """
    shift = float(ndtr(effect / math.sqrt(2))) - 0.5
    spread = math.sqrt(functional.variance(masses) / UNIFORM_VARIANCE)
    return shift * functional.tolerance_scale * spread


def in_tolerances(
    functional: Functional, masses: Floats, deviations: Floats, effect: float
) -> Floats:
    """Give deviations of a functional's mean from that under `masses`, in tolerances.

    Args:
        functional: what deviates.
        masses: float array [bins]: what it deviates from.
        deviations: float array [any], differences of means (or of shares).
        effect: the tolerance, in standard deviations and as Cohen's h.

    Returns:
        float array like `deviations`, 0 for a functional that cannot vary.
    """
    if functional.form is Form.SHARE:
        share = functional.mean(masses)
        moved = np.clip(share + deviations, 0.0, 1.0)
        angles: Floats = 2 * np.arcsin(np.sqrt(moved)) - 2 * math.asin(math.sqrt(share))
        return angles / effect
    tolerated = tolerated_shift(functional, masses, effect)
    return deviations / tolerated if tolerated > 0 else np.zeros_like(deviations)


def error_in_tolerances(
    functional: Functional, masses: Floats, independent: Floats, effect: float
) -> Floats:
    """Give the standard error of a mean over `independent` rows, in tolerances.

    For shares the angle 2 asin(sqrt p) has a standard error of 1 / sqrt n, whatever the share.
    """
    root: Floats = np.sqrt(np.maximum(independent, 1e-9))
    if functional.form is Form.SHARE:
        return 1 / root / effect
    tolerated = tolerated_shift(functional, masses, effect)
    if tolerated <= 0:
        return np.full_like(root, math.inf)
    return math.sqrt(functional.variance(masses)) / root / tolerated
