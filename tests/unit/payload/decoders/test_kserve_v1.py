"""KServe V1 and TensorFlow Serving's row and column forms."""

from __future__ import annotations

from typing import Any

import pytest

PATH = "/v1/models/iris:predict"


def test_rows_without_names_become_numbered_columns(reading: Any) -> None:
    """Instances that are lists give one column per place, as KServe's iris example sends them."""
    body = b'{"instances": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}'
    assert reading.input(PATH, body) == {
        "x0": [5.1, 6.7],
        "x1": [3.5, 3.0],
        "x2": [1.4, 5.2],
        "x3": [0.2, 2.3],
    }


def test_rows_with_names_become_columns_of_that_name(reading: Any) -> None:
    """Instances that are objects give one column per key; an absent key is a missing cell."""
    body = b'{"instances": [{"a": 1, "b": "x"}, {"a": 2.5, "c": true}]}'
    found = reading.input(PATH, body)
    assert found == {"a": [1, 2.5], "b": ["x", None], "c": [None, True]}


def test_nested_objects_are_flattened(reading: Any) -> None:
    """A key inside a key gives a column `outer.inner`."""
    assert reading.input(PATH, b'{"instances": [{"a": {"b": 1, "c": [2, 3]}}]}') == {
        "a.b": [1],
        "a.c[0]": [2],
        "a.c[1]": [3],
    }


def test_labels_become_the_prediction(reading: Any) -> None:
    """A scalar per instance is the column `prediction`."""
    assert reading.output(PATH, b'{"predictions":[0,2]}') == {"prediction": [0, 2]}


def test_distributions_are_summed_up(reading: Any) -> None:
    """A probability vector per instance gives its parts, the class, confidence and entropy."""
    found = reading.output(PATH, b'{"predictions":[[0.25,0.75],[0.5,0.5]]}')
    assert found["p0"] == [0.25, 0.5]
    assert found["p1"] == [0.75, 0.5]
    assert found["class"] == ["1", "0"]
    assert found["confidence"] == [0.75, 0.5]
    assert found["entropy"][0] == pytest.approx(0.811278)
    assert found["entropy"][1] == pytest.approx(1.0)


def test_vectors_that_are_no_distribution_are_spread(reading: Any) -> None:
    """Several regression targets give one column each and no class."""
    found = reading.output(PATH, b'{"predictions":[[10.5,-2],[3,4]]}')
    assert found == {"prediction[0]": [10.5, 3], "prediction[1]": [-2, 4]}


def test_objects_keep_their_keys(reading: Any) -> None:
    """A prediction that is an object gives its keys; a distribution in it is known as one."""
    body = b'{"predictions":[{"label":"cat","probabilities":[0.9,0.1]}]}'
    found = reading.output(PATH, body)
    assert found["label"] == ["cat"]
    assert found["class"] == ["0"]


def test_the_column_form_gives_the_same_columns(reading: Any) -> None:
    """`inputs` and `outputs` hold one list per column."""
    assert reading.input(PATH, b'{"inputs": {"a": [1, 2], "b": ["x", "y"]}}') == {
        "a": [1, 2],
        "b": ["x", "y"],
    }
    assert reading.output(PATH, b'{"outputs": [1.5, 2.5]}') == {"prediction": [1.5, 2.5]}


def test_bytes_are_told_by_their_size(reading: Any) -> None:
    """`{"b64": ...}` is bytes: only how many there are is kept."""
    body = b'{"instances": [{"image": {"b64": "AAAAAAAA"}}]}'
    assert reading.input(PATH, body) == {"image.bytes": [6]}


def test_a_structured_cloud_event_is_opened(reading: Any) -> None:
    """The data of a structured event are the request."""
    body = b'{"specversion":"1.0","id":"e1","data":{"instances":[[1,2]]}}'
    fields = {"content-type": "application/cloudevents+json"}
    assert reading.input(PATH, body, fields) == {"x0": [1], "x1": [2]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"rows": [[1]]}', "missing_field"),
        (b"[1, 2]", "wrong_shape"),
        (b'{"instances": []}', "no_rows"),
        (b'{"instances": [[1], {"a": 1}]}', "wrong_shape"),
        (b"{bad", "not_json"),
    ],
)
def test_what_is_not_of_this_protocol_has_a_reason(reading: Any, body: bytes, reason: str) -> None:
    """Each way of not being a V1 request is counted under a word of its own."""
    assert reading.input(PATH, body).reason == reason


def test_an_error_with_status_200_is_no_prediction(reading: Any) -> None:
    """An answer that says `error` is not read as rows."""
    assert reading.output(PATH, b'{"error": "boom"}').reason == "error_body"
