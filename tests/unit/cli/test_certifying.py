"""Certifying through the real command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

Refused = Callable[..., str]
Typed = Callable[..., subprocess.CompletedProcess[str]]


class Model(BaseHTTPRequestHandler):
    """Answers each row with a number of its own."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"predictions": [row[0] / 100 for row in asked["instances"]]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # base class
        """Say nothing."""


@pytest.fixture
def model() -> Iterator[str]:
    """Give the address of a small model server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_load_and_model_files_are_as_asked_for(tmp_path: Path, model: str, typed: Typed) -> None:
    """Latency is certified at the levels that were given, and the file's hash is written down."""
    path, benchmark, weights = (tmp_path / name for name in ("c.yaml", "b.json", "weights.bin"))
    path.write_text(f"models: {{candidate: {{url: '{model}'}}}}\n", "utf-8")
    weights.write_bytes(b"weights")
    rows = "".join(f"{at % 97},{at % 13}\n" for at in range(500))
    (tmp_path / "rows.csv").write_text(f"x0,x1\n{rows}", "utf-8")
    requests = [
        {"path": "/v1/models/m:predict", "body": {"instances": [[at % 97, at % 13]]}}
        for at in range(60)
    ]
    lines = "".join(f"{json.dumps(one)}\n" for one in requests)
    (tmp_path / "requests.jsonl").write_text(lines, "utf-8")
    answer = typed(
        *("certify", path, "--reference", tmp_path / "rows.csv"),
        *("--requests", tmp_path / "requests.jsonl", "-o", benchmark),
        *("--concurrency", 2, "--per-level", 300, "--candidate-file", weights),
    )
    assert answer.returncode == 0, answer.stderr
    made = json.loads(benchmark.read_text("utf-8"))
    assert made["sha256"]["candidate"] == hashlib.sha256(b"weights").hexdigest()
    (cell,) = made["latency"]["candidate"]["cells"]
    assert 290 <= cell["latency"]["n"] <= 300
    assert "hash of the candidate model" not in " ".join(made["warnings"])


def test_certifying_a_model_that_is_not_there_is_one_line(
    tmp_path: Path, nobody: str, typed: Typed
) -> None:
    """Exit 1 with the address, before anything is written."""
    path = tmp_path / "c.yaml"
    path.write_text(f"models: {{candidate: {{url: '{nobody}'}}}}\n", "utf-8")
    (tmp_path / "rows.csv").write_text("x0,x1\n" + "1,2\n" * 500, "utf-8")
    request = {"path": "/v1/models/m:predict", "body": {"instances": [[1, 2]]}}
    (tmp_path / "requests.jsonl").write_text(f"{json.dumps(request)}\n" * 50, "utf-8")
    benchmark = tmp_path / "b.json"
    answer = typed(
        *("certify", path, "--reference", tmp_path / "rows.csv"),
        *("--requests", tmp_path / "requests.jsonl", "-o", benchmark),
    )
    assert answer.returncode == 1
    (line,) = answer.stderr.splitlines()
    assert nobody.removeprefix("http://") in line
    assert not benchmark.exists()


def test_a_model_file_that_is_not_there_is_bad_usage(tmp_path: Path, refused: Refused) -> None:
    """Exit 2 with the path: a hash of nothing would certify nothing."""
    path = tmp_path / "c.yaml"
    path.write_text("models: {candidate: {url: 'http://127.0.0.1:1'}}\n", "utf-8")
    line = refused(
        *("certify", path, "--reference", path, "--requests", path, "-o", tmp_path / "b.json"),
        *("--candidate-file", tmp_path / "none.bin", "--concurrency", 1, "--concurrency", 4),
        code=2,
    )
    assert line.startswith(f"{tmp_path / 'none.bin'} is no file: give the file of the model")
