"""How many rows a correlation needs to be missed: twenty columns in ten pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest

import made
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]
NAMES = tuple(f"x{i}" for i in range(20))
ROWS_PER_TICK = 20


def draw(rng: np.random.Generator, n: int, correlations: list[float]) -> np.ndarray:
    """Give rows of ten pairs with these correlations: float array [n, 20]."""
    rows = rng.normal(size=(n, 20))
    for pair, correlation in enumerate(correlations):
        rows[:, 2 * pair + 1] *= math.sqrt(1 - correlation**2)
        rows[:, 2 * pair + 1] += correlation * rows[:, 2 * pair]
    return rows


def rows_until_breach(seed: int, changed: list[float], limit: int) -> float:
    """Give the rows until the alarm when the correlations become `changed`."""
    rng = np.random.default_rng(seed)
    reference = draw(rng, 10_000, [0.6] * 10)
    columns = {name: reference[:, i].tolist() for i, name in enumerate(NAMES)}
    profile = build_profile(columns, rng, ordered=False)
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=525_600.0))
    for shown in range(ROWS_PER_TICK, limit + 1, ROWS_PER_TICK):
        rows = draw(rng, ROWS_PER_TICK, changed)
        watch.count(made.rows(dict(zip(NAMES, rows.T.tolist(), strict=True))))
        watch.tick()
        if watch.watch.breach is not None:
            return shown
    return math.inf


@pytest.mark.parametrize(
    ("name", "changed", "target"),
    [
        ("one pair to 0", [0.0] + [0.6] * 9, 500),
        ("one pair to -.6", [-0.6] + [0.6] * 9, 150),
        ("all pairs to .3", [0.3] * 10, 1100),
    ],
)
def test_rows_until_a_lost_correlation_alarms(name: str, changed: list[float], target: int) -> None:
    """The median over 30 references is within the target."""
    delays = [rows_until_breach(seed, changed, 10_000) for seed in range(30)]
    print(f"{name}: median {np.median(delays):.0f} rows, p90 {np.quantile(delays, 0.9):.0f}")  # noqa: T201 - the figure
    assert np.median(delays) <= target


def test_unchanged_correlations_do_not_alarm_in_300_000_rows() -> None:
    """Three references, 100,000 unchanged rows each: no alarm."""
    for seed in range(3):
        assert rows_until_breach(100 + seed, [0.6] * 10, 100_000) == math.inf
