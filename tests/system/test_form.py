"""A candidate whose answers lose their certified form is named, and led away from."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
Fixture = Any
"""Classes of the conftest, which cannot be imported."""


def certify(folder: Path, models: Fixture) -> Path:
    """Measure both models as users do; give the benchmark."""
    candidate, stable = models
    both = {"candidate": {"url": candidate.url}, "stable": {"url": stable.url}}
    (folder / "certify.yaml").write_text(yaml.safe_dump({"models": both}))
    (folder / "reference.csv").write_text("x\n" + "\n".join(str(n % 7) for n in range(300)))
    lines = [
        json.dumps({"path": "/v1/models/m:predict", "body": {"instances": [{"x": n % 7}]}})
        for n in range(300)
    ]
    (folder / "requests.jsonl").write_text("\n".join(lines))
    command = [
        *(sys.executable, "-m", "proxy", "certify", "certify.yaml"),
        *("--reference", "reference.csv", "--requests", "requests.jsonl"),
        *("-o", "benchmark.json", "--concurrency", "2", "--per-level", "300"),
    ]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=100)
    return folder / "benchmark.json"


def test_answers_of_another_type_lead_the_traffic_to_the_stable_model(
    start: Fixture, models: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """From certification to the switch: the alarm names the side, the kind and the column."""
    sidecar = start(
        benchmark=str(certify(tmp_path, models)),
        mirror={"fraction": 1.0},
        alarms={"hold_s": 0},
        policy={"switch_hold_s": 0, "settle_s": 0, "min_pairs": 10},
        monitors={"tick_s": 0.2, "agreement": {"enabled": False}, "output": {"enabled": False}},
    )

    def words() -> str:
        alarms = sidecar.json("/api/v1/alarms")["alarms"]
        return str(next(one for one in alarms if one["name"] == "schema"))

    numbers = itertools.cycle(range(7))

    def ask() -> dict[str, Any]:
        status, answer = sidecar.predict(json.dumps({"instances": [{"x": next(numbers)}]}).encode())
        assert status == 200
        found: dict[str, Any] = json.loads(answer)
        return found

    for _ in range(150):
        assert ask()["predictions"] == [0.5]
    assert "firing" not in words()
    models[0].prediction = "high"

    def is_led_away() -> bool:
        ask()
        return sidecar.json("/api/v1/routing")["serving"] == "stable"

    wait(is_led_away, "the stable model serves")
    assert "output: value of wrong type (prediction)" in words()
    wait(lambda: ask()["by"] == "stable", "answers of the stable model")
