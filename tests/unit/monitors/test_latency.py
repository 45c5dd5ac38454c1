"""Latency: slower than certified under the same load."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.latency import Latency
from proxy.monitors.settings import LatencySettings
from proxy.records import Exchange, Failure, Finding, Model, Stream, Verdict
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=1.0)


def draw(rng: np.random.Generator, in_flight: int) -> float:
    """Give a latency that grows with the load."""
    return float(0.01 * in_flight * rng.lognormal(0.0, 0.3))


def certified(slower: float = 1.0) -> Benchmark:
    """Give a benchmark of both models at loads of 1 to 8, when they were `slower`."""
    rng = np.random.default_rng(5)
    loads = rng.integers(1, 9, 6000)
    timings = [
        Timing(latency_s=slower * draw(rng, int(load)), in_flight=int(load), request_bytes=100)
        for load in loads
    ]
    profile = build_latency(timings, ordered=True)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        latency={"candidate": profile, "stable": profile},
    )


BENCHMARK = certified()


def answer(latency_s: float, in_flight: int, model: Model = Model.CANDIDATE) -> Exchange:
    """Give an exchange that took `latency_s`."""
    return made.exchange(
        model=model, first_byte_s=latency_s / 2, finished_s=latency_s, in_flight=in_flight
    )


def run(
    monitor: Latency, ticks: range, factor: float, loads: tuple[int, int] = (1, 9)
) -> list[Finding]:
    """Show 100 candidate and 10 stable answers per tick; the candidate's take `factor` longer."""
    rng = np.random.default_rng(ticks.start)
    findings = []
    for tick in ticks:
        for number, load in enumerate(rng.integers(*loads, 110)):
            model = Model.CANDIDATE if number < 100 else Model.STABLE
            slower = factor if model is Model.CANDIDATE else 1.0
            monitor.observe(answer(draw(rng, int(load)) * slower, int(load), model))
        findings.append(monitor.judge(float(tick)))
    return findings


def test_certified_speed_is_quiet_at_any_certified_load() -> None:
    """A rush hour within the certified load is not slowness."""
    monitor = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    calm = run(monitor, range(100), 1.0, (1, 3))
    busy = run(monitor, range(100, 200), 1.0, (5, 9))
    assert {finding.verdict for finding in (*calm[1:], *busy)} == {Verdict.OK}


@pytest.mark.parametrize(("factor", "ticks"), [(1.5, 12), (3.0, 6)])
def test_slower_answers_breach_and_recover(factor: float, ticks: int) -> None:
    """A slower candidate breaches soon, alone, with its factor in the interval, and recovers."""
    monitor = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    run(monitor, range(30), 1.0)
    bad = run(monitor, range(30, 60), factor)
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert first <= ticks
    last = bad[-1]
    assert last.shared is Verdict.OK
    assert last.unit == "ratio"
    assert last.interval is not None
    assert last.interval[0] < factor < last.interval[1]
    assert last.effect == pytest.approx(factor, rel=0.1)
    good = run(monitor, range(60, 100), 1.0)
    assert good[-1].verdict is Verdict.OK
    assert sum(finding.verdict is Verdict.BREACH for finding in good) <= 15


def test_slower_by_less_than_the_tolerance_is_quiet() -> None:
    """Four percent slower, with five percent tolerated, never breaches."""
    findings = run(Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE), range(300), 1.04)
    assert Verdict.BREACH not in {finding.verdict for finding in findings}


def test_load_beyond_the_certificate_is_unknown() -> None:
    """Answers under a load that was never certified say nothing."""
    findings = run(
        Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE), range(20), 1.0, (60, 64)
    )
    assert findings[-1].verdict is Verdict.UNKNOWN
    assert "load" in findings[-1].reason


def test_streams_count_until_their_first_piece_and_failures_not_at_all() -> None:
    """A long stream is not slow, and a failed exchange is not timed."""
    monitor = Latency(LatencySettings(min_answers=10, tolerance_s=0.0), BENCHMARK, ENGINE)
    rng = np.random.default_rng(1)
    long_stream = Stream(first_content_s=None, n_chunks=9, mean_gap_s=1.0, longest_gap_s=2.0)
    for tick in range(10):
        for _ in range(50):
            usual = answer(draw(rng, 1), 1)
            first = usual.finished_s
            monitor.observe(replace(usual, stream=long_stream, first_byte_s=first, finished_s=99.0))
            monitor.observe(replace(usual, failure=Failure.TIMEOUT, finished_s=99.0))
        finding = monitor.judge(float(tick))
    assert finding.verdict is Verdict.OK
    assert finding.n_current == 500


def test_without_a_benchmark_nothing_is_known() -> None:
    """No certified latency: unknown, with the reason."""
    finding = Latency(LatencySettings(tolerance_s=0.0), None, ENGINE).judge(1.0)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.reason == "no certified latency"


def test_detail_shows_the_cells() -> None:
    """The detail names certified and current medians of each cell."""
    monitor = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    run(monitor, range(5), 1.0)
    shown = monitor.detail()["candidate"]
    assert isinstance(shown, dict)
    cells = shown["cells"]
    assert sum(cell["answers"] for cell in cells) == 500
    assert cells[0]["current_median_s"] == pytest.approx(cells[0]["certified_median_s"], rel=0.3)


def test_snapshot_round_trip() -> None:
    """A restored monitor goes on with its breach."""
    monitor = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    run(monitor, range(15), 3.0)
    fresh = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    assert fresh.restore(monitor.snapshot())
    assert run(fresh, range(15, 16), 3.0)[-1].verdict is Verdict.BREACH
    monitor.reset()
    assert run(monitor, range(15, 16), 1.0)[-1].verdict is not Verdict.BREACH


@pytest.mark.parametrize(
    ("slower", "settings"),
    [(3.0, LatencySettings(tolerance_s=0.0)), (1.0, LatencySettings(tolerance=1.0))],
)
def test_evidence_about_another_certificate_or_tolerance_is_not_taken_over(
    slower: float, settings: LatencySettings
) -> None:
    """Ranks among other latencies have the same shares and bets, and mean something else."""
    monitor = Latency(LatencySettings(tolerance_s=0.0), BENCHMARK, ENGINE)
    run(monitor, range(15), 3.0)
    fresh = Latency(settings, certified(slower), ENGINE)
    assert not fresh.restore(monitor.snapshot())
    assert run(fresh, range(15, 16), slower)[-1].verdict is not Verdict.BREACH


def test_milliseconds_beside_fast_models_are_forgiven() -> None:
    """Three milliseconds on top of ten alarm only when fewer are forgiven."""
    verdicts = []
    for forgiven_s in (0.005, 0.0):
        monitor = Latency(LatencySettings(tolerance_s=forgiven_s), BENCHMARK, ENGINE)
        rng = np.random.default_rng(1)
        for tick in range(40):
            for _ in range(100):
                monitor.observe(answer(draw(rng, 1) + 0.003, 1))
            finding = monitor.judge(float(tick))
        verdicts.append(finding.verdict)
    assert verdicts == [Verdict.OK, Verdict.BREACH]
