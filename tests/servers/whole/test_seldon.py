"""Seldon's V1 microservice behind the whole sidecar: arrays, tensors, forms, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

PATH = "/api/v1.0/predictions"
FORM = "application/x-www-form-urlencoded"
NAMES = ["sl", "sw", "pl", "pw"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


def test_every_form_is_decoded_and_errors_are_counted(run: Callable[..., Any]) -> None:
    """Named arrays, tensors, forms; it closes its connection after each answer."""
    seldon = run("seldon")
    named = {"data": {"names": NAMES, "ndarray": ROWS}}
    assert seldon.post(PATH, named).status == 200
    tensor = {"data": {"tensor": {"shape": [2, 4], "values": [*ROWS[0], *ROWS[1]]}}}
    assert seldon.post("/predict", tensor).status == 200
    form = "json=" + json.dumps({"data": {"ndarray": [[4.9, 3.1, 1.5, 0.1]]}}).replace(" ", "")
    assert seldon.post("/predict", form.encode(), content_type=FORM).status == 200
    seldon.has_rows(
        "input",
        dict(zip(NAMES, ROWS[1], strict=True)),
        {f"x{at}": cell for at, cell in enumerate(ROWS[1])},
        {f"x{at}": cell for at, cell in enumerate([4.9, 3.1, 1.5, 0.1])},
    )
    seldon.metric_becomes(3, "captures_total", side="output", result="decoded")
    found = [one["row"] for one in seldon.rows("output")]
    assert sorted(row["class"] for row in found) == ["0", "0", "0", "2", "2"]
    for body, status in ((b"{bad", 400), ({"data": {"ndarray": [[1]]}}, 500)):
        assert seldon.post(PATH, body, content_type="application/json").status == status
    seldon.metric_becomes(1, "requests_total", code="400")
    seldon.metric_becomes(1, "requests_total", code="500")
    assert seldon.metric("captures_total", side="output") == 3
