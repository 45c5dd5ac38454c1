"""MLflow's scoring server: JSON in four forms and CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

NAMES = ["sl", "sw", "pl", "pw"]
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
COLUMNS = {"sl": [5.1, 6.7], "sw": [3.5, 3.0], "pl": [1.4, 5.2], "pw": [0.2, 2.3]}
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]


@pytest.fixture(scope="module")
def mlflow(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    programs = harness.environment("mlflow", "mlflow==3.17.2", "scikit-learn")
    folder = tmp_path_factory.mktemp("mlflow")
    port = harness.free_port()
    serve = f"exec {programs}/mlflow models serve -m model-mlflow --env-manager local"
    start = f"{serve} -h 127.0.0.1 -p {port}"
    train = f"{programs}/python train.py && {programs}/python mlflow_model.py"
    command = ["sh", "-c", f"PATH={programs}:$PATH; {train} && {start}"]
    with (
        harness.served(command, port, "/ping", folder, MLFLOW_DISABLE_TELEMETRY="true"),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": NAMES, "data": ROWS}},
        {"dataframe_records": RECORDS},
        {"instances": RECORDS},
        {"inputs": COLUMNS},
    ],
    ids=["split", "records", "instances", "inputs"],
)
def test_every_form_of_json_is_decoded(mlflow: Any, body: dict[str, Any]) -> None:
    """One table, four ways of writing it, the same columns and predictions."""
    answer = mlflow.post("/invocations", body)
    assert answer.status == 200, answer.body
    assert mlflow.decoded() == (COLUMNS, {"prediction": [0, 2]})


def test_csv_is_decoded(mlflow: Any) -> None:
    """CSV in, JSON out."""
    lines = [",".join(NAMES), *(",".join(map(str, row)) for row in ROWS)]
    mlflow.post("/invocations", "\n".join(lines).encode(), content_type="text/csv")
    assert mlflow.decoded() == (COLUMNS, {"prediction": [0, 2]})


@pytest.mark.parametrize("body", [b"{bad", {"rows": ROWS}, {"inputs": {"sl": [1]}}])
def test_errors_pass_unchanged_and_are_no_answers(mlflow: Any, body: Any) -> None:
    """Errors repeat the request's values: they are not read."""
    answer = mlflow.post("/invocations", body, content_type="application/json")
    assert answer.status == 400
    assert mlflow.decoded()[1] is None
