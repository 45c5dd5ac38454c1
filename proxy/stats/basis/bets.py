"""How evidence is scored: bets on a functional having moved by more than is tolerated.

Each row multiplies the wealth of a bet by a factor whose mean is at most 1 while the functional is
within tolerance, whatever the distribution of the rows. Wealth that grows is evidence: a factor of
1000 has a chance of at most 1 in 1000 under "within tolerance". Several bet sizes are laid because
the size of the shift is not known; their average is again such a bet.

Sources: Shekhar and Ramdas (2021), "Nonparametric two-sample testing by betting", arXiv 2112.09162,
section 3; Waudby-Smith and Ramdas (2023), "Estimating means of bounded random variables by
betting", JRSS-B 86(1), section 4; Podkopaev and Ramdas (2022), "Tracking the risk of a deployed
model", arXiv 2110.06177, for the tolerance inside the null hypothesis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats, Form, Functional

BET_SIZES: Final = (0.08, 0.2, 0.5, 1.0, 1.8)
"""Bets on a mean, as multiples of the bet that suits a shift of one standard deviation of u."""
UNIFORM_VARIANCE: Final = 1 / 12
"""Variance of a mid-rank without ties; tolerances and bet sizes are stated for it."""
SAFE_BET: Final = 0.95
"""No row may take more than 95 % of the wealth of a bet."""
GROWTH_FACTORS: Final = (1.6, 4.0)
GROWN_SHARES: Final = (0.15, 0.4, 0.85)
"""Bets on a share: that it grew by these factors over the tolerated share, or to these shares."""
LEAST_GROWTH: Final = 1.3
LARGEST_SHARE: Final = 0.95
LOST_FACTORS: Final = (0.7, 0.3, 0.05)
"""Bets on a common share: that it fell to these parts of the tolerated share."""
COMMON: Final = 0.05
"""Shares below this are not watched for loss: the loss shows where the rows went."""
DEAD: Final = -1.0
"""Growth per row of a bet that cannot be laid: it loses, and so never adds evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BetTable:
    """All bets on one stream."""

    growth: NDArray[np.float32]
    """float array [bins, bets]: log factor of the wealth per row, divided by the design effect."""
    functional: NDArray[np.intp]
    """int array [bets]: which functional each bet is on."""
    upward: NDArray[np.bool_]
    """bool array [bets]: the bet is on growth of the functional."""

    @property
    def n_bets(self) -> int:
        """The number of bets."""
        return int(self.growth.shape[1])


def bet_table(
    functionals: Sequence[Functional],
    masses: Floats,
    n_reference: float,
    design_effects: dict[str, float] | None,
    tolerance: Tolerance,
    common: Floats | None = None,
) -> BetTable:
    """Give the bets on every functional of one stream.

    Args:
        functionals: what is watched.
        masses: float array [bins]: the reference.
        n_reference: reference rows; with dependent rows only n / design effect of them count.
        design_effects: by functional name, 1 where not named; `None` when not measured.
        tolerance: what is forgiven.
        common: float array [bins]: the reference that decides which bets are laid, for a table that
            takes the place of another. A bet that cannot be laid then says nothing: what it won
            under the other table is kept. `None`: `masses` decides.
    """
    growth: list[Floats] = []
    owners: list[int] = []
    upward: list[bool] = []
    for index, functional in enumerate(functionals):
        measured = 1.0 if design_effects is None else design_effects.get(functional.name, 1.0)
        temper = tolerance.unmeasured_design_effect if design_effects is None else measured
        n_counted = max(1.0, n_reference * functional.share_of_rows(masses) / measured)
        is_common = functional.mean(masses if common is None else common) >= COMMON
        for up, column in _bets(functional, masses, n_counted, tolerance, is_common=is_common):
            if common is not None and (column == DEAD).all():
                column = np.zeros_like(column)  # noqa: PLW2901 - the dead bet is put to sleep
            growth.append(np.where(functional.applies, column, 0.0) / temper)
            owners.append(index)
            upward.append(up)
    return BetTable(
        growth=np.stack(growth, axis=1).astype(np.float32),
        functional=np.array(owners, dtype=np.intp),
        upward=np.array(upward, dtype=np.bool_),
    )


