"""SageMaker's RecordIO with protobuf, written by hand and by SageMaker's own writer."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload import recordio, tensor
from proxy.payload.reasons import Unreadable
from proxy.payload.settings import Payload, Redact, Treatment

PATH = "/invocations"
TYPE = {"content-type": "application/x-recordio-protobuf"}
MAGIC = b"\x0a\x23\xd7\xce"
FLOAT32, FLOAT64, INT32, BYTES = 2, 3, 7, 9

# What the writer of sagemaker-training 5.1.4 (`recordio.py`, protobuf 7.36.2) makes of
# [[1.5, -2], [0.25, 3]] as float32, of [[1.5, -2]] as float64 with the label 1, of [[7, -1]] as
# integers, of the sparse [[0, 0, 5, 0], [1, 0, 0, 2]]; and `Record` with two labels, uid and
# metadata, in the frame of the same writer.
DENSE32 = (
    "0a23d7ce180000000a160a0676616c756573120c120a0a080000c03f000000c0"
    "0a23d7ce180000000a160a0676616c756573120c120a0a080000803e00004040"
)
DENSE64 = (
    "0a23d7ce380000000a1e0a0676616c75657312141a120a10000000000000f83f00000000000000c0"
    "12160a0676616c756573120c1a0a0a08000000000000f03f"
)
INTEGERS = "0a23d7ce1b0000000a190a0676616c756573120f3a0d0a0b07ffffffffffffffffff0100"
SPARSE = (
    "0a23d7ce1e0000000a1c0a0676616c75657312121a100a0800000000000014401201021a01040000"
    "0a23d7ce270000000a250a0676616c756573121b1a190a10000000000000f03f0000000000000040"
    "120200031a010400"
)
ANSWER = (
    "0a23d7ce3b000000121b0a0f7072656469637465645f6c6162656c120812060a040000803f"
    "12110a0573636f7265120812060a040000403f1a05726f772d3122027b7d00"
)


def varint(value: int) -> bytes:
    """Write a number."""
    found = []
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def field(number: int, data: bytes) -> bytes:
    """Write a field of bytes."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def frame(message: bytes, kind: int = 0) -> bytes:
    """Write a frame around a message, or around one part of it."""
    head = MAGIC + struct.pack("<I", kind << 29 | len(message))
    return head + message + b"\0" * (-len(message) % 4)


def numbers(
    values: Any, keys: Any = (), shape: Any = (), kind: int = FLOAT32, dtype: str = "<f4"
) -> bytes:
    """Write a `Value` with a tensor."""
    found = field(1, np.array(values, dtype).tobytes())
    found += field(2, b"".join(map(varint, keys))) if keys else b""
    found += field(3, b"".join(map(varint, shape))) if shape else b""
    return field(kind, found)


def record(**features: bytes) -> bytes:
    """Write a framed record with `features`, each a `Value`."""
    return frame(labelled(1, features))


def labelled(number: int, values: dict[str, bytes]) -> bytes:
    """Write a map: 1 holds the features, 2 the labels."""
    entries = (field(1, name.encode()) + field(2, value) for name, value in values.items())
    return b"".join(field(number, entry) for entry in entries)


@pytest.mark.parametrize(
    ("written", "columns"),
    [
        (DENSE32, {"x0": [1.5, 0.25], "x1": [-2.0, 3.0]}),
        (DENSE64, {"x0": [1.5], "x1": [-2.0]}),
        (INTEGERS, {"x0": [7.0], "x1": [-1.0]}),
        (SPARSE, {"x0": [0.0, 1.0], "x1": [0.0, 0.0], "x2": [5.0, 0.0], "x3": [0.0, 2.0]}),
    ],
    ids=["float32", "float64", "integers", "sparse"],
)
def test_what_sagemakers_own_writer_makes_is_read(
    reading: Any, written: str, columns: dict[str, Any]
) -> None:
    """Dense and sparse rows of every type; the labels of a request are no input."""
    assert reading.input(PATH, bytes.fromhex(written), TYPE) == columns


def test_answers_are_read_from_the_labels(reading: Any) -> None:
    """As algorithms answer: a label and its score, the names of their JSON form."""
    found = reading.output(PATH, bytes.fromhex(ANSWER) * 2, TYPE)
    assert found == {"predicted_label": [1.0, 1.0], "score": [0.75, 0.75]}


