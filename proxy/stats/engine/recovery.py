"""Whether a breach is over: the reverse bet, that a stream is no longer half as bad as it was.

The bets that found the breach are one score per row. Its mean over a tick is certain to be large
while the breach lasts; betting against "at least half as far from the reference as in the breach"
gains when the rows are as certified again. The tick bet takes each tick as one observation, so it
needs no assumption about rows within a tick and ends a clear breach in about ten ticks; the row bet
is faster for small shifts with many independent rows. Their average is again a bet.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.stats.basis.functionals import Floats

HALF: Final = 0.5
SAFE_BET: Final = 0.9
LARGEST: Final = 1e12
"""Wealth beyond this is not needed: a breach ends long before."""


@dataclass(slots=True, kw_only=True)
class Recovery:
    """The reverse e-detector of one blamed stream."""

    score: Floats
    """float array [bins]: evidence per row of the breach."""
    limit: float
    """The stream is still bad while the mean score is at least this."""
    tick_bet: float
    row_bet: float
    design_effect: float
    healthy: float = 0.0
    """Mean score of the reference that the breach was compared with."""
    tick_wealth: float = 0.0
    row_wealth: float = 0.0

    def fold(self, counts: Floats, moved: float = 0.0) -> None:
        """Add one tick of counts of the stream; a tick without rows says nothing.

        `moved`: how much the mean score of the reference is higher than it was in the breach,
        because another hour of the day is compared with another slot.
        """
        n = float(counts.sum())
        if n <= 0:
            return
        limit = self.limit + moved
        gain = limit - float(counts @ self.score) / n
        tick = math.log(max(1 - SAFE_BET, 1 + self.tick_bet * gain))
        rows = np.log(np.maximum(1 - SAFE_BET, 1 + self.row_bet * (limit - self.score)))
        row = min(float(counts @ rows) / self.design_effect, math.log(10))
        self.tick_wealth = min(LARGEST, (1 + self.tick_wealth) * math.exp(tick))
        self.row_wealth = min(LARGEST, (1 + self.row_wealth) * math.exp(max(row, -50.0)))

    def evidence(self) -> float:
        """Give the log wealth, at least 0."""
        return math.log(max(1.0, (self.tick_wealth + self.row_wealth) / 2))


def recovery_of(score: Floats, reference: Floats, breach: Floats, design_effect: float) -> Recovery:
    """Give the reverse bet for one stream.

    Args:
        score: float array [bins], evidence per row.
        reference: float array [bins], masses of the reference.
        breach: float array [bins], counts since the breach began.
        design_effect: of the functionals that carry the score.
    """
    healthy = float(reference @ score)
    total = float(breach.sum())
    bad = float(breach @ score) / total if total > 0 else float(score.max())
    limit = healthy + HALF * max(bad - healthy, 1e-9)
    worst = max(float(score.max()) - limit, 1e-9)
    variance = float(reference @ (score - healthy) ** 2)
    lead = limit - healthy
    return Recovery(
        score=score,
        limit=limit,
        tick_bet=SAFE_BET / worst,
        row_bet=min(SAFE_BET / worst, lead / (variance + lead * lead)),
        design_effect=max(1.0, design_effect),
        healthy=healthy,
    )