def tolerated_share(share: float, n_reference: float, tolerance: Tolerance) -> float:
    """Give the largest share that is still within tolerance.

    sin^2(asin(sqrt(p)) + h / 2) is the share that lies Cohen's h above p (Cohen 1988, "Statistical
    power analysis", section 6.2); the standard errors of the reference come on top.
    """
    error = math.sqrt(max(share, 1 / n_reference) / n_reference)
    return _shifted(share, tolerance.effect) + tolerance.reference_z * error


def _bets(
    functional: Functional,
    masses: Floats,
    n_reference: float,
    tolerance: Tolerance,
    *,
    is_common: bool,
) -> list[tuple[bool, Floats]]:
    """Give (upward, log factor per bin) of each bet on a functional."""
    if functional.form is Form.MEAN:
        return _mean_bets(functional, masses, n_reference, tolerance)
    share = functional.mean(masses)
    bets = _growth_bets(functional.values, tolerated_share(share, n_reference, tolerance))
    if is_common and not tolerance.worse_only:
        error = tolerance.reference_z * math.sqrt(share / n_reference)
        bets += _loss_bets(functional.values, _shifted(share, -tolerance.effect) - error)
    return bets


def _mean_bets(
    functional: Functional, masses: Floats, n_reference: float, tolerance: Tolerance
) -> list[tuple[bool, Floats]]:
    """Bet that the mean moved: log(1 + bet * (deviation - tolerated))."""
    variance = functional.variance(masses)
    signs = (1.0,) if tolerance.worse_only else (1.0, -1.0)
    if variance <= 0:
        return [(sign > 0, np.full(len(masses), DEAD)) for sign in signs for _ in BET_SIZES]
    # A shift of d standard deviations moves the mean of u = F(x) by Phi(d / sqrt 2) - 1/2.
    shift = float(ndtr(tolerance.effect / math.sqrt(2))) - 0.5
    tolerated = shift * functional.tolerance_scale * math.sqrt(variance / UNIFORM_VARIANCE)
    tolerated += tolerance.reference_z * math.sqrt(variance / n_reference)
    bets: list[tuple[bool, Floats]] = []
    for sign in signs:
        gain = sign * (functional.values - functional.mean(masses)) - tolerated
        worst = -float(gain[functional.applies].min())
        for size in BET_SIZES:
            bet = min(size * UNIFORM_VARIANCE / variance, SAFE_BET / worst)
            bets.append((sign > 0, np.log1p(np.maximum(bet * gain, -SAFE_BET))))
    return bets


def _growth_bets(members: Floats, tolerated: float) -> list[tuple[bool, Floats]]:
    """Bet that a share grew: the likelihood ratio of a larger share to the tolerated one."""
    shares = [factor * tolerated for factor in GROWTH_FACTORS] + list(GROWN_SHARES)
    if tolerated * LEAST_GROWTH >= LARGEST_SHARE:
        return [(True, np.full(len(members), DEAD)) for _ in shares]
    larger = [min(max(share, LEAST_GROWTH * tolerated), LARGEST_SHARE) for share in shares]
    return [(True, _ratio(members, share, tolerated)) for share in larger]


def _loss_bets(members: Floats, tolerated: float) -> list[tuple[bool, Floats]]:
    """Bet that a share fell: the likelihood ratio of a smaller share to the tolerated one."""
    if tolerated <= 0:
        return [(False, np.full(len(members), DEAD)) for _ in LOST_FACTORS]
    return [(False, _ratio(members, factor * tolerated, tolerated)) for factor in LOST_FACTORS]


def _ratio(members: Floats, share: float, null_share: float) -> Floats:
    inside = math.log(share / null_share)
    outside = math.log((1 - share) / (1 - null_share))
    return members * inside + (1 - members) * outside


def _shifted(share: float, effect: float) -> float:
    """Give the share that lies Cohen's h `effect` above (below when negative) `share`."""
    angle = math.asin(math.sqrt(min(1.0, share))) + effect / 2
    return math.sin(min(math.pi / 2, max(0.0, angle))) ** 2