def test_scores_of_several_classes_are_a_distribution(reading: Any) -> None:
    """They are summed up like those of any other protocol."""
    body = frame(labelled(2, {"score": numbers([0.25, 0.75])}))
    found = reading.output(PATH, body, TYPE)
    assert found["class"] == ["1"]
    assert found["confidence"] == [0.75]


def test_any_path_is_read_by_the_type(reading: Any) -> None:
    """The media type tells it where the path does not."""
    columns = {"x0": [1.5, 0.25], "x1": [-2.0, 3.0]}
    assert reading.input("/elsewhere", bytes.fromhex(DENSE32), TYPE) == columns


def test_other_recordio_is_not_read(reading: Any) -> None:
    """Images in RecordIO have no rows."""
    image = {"content-type": "application/x-recordio"}
    for path in (PATH, "/elsewhere"):
        assert reading.input(path, frame(b"image"), image).reason == "unsupported_media"


def test_named_features_are_columns(reading: Any) -> None:
    """A lone number by its name, a vector by its elements, a column of the configuration too."""
    one = record(age=numbers([41]), point=numbers([1, 2]), values=numbers([7]))
    expected = {"age": [41.0], "point[0]": [1.0], "point[1]": [2.0], "x0": [7.0]}
    assert reading.input(PATH, one, TYPE) == expected
    named = reading.with_(Payload(columns=("height",)))
    assert named.input(PATH, record(values=numbers([7])), TYPE) == {"height": [7.0]}


def test_a_feature_that_a_record_lacks_is_missing(reading: Any) -> None:
    """As a key that an object lacks; a value of no kind is none."""
    body = record(a=numbers([1]), b=numbers([2])) + record(a=numbers([3]), b=b"")
    assert reading.input(PATH, body, TYPE) == {"a": [1.0, 3.0], "b": [2.0, None]}


def test_numbers_that_are_not_finite_are_missing(reading: Any) -> None:
    """Neither NaN nor an infinity reaches a mean."""
    body = record(values=numbers([math.nan, math.inf, 1]))
    assert reading.input(PATH, body, TYPE) == {"x0": [None], "x1": [None], "x2": [1.0]}


def test_matrices_and_wide_vectors_are_described(reading: Any) -> None:
    """A tensor of any shape has the measures that it has in JSON."""
    image = np.arange(12.0).reshape(3, 4)
    body = record(image=numbers(image, shape=[3, 4]), values=numbers(range(100)))
    found = reading.input(PATH, body, TYPE)
    described = tensor.describe(image)
    assert {name: found[f"image.{name}"][0] for name in described} == described
    assert found["x.size"] == [100]
    assert found["x.mean"] == [49.5]


def test_wide_sparse_rows_are_described_without_writing_them_out(reading: Any) -> None:
    """A row of a billion numbers of which two are given, and one of zeros only."""
    width = 1_000_000_000
    body = record(values=numbers([3, 4], keys=[0, width - 1], shape=[width]))
    body += record(values=numbers([], shape=[width]))
    found = reading.input(PATH, body, TYPE)
    assert found["x.size"] == [width, width]
    assert found["x.norm"] == [5.0, 0.0]
    assert found["x.min"] == [0.0, 0.0]
    assert found["x.zeros"] == [pytest.approx(1 - 2 / width), 1.0]


def test_of_bytes_only_the_size_is_told(reading: Any) -> None:
    """Images and texts are not read."""
    body = record(photo=field(BYTES, field(1, b"x" * 30) + field(1, b"y" * 5) + field(2, b"t")))
    assert reading.input(PATH, body, TYPE) == {"photo.bytes": [35]}


def test_columns_can_be_dropped(reading: Any) -> None:
    """As in any table."""
    quiet = reading.with_(redact=Redact(columns={"age": Treatment.DROP}))
    body = record(age=numbers([41]), rooms=numbers([2]))
    assert quiet.input(PATH, body, TYPE) == {"rooms": [2.0]}


