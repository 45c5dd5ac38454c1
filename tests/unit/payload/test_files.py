"""Tables in file formats."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from proxy.payload.settings import Payload

PATH = "/invocations"
CSV = {"content-type": "text/csv"}
NPY = {"content-type": "application/x-npy"}


def npy(array: Any) -> bytes:
    """Write an array in NumPy's format."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("body", "columns"),
    [
        (b"a,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}),
        (b'\xef\xbb\xbfa,"b c"\r\n1,"x, y"\r\n', {"a": [1], "b c": ["x, y"]}),
        (b"1,2\n3,4\n", {"x0": [1, 3], "x1": [2, 4]}),
        (b"a,b\n1,\n,2.5\n", {"a": [1, None], "b": [None, 2.5]}),
        (b"a,b\n1,nan\n2,inf\n", {"a": [1, 2], "b": [None, "inf"]}),
        (b"f,n\ntrue,1\nfalse,2\n", {"f": [True, False], "n": [1, 2]}),
        (b"5.5\n", {"x0": [5.5]}),
    ],
)
def test_csv_is_read(reading: Any, body: bytes, columns: dict[str, Any]) -> None:
    """Headers are told by their cells; numbers, booleans and gaps are known as such."""
    assert reading.input(PATH, body, CSV) == columns


def test_the_header_can_be_set(reading: Any) -> None:
    """With strings only, the cells cannot tell: the setting does."""
    body = b"a,b\nx,y\n"
    assert reading.input(PATH, body, CSV) == {"x0": ["a", "x"], "x1": ["b", "y"]}
    named = reading.with_(Payload(csv_header="yes"))
    assert named.input(PATH, body, CSV) == {"a": ["x"], "b": ["y"]}
    unnamed = reading.with_(Payload(csv_header="no"))
    assert list(unnamed.input(PATH, b"a,b\n1,2\n", CSV)) == ["x0", "x1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"a,b\n1,2,3\n", "wrong_shape"),
        (b"\n\n", "no_rows"),
        (b"\xff\xfe", "not_utf8"),
        (b'"' + b"x" * 140_000 + b'"', "wrong_shape"),
    ],
)
def test_broken_csv_has_a_reason(reading: Any, body: bytes, reason: str) -> None:
    """Ragged lines, nothing, other encodings and endless cells are told apart."""
    assert reading.input(PATH, body, CSV).reason == reason


def test_arrays_are_read(reading: Any) -> None:
    """Two axes are rows, one is one column, Fortran order is undone, NaN is missing."""
    array = np.array([[1.5, 2.5], [3.5, np.nan]])
    expected = {"x0": [1.5, 3.5], "x1": [2.5, None]}
    assert reading.input(PATH, npy(array), NPY) == expected
    assert reading.input(PATH, npy(np.asfortranarray(array)), NPY) == expected


def test_a_vector_is_one_column(reading: Any) -> None:
    """One number per row is the prediction."""
    assert reading.output(PATH, npy(np.array([1, 2])), NPY) == {"prediction": [1, 2]}
    assert reading.output(PATH, npy(np.array(7)), NPY) == {"prediction": [7]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"nothing", "wrong_shape"),
        (npy(np.ones(4))[:-8], "wrong_shape"),
        (npy(np.ones(4)).replace(b"(4,)", b"(4*,"), "wrong_shape"),
        (npy(np.ones(4)).replace(b"(4,), ", b"(-4,),"), "wrong_shape"),
        (npy(np.array(["a"])), "wrong_datatype"),
        (npy(np.array([{}], dtype=object)), "wrong_datatype"),
        (npy(np.ones(0)), "wrong_shape"),
    ],
)
def test_lying_arrays_have_a_reason(reading: Any, body: bytes, reason: str) -> None:
    """A header that promises more than there is, objects and strings are refused unread."""
    assert reading.input(PATH, body, NPY).reason == reason


def test_a_huge_shape_allocates_nothing(reading: Any) -> None:
    """The shape is compared with the data before any memory is taken."""
    honest = npy(np.ones(1))
    lying = honest.replace(b"(1,), }          ", b"(99999999999,), }")
    assert lying != honest
    assert reading.input(PATH, lying, NPY).reason == "wrong_shape"


def test_parquet_is_read_when_switched_on(reading: Any) -> None:
    """With the extra and the setting, columns come by name."""
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    stream = io.BytesIO()
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", None], "c": [0.5, float("nan")]}), stream)
    fields = {"content-type": "application/vnd.apache.parquet"}
    switched_on = reading.with_(Payload(parquet=True))
    assert switched_on.input(PATH, stream.getvalue(), fields) == {
        "a": [1, 2],
        "b": ["x", None],
        "c": [0.5, None],
    }
    assert switched_on.input(PATH, b"PAR1 not", fields).reason == "wrong_shape"
