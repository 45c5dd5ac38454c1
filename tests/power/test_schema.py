"""False alarms of the form of answers: rare classes, gaps, counts and heavy tails as certified."""

from __future__ import annotations

import numpy as np
import pytest

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.schema import Schema
from proxy.monitors.settings import SchemaSettings
from proxy.payload.schema import infer
from proxy.records import Rows, Scalar, Side, Verdict
from proxy.stats.reference.profile import build_profile

pytestmark = [pytest.mark.power, pytest.mark.timeout(600)]
N_SEEDS = 24
N_TICKS = 300
PER_TICK = 100


def drawn(rng: np.random.Generator, n: int) -> dict[str, list[Scalar]]:
    """Draw answers of a model: words with a long tail, shares, counts, rare classes, gaps."""
    return {
        "label": [f"l{min(rank, 60)}" for rank in rng.zipf(1.6, size=n)],
        "score": rng.beta(0.5, 0.5, size=n).tolist(),
        "count": rng.poisson(3, size=n).tolist(),
        "code": rng.choice([0, 1, 2, 3], p=[0.9, 0.08, 0.0185, 0.0015], size=n).tolist(),
        "note": [None if is_gap else 1.5 for is_gap in rng.random(n) < 0.02],
        "value": rng.standard_t(3, size=n).tolist(),
    }


def answers(rng: np.random.Generator, n: int) -> list[Rows]:
    """Draw answers of one row each."""
    columns = drawn(rng, n)
    return [
        made.rows({name: [cells[at]] for name, cells in columns.items()}, side=Side.OUTPUT)
        for at in range(n)
    ]


@pytest.mark.parametrize("n_certified", [300, 1000, 3000])
def test_answers_as_certified_never_break_their_form(n_certified: int) -> None:
    """720,000 answers in all against 24 certificates of 300 to 3,000 answers: no breach."""
    breaches = []
    for seed in range(N_SEEDS // 3):
        rng = np.random.default_rng([n_certified, seed])
        schema = infer(Side.OUTPUT, {}, answers(rng, n_certified))
        assert schema is not None
        benchmark = Benchmark(
            created_utc="2026-01-01T00:00:00Z",
            models={"candidate": "new"},
            input=build_profile({"a": [1.0, 2.0] * 50}, rng, ordered=False),
            output_schemas={"candidate": schema},
        )
        monitor = Schema(SchemaSettings(), benchmark, Engine())
        for tick in range(N_TICKS):
            for one in answers(rng, PER_TICK):
                monitor.observe(one)
            finding = monitor.judge(float(tick))
            if finding.verdict is Verdict.BREACH:
                breaches.append((seed, tick, finding.reason))
                break
    assert not breaches
