"""MLServer behind the whole sidecar: V2 JSON, gzip both ways, errors that close the connection."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
PATH = "/v2/models/iris/infer"
TENSOR = {"name": "x", "shape": [2, 4], "datatype": "FP64"}


def test_tensors_gzip_and_errors(run: Callable[..., Any]) -> None:
    """Rows, labels and the id are at the door; a 500 that closes silently costs nothing else."""
    mlserver = run("mlserver")
    body = {"id": "abc-1", "inputs": [TENSOR | {"data": ROWS}]}
    assert mlserver.post(PATH, body).status == 200
    mlserver.has_rows("input", *({f"x[{at}]": x for at, x in enumerate(row)} for row in ROWS))
    mlserver.has_rows("output", {"prediction": 0}, {"prediction": 2})
    assert {one["ids"][0] for one in mlserver.rows("output")} == {"abc-1"}
    # Short answers are not compressed.
    shifted = [[cell + 0.25 for cell in row] for row in ROWS] * 100
    wide = {"name": "x", "shape": [200, 4], "datatype": "FP64", "data": shifted}
    packed = gzip.compress(json.dumps({"inputs": [wide]}).encode())
    answer = mlserver.post(PATH, packed, content_encoding="gzip", accept_encoding="gzip")
    assert (answer.status, dict(answer.fields)["content-encoding"]) == (200, "gzip")
    mlserver.has_rows("input", *({f"x[{at}]": x for at, x in enumerate(r)} for r in shifted[:2]))
    mlserver.metric_becomes(2, "captures_total", side="output", result="decoded")
    bad = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [1]}]}
    for _ in range(5):
        assert mlserver.post(PATH, bad).status == 500
        assert mlserver.post(PATH, body).status == 200
    mlserver.metric_becomes(5, "requests_total", code="500")
