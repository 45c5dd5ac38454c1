"""Answers that wait for their truth, truths, and a world in which both come, for tests."""

from __future__ import annotations

import numpy as np

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.settings import LabelSettings
from proxy.records import Fate, Finding, Model, Rows, Scalar, Side, Truth, TruthValue
from proxy.stats.quality.certified_quality import build_quality
from proxy.stats.quality.measures import score_row
from proxy.stats.quality.target import Answer, Target, TargetKind
from proxy.stats.reference.profile import Profile

ENGINE = Engine(tick_s=1.0)
CANDIDATE, STABLE = Model.CANDIDATE, Model.STABLE
TARGET = Target(kind=TargetKind.CLASS, column="class", known=("0", "1"))


def certified(accuracy: float = 0.9) -> Benchmark:
    """Give a benchmark of two models of this accuracy, by 5,000 labels."""
    rng = np.random.default_rng(1)
    rows = []
    for right in rng.random(5000) < accuracy:
        truth = int(rng.random() < 0.5)
        said = str(truth if right else 1 - truth)
        rows.append(score_row(TARGET, Answer(said), truth, 0.0, 1.0))
    quality = build_quality(TARGET, rows, ordered=True)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        quality={model.value: quality for model in Model},
    )


BENCHMARK = certified()


def output(
    key: int,
    values: list[Scalar],
    *ids: str,
    model: Model = CANDIDATE,
    pair_id: int | None = None,
    at_s: float = 0.0,
) -> Rows:
    """Give answers of a model."""
    return made.rows(
        {"class": values},
        exchange_id=key,
        at_s=at_s,
        model=model,
        side=Side.OUTPUT,
        correlation=ids,
        pair_id=pair_id,
    )


def told(name: str, value: TruthValue, row: int | None = None, at_s: float = 0.0) -> Truth:
    """Give a truth."""
    return Truth(id=name, value=value, row=row, at_s=at_s)


def fate(monitor: LabelQuality, truth: Truth, now_s: float = 0.0) -> Fate:
    """Tell one truth; give what became of it."""
    (found,) = monitor.tell([truth], now_s).fates
    return found


class World:
    """A deployment with labels: 20 requests a tick, their truth a tick later."""

    def __init__(self, benchmark: Benchmark | None = BENCHMARK, mirrored: float = 0.5) -> None:
        self.monitor = LabelQuality(LabelSettings(), benchmark, ENGINE)
        self.now_s = 0.0
        self._mirrored = mirrored
        self._rng = np.random.default_rng(3)
        self._key = 0
        self._untold: list[Truth] = []

    def run(self, ticks: int, candidate: float = 0.9, stable: float = 0.9) -> list[Finding]:
        """Let ticks pass with models of these accuracies."""
        findings = []
        for _ in range(ticks):
            truths, self._untold = self._untold, []
            self.monitor.tell(truths, self.now_s)
            for _ in range(20):
                self._request(candidate, stable)
            self.now_s += 1.0
            findings.append(self.monitor.judge(self.now_s))
        return findings

    def _request(self, candidate: float, stable: float) -> None:
        self._key += 2
        name, truth = f"id-{self._key}", int(self._rng.random() < 0.5)
        said = truth if self._rng.random() < candidate else 1 - truth
        self.monitor.observe(output(self._key, [str(said)], name, at_s=self.now_s))
        if self._rng.random() < self._mirrored:
            said = truth if self._rng.random() < stable else 1 - truth
            copy = output(
                self._key + 1, [str(said)], model=STABLE, pair_id=self._key, at_s=self.now_s
            )
            self.monitor.observe(copy)
        self._untold.append(told(name, truth, at_s=self.now_s))
