"""Throughput: capacity under full load, and silence."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import ThroughputSettings
from proxy.monitors.throughput import Throughput, saturation
from proxy.records import Exchange, Finding, Verdict
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=10.0)
BENCHMARK = Benchmark(
    created_utc="2026-01-01T00:00:00Z",
    models={"candidate": "new"},
    input=Profile(n=0, ordered=False, columns=()),
    capacity_per_s={"candidate": {"1": 20.0, "4": 60.0, "8": 62.0}},
    requests=5000,
)


def exchange(took_s: float) -> Exchange:
    """Give a complete answer that took this long."""
    return made.exchange(first_byte_s=took_s, finished_s=took_s, in_flight=8)


def run(monitor: Throughput, ticks: range, per_s: float, load: float) -> list[Finding]:
    """Show this many answers per second while `load` exchanges run on average."""
    rng = np.random.default_rng(ticks.start)
    findings = []
    for tick in ticks:
        for _ in range(rng.poisson(per_s * 10)):
            monitor.observe(exchange(load / per_s))
        findings.append(monitor.judge(tick * 10.0))
    return findings


def test_saturation_is_the_least_load_near_the_highest_rate() -> None:
    """Four running exchanges reach 97 % of what eight reach."""
    assert saturation({"1": 20.0, "4": 60.0, "8": 62.0}) == (4.0, 60.0)
    assert saturation({}) == (0.0, 0.0)
    assert saturation({"1": 0.0}) == (0.0, 0.0)


def test_certified_capacity_is_quiet() -> None:
    """Completing as much as certified under full load is OK for thousands of ticks."""
    findings = run(Throughput(ThroughputSettings(), BENCHMARK, ENGINE), range(500), 60, 6)
    assert {finding.verdict for finding in findings} == {Verdict.OK}


def test_lost_capacity_is_found_and_recovers() -> None:
    """Half the capacity under full load breaches within five ticks, with the ratio, and ends."""
    monitor = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    run(monitor, range(10), 60, 6)
    bad = run(monitor, range(10, 30), 30, 6)
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert first <= 5
    assert bad[-1].interval is not None
    assert bad[-1].interval[0] < 30 / 54 < bad[-1].interval[1]
    good = run(monitor, range(30, 70), 60, 6)
    assert good[-1].verdict is Verdict.OK


def test_little_demand_is_not_lost_capacity() -> None:
    """Few requests without load say nothing about capacity."""
    findings = run(Throughput(ThroughputSettings(), BENCHMARK, ENGINE), range(50), 3, 0.5)
    assert {finding.verdict for finding in findings} == {Verdict.UNKNOWN}
    assert "full load" in findings[-1].reason


def test_silence_is_a_breach_that_ends_with_the_first_request() -> None:
    """No request for a minute where 600 were usual: a breach, until there is one again."""
    monitor = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    run(monitor, range(10), 10, 0.5)
    silent = [monitor.judge(tick * 10.0) for tick in range(10, 17)]
    assert [finding.verdict is Verdict.BREACH for finding in silent] == [False] * 5 + [True] * 2
    assert silent[-1].since_s == pytest.approx(90.0)
    assert "600" in silent[-2].reason or "about" in silent[-2].reason
    assert run(monitor, range(17, 18), 10, 0.5)[-1].verdict is Verdict.UNKNOWN


def test_before_the_first_request_there_is_no_silence() -> None:
    """A sidecar without traffic yet knows nothing."""
    monitor = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    assert monitor.judge(0.0).verdict is Verdict.UNKNOWN
    assert monitor.judge(1e6).verdict is Verdict.UNKNOWN


def test_evidence_about_another_capacity_is_not_taken_over() -> None:
    """After a new certificate, or with another tolerance, the counts were of something else."""
    monitor = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    run(monitor, range(20), 20, 6)
    lower = replace(BENCHMARK, capacity_per_s={"candidate": {"4": 20.0}})
    for settings, benchmark in (
        (ThroughputSettings(), lower),
        (ThroughputSettings(tolerance=0.5), BENCHMARK),
    ):
        assert not Throughput(settings, benchmark, ENGINE).restore(monitor.snapshot())


def test_snapshot_reset_detail_and_switch() -> None:
    """A breach survives a restart, a reset forgets it, the detail shows the certificate."""
    monitor = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    run(monitor, range(20), 20, 6)
    fresh = Throughput(ThroughputSettings(), BENCHMARK, ENGINE)
    assert fresh.restore(monitor.snapshot())
    assert run(fresh, range(20, 21), 20, 6)[-1].verdict is Verdict.BREACH
    monitor.reset()
    assert run(monitor, range(20, 21), 60, 6)[-1].verdict is Verdict.OK
    assert monitor.detail()["certified_capacity_per_s"] == 60.0
    off = Throughput(ThroughputSettings(enabled=False), None, ENGINE)
    assert run(off, range(2), 60, 6)[-1].verdict is Verdict.UNKNOWN
    without = Throughput(ThroughputSettings(), None, ENGINE)
    assert "no certified capacity" in run(without, range(2), 60, 6)[-1].reason
