"""Rates: whether as much is completed per second as was certified.

A count against its expectation is one more stream: two bins, "completed" and "expected", and bets
that the true rate is a part r of the tolerated one. The log factor n ln r + expected (1 - r) is
linear in both, so it is a bet table like any other; its mean factor is at most 1 for Poisson counts
whose mean is at least the expectation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from proxy.stats.basis.bets import BetTable
from proxy.stats.basis.functionals import Floats, Form, Functional
from proxy.stats.basis.intervals import share_interval
from proxy.stats.engine.effects import Effect
from proxy.stats.engine.streams import WatchedStream

LOST_RATES: Final = (0.9, 0.7, 0.5, 0.2)
"""Bets that the rate fell to these parts of the tolerated one."""
COMPLETED: Final = 0
EXPECTED: Final = 1


def watch_rate(name: str, n_reference: int, design_effect: float) -> WatchedStream:
    """Give the stream of a rate that must not fall.

    Args:
        name: what is counted.
        n_reference: answers that the rate was certified with.
        design_effect: variance of the counts in units of their mean (the Fano factor).
    """
    growth = np.array([[math.log(r) for r in LOST_RATES], [1 - r for r in LOST_RATES]])
    functional = Functional(
        name=name,
        form=Form.SHARE,
        values=np.array([0.0, 1.0]),
        applies=np.ones(2, dtype=np.bool_),
    )
    return WatchedStream(
        name=name,
        weight=1.0,
        masses=np.array([0.5, 0.5]),
        n_reference=n_reference,
        functionals=(functional,),
        table=BetTable(
            growth=(growth / design_effect).astype(np.float32),
            functional=np.zeros(len(LOST_RATES), dtype=np.intp),
            upward=np.zeros(len(LOST_RATES), dtype=np.bool_),
        ),
        design_effects=(design_effect,),
        bin_names=("completed", "expected"),
    )


def rate_effect(stream: WatchedStream, _functional: int, counts: Floats) -> Effect:
    """Give completed answers as a ratio of the expected ones."""
    completed, expected = float(counts[COMPLETED]), float(counts[EXPECTED])
    total = (completed + expected) / stream.design_effects[0]
    share = completed / (completed + expected) if completed + expected > 0 else 0.5
    low, high = share_interval(share * total, total)
    return Effect(
        value=_odds(share),
        interval=(_odds(low), _odds(high)),
        unit="ratio",
        n=int(completed),
        summary=f"{stream.name}: {_odds(share):.2f} times the certified rate under full load",
    )


def _odds(share: float) -> float:
    return share / max(1e-9, 1 - share)
