"""MLflow and SageMaker invocations in all their types."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/invocations"
JSON = {"content-type": "application/json"}
TABLE = {"a": [1, 2], "b": [3.5, 4.5]}


@pytest.mark.parametrize(
    "body",
    [
        b'{"dataframe_split": {"columns": ["a", "b"], "index": [0, 1], "data": [[1,3.5],[2,4.5]]}}',
        b'{"dataframe_records": [{"a": 1, "b": 3.5}, {"a": 2, "b": 4.5}]}',
        b'{"instances": [{"a": 1, "b": 3.5}, {"a": 2, "b": 4.5}]}',
        b'{"inputs": {"a": [1, 2], "b": [3.5, 4.5]}, "params": {"k": 1}}',
    ],
    ids=["split", "records", "instances", "inputs"],
)
def test_every_form_of_json_gives_the_same_table(reading: Any, body: bytes) -> None:
    """MLflow's four forms of one table decode to equal columns."""
    assert reading.input(PATH, body, JSON) == TABLE


def test_csv_with_a_header_names_its_columns(reading: Any) -> None:
    """MLflow sends CSV with a header line."""
    fields = {"content-type": "text/csv; charset=utf-8"}
    assert reading.input(PATH, b"a,b\n1,3.5\n2,4.5\n", fields) == TABLE


def test_csv_without_a_header_numbers_its_columns(reading: Any) -> None:
    """SageMaker sends CSV without one."""
    fields = {"content-type": "text/csv"}
    assert reading.input(PATH, b"1,3.5\n2,4.5", fields) == {"x0": [1, 2], "x1": [3.5, 4.5]}
    assert reading.output(PATH, b"0.25\n0.5\n", fields) == {"prediction": [0.25, 0.5]}


def test_json_lines_are_rows(reading: Any) -> None:
    """SageMaker's JSON lines hold one row each."""
    fields = {"content-type": "application/jsonlines"}
    assert reading.input(PATH, b'{"a": 1, "b": 3.5}\n{"a": 2, "b": 4.5}\n', fields) == TABLE


def test_the_answer_may_be_of_another_type_than_the_request(reading: Any) -> None:
    """CSV in and JSON out are each read by their own type."""
    assert reading.output(PATH, b'{"predictions": [0, 2]}', JSON) == {"prediction": [0, 2]}
    assert reading.output(PATH, b'{"predictions": [{"0": 1}]}', JSON) == {"0": [1]}
    assert reading.output(PATH, b"[[0.1, 0.9]]", JSON)["class"] == ["1"]


@pytest.mark.parametrize(
    ("body", "media", "reason"),
    [
        (b'{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}', JSON, "wrong_shape"),
        (b'{"dataframe_split": {"columns": ["a"]}}', JSON, "missing_field"),
        (b"\x89PNG", {"content-type": "image/png"}, "unsupported_media"),
        (b"PAR1", {"content-type": "application/vnd.apache.parquet"}, "media_unavailable"),
    ],
)
def test_what_cannot_be_read_has_a_reason(
    reading: Any, body: bytes, media: dict[str, str], reason: str
) -> None:
    """Lying tables, images and Parquet that is not switched on are counted."""
    assert reading.input(PATH, body, media).reason == reason


def test_an_error_of_mlflow_is_no_prediction(reading: Any) -> None:
    """MLflow's errors have an `error_code`; their message repeats the request and is not read."""
    body = b'{"error_code": "BAD_REQUEST", "message": "secret"}'
    assert reading.output(PATH, body, JSON).reason == "error_body"
