"""A drifting sidecar explains itself: the right column and the right part of the traffic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from proxy import benchmark
from proxy.benchmark import Benchmark, ReferenceSample
from proxy.records import Scalar
from proxy.stats.reference.profile import build_profile

Fixture = Any
"""Classes of the conftest, which cannot be imported."""
ROWS = 40


def draw(rng: np.random.Generator, n: int, fault: float = 0.0) -> dict[str, list[Scalar]]:
    """Give rows; with a fault the ages of one city are lower."""
    city = rng.choice(["york", "bath", "hull"], n)
    return {
        "age": (rng.normal(40, 10, n) - fault * (city == "hull")).tolist(),
        "income": rng.gamma(2, 1, n).tolist(),
        "city": city.tolist(),
    }


def certify(folder: Path) -> Path:
    """Write a benchmark of 3,000 rows, 500 of them kept."""
    rng = np.random.default_rng(1)
    rows = draw(rng, 3000)
    certified = Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new"},
        input=build_profile(rows, rng, ordered=False),
        sample=ReferenceSample(columns={k: v[:500] for k, v in rows.items()}, n=500),
    )
    path = folder / "benchmark.json"
    path.write_bytes(benchmark.dump(certified))
    return path


def body(rng: np.random.Generator, fault: float) -> bytes:
    """Give a request of some rows."""
    columns = draw(rng, ROWS, fault)
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return json.dumps({"instances": rows}).encode()


def test_a_drift_is_explained_by_the_api_and_by_the_journal(
    start: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """From requests to the insight: column, city, examples, classifier."""
    sidecar = start(
        benchmark=str(certify(tmp_path)),
        monitors={
            "tick_s": 0.2,
            "input": {"unmeasured_design_effect": 1.0},
            "explain": {"every_s": 1.0},
        },
    )
    rng = np.random.default_rng(2)
    assert sidecar.json("/api/v1/drift")["input"]["insight"] is None
    for _ in range(10):
        assert sidecar.predict(body(rng, 0.0))[0] == 200

    def is_explained() -> bool:
        sidecar.predict(body(rng, 60.0))
        insight = sidecar.json("/api/v1/drift")["input"]["insight"]
        # The first one may come before there are rows enough to cut; others follow.
        return insight is not None and bool(insight["sub_populations"])

    wait(is_explained, "an insight with its sub-populations")
    drift = sidecar.json("/api/v1/drift")
    found = drift["input"]["insight"]
    assert found["alarm"] == "input_drift"
    assert found["since_s"] is not None
    assert found["columns"][0]["name"] == "age"
    assert found["columns"][0]["new_share"] > 0.1
    assert found["separation"]["carriers"][0][0] == "age"
    assert [part["condition"] for part in found["sub_populations"]] == ["city = hull"]
    assert found["examples"][0]["why"].startswith("age lies below everything")
    assert found["examples"][0]["values"]["city"] == "hull"
    assert drift["output"]["insight"] is None
    assert sidecar.metric("insights_total", alarm="input_drift", result="made") >= 1
    entries = sidecar.json("/api/v1/journal?n=1000")["entries"]
    written = [entry["body"] for entry in entries if entry["kind"] == "insight"]
    assert written[0]["columns"][0]["name"] == "age"
