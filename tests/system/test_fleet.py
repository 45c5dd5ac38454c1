"""Two sidecars and a real Redis: only one meets the change, both find it; Redis may go away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxy.benchmark import Benchmark, dump
from proxy.stats.reference.profile import build_profile

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Fixture = Any
"""Classes of the conftest, which cannot be imported."""


def certified() -> bytes:
    """Give a benchmark of one normal column."""
    rng = np.random.default_rng(1)
    profile = build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=False)
    return dump(
        Benchmark(created_utc="2026-01-01T00:00:00Z", models={"candidate": "m"}, input=profile)
    )


def body(rng: np.random.Generator, shift: float) -> bytes:
    """Give a request of twenty rows."""
    return json.dumps({"instances": [{"x": x} for x in rng.normal(shift, 1, 20).tolist()]}).encode()


def begun(start: Callable[..., Fixture], folder: Path, port: int) -> Fixture:
    """Start one sidecar of the fleet."""
    folder.mkdir()
    (folder / "benchmark.json").write_bytes(certified())
    return start(
        folder,
        benchmark="benchmark.json",
        monitors={"tick_s": 0.5, "input": {"learn_s": 0, "unmeasured_design_effect": 1}},
        alarms={"hold_s": 1},
        fleet={"url": f"redis://127.0.0.1:{port}", "name": "flights"},
    )


def test_what_one_replica_meets_both_find(
    start: Callable[..., Fixture],
    wait: Callable[[Callable[[], bool], str], None],
    tmp_path: Path,
    real_redis: int,
) -> None:
    """The second replica alarms without a request of its own, and says when Redis is gone."""
    one, other = (begun(start, tmp_path / name, real_redis) for name in ("one", "other"))
    pods = (one, other)
    wait(lambda: all(pod.metric("fleet_replicas", kind="added") == 2 for pod in pods), "a fleet")
    rng = np.random.default_rng(2)

    def fires() -> bool:
        one.predict(body(rng, 1.5))
        return all(
            pod.metric("alarm_state", alarm="input_drift", state="firing") == 1 for pod in pods
        )

    wait(fires, "both fire")
    assert other.metric("requests_total") == 0
    assert other.json("/api/v1/status")["fleet"]["replicas"] == 2
    asked = f"redis-cli -p {real_redis} --raw dbsize"
    assert int(subprocess.run(asked.split(), capture_output=True, check=True).stdout) < 200
    os.kill(_pid_of(real_redis), signal.SIGKILL)
    wait(lambda: all(pod.metric("fleet_up") == 0 for pod in pods), "alone")
    for pod in pods:
        fleet = pod.json("/api/v1/status")["fleet"]
        assert (fleet["up"], fleet["replicas"]) == (False, 1)
        assert "Redis" in fleet["trouble"]
        assert pod.predict()[0] == 200


def _pid_of(port: int) -> int:
    """Give the process of the server at `port`."""
    asked = f"redis-cli -p {port} --raw info server"
    told = subprocess.run(asked.split(), capture_output=True, check=True, text=True).stdout
    return next(
        int(line.partition(":")[2]) for line in told.split("\n") if line.startswith("process_id:")
    )
