"""Seldon's V1 protocol."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

PATH = "/api/v1.0/predictions"


def test_names_name_the_columns(reading: Any) -> None:
    """`data.names` names the places of `ndarray` and of `tensor`."""
    body = b'{"data": {"names": ["a", "b"], "ndarray": [[1, "x"], [2, "y"]]}}'
    assert reading.input(PATH, body) == {"a": [1, 2], "b": ["x", "y"]}
    body = b'{"data": {"names": ["a", "b"], "tensor": {"shape": [2, 2], "values": [1, 2, 3, 4]}}}'
    assert reading.input(PATH, body) == {"a": [1, 3], "b": [2, 4]}


def test_more_cells_than_names_have_a_reason(reading: Any) -> None:
    """A row that does not fit the names is not guessed at."""
    body = b'{"data": {"names": ["a"], "ndarray": [[1, 2]]}}'
    assert reading.input(PATH, body).reason == "wrong_shape"


def test_a_form_field_holds_the_request(reading: Any) -> None:
    """Old clients post `json=` as a form."""
    body = b"json=" + quote('{"data": {"ndarray": [[1, 2]]}}').encode()
    fields = {"content-type": "application/x-www-form-urlencoded"}
    assert reading.input(PATH, body, fields) == {"x0": [1], "x1": [2]}


def test_the_path_predict_is_told_by_the_body(reading: Any) -> None:
    """`/predict` is shared with other servers: Seldon's `data` tells."""
    assert reading.input("/predict", b'{"data": {"ndarray": [[1]]}}') == {"x0": [1]}


def test_a_distribution_in_the_answer_is_known(reading: Any) -> None:
    """Made-up names such as `t:0` do not hide a probability vector."""
    body = b'{"data": {"names": ["t:0", "t:1"], "ndarray": [[0.25, 0.75]]}, "meta": {}}'
    assert reading.output(PATH, body)["class"] == ["1"]


def test_other_contents_are_described(reading: Any) -> None:
    """JSON, text and bytes are the other three kinds of content."""
    assert reading.input(PATH, b'{"jsonData": {"a": 1}}') == {"a": [1]}
    assert reading.input(PATH, b'{"strData": "hi there"}')["text.words"] == [2]
    assert reading.input(PATH, b'{"binData": "AAAA"}') == {"bytes": [3]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{}", "missing_field"),
        (b"[]", "wrong_shape"),
        (b'{"data": {}}', "missing_field"),
        (b'{"data": {"tensor": {"shape": [2, 2], "values": [1]}}}', "wrong_shape"),
        (b'{"status": {"code": -1, "status": 1, "info": "x"}}', "error_body"),
    ],
)
def test_what_is_not_of_this_protocol_has_a_reason(reading: Any, body: bytes, reason: str) -> None:
    """Each way of not being a Seldon message is counted under a word of its own."""
    assert reading.output(PATH, body).reason == reason
