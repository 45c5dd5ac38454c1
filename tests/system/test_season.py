"""Season from the command line to the alarm: certified with times, watched by the hour that is."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proxy.units import HOUR_S

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Fixture = Any
"""Classes of the conftest, which cannot be imported."""
ROWS = 40
DAYS = 6
HEIGHT = 1.5


def wave(at_s: np.ndarray | float, noon_s: float) -> np.ndarray:
    """Give a daily wave that is highest at `noon_s`."""
    high: np.ndarray = HEIGHT * np.cos(2 * np.pi * (np.asarray(at_s) - noon_s) / (24 * HOUR_S))
    return high


def write_reference(path: Path, now_s: float) -> None:
    """Write a row a minute of the days before; two rows have changed places."""
    rng = np.random.default_rng(1)
    times = now_s - np.arange(DAYS * 24 * 60, 0, -1) * 60.0
    rows = [
        (datetime.fromtimestamp(at_s, UTC).isoformat(), load, other)
        for at_s, load, other in zip(
            times,
            rng.normal(size=len(times)) + wave(times, now_s),
            rng.normal(size=len(times)),
            strict=True,
        )
    ]
    rows[10], rows[11] = rows[11], rows[10]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("taken_at", "load", "other"))
        writer.writerows(rows)


def body(rng: np.random.Generator, level: float, rows: int = ROWS) -> bytes:
    """Give a request of some rows."""
    cells = zip(rng.normal(level, 1, rows).tolist(), rng.normal(size=rows).tolist(), strict=True)
    return json.dumps({"instances": [{"load": a, "other": b} for a, b in cells]}).encode()


def certify(folder: Path, config: Path, now_s: float) -> tuple[dict[str, Any], str]:
    """Certify as people do; give the benchmark and what was said."""
    write_reference(folder / "reference.csv", now_s)
    rng = np.random.default_rng(2)
    requests = [
        json.dumps({"path": "/v1/models/m:predict", "body": json.loads(body(rng, 0.0, 2))})
        for _ in range(60)
    ]
    (folder / "requests.jsonl").write_text("\n".join(requests), "utf-8")
    command = [
        *(sys.executable, "-m", "proxy", "certify", str(config)),
        *("--reference", str(folder / "reference.csv"), "--time", "taken_at"),
        *("--requests", str(folder / "requests.jsonl"), "-o", str(folder / "benchmark.json")),
    ]
    said = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads((folder / "benchmark.json").read_text("utf-8"))
    return found, said.stdout + said.stderr


def test_an_hour_is_compared_with_its_own(
    start: Fixture, models: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """What is high at this hour every day is no drift; the average of the day would be."""
    now_s = time.time()
    config = tmp_path / "certify.yaml"
    config.write_text(f"models: {{candidate: {{url: '{models[0].url}'}}}}\n", "utf-8")
    certified, said = certify(tmp_path, config, now_s)
    assert "go backwards" in said
    assert "the hour of the day moves load by up to" in said
    seasons = certified["input"]["seasons"]
    assert [one["name"] for one in seasons["columns"]] == ["load"]
    assert {one["name"] for one in certified["input"]["columns"]} == {"load", "other"}
    sidecar = start(benchmark=str(tmp_path / "benchmark.json"))
    rng = np.random.default_rng(3)

    def level() -> float:
        return float(wave(time.time(), now_s))

    def alarm() -> dict[str, Any]:
        alarms = sidecar.json("/api/v1/alarms")["alarms"]
        found: dict[str, Any] = next(one for one in alarms if one["name"] == "input_drift")
        return found

    end_s = time.monotonic() + timedelta(seconds=6).total_seconds()
    while time.monotonic() < end_s:
        assert sidecar.predict(body(rng, level()))[0] == 200
    assert alarm()["verdict"] == "ok", alarm()

    def is_found() -> bool:
        sidecar.predict(body(rng, 0.0))
        return bool(alarm()["verdict"] == "breach")

    wait(is_found, "the average of the day at the height of the wave")
    assert "load" in alarm()["words"]
    assert " lower than the reference" in alarm()["words"]
    assert alarm()["pace"] == ""
    drift = sidecar.json("/api/v1/drift")
    assert drift["input"]["recent"]["hours_known"] == 0
    assert drift["slow"]["trends"] == []
