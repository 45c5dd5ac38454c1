"""Reports out of order: late, early, twice, from clocks apart. Counts are counts all the same."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np
import pytest

import judges
import made
from proxy.alarms import AlarmSettings
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.watching import Watching
from proxy.payload.decode import Decoder
from proxy.payload.schema import infer
from proxy.payload.settings import Payload, Redact
from proxy.pipeline import Pipeline, Plan
from proxy.policy import PolicySettings
from proxy.records import (
    Capture,
    Case,
    Exchange,
    Finding,
    Message,
    Model,
    Pair,
    Position,
    Pulse,
    Rows,
    Scalar,
    Side,
)
from proxy.stats.reference.floors import build_agreement
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.reference.profile import build_profile

JSON = {"content-type": "application/json"}
EXCHANGE = made.exchange(started_s=1.0, connected_s=1.0, first_byte_s=1.1, finished_s=1.1)
Report = Exchange | Capture | Pulse


class Nobody:
    """Counts pairs and results, and keeps nothing."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.pairs: list[str] = []
        self.results: list[str] = []

    def capture_result(self, side: Side, result: str) -> None:
        """Note a result."""
        self.results.append(f"{side}/{result}")

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Take no note."""

    def pair(self, result: str) -> None:
        """Note a pair."""
        self.pairs.append(result)

    def keep(self, rows: Rows) -> None:
        """Keep nothing."""

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Keep nothing."""

    def keep_case(self, case: Case) -> None:
        """Keep nothing."""


def certified() -> Benchmark:
    """Give a benchmark of a model that answers with its input, and of a slightly other one."""
    rng = np.random.default_rng(1)
    x: list[Scalar] = rng.normal(size=3000).tolist()
    profile = build_profile({"x": x}, rng, ordered=True)
    answers = build_profile({"prediction": x}, rng, ordered=True)
    halves = [
        Pair(
            pair_id=number,
            at_s=float(number),
            candidate=_answer(number, Model.CANDIDATE, float(value or 0)),
            stable=_answer(number, Model.STABLE, float(value or 0) + 0.01),
        )
        for number, value in enumerate(x[:500])
    ]
    timings = [Timing(latency_s=0.1, in_flight=1, request_bytes=10) for _ in range(1000)]
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=profile,
        schema=infer(Side.INPUT, {"x": x}, []),
        outputs={"candidate": answers, "stable": answers},
        agreement=build_agreement(halves, ordered=True),
        latency={"candidate": build_latency(timings, ordered=True)},
    )


def _answer(number: int, model: Model, value: float) -> Rows:
    return made.rows(
        {"prediction": [value]},
        exchange_id=number,
        at_s=float(number),
        model=model,
        side=Side.OUTPUT,
    )


BENCHMARK = certified()


def a_line() -> tuple[Pipeline, Nobody]:
    """Give a line with every monitor that counts."""
    engine = Engine()
    monitors = (*judges.against(BENCHMARK, engine), Watching(engine))
    nobody = Nobody()
    plan = Plan(
        alarms=AlarmSettings(), policy=PolicySettings(), has_stable=True, mirror_fraction=1.0
    )
    line = Pipeline(
        plan,
        monitors,
        Decoder(Payload(), Redact()),
        compare=judges.comparing(BENCHMARK),
        meter=nobody,
        keeper=nobody,
    )
    return line, nobody


def traffic(seed: int, n: int, at_s: float = 0.0) -> list[Report]:
    """Give `n` requests with their shadow's answers, each as an exchange and its capture."""
    reports: list[Report] = []
    for number, value in enumerate(np.random.default_rng(seed).normal(size=n).tolist()):
        began_s = at_s + number / n
        serving = msgspec.structs.replace(
            EXCHANGE,
            id=1000 * seed + 2 * number,
            started_s=began_s,
            connected_s=began_s,
            first_byte_s=began_s + 0.1,
            finished_s=began_s + 0.1,
        )
        shadow = msgspec.structs.replace(
            serving,
            id=serving.id + 1,
            pair_id=serving.id,
            model=Model.STABLE,
            position=Position.SHADOW,
        )
        asked = Message(JSON, json.dumps({"instances": [{"x": value}]}).encode(), False)
        for exchange, request, answer in ((serving, asked, value), (shadow, None, value + 0.01)):
            given = Message(JSON, json.dumps({"predictions": [answer]}).encode(), False)
            reports += [exchange, Capture(exchange, "/v1/models/m:predict", request, given)]
    return reports


