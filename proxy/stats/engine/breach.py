"""A breach that lasts: what later data say about it, who is to blame, and who has recovered."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from proxy.stats.engine.e_detector import EDetector, Layout, Singles
from proxy.stats.engine.recovery import Recovery

PRIOR_PART: Final = 0.1
"""Part of the confirmation that is bet on all streams alike, in case the blame was wrong."""
LARGEST_CONFIRMATION: Final = 1e9
ROUNDING: Final = 1e-5
"""How far a sum of shares may lie beside 1."""


@dataclass(slots=True)
class Breach:
    """What is known about the breach that lasts."""

    n_ticks: int
    """Ticks since the evidence crossed the threshold."""
    onset: int
    """Ticks since the estimated onset."""
    stakes: Singles
    """float array [bets]: the wealth of each bet on data after the breach."""
    fresh: EDetector
    """Evidence since recovery last had not begun: what remains when the breach is over."""
    recoveries: dict[int, Recovery] = field(default_factory=dict)
    """By blamed stream, the strongest first."""
    carriers: dict[int, int] = field(default_factory=dict)
    """By blamed stream: the functional that carried the evidence when it was last bad."""
    n_recovering: int = 0
    """Ticks since recovery began."""
    spoke: bool | None = None
    """Whether the last tick raised the confirmation, before its bound. `None`: the streams to blame
    had no rows."""

    def hear(self, factors: Singles) -> None:
        """Let a tick with rows of a blamed stream speak: float array [bets], log factors."""
        grown = self.stakes * np.exp(factors)
        # At the bound the sum only wavers: the clearest breach would never seem to go on.
        self.spoke = bool(grown.sum(dtype=np.float64) > self.stakes.sum(dtype=np.float64))
        self.stakes = np.minimum(grown, np.float32(LARGEST_CONFIRMATION))

    def confirmation(self) -> float:
        """Give the log e-value of the data after the breach; 0 before any have spoken."""
        wealth = float(self.stakes.sum(dtype=np.float64))
        # Stakes add up to 1 but for their rounding, which must not look like evidence.
        if self.n_ticks == 0 or abs(wealth - 1) < ROUNDING:
            return 0.0
        return math.log(max(wealth, 1e-30))


def stakes_of(layout: Layout, wealth: Singles) -> Singles:
    """Give how confirmation is staked: on each bet as it has won, and a tenth on all alike.

    Args:
        layout: the streams and their weights.
        wealth: float array [bets], what each has won until the breach.
    """
    weights = layout.bet_weights
    won = weights * wealth
    stakes: Singles = ((1 - PRIOR_PART) * won / won.sum() + PRIOR_PART * weights).astype(np.float32)
    return stakes
