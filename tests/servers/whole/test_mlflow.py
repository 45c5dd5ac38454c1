"""MLflow's scoring server behind the whole sidecar: four forms of JSON, CSV, Parquet, errors."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NAMES = ["sl", "sw", "pl", "pw"]
PATH = "/invocations"


@pytest.fixture(scope="module")
def mlflow(run: Callable[..., Any]) -> Any:
    """Run the server."""
    return run("mlflow", payload={"parquet": True})


def forms(row: list[float]) -> list[dict[str, Any]]:
    """Write one row in every form of JSON."""
    record = dict(zip(NAMES, row, strict=True))
    return [
        {"dataframe_split": {"columns": NAMES, "data": [row]}},
        {"dataframe_records": [record]},
        {"instances": [record]},
        {"inputs": {name: [cell] for name, cell in record.items()}},
    ]


def test_every_form_is_decoded(mlflow: Any) -> None:
    """A row that is told apart for each form is at the door, and so is each prediction."""
    rows = []
    for number in range(4):
        row = [5.1 + number, 3.5, 1.4, 0.2]
        assert mlflow.post(PATH, forms(row)[number]).status == 200
        rows.append(dict(zip(NAMES, row, strict=True)))
    text = f"{','.join(NAMES)}\n6.7,3.0,5.2,2.3\n".encode()
    assert mlflow.post(PATH, text, content_type="text/csv").status == 200
    mlflow.has_rows("input", *rows, dict(zip(NAMES, [6.7, 3.0, 5.2, 2.3], strict=True)))
    mlflow.has_rows("output", {"prediction": 0}, {"prediction": 2})
    for side in ("input", "output"):
        mlflow.metric_becomes(5, "captures_total", side=side, result="decoded")


def test_parquet_is_decoded(mlflow: Any) -> None:
    """Where it is switched on."""
    row = dict(zip(NAMES, [7.7, 3.8, 6.7, 2.2], strict=True))
    written = io.BytesIO()
    pq.write_table(pa.table({name: [cell] for name, cell in row.items()}), written)
    kind = "application/vnd.apache.parquet"
    assert mlflow.post(PATH, written.getvalue(), content_type=kind).status == 200
    mlflow.has_rows("input", row)


def test_errors_are_counted_and_not_read(mlflow: Any) -> None:
    """Their bodies repeat the request's values."""
    before = mlflow.settled()
    for body in (b"{bad", {"rows": [[1]]}, {"inputs": {"sl": [1]}}):
        assert mlflow.post(PATH, body, content_type="application/json").status == 400
    mlflow.metric_becomes(3, "requests_total", code="400", route=PATH)
    assert mlflow.metric("captures_total", side="output") == before
