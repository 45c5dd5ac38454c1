"""The wire format of protobuf: fields, varints and packed numbers, and damage to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload import protobuf
from proxy.payload.protobuf import Reader
from proxy.payload.reasons import Reason, Unreadable


def varint(value: int) -> bytes:
    """Write a number as the specification says: seven bits a byte, the lowest first."""
    found = []
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def reason(data: bytes, max_fields: int = 100) -> Reason:
    """Give why a message is refused."""
    with pytest.raises(Unreadable) as caught:
        Reader(max_fields).fields(data)
    return caught.value.reason


def test_the_examples_of_the_specification_are_read() -> None:
    """150 in field 1 is `08 96 01`; "testing" in field 2 is `12 07 74 65 73 74 69 6e 67`."""
    reader = Reader(10)
    assert reader.fields(bytes.fromhex("089601")) == [(1, 150)]
    assert reader.fields(bytes.fromhex("120774657374696e67")) == [(2, b"testing")]
    packed = protobuf.integers([bytes.fromhex("038e029ea705")])
    assert packed.tolist() == [3, 270, 86942]


def test_every_wire_type_is_cut_at_its_end() -> None:
    """Numbers of fixed size are given as their bytes; empty fields are there."""
    data = b"\x0d\x00\x00\x80\x3f" + b"\x11" + b"\x01" * 8 + b"\x1a\x00" + b"\x20\x05"
    assert Reader(4).fields(data) == [(1, b"\x00\x00\x80\x3f"), (2, b"\x01" * 8), (3, b""), (4, 5)]


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_numbers_are_read_as_they_were_written(numbers: list[int]) -> None:
    """Packed or one by one, of any size, as a varint of the message or inside."""
    packed = b"".join(map(varint, numbers))
    assert protobuf.integers([packed] if packed else []).tolist() == numbers
    single = b"".join(b"\x08" + varint(number) for number in numbers)
    values = [value for _, value in Reader(len(numbers)).fields(single)]
    assert values == numbers
    assert protobuf.integers(values).tolist() == numbers


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_negative_numbers_are_read_in_two_complements(numbers: list[int]) -> None:
    """An `int32` below zero is written with the 64 bits of its sign."""
    packed = b"".join(varint(number % 2**64) for number in numbers)
    assert protobuf.signed32(protobuf.integers([packed])).tolist() == numbers


def test_fixed_numbers_are_read_packed_and_one_by_one() -> None:
    """Both are allowed whatever the writer's schema says."""
    raw = np.array([1.5, -2.0], "<f8").tobytes()
    assert protobuf.floats([raw], "<f8").tolist() == [1.5, -2.0]
    assert protobuf.floats([raw[:8], raw[8:]], "<f8").tolist() == [1.5, -2.0]
    assert protobuf.floats([], "<f4").tolist() == []


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",
        b"\x80",
        b"\xff" * 11,
        b"\x08" + b"\xff" * 11,
        b"\x12\x05ab",
        b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        b"\x0d\x00\x00",
        b"\x11\x00",
        b"\x0b\x0c",
        b"\x0f",
    ],
)
def test_damage_is_refused(data: bytes) -> None:
    """Cut short, endless, longer than the message, groups and types that do not exist."""
    assert reason(data) is Reason.WRONG_SHAPE


@pytest.mark.parametrize("packed", [b"\x80", b"\x01\xff", b"\xff" * 10 + b"\x01"])
def test_damaged_packed_numbers_are_refused(packed: bytes) -> None:
    """The last number has no end, or one has more bytes than 64 bits need."""
    with pytest.raises(Unreadable, match="does not end"):
        protobuf.integers([packed])


@pytest.mark.parametrize("values", [[b"\x00\x00\x00"], [5]])
def test_fixed_numbers_of_a_broken_length_are_refused(values: list[bytes | int]) -> None:
    """Bytes are left over, or it is no number of fixed size."""
    with pytest.raises(Unreadable, match="broken length"):
        protobuf.floats(values, "<f4")


def test_fields_are_counted_over_all_messages() -> None:
    """Many small messages cost as much as one of many fields."""
    reader = Reader(3)
    assert len(reader.fields(b"\x08\x01\x08\x01")) == 2
    assert len(reader.fields(b"\x08\x01")) == 1
    with pytest.raises(Unreadable) as caught:
        reader.fields(b"\x08\x01")
    assert caught.value.reason is Reason.TOO_LARGE


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Nothing else comes out, whatever comes in."""
    try:
        found = Reader(1000).fields(data)
    except Unreadable:
        return
    assert sum(len(value) if isinstance(value, bytes) else 1 for _, value in found) <= len(data)
