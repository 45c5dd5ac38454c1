"""KServe's model server: V1, V2, the binary extension, CloudEvents and its errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
COLUMNS = {"0": [5.1, 6.7], "1": [3.5, 3.0], "2": [1.4, 5.2], "3": [0.2, 2.3]}
V1 = "/v1/models/iris:predict"
V2 = "/v2/models/iris/infer"


@pytest.fixture(scope="module")
def kserve(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    programs = harness.environment("kserve", "kserve==0.21.0", "scikit-learn")
    folder = tmp_path_factory.mktemp("kserve")
    port = harness.free_port()
    command = ["sh", "-c", f"{programs}/python train.py && exec {programs}/python kserve_app.py"]
    with (
        harness.served(command, port, "/v2/health/ready", folder, PORT=str(port)),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


def named(form: str) -> dict[str, list[float]]:
    """Give the expected columns under names of the given form."""
    return {form.format(place): cells for place, cells in COLUMNS.items()}


def tensor(data: Any) -> dict[str, Any]:
    """Make the input tensor."""
    return {"name": "x", "shape": [2, 4], "datatype": "FP64", "data": data}


@pytest.mark.parametrize("fields", [{}, {"content_type": ""}], ids=["json", "no type"])
def test_v1_rows_and_labels_are_decoded(kserve: Any, fields: dict[str, str]) -> None:
    """With and without a content type."""
    body = json.dumps({"instances": ROWS}).encode()
    kserve.post(V1, body, **({"content_type": "application/json"} if not fields else {}))
    given, answered = kserve.decoded()
    assert given == named("x{}")
    assert answered == {"prediction": [0, 2]}


def test_a_cloud_event_in_binary_mode_is_decoded(kserve: Any) -> None:
    """The event's id joins request and answer to what clients know."""
    kserve.post(
        V1, {"instances": ROWS}, ce_specversion="1.0", ce_id="e2", ce_source="s", ce_type="t"
    )
    capture = kserve.last()
    given, answered = kserve.decoder.decode(capture)
    assert given.correlation == ("e2",)
    assert "e2" in answered.correlation
    assert answered.values == ([0, 2],)


@pytest.mark.parametrize("data", [ROWS, [*ROWS[0], *ROWS[1]]], ids=["nested", "flat"])
def test_v2_tensors_are_decoded(kserve: Any, data: Any) -> None:
    """Labels and probabilities of one answer stand side by side."""
    assert kserve.post(V2, {"id": "abc-1", "inputs": [tensor(data)]}).status == 200
    given, answered = kserve.decoded()
    assert given == named("x[{}]")
    assert answered["prediction"] == [0, 2]
    assert answered["class"] == ["0", "2"]


def test_binary_tensors_are_decoded_both_ways(kserve: Any) -> None:
    """The answer is chunked and has no content type; its field alone tells what it is."""
    raw = np.array(ROWS, "<f8").tobytes()
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "x",
                    "shape": [2, 4],
                    "datatype": "FP64",
                    "parameters": {"binary_data_size": len(raw)},
                }
            ],
            "parameters": {"binary_data_output": True},
        }
    ).encode()
    answer = kserve.post(V2, head + raw, inference_header_content_length=str(len(head)))
    assert answer.status == 200
    assert "inference-header-content-length" in dict(answer.fields)
    given, answered = kserve.decoded()
    assert given == named("x[{}]")
    assert answered["prediction"] == [0, 2]
    assert answered["p2"][1] == pytest.approx(0.9198, abs=0.01)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (V1, b"{bad", 400),
        (V1, {"instances": [[1, 2, 3]]}, 500),
        (V1, {"rows": ROWS}, 500),
        ("/v1/models/nope:predict", {"instances": ROWS}, 404),
    ],
)
def test_errors_pass_unchanged_and_are_no_answers(
    kserve: Any, path: str, body: Any, status: int
) -> None:
    """Bad input is a 500 here: the request is decoded for the schema to judge."""
    assert kserve.post(path, body).status == status
    _, answered = kserve.decoded()
    assert answered is None


def test_no_request_is_lost_after_errors(kserve: Any) -> None:
    """The server closes its connection silently after a 500; the next request must not suffer."""
    for i in range(30):
        rows = ROWS if i % 2 else [[1, 2, 3]]
        assert kserve.post(V1, {"instances": rows}).status == (200 if i % 2 else 500)
