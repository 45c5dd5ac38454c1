"""The real Triton server: JSON and binary tensors, gzip, and its errors."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
INPUT = {"x[0]": [5.1, 6.7], "x[1]": [3.5, 3.0], "x[2]": [1.4, 5.2], "x[3]": [0.2, 2.3]}
PATH = "/v2/models/iris/infer"
# The binary inside the wheel runs with the distribution's Python only: with others its Python stub
# dies at the start.
PYTHON = Path("/usr/bin/python3.11")


@pytest.fixture(scope="module")
def triton(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    if not PYTHON.is_file():
        pytest.skip("the server needs the distribution's Python 3.11")
    programs = harness.environment(
        "triton", "nvidia-pytriton==0.7.0", "scikit-learn<1.9", python=str(PYTHON)
    )
    folder = tmp_path_factory.mktemp("triton")
    ports = [harness.free_port() for _ in range(3)]
    command = ["sh", "-c", f"{programs}/python train.py && exec {programs}/python triton_app.py"]
    numbers = ",".join(map(str, ports))
    with (
        harness.served(command, ports[0], "/v2/models/iris/ready", folder, PORTS=numbers),
        harness.sidecar(ports[0], folder) as sidecar,
    ):
        yield sidecar


def tensor(data: Any) -> dict[str, Any]:
    """Make the input tensor."""
    return {"name": "x", "shape": [2, 4], "datatype": "FP64", "data": data}


@pytest.mark.parametrize("data", [ROWS, [*ROWS[0], *ROWS[1]]], ids=["nested", "flat"])
def test_json_tensors_are_decoded(triton: Any, data: Any) -> None:
    """Both forms of data; labels and probabilities of the answer."""
    assert triton.post(PATH, {"inputs": [tensor(data)]}).status == 200
    given, answered = triton.decoded()
    assert given == INPUT
    assert answered["prediction"] == [0, 2]
    assert answered["class"] == ["0", "2"]


def binary() -> tuple[bytes, bytes]:
    """Make the JSON part and the binary part of a request that asks for a binary answer."""
    raw = np.array(ROWS, "<f8").tobytes()
    one = {"name": "x", "shape": [2, 4], "datatype": "FP64"}
    head = {
        "inputs": [one | {"parameters": {"binary_data_size": len(raw)}}],
        "parameters": {"binary_data_output": True},
    }
    return json.dumps(head).encode(), raw


def test_binary_tensors_are_decoded_both_ways(triton: Any) -> None:
    """Request and answer carry raw little-endian numbers behind their JSON."""
    head, raw = binary()
    answer = triton.post(PATH, head + raw, inference_header_content_length=str(len(head)))
    assert answer.status == 200
    given, answered = triton.decoded()
    assert given == INPUT
    assert answered["prediction"] == [0, 2]
    assert answered["p2"][1] == pytest.approx(0.92, abs=0.01)


def test_gzip_is_decoded_both_ways(triton: Any) -> None:
    """A compressed request, and an answer compressed because it was asked for."""
    body = gzip.compress(json.dumps({"inputs": [tensor(ROWS)]}).encode())
    answer = triton.post(PATH, body, content_encoding="gzip", accept_encoding="gzip")
    assert answer.status == 200
    given, answered = triton.decoded()
    assert given == INPUT
    assert answered["prediction"] == [0, 2]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, b"{bad"),
        (PATH, {"inputs": [tensor([1, 2, 3])]}),
        ("/v2/models/nope/infer", {"inputs": [tensor(ROWS)]}),
    ],
)
def test_errors_pass_unchanged_and_are_no_answers(triton: Any, path: str, body: Any) -> None:
    """Whatever the status, it is the server's, and nothing is decoded as an answer."""
    assert triton.post(path, body).status >= 400
    assert triton.decoded()[1] is None


def test_a_head_request_does_not_poison_the_connection(triton: Any) -> None:
    """The server answers HEAD with a body; the next request gets its own answer all the same."""
    for _ in range(3):
        status, body = triton.bare("HEAD", PATH)
        assert (status, body) == (405, b"")
        assert triton.post(PATH, {"inputs": [tensor(ROWS)]}).status == 200
