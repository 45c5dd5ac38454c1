"""KServe behind the whole sidecar, as candidate and as stable model."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
PATH = "/v1/models/iris:predict"


@pytest.fixture(scope="module")
def kserve(run: Callable[..., Any]) -> Any:
    """Run the server."""
    return run("kserve", mirrored=True)


def test_requests_are_sampled_mirrored_and_compared(kserve: Any) -> None:
    """Answers are those of the server; rows of both sides and agreeing pairs are at the door."""
    body = {"instances": ROWS}
    direct = kserve.direct(PATH, body)
    for _ in range(10):
        answer = kserve.post(PATH, body)
        assert (answer.status, answer.body) == direct
    kserve.metric_becomes(10, "agreement_pairs_total", result="agree")
    assert kserve.metric("agreement_pairs_total", result="differ") == 0
    kserve.has_rows("output", {"prediction": 0}, {"prediction": 2})
    kserve.has_rows("input", {"x0": 5.1, "x1": 3.5, "x2": 1.4, "x3": 0.2})


def test_errors_are_counted_and_cost_nothing_else(kserve: Any) -> None:
    """It closes its connection silently after each 500: every next request is answered."""
    for n in range(10):
        rows = ROWS if n % 2 else [[1, 2, 3]]
        assert kserve.post(PATH, {"instances": rows}).status == (200 if n % 2 else 500)
    served = {"model": "candidate", "position": "serving"}
    kserve.metric_becomes(5, "requests_total", code="500", **served)


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


def test_its_own_client_is_decoded(kserve: Any) -> None:
    """V1, V2 and V2 with binary tensors: the client has its labels, the door has its rows."""
    decoded = {"side": "input", "result": "decoded"}
    before = kserve.metric("captures_total", **decoded)
    url = f"http://127.0.0.1:{kserve.port}"
    command = [str(kserve.programs / "python"), "-c", CLIENT, url, json.dumps(ROWS)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[0, 2], [0, 2], [0, 2], True]
    kserve.metric_becomes(before + 3, "captures_total", **decoded)
    named = [one["row"] for one in kserve.rows("input") if one["ids"] == ["client-1"]]
    cells = {f"x[{at}]": cell for at, cell in enumerate(ROWS[1])}
    assert named.count(cells) == 2
