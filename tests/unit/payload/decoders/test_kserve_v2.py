"""KServe V2: tensors as JSON and in binary."""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Message, Rows

PATH = "/v2/models/iris/infer"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]
IRIS = {"x[0]": [5.1, 6.7], "x[1]": [3.5, 3.0], "x[2]": [1.4, 5.2], "x[3]": [0.2, 2.3]}


def request(*tensors: dict[str, object], **more: object) -> bytes:
    """Make a request body."""
    return json.dumps({"inputs": list(tensors), **more}).encode()


def tensor(data: object, shape: list[int], **more: Any) -> dict[str, object]:
    """Make a tensor called `x`."""
    return {"name": "x", "shape": shape, "datatype": "FP64", "data": data} | more


@pytest.mark.parametrize("data", [ROWS, [*ROWS[0], *ROWS[1]]], ids=["nested", "flat"])
def test_one_tensor_becomes_a_column_per_place(reading: Any, data: object) -> None:
    """Nested and flat data give the same columns, named after the tensor."""
    assert reading.input(PATH, request(tensor(data, [2, 4]))) == IRIS


def test_one_input_per_column_becomes_columns_by_name(reading: Any) -> None:
    """MLServer's pandas form has one tensor of width 1 per column."""
    found = reading.input(
        PATH,
        request(
            tensor([5.1, 6.7], [2, 1], name="sl"),
            tensor([3.5, 3.0], [2], name="sw"),
            tensor(["a", "b"], [2, 1], name="kind", datatype="BYTES"),
            parameters={"content_type": "pd"},
        ),
    )
    assert found == {"sl": [5.1, 6.7], "sw": [3.5, 3.0], "kind": ["a", "b"]}


def test_column_names_in_the_parameters_are_used(reading: Any) -> None:
    """`parameters.column_names` names the places of a tensor."""
    body = request(tensor(ROWS, [2, 4], parameters={"column_names": ["a", "b", "c", "d"]}))
    assert list(reading.input(PATH, body)) == ["a", "b", "c", "d"]


def test_booleans_and_integers_keep_their_kind(reading: Any) -> None:
    """BOOL data may come as 0 and 1 and are booleans all the same."""
    body = request(
        tensor([1, 0], [2], name="flag", datatype="BOOL"),
        tensor([3, 4], [2], name="count", datatype="UINT8"),
    )
    assert reading.input(PATH, body) == {"flag": [True, False], "count": [3, 4]}


def test_a_tensor_of_one_row_holds_for_the_whole_batch(reading: Any) -> None:
    """A parameter beside a batch is repeated, as servers broadcast it."""
    body = request(tensor([1.0, 2.0], [2]), tensor([9], [1], name="k", datatype="INT32"))
    assert reading.input(PATH, body) == {"x": [1.0, 2.0], "k": [9, 9]}


def test_labels_and_probabilities_are_read_side_by_side(reading: Any) -> None:
    """The only narrow output is the prediction; the distribution is summed up (KServe's answer)."""
    body = (
        b'{"model_name":"iris","model_version":"v1","id":"abc-1","parameters":null,"outputs":['
        b'{"name":"predict","shape":[2],"datatype":"INT64","parameters":null,"data":[0,2]},'
        b'{"name":"predict_proba","shape":[2,3],"datatype":"FP64","parameters":null,'
        b'"data":[0.98,0.02,0.0,0.0,0.08,0.92]}]}'
    )
    found = reading.output(PATH, body)
    assert found["prediction"] == [0, 2]
    assert found["class"] == ["0", "2"]
    assert found["p2"] == [0.0, 0.92]


def test_an_image_is_described_as_a_tensor(reading: Any) -> None:
    """More than two axes make a tensor per row, told by its measures."""
    body = request(tensor([0.0, 1.0] * 64, [1, 8, 16]))
    found = reading.input(PATH, body)
    assert found["x.mean"] == [0.5]
    assert found["x.sharpness"][0] > 6


def binary(dtype: str, raw: bytes, n: int, name: str = "x") -> tuple[bytes, dict[str, str]]:
    """Make a binary request of one tensor, with the field that tells it."""
    head = request(
        {
            "name": name,
            "shape": [n],
            "datatype": dtype,
            "parameters": {"binary_data_size": len(raw)},
        }
    )
    return head + raw, {"inference-header-content-length": str(len(head))}


@pytest.mark.parametrize(
    ("dtype", "code"),
    [("INT8", "b"), ("UINT16", "<H"), ("INT64", "<q"), ("FP32", "<f"), ("FP64", "<d")],
)
def test_binary_numbers_are_little_endian(reading: Any, dtype: str, code: str) -> None:
    """Each datatype is read with its own width, without a media type, as tritonclient sends it."""
    raw = struct.pack(code, 3) + struct.pack(code, 5)
    body, fields = binary(dtype, raw, 2)
    assert reading.input(PATH, body, fields) == {"x": [3, 5]}


def test_half_precision_is_read(reading: Any) -> None:
    """FP16 and BF16, which Python has no type for, are read as floats."""
    body, fields = binary("FP16", np.array([1.5, -2.0], "<f2").tobytes(), 2)
    assert reading.input(PATH, body, fields) == {"x": [1.5, -2.0]}
    # 1.5 in bfloat16 is the upper half of its float32.
    body, fields = binary("BF16", np.array([1.5], "<f4").tobytes()[2:], 1)
    assert reading.input(PATH, body, fields) == {"x": [1.5]}