def test_a_long_body_is_thinned_before_it_is_parsed(reading: Any) -> None:
    """The same rows as of JSON are kept, and each stands for more."""
    small = reading.with_(Payload(max_rows=10))
    body = b"".join(record(values=numbers([i])) for i in range(40))
    assert small.input(PATH, body, TYPE) == {"x0": [4.0 * i for i in range(10)]}


def test_a_record_in_several_parts_is_put_together(reading: Any) -> None:
    """Writers cut a record where it holds the magic of a frame."""
    message = labelled(1, {"values": numbers([struct.unpack("<f", MAGIC)[0], 2.0])})
    first, last = message.split(MAGIC)
    middle = frame(first, 1) + frame(b"", 2) + frame(last, 3)
    assert recordio.frames(frame(first, 1) + frame(last, 3)) == [message]
    assert recordio.frames(middle) == [first + MAGIC + MAGIC + last]
    found = reading.input(PATH, frame(first, 1) + frame(last, 3), TYPE)
    assert found["x1"] == [2.0]


SPARSE_BAD = [
    numbers([1], keys=[0]),
    numbers([1], keys=[5], shape=[5]),
    numbers([1, 2], keys=[0], shape=[5]),
    numbers([1, 2], keys=[3, 3], shape=[5]),
    numbers([1], keys=[0], shape=[2**60, 2**60]),
    numbers([1], keys=[0], shape=[0]),
    numbers([1, 2], shape=[3]),
    numbers([1], shape=[1] * 9),
]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"no frame at all", "wrong_shape"),
        (MAGIC, "wrong_shape"),
        (MAGIC + struct.pack("<I", 2**28) + b"x", "wrong_shape"),
        (MAGIC + struct.pack("<I", 5) + b"x", "wrong_shape"),
        (record(a=numbers([1])) + b"rest", "wrong_shape"),
        (frame(b"", 2), "wrong_shape"),
        (frame(b"", 1), "wrong_shape"),
        (frame(b"", 1) + frame(b"", 0), "wrong_shape"),
        (frame(b"", 1) + frame(b"", 1), "wrong_shape"),
        (frame(b"", 5), "wrong_shape"),
        (frame(b""), "no_rows"),
        (frame(labelled(2, {"values": numbers([1])})), "no_rows"),
        (frame(b"\x08\x05"), "wrong_shape"),
        (frame(field(1, b"\x08\x05")), "wrong_shape"),
        (frame(field(1, field(1, b"\xff") + field(2, numbers([1])))), "not_utf8"),
        (frame(field(1, field(2, b"\x10\x01"))), "wrong_shape"),
        (record(a=field(FLOAT32, field(1, b"\0" * 5))), "wrong_shape"),
        (record(a=field(INT32, field(1, b"\xff" * 40))), "wrong_shape"),
        (record(a=field(FLOAT32, b"\x0a\xff\xff\xff\xff\x0f")), "wrong_shape"),
        (record(**{f"f{i}": numbers([1]) for i in range(300)}), "too_wide"),
        (frame(b"\x18\x00" * 40_000), "too_large"),
        *((record(a=value), "wrong_shape") for value in SPARSE_BAD),
    ],
)
def test_damage_has_its_reason(reading: Any, body: bytes, reason: str) -> None:
    """Lengths that lie, numbers without an end, tensors that contradict themselves."""
    assert reading.input(PATH, body, TYPE).reason == reason


@given(st.binary(max_size=120), st.integers(0, 3))
def test_any_bytes_in_a_frame_are_read_or_refused(data: bytes, kind: int) -> None:
    """Nothing else comes out of frames, whatever comes in."""
    try:
        found = recordio.frames(frame(data) + frame(data, kind))
    except Unreadable:
        return
    assert found == [data, data]


def test_a_body_with_one_byte_changed_or_cut_off_never_fails(reading: Any) -> None:
    """The decoder gives rows or a reason, never a defect."""
    written = bytes.fromhex(SPARSE)
    for at in range(len(written)):
        changed = [written[:at] + bytes([byte]) + written[at + 1 :] for byte in (0, 127, 128, 255)]
        for body in (written[: at + 1], *changed):
            found = reading.input(PATH, body, TYPE)
            assert isinstance(found, dict) or found.reason != "decoder_failed"
