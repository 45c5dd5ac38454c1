"""The certified floors: how often a healthy model fails, and how often two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.records import Pair
from proxy.stats.reference.column import ColumnProfile, build_column
from proxy.stats.reference.compare import compare, numeric_scales

FAR_LEVEL: Final = 0.99
"""Answers that are numbers always differ a little: only the certified 1 % counts as different."""


class ErrorFloor(Struct, frozen=True, kw_only=True):
    """Failed answers of one model during certification."""

    n: int
    """Answers, failed ones included."""
    failed: dict[str, int]
    """Failed answers by class: `server` (5xx), `timeout`, `connect`, `invalid`."""

    def trouble(self) -> str:
        """Say how a floor that was read from a file contradicts itself; empty when it does not."""
        failed = self.failed.values()
        if min(failed, default=0) < 0 or sum(failed) > self.n:
            return f"{sum(failed)} of {self.n} answers failed"
        return ""


class Agreement(Struct, frozen=True, kw_only=True):
    """How far the answers of candidate and stable lay apart during certification."""

    n: int
    """Compared rows."""
    n_differ: int
    """Rows whose class, label or text differed, or whose distance exceeded `far`."""
    far: float
    """Distance that counts as "differ" where answers are numbers: the certified 99 % quantile."""
    scales: dict[str, float]
    """By numeric output column: standard deviation of the stable's answers, the unit of
    distance."""
    distance: ColumnProfile | None
    """Certified distances between the answers. `None`: answers are labels only."""

    def trouble(self) -> str:
        """Say how what was read from a file contradicts itself; empty when it does not."""
        if not 0 <= self.n_differ <= self.n or self.far < 0:
            return f"{self.n_differ} of {self.n} compared answers differ, or by a negative distance"
        if not all(scale > 0 for scale in self.scales.values()):
            return "a scale of agreement is not positive"
        return "" if self.distance is None else self.distance.trouble()


def build_agreement(pairs: Sequence[Pair], *, ordered: bool) -> Agreement:
    """Give the certified agreement of two models from their answers to the same requests.

    Args:
        pairs: answers of both models; 10,000 compared rows make a sharp floor.
        ordered: the requests were in order of time. Then the dependence of distances is measured.
    """
    scales = numeric_scales([pair.stable for pair in pairs])
    compared = [row for pair in pairs for row in compare(pair, scales)]
    distances = [row.distance for row in compared if row.distance is not None]
    far = float(np.quantile(distances, FAR_LEVEL)) if distances else 0.0
    profile = build_column("distance", distances, ordered=ordered) if distances else None
    return Agreement(
        n=len(compared),
        n_differ=sum(row.differs(far) for row in compared),
        far=far,
        scales=scales,
        distance=profile,
    )
