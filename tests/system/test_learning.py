"""Learning a reference from the traffic of a running sidecar, and watching with it."""

from __future__ import annotations

import hashlib
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from proxy.benchmark import load

Fixture = Any
"""The functions of the conftest; it cannot be imported."""
ROWS = 300


def ask(sidecar: Fixture, dice: random.Random) -> None:
    """Send a prediction about somebody whose mail address must not be kept."""
    row = {
        "x": dice.gauss(0, 1),
        "city": dice.choice(["york", "bath"]),
        "mail": "jane@corp.example",
        "note": " ".join(dice.choices(("three", "bags", "came", "with", "us", "today"), k=7)),
        "image": [dice.gauss(0, 1) for _ in range(70)],
    }
    status, _ = sidecar.predict(json.dumps({"instances": [row]}).encode())
    assert status == 200


def learning(sidecar: Fixture, output: Path) -> subprocess.Popen[str]:
    """Start the command."""
    admin = f"http://127.0.0.1:{sidecar.admin_port}"
    command = ["learn", "--rows", str(ROWS), "-o", str(output), "--admin", admin, "--by", "ann"]
    return subprocess.Popen(
        [sys.executable, "-m", "proxy", *command],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_live_traffic_becomes_a_benchmark_that_a_reload_takes_up(
    start: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """Collected, certified, redacted, written whole, and in force after the reload."""
    dice = random.Random(1)
    sidecar = start(capture={"max_rows_per_s": 10_000})
    output = tmp_path / "benchmark.json"
    command = learning(sidecar, output)
    end_s = time.monotonic() + 100
    while command.poll() is None and time.monotonic() < end_s:
        ask(sidecar, dice)
        assert not output.exists() or command.poll() is not None or load(output.read_bytes())
    told, _ = command.communicate(timeout=20)
    assert command.returncode == 0, told
    assert "how the models behave today" in " ".join(told.split())
    benchmark = load(output.read_bytes())
    assert benchmark.input.n >= ROWS
    assert {column.name for column in benchmark.input.columns} >= {"x", "city"}
    assert b"jane" not in output.read_bytes()
    assert b"bags" not in output.read_bytes()
    assert benchmark.learned is not None
    assert (set(benchmark.learned.vocabularies), set(benchmark.learned.bases)) == (
        {"note"},
        {"image"},
    )
    known = {column.name for column in benchmark.input.columns}
    assert {"note.novelty", "image.pc0", "image.residual"} <= known
    assert set(benchmark.outputs) >= {"candidate"}
    assert sidecar.json("/api/v1/reference")["state"] == "none"
    entries = sidecar.json("/api/v1/journal?n=1000")["entries"]
    orders = [entry["body"] for entry in entries if entry["kind"] == "reference"]
    assert [order["event"] for order in orders] == ["ordered", "collected", "ended"]
    assert all(order["by"] == "ann" for order in orders)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    assert orders[-1]["why"] == f"benchmark.json written, SHA-256 {digest}"
    sidecar.write({**sidecar.settings, "benchmark": str(output)})
    assert sidecar.json("/api/v1/reload", {"by": "ann"})["changed"] is True
    wait(sidecar.watcher_is_up, "the new watcher")
    ask(sidecar, dice)
    wait(lambda: sidecar.json("/api/v1/drift")["input"].get("streams"), "streams of the benchmark")
    subjects = {one["stream"] for one in sidecar.json("/api/v1/drift")["input"]["streams"]}
    assert {"note.novelty", "image.pc0"} <= subjects


def test_an_interruption_leaves_nothing_behind(
    start: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """Neither a half file nor rows in the sidecar's memory."""
    sidecar = start()
    command = learning(sidecar, tmp_path / "out" / "benchmark.json")
    assert command.communicate(timeout=60)[0].count("the folder does not exist") == 1
    (tmp_path / "out").mkdir()
    command = learning(sidecar, tmp_path / "out" / "benchmark.json")
    wait(lambda: sidecar.json("/api/v1/reference")["state"] == "collecting", "the collection")
    command.send_signal(2)
    command.communicate(timeout=60)
    assert command.returncode != 0
    assert list((tmp_path / "out").iterdir()) == []
    wait(lambda: sidecar.json("/api/v1/reference")["state"] == "none", "the end of it")
