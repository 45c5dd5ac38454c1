"""The real Triton server behind the whole sidecar: JSON, binary tensors, gzip, errors, HEAD."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
PATH = "/v2/models/iris/infer"
TENSOR = {"name": "x", "shape": [2, 4], "datatype": "FP64"}


@pytest.fixture(scope="module")
def triton(run: Callable[..., Any]) -> Any:
    """Run the server."""
    return run("triton")


def cells(row: list[float]) -> dict[str, float]:
    """Give a row as it is decoded."""
    return {f"x[{at}]": cell for at, cell in enumerate(row)}


def asked(rows: list[list[float]]) -> dict[str, Any]:
    """Write a request."""
    return {"inputs": [TENSOR | {"data": rows}]}


def test_json_binary_and_gzip_are_decoded(triton: Any) -> None:
    """Each way to ask is at the door with its own rows, and so are labels and probabilities."""
    shifted = [[[cell + 0.25 * n for cell in row] for row in ROWS] for n in range(3)]
    assert triton.post(PATH, asked(shifted[0])).status == 200
    raw = np.array(shifted[1], "<f8").tobytes()
    size = {"parameters": {"binary_data_size": len(raw)}}
    head = {"inputs": [TENSOR | size], "parameters": {"binary_data_output": True}}
    first = json.dumps(head).encode()
    binary = triton.post(PATH, first + raw, inference_header_content_length=str(len(first)))
    assert "inference-header-content-length" in dict(binary.fields)
    body = gzip.compress(json.dumps(asked(shifted[2])).encode())
    packed = triton.post(PATH, body, content_encoding="gzip", accept_encoding="gzip")
    assert dict(packed.fields)["content-encoding"] == "gzip"
    triton.has_rows("input", *(cells(row) for rows in shifted for row in rows))
    for side in ("input", "output"):
        triton.metric_becomes(3, "captures_total", side=side, result="decoded")
    found = [one["row"] for one in triton.rows("output")]
    assert sorted(row["prediction"] for row in found)[::5] == [0, 2]
    assert all(str(row["prediction"]) == row["class"] for row in found)


def test_errors_and_head_requests_cost_nothing_else(triton: Any) -> None:
    """Its answer to HEAD has a body, which must not become the next request's answer."""
    for _ in range(3):
        connection = http.client.HTTPConnection("127.0.0.1", triton.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("HEAD", PATH)
            assert connection.getresponse().status == 405
        assert triton.post(PATH, b"{bad").status >= 400
        assert triton.post(PATH, asked(ROWS)).status == 200
    triton.metric_becomes(3, "requests_total", code="405")
    triton.metric_becomes(3, "captures_total", side="input", result="not_json")
