"""Intervals that stay true however often they are looked at, and bounds for certified floors."""

from __future__ import annotations

import math
from typing import Final, Protocol

from scipy.special import betaincinv, betaln

ALPHA: Final = 0.05
NORMAL_95: Final = 1.96
"""Standard errors on each side of an interval that is looked at once and misses in 5 %."""
TUNED_FOR: Final = 1000
"""The interval of a mean is narrowest near this many rows; elsewhere it is only a little wider."""
STEPS: Final = 60


def mean_interval(
    mean: float, variance: float, n: float, alpha: float = ALPHA
) -> tuple[float, float]:
    """Give an interval that covers the mean at all times together with probability 1 - alpha.

    mean +- sd * sqrt(2 (n r^2 + 1) / (n r)^2 * ln(sqrt(n r^2 + 1) / alpha)).
    Source: Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), "Time-uniform central limit
    theory and asymptotic confidence sequences", Annals of Statistics 52(6), theorem 2.2. It is
    asymptotic: with a few dozen rows it is a little too narrow.

    Args:
        mean: sample mean.
        variance: sample variance.
        n: rows, counted as independent ones (divided by the design effect).
        alpha: probability that the interval ever misses.
    """
    if n <= 0:
        return -math.inf, math.inf
    tuning = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / TUNED_FOR
    spread = n * tuning + 1
    factor = 2 * spread / (n * n * tuning) * math.log(math.sqrt(spread) / alpha)
    radius = math.sqrt(max(variance, 0.25 / (n + 1)) * factor)
    return mean - radius, mean + radius


def share_interval(hits: float, n: float, alpha: float = ALPHA) -> tuple[float, float]:
    """Give an interval that covers a share at all times together with probability 1 - alpha.

    All p that a bet spread over the shares by Beta(1/2, 1/2) has not refuted by 1 / alpha.
    Source: Waudby-Smith and Ramdas (2023), "Estimating means of bounded random variables by
    betting", JRSS-B 86(1), appendix on beta-binomial mixtures; Robbins (1970).

    Args:
        hits: rows with the property, in 0..n; need not be whole.
        n: rows, counted as independent ones.
        alpha: probability that the interval ever misses.
    """
    if n <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, hits / n))
    mixed = float(betaln(hits + 0.5, n - hits + 0.5) - betaln(0.5, 0.5))
    limit = mixed + math.log(alpha)

    def refuted(p: float) -> bool:
        inside = hits * math.log(p) if hits > 0 else 0.0
        outside = (n - hits) * math.log1p(-p) if hits < n else 0.0
        return inside + outside < limit

    return _border(refuted, share, 0.0), _border(refuted, share, 1.0)


def share_upper_bound(hits: int, n: int, alpha: float = 0.001) -> float:
    """Give the Clopper-Pearson upper bound of a share; 1 when nothing was seen.

    Source: Clopper and Pearson (1934), Biometrika 26(4).
    """
    if n <= 0 or hits >= n:
        return 1.0
    return float(betaincinv(hits + 1, n - hits, 1 - alpha))


class _Refuted(Protocol):
    def __call__(self, p: float, /) -> bool: ...


def _border(refuted: _Refuted, inside: float, outside: float) -> float:
    """Give the border between what is not refuted (`inside`) and `outside`, by bisection."""
    edge = min(max(outside, 1e-12), 1 - 1e-12)
    if not refuted(edge):
        return outside
    for _ in range(STEPS):
        middle = (inside + edge) / 2
        if refuted(middle):
            edge = middle
        else:
            inside = middle
    return inside