def moved(report: Report, by_s: float) -> Report:
    """Give a report whose times lie elsewhere."""
    if isinstance(report, Capture):
        return Capture(
            _moved(report.exchange, by_s), report.target, report.request, report.response
        )
    return _moved(report, by_s) if isinstance(report, Exchange) else report


def _moved(exchange: Exchange, by_s: float) -> Exchange:
    return msgspec.structs.replace(
        exchange,
        started_s=exchange.started_s + by_s,
        connected_s=None if exchange.connected_s is None else exchange.connected_s + by_s,
        first_byte_s=None if exchange.first_byte_s is None else exchange.first_byte_s + by_s,
        finished_s=exchange.finished_s + by_s,
    )


def judged(ticks: Iterable[Sequence[Report]]) -> tuple[list[tuple[Finding, ...]], Nobody]:
    """Give the findings of each tick."""
    line, nobody = a_line()
    line.tick(0.0)
    findings = []
    for number, reports in enumerate(ticks, start=1):
        for report in reports:
            line.observe(report)
        findings.append(line.tick(10.0 * number).findings)
    return findings, nobody


def evidence(findings: list[tuple[Finding, ...]]) -> list[list[tuple[str, str, float, int]]]:
    """Give what was concluded, without the times."""
    return [
        [(one.monitor.value, one.verdict.value, one.evidence, one.n_current) for one in tick]
        for tick in findings
    ]


def a_day() -> list[list[Report]]:
    """Give six ticks of traffic."""
    return [traffic(seed, 60, at_s=10.0 * seed) for seed in range(1, 7)]


@pytest.mark.parametrize("by_s", [-1e6, -25.0, 25.0])
def test_rows_of_another_time_count_in_the_tick_in_which_they_arrive(by_s: float) -> None:
    """Times before the last tick, or after this one, change no evidence of any monitor."""
    day = a_day()
    late = [[moved(report, by_s) for report in tick] for tick in day]
    assert evidence(judged(late)[0]) == evidence(judged(day)[0])


def test_the_order_within_a_tick_does_not_matter() -> None:
    """Exchanges may come in any order, a shadow's answer before its question included."""
    day = a_day()
    rng = np.random.default_rng(9)
    mixed = [[tick[int(place)] for place in rng.permutation(len(tick))] for tick in day]
    expected, there = judged(day)
    found, nobody = judged(mixed)
    assert sorted(nobody.pairs) == sorted(there.pairs)
    assert len(nobody.pairs) == 360
    for left, right in zip(evidence(expected), evidence(found), strict=True):
        # Within a class only what has met its question is counted; everything else is equal.
        assert [one for one in left if one[0] != "output_drift"] == [
            one for one in right if one[0] != "output_drift"
        ]


def test_relays_with_clocks_apart_are_one_traffic() -> None:
    """Every other report from a relay an hour ahead: the same evidence, and no crash."""
    day = a_day()
    apart = [
        [moved(report, 3600.0 * (place // 4 % 2)) for place, report in enumerate(tick)]
        for tick in day
    ]
    found, nobody = judged(apart)
    assert evidence(found) == evidence(judged(day)[0])
    assert len(nobody.pairs) == 360


def test_a_capture_that_comes_twice_is_counted_once() -> None:
    """Its id tells: no row, no pair and no case of it counts again, in this tick or the next."""
    day = a_day()
    captures = [[one for one in tick if isinstance(one, Capture)] for tick in day]
    twice = [tick + again for tick, again in zip(day, captures, strict=True)]
    twice[1:] = [before + tick for before, tick in zip(captures[:-1], twice[1:], strict=True)]
    found, nobody = judged(twice)
    expected, there = judged(day)
    assert evidence(found) == evidence(expected)
    assert nobody.pairs == there.pairs
    assert len(nobody.results) == len(there.results)


def test_a_tick_whose_time_runs_backwards_breaks_nothing() -> None:
    """A host whose monotonic clock begins anew still gets findings at every tick."""
    line, _ = a_line()
    for now_s in (100.0, 90.0, 90.0, 0.0, 110.0):
        for report in traffic(int(now_s) + 1, 20, at_s=now_s):
            line.observe(report)
        assert len(line.tick(now_s).findings) == 8
