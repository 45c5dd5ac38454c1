"""Latency under realistic load: a month without a fault, and how soon a slow-down is found.

The simulated model has a diurnal load with bursts, latencies that grow with the load, slow waves
of a noisy neighbour and pauses that hit a whole tick: what fixed thresholds on p95 alarm on.
"""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Certainty
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.watches.latency_watch import LatencyRule, LatencyWatch

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]
MONTH = 43_200
DAY = 1_440
ROWS = 200
RULE = LatencyRule(tolerance=0.05, tail_tolerance=0.05, unmeasured_design_effect=4.0)
CERTAINTY = Certainty(run_length_ticks=525_600.0)


class Traffic:
    """One minute after the other of answers with their load."""

    def __init__(self, seed: int) -> None:
        """Begin at midnight."""
        self.rng = np.random.default_rng(seed)
        self.minute = 0
        self.wave = 0.0

    def tick(self) -> tuple[np.ndarray, np.ndarray]:
        """Give latencies in seconds and running exchanges of one minute."""
        rng = self.rng
        day = 1 + 0.6 * np.sin(2 * np.pi * self.minute / DAY)
        burst = 3.0 if rng.random() < 0.01 else 1.0
        loads = 1 + rng.poisson(3.0 * day * burst, ROWS)
        self.wave = 0.98 * self.wave + np.sqrt(1 - 0.98**2) * rng.normal()
        base = 0.02 * (1 + 0.25 * loads) * np.exp(0.03 * self.wave)
        latencies = base * rng.lognormal(0.0, 0.3, ROWS)
        latencies[rng.random(ROWS) < 0.005] *= 5  # collections of garbage
        if rng.random() < 0.003:
            latencies *= 1.5  # a noisy neighbour, for this minute
        self.minute += 1
        return latencies, loads


def certified(seed: int) -> LatencyWatch:
    """Give a watch that was certified on one simulated day, in the order of time."""
    traffic = Traffic(seed)
    timings = []
    for _ in range(DAY):
        latencies, loads = traffic.tick()
        timings += [
            Timing(latency_s=float(latency), in_flight=int(load), request_bytes=100)
            for latency, load in zip(latencies[:50], loads[:50], strict=True)
        ]
    return LatencyWatch(build_latency(timings, ordered=True), RULE, CERTAINTY)


def minutes_until_breach(watch: LatencyWatch, traffic: Traffic, factor: float, limit: int) -> int:
    """Give the minutes until the alarm; `limit` + 1 without one."""
    for minute in range(1, limit + 1):
        latencies, loads = traffic.tick()
        for latency, load in zip((latencies * factor).tolist(), loads.tolist(), strict=True):
            watch.count(latency, load, 100)
        watch.tick()
        if watch.watch.breach is not None:
            return minute
    return limit + 1


@pytest.mark.parametrize("seed", [1, 2])
def test_a_month_of_rush_hours_is_quiet(seed: int) -> None:
    """Load, bursts, waves and pauses as certified: no alarm in a month."""
    assert minutes_until_breach(certified(seed), Traffic(100 + seed), 1.0, MONTH) > MONTH


@pytest.mark.parametrize(("factor", "minutes"), [(1.2, 75), (1.5, 8), (2.0, 5)])
def test_slow_downs_are_found_within_minutes(factor: float, minutes: int) -> None:
    """The median over nine certifications is within the target."""
    found = [
        minutes_until_breach(certified(seed), Traffic(200 + seed), factor, 500) for seed in range(9)
    ]
    print(f"{factor} times slower: median {np.median(found):.0f} min, largest {max(found)}")  # noqa: T201 - the figure
    assert np.median(found) <= minutes
