"""Disagreement: the two models differ more than when they were certified."""

from __future__ import annotations

import math

import numpy as np
import pytest
from msgspec import structs

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.disagreement import Disagreement
from proxy.monitors.settings import AgreementSettings
from proxy.records import Compared, Finding, Model, Pair, Scalar, Side, Verdict
from proxy.stats.reference.compare import by_rule
from proxy.stats.reference.floors import build_agreement
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=1.0)
SETTINGS = AgreementSettings()


def pair(candidate: list[Scalar], stable: list[Scalar], column: str = "prediction") -> Pair:
    """Give a pair of answers with one column."""
    halves = [
        made.rows({column: values}, model=model, side=Side.OUTPUT)
        for model, values in ((Model.CANDIDATE, candidate), (Model.STABLE, stable))
    ]
    return Pair(pair_id=1, at_s=0.0, candidate=halves[0], stable=halves[1])


def numbers(rng: np.random.Generator, n: int, bias: float = 0.0) -> list[Pair]:
    """Give pairs of two regressions that differ by noise, and the candidate by a bias."""
    stable = rng.normal(0, 10, n)
    candidate = stable + rng.normal(bias, 1, n)
    return [pair([float(c)], [float(s)]) for c, s in zip(candidate, stable, strict=True)]


def labels(rng: np.random.Generator, n: int, share: float) -> list[Pair]:
    """Give pairs of two classifiers that differ in a share of rows."""
    return [
        pair(["no" if differs else "yes"], ["yes"], "class") for differs in rng.random(n) < share
    ]


def benchmark(pairs: list[Pair]) -> Benchmark:
    """Give a benchmark with the agreement of these pairs."""
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        agreement=build_agreement(pairs, ordered=False),
    )


NUMBERS = benchmark(numbers(np.random.default_rng(1), 4000))
LABELS = benchmark(labels(np.random.default_rng(1), 10_000, 0.02))


def seen(monitor: Disagreement, one: Pair) -> Compared:
    """Give a pair as the line shows it to this monitor."""
    agreement = monitor._agreement
    scales, far = ({}, 0.0) if agreement is None else (agreement.scales, agreement.far)
    return by_rule(one, scales, far, SETTINGS.max_rows_per_pair)


def show(monitor: Disagreement, ticks: range, pairs: list[Pair]) -> list[Finding]:
    """Show 10 pairs per tick."""
    findings = []
    for tick in ticks:
        for one in pairs[:10]:
            monitor.observe(seen(monitor, one))
        del pairs[:10]
        findings.append(monitor.judge(float(tick)))
    return findings


def test_certified_disagreement_is_quiet() -> None:
    """Differences as certified never breach, for labels and for numbers."""
    rng = np.random.default_rng(2)
    found = show(Disagreement(SETTINGS, LABELS, ENGINE), range(300), labels(rng, 3000, 0.02))
    found += show(Disagreement(SETTINGS, NUMBERS, ENGINE), range(300), numbers(rng, 3000))
    assert Verdict.BREACH not in {finding.verdict for finding in found}
    assert found[-1].verdict is Verdict.OK
    assert found[0].verdict is Verdict.UNKNOWN


def test_half_of_the_labels_differing_is_found_within_fifty_pairs() -> None:
    """A candidate that differs in half of the rows breaches, is confirmed, and recovers."""
    rng = np.random.default_rng(2)
    monitor = Disagreement(SETTINGS, LABELS, ENGINE)
    show(monitor, range(20), labels(rng, 200, 0.02))
    bad = show(monitor, range(20, 40), labels(rng, 200, 0.5))
    first = next(i for i, finding in enumerate(bad) if finding.verdict is Verdict.BREACH)
    assert first < 8
    assert bad[-1].unit == "share"
    assert bad[-1].interval is not None
    assert bad[-1].interval[0] < 0.5 < bad[-1].interval[1]
    assert bad[-1].confirmation > math.log(100)
    assert bad[-1].shared is Verdict.UNKNOWN
    good = show(monitor, range(40, 80), labels(rng, 400, 0.02))
    assert good[-1].verdict is Verdict.OK
    assert sum(finding.verdict is Verdict.BREACH for finding in good) <= 20


