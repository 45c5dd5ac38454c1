"""The latency watch: ranks within cells add up in one stream."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Certainty
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.watches.latency_watch import LatencyRule, LatencyWatch, quantile

RULE = LatencyRule(tolerance=0.05, tail_tolerance=0.05, unmeasured_design_effect=1.0)
RNG = np.random.default_rng(1)
PROFILE = build_latency(
    [
        Timing(latency_s=float(RNG.gamma(4, 0.01) * load), in_flight=load, request_bytes=100)
        for _ in range(1000)
        for load in (1, 4)
    ],
    ordered=True,
)


def watch() -> LatencyWatch:
    """Give a watch without evidence."""
    return LatencyWatch(PROFILE, RULE, Certainty(run_length_ticks=1e6))


def show(watched: LatencyWatch, load: int, factor: float, ticks: int) -> None:
    """Show 100 answers per tick."""
    for _ in range(ticks):
        for latency in RNG.gamma(4, 0.01, 100) * load * factor:
            watched.count(float(latency), load, 100)
        watched.tick()


def test_each_answer_is_compared_at_its_own_load() -> None:
    """A change of the mix of loads is no change of latency."""
    watched = watch()
    show(watched, 1, 1.0, 50)
    show(watched, 4, 1.0, 50)
    assert watched.watch.breach is None


def test_faster_answers_never_breach() -> None:
    """Only slower is worse."""
    watched = watch()
    show(watched, 1, 0.2, 50)
    assert watched.watch.breach is None
    assert watched.watch.evidence < 1


def test_bets_gain_nothing_on_certified_answers() -> None:
    """Every bet's mean factor is at most 1 under the certified distribution of each cell."""
    watched = watch()
    stream = watched.watch.streams[0]
    factors = np.exp(stream.table.growth.astype(np.float64))
    sizes = [len(cell.latency.masses) for cell in PROFILE.cells]
    start = 0
    for cell, size in zip(PROFILE.cells, sizes, strict=True):
        mean = np.asarray(cell.latency.masses) @ factors[start : start + size]
        assert mean.max() <= 1 + 1e-6
        start += size


def test_slow_tail_alone_is_found() -> None:
    """One answer in ten three times as slow, the median unchanged."""
    watched = watch()
    for _ in range(60):
        for number, latency in enumerate(RNG.gamma(4, 0.01, 100)):
            watched.count(float(latency) * (3 if number % 10 == 0 else 1), 1, 100)
        watched.tick()
    assert watched.watch.breach is not None


def test_load_beyond_the_certificate_is_counted_apart() -> None:
    """Nothing is judged there, and the share is known."""
    watched = watch()
    for _ in range(100):
        watched.count(1.0, 100, 100)
    watched.count(0.01, 1, 100)
    watched.tick()
    assert watched.beyond_share() > 0.9
    assert watched.n_counted == 1
    assert watched.cells()["answers_beyond_certified_load"] == 100


def test_quantiles_come_from_the_cell() -> None:
    """The certified median is that of the distribution; without counts there is none."""
    cell = PROFILE.cells[0]
    masses = np.asarray(cell.latency.masses)
    assert quantile(cell, masses, 0.5) == pytest.approx(0.0367, rel=0.1)
    assert quantile(cell, np.zeros(len(masses)), 0.5) is None
    assert quantile(cell, np.eye(len(masses))[0], 0.5) == cell.latency.edges[0]
    assert quantile(cell, np.eye(len(masses))[-3], 0.5) == cell.latency.edges[-1]


def test_reset_forgets() -> None:
    """Neither what waits nor the evidence is left."""
    watched = watch()
    show(watched, 1, 5.0, 10)
    watched.count(1.0, 1, 100)
    watched.reset()
    watched.tick()
    assert watched.watch.breach is None
    assert watched.watch.evidence == 0.0