def test_binary_strings_are_length_prefixed(reading: Any) -> None:
    """BYTES hold a length and as many bytes; what is not UTF-8 is told by its size."""
    raw = b"\x02\x00\x00\x00hi" + b"\x01\x00\x00\x00\xff"
    body, fields = binary("BYTES", raw, 2)
    assert reading.input(PATH, body, fields) == {"x": ["hi", "(1 bytes)"]}


def test_numbers_that_are_not_finite_are_missing(reading: Any) -> None:
    """NaN in a binary tensor is a missing cell, not a number that poisons a mean."""
    body, fields = binary("FP64", np.array([1.0, np.nan, np.inf]).tobytes(), 3)
    assert reading.input(PATH, body, fields) == {"x": [1.0, None, None]}


def test_a_batch_of_binary_rows_with_gaps_is_read(reading: Any) -> None:
    """A missing cell keeps its place in its row."""
    raw = np.array([[1.0, np.nan], [3.0, 4.0]]).tobytes()
    size = {"binary_data_size": len(raw)}
    head = request({"name": "x", "shape": [2, 2], "datatype": "FP64", "parameters": size})
    fields = {"inference-header-content-length": str(len(head))}
    assert reading.input(PATH, head + raw, fields) == {"x[0]": [1.0, 3.0], "x[1]": [None, 4.0]}


def test_a_binary_answer_is_told_by_its_field_alone(reading: Any) -> None:
    """KServe's binary answer has no media type."""
    head = json.dumps(
        {
            "outputs": [
                {
                    "name": "predict",
                    "shape": [2],
                    "datatype": "INT64",
                    "parameters": {"binary_data_size": 16},
                }
            ]
        }
    ).encode()
    fields = {"inference-header-content-length": str(len(head))}
    body = head + struct.pack("<qq", 0, 2)
    assert reading.output(PATH, body, fields) == {"prediction": [0, 2]}


def test_the_answers_of_a_stream_are_put_under_each_other(reading: Any) -> None:
    """`infer_stream` sends one whole answer per event."""
    event = b'data: {"outputs":[{"name":"o","shape":[1],"datatype":"INT64","data":[%d]}]}\n\n'
    found = reading.stream(f"{PATH}_stream", [(10.1, event % 1), (10.2, event % 2)])
    assert found == {"prediction": [1, 2]}


@pytest.mark.parametrize(
    ("body", "fields", "reason"),
    [
        (request(tensor([1, 2, 3], [2, 2])), {}, "wrong_shape"),
        (request(tensor([], [0, 4])), {}, "no_rows"),
        (request(tensor([1], [-1])), {}, "wrong_shape"),
        (request(tensor([1], [10**30])), {}, "wrong_shape"),
        (request(tensor([1], ["1"])), {}, "wrong_shape"),
        (request(tensor([[1], 2], [2])), {}, "wrong_shape"),
        (request({"name": "x", "shape": [1], "datatype": "FP64"}), {}, "missing_field"),
        (request(tensor([1, 2], [2]), tensor([1, 2, 3], [3], name="y")), {}, "wrong_shape"),
        (b'{"inputs": [1]}', {}, "wrong_shape"),
        (b"{}", {}, "missing_field"),
        (b"{}", {"inference-header-content-length": "99"}, "wrong_shape"),
        (b"{}", {"inference-header-content-length": "-1"}, "wrong_shape"),
        (b"{}", {"inference-header-content-length": "9" * 5000}, "wrong_shape"),
    ],
)
def test_a_body_that_lies_has_a_reason(
    reading: Any, body: bytes, fields: dict[str, str], reason: str
) -> None:
    """Shapes, sizes and lengths that their data contradict are counted, never believed."""
    assert reading.input(PATH, body, fields).reason == reason


def test_binary_data_shorter_than_claimed_have_a_reason(reading: Any) -> None:
    """A tensor cut short, within a value or within a string, is not guessed at."""
    body, fields = binary("FP64", b"\0" * 16, 2)
    assert reading.input(PATH, body[:-1], fields).reason == "wrong_shape"
    body, fields = binary("FP64", b"\0" * 15, 2)
    assert reading.input(PATH, body, fields).reason == "wrong_shape"
    body, fields = binary("BYTES", b"\xff\xff\xff\xffhi", 1)
    assert reading.input(PATH, body, fields).reason == "wrong_shape"
    body, fields = binary("COMPLEX", b"\0" * 8, 1)
    assert reading.input(PATH, body, fields).reason == "wrong_datatype"


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 6), st.integers(2, 6), st.data())
def test_json_and_binary_give_the_same_rows(
    captured: Any, n: int, width: int, data: st.DataObject
) -> None:
    """The two encodings of one tensor decode to equal columns, whatever the numbers."""
    floats = st.floats(allow_nan=False, allow_infinity=False, width=64)
    rows = data.draw(
        st.lists(st.lists(floats, min_size=width, max_size=width), min_size=n, max_size=n)
    )
    array = np.array(rows, "<f8")
    head = request(
        {
            "name": "x",
            "shape": [n, width],
            "datatype": "FP64",
            "parameters": {"binary_data_size": array.nbytes},
        }
    )
    fields = {"inference-header-content-length": str(len(head))}
    found = []
    for message in (
        Message({}, request(tensor(rows, [n, width])), truncated=False),
        Message(fields, head + array.tobytes(), truncated=False),
    ):
        decoder = Decoder(Payload(), Redact())
        (one,) = decoder.decode(captured(PATH, message, None))
        assert isinstance(one, Rows)
        found.append((one.columns, one.values))
    assert found[0] == found[1]
    assert [list(row) for row in zip(*found[0][1], strict=True)] == rows