def test_numbers_that_drift_apart_are_found() -> None:
    """A bias of half the stable's spread is found by the distance."""
    rng = np.random.default_rng(2)
    monitor = Disagreement(SETTINGS, NUMBERS, ENGINE)
    show(monitor, range(20), numbers(rng, 200))
    bad = show(monitor, range(20, 40), numbers(rng, 200, bias=5.0))
    assert bad[-1].verdict is Verdict.BREACH
    told = {blame.subject: blame.summary for blame in bad[-1].blamed}
    assert told.keys() >= {"answers differ", "distance"}
    assert told["distance"].startswith("distance between the answers: ")


def test_models_that_agree_better_are_fine() -> None:
    """Only growing apart matters."""
    rng = np.random.default_rng(2)
    found = show(Disagreement(SETTINGS, NUMBERS, ENGINE), range(100), numbers(rng, 1000))
    same = [pair([1.0], [1.0]) for _ in range(1000)]
    found += show(Disagreement(SETTINGS, NUMBERS, ENGINE), range(100), same)
    assert Verdict.BREACH not in {finding.verdict for finding in found}


def test_detail_gives_the_share_that_differs_with_its_interval() -> None:
    """The disagreement ratio comes with bounds that hold at any time."""
    monitor = Disagreement(SETTINGS, LABELS, ENGINE)
    show(monitor, range(30), labels(np.random.default_rng(5), 300, 0.02))
    detail = monitor.detail()
    low, high = detail["disagreement_interval"]
    assert low <= detail["disagreement"] <= high
    assert detail["certified_disagreement"] == pytest.approx(0.02, abs=0.005)
    assert detail["n_compared"] == 300


def test_odd_answers_do_not_raise() -> None:
    """Answers of different form, NaN and containers count as differing."""
    monitor = Disagreement(SETTINGS, NUMBERS, ENGINE)
    odd: list[list[Scalar]] = [[math.nan], [None], ["text"], [], [[1]], [10**400]]
    for tick in range(10):
        for values in odd * 3:
            monitor.observe(seen(monitor, pair(values, [1.0])))
        finding = monitor.judge(float(tick))
    assert finding.verdict is Verdict.BREACH


def test_evidence_about_another_certificate_is_not_taken_over() -> None:
    """As many rows differ, but by another distance: what was counted means something else."""
    monitor = Disagreement(SETTINGS, LABELS, ENGINE)
    show(monitor, range(3), labels(np.random.default_rng(2), 200, 0.9))
    assert LABELS.agreement is not None
    other = structs.replace(LABELS, agreement=structs.replace(LABELS.agreement, far=2.5))
    assert not Disagreement(SETTINGS, other, ENGINE).restore(monitor.snapshot())


def test_snapshot_reset_and_unknown() -> None:
    """A breach survives a restart, a reset forgets it, and without a certificate all is unknown."""
    rng = np.random.default_rng(2)
    monitor = Disagreement(SETTINGS, LABELS, ENGINE)
    show(monitor, range(20), labels(rng, 200, 0.9))
    fresh = Disagreement(SETTINGS, LABELS, ENGINE)
    assert fresh.restore(monitor.snapshot())
    assert show(fresh, range(20, 21), labels(rng, 10, 0.9))[-1].verdict is Verdict.BREACH
    monitor.reset()
    assert show(monitor, range(20, 21), labels(rng, 10, 0.0))[-1].verdict is not Verdict.BREACH
    without = Disagreement(SETTINGS, None, ENGINE)
    without.observe(seen(without, pair([1.0], [1.0])))
    assert without.judge(0.0).verdict is Verdict.UNKNOWN
    assert not without.restore(b"")
    assert without.snapshot() == b""
    assert "reason" in without.detail()


def test_its_counts_can_be_added_up_over_replicas() -> None:
    """The compared rows of the tick are given; without a certified agreement there are none."""
    monitor = Disagreement(SETTINGS, LABELS, ENGINE)
    for one in labels(np.random.default_rng(1), 5, 0.5):
        monitor.observe(seen(monitor, one))
    (watch,) = monitor.pooled().values()
    assert watch.pending.sum() == 5
    assert Disagreement(SETTINGS, None, ENGINE).pooled() == {}
