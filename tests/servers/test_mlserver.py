"""MLServer: V2 JSON in all its forms, gzip both ways."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
COLUMNS = [[5.1, 6.7], [3.5, 3.0], [1.4, 5.2], [0.2, 2.3]]
INPUT = {f"x[{i}]": cells for i, cells in enumerate(COLUMNS)}
PATH = "/v2/models/iris/infer"


@pytest.fixture(scope="module")
def mlserver(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    programs = harness.environment("mlserver", "mlserver==1.7.1", "mlserver-sklearn==1.7.1")
    folder = tmp_path_factory.mktemp("mlserver")
    ports = [harness.free_port() for _ in range(3)]
    settings = {
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "parallel_workers": 0,
    }
    model = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib", "version": "v1"},
    }
    write = (
        "import json,pathlib;"
        f"pathlib.Path('settings.json').write_text('''{json.dumps(settings)}''');"
        f"pathlib.Path('model-settings.json').write_text('''{json.dumps(model)}''')"
    )
    prepare = f'{programs}/python train.py && {programs}/python -c "$WRITE"'
    command = ["sh", "-c", f"{prepare} && exec {programs}/mlserver start ."]
    with (
        harness.served(command, ports[0], "/v2/models/iris/ready", folder, WRITE=write),
        harness.sidecar(ports[0], folder) as sidecar,
    ):
        yield sidecar


def tensor(data: Any, **more: Any) -> dict[str, Any]:
    """Make the input tensor."""
    return {"name": "x", "shape": [2, 4], "datatype": "FP64", "data": data} | more


def test_nested_data_are_decoded(mlserver: Any) -> None:
    """Only the labels come unless more is asked for; the id joins both sides."""
    mlserver.post(PATH, {"id": "abc-1", "inputs": [tensor(ROWS)]})
    capture = mlserver.last()
    given, answered = mlserver.decoder.decode(capture)
    assert dict(zip(given.columns, given.values, strict=True)) == INPUT
    assert (answered.columns, answered.values) == (("prediction",), ([0, 2],))
    assert given.correlation[0] == answered.correlation[0] == "abc-1"


def test_flat_data_and_both_outputs_are_decoded(mlserver: Any) -> None:
    """Labels and probabilities, on a path with a version as well."""
    body = {
        "inputs": [tensor([*ROWS[0], *ROWS[1]])],
        "outputs": [{"name": "predict"}, {"name": "predict_proba"}],
    }
    for path in (PATH, "/v2/models/iris/versions/v1/infer"):
        mlserver.post(path, body)
        given, answered = mlserver.decoded()
        assert given == INPUT
        assert answered["prediction"] == [0, 2]
        assert answered["class"] == ["0", "2"]


def test_one_input_per_column_is_decoded(mlserver: Any) -> None:
    """The pandas form names its columns."""
    inputs = [
        {"name": name, "shape": [2, 1], "datatype": "FP64", "data": cells}
        for name, cells in zip(("sl", "sw", "pl", "pw"), COLUMNS, strict=True)
    ]
    mlserver.post(PATH, {"parameters": {"content_type": "pd"}, "inputs": inputs})
    given, answered = mlserver.decoded()
    assert given == dict(zip(("sl", "sw", "pl", "pw"), COLUMNS, strict=True))
    assert answered == {"prediction": [0, 2]}


def test_gzip_is_decoded_both_ways(mlserver: Any) -> None:
    """Only the copy is unpacked: the client gets the compressed bytes."""
    # Short answers are not compressed.
    body = gzip.compress(json.dumps({"inputs": [tensor(ROWS * 100, shape=[200, 4])]}).encode())
    answer = mlserver.post(
        PATH,
        body,
        content_type="application/json",
        content_encoding="gzip",
        accept_encoding="gzip",
    )
    assert (answer.status, dict(answer.fields)["content-encoding"]) == (200, "gzip")
    given, answered = mlserver.decoded()
    assert given == {name: cells * 100 for name, cells in INPUT.items()}
    assert answered == {"prediction": [0, 2] * 100}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PATH, b"{bad"),
        (PATH, {"inputs": [tensor([1, 2, 3], shape=[1, 3])]}),
        ("/v2/models/nope/infer", {"inputs": [tensor(ROWS)]}),
    ],
)
def test_errors_pass_unchanged_and_are_no_answers(mlserver: Any, path: str, body: Any) -> None:
    """Whatever the status, it is the server's, and nothing is decoded as an answer."""
    assert mlserver.post(path, body).status >= 400
    _, answered = mlserver.decoded()
    assert answered is None


def test_no_request_is_lost_after_errors(mlserver: Any) -> None:
    """The server closes its connection silently after a 500; the next request must not suffer."""
    for i in range(20):
        inputs = [tensor(ROWS) if i % 2 else tensor([1, 2, 3], shape=[1, 3])]
        answer = mlserver.post(PATH, {"inputs": inputs})
        assert (answer.status == 200) == bool(i % 2)
