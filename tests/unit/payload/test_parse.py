"""JSON within bounds: nesting, numbers, NaN, encodings."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.payload import parse
from proxy.payload.reasons import Reason, Unreadable

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def nesting(value: object) -> int:
    """Give the nesting of a value, the slow way."""
    if isinstance(value, dict):
        return 1 + max(map(nesting, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(nesting, value), default=0)
    return 0


@settings(max_examples=300, deadline=None)
@given(json_values, st.booleans())
def test_the_scan_finds_the_depth_of_any_body(value: object, ascii_only: bool) -> None:
    """Whatever stands in strings, the scan agrees with the parsed value."""
    assert parse.depth(json.dumps(value, ensure_ascii=ascii_only).encode()) == nesting(value)


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b'["\\\\", [1]]', 2),
        (b'["\\"[[[[", 1]', 1),
        (b'["\\\\\\"[[[", [[]]]', 3),
        (b'"[[["', 0),
        (b"", 0),
        (b"[" * 1000, 1000),
        (b'["[[[[[', 1),
        (b"[[]][[[]]]", 3),
    ],
)
def test_escapes_and_strings_do_not_fool_the_scan(body: bytes, depth: int) -> None:
    """Brackets in strings do not count, behind any number of backslashes."""
    assert parse.depth(body) == depth


@settings(max_examples=200, deadline=None)
@given(json_values)
def test_what_json_writes_is_read_back(value: object) -> None:
    """Parsing agrees with the standard library."""
    assert parse.loads(json.dumps(value).encode(), 64) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 200_000 + b"]" * 200_000, Reason.TOO_DEEP),
        (b'{"a":' * 200_000, Reason.TOO_DEEP),
        (b"1" * 1_000_000, Reason.NUMBER_OUT_OF_RANGE),
        (b"[1e999]", Reason.NUMBER_OUT_OF_RANGE),
        (b"{bad", Reason.NOT_JSON),
        (b"", Reason.NOT_JSON),
        (b'["\xff"]', Reason.NOT_UTF8),
        (b"[NaN, {]", Reason.NOT_JSON),
        (b"[NaN, 1e999]", Reason.NUMBER_OUT_OF_RANGE),
        (b'"' + b'\\"' * 50_000 + b"NaN", Reason.NOT_JSON),
    ],
)
def test_hostile_bodies_have_a_reason(body: bytes, reason: Reason) -> None:
    """Nesting, digits, overflow and broken text are each told apart, and none crashes."""
    with pytest.raises(Unreadable) as caught:
        parse.loads(body, 32)
    assert caught.value.reason is reason


def test_the_deepest_nesting_allowed_is_read() -> None:
    """The bound itself is within the bounds, one level more is not."""
    assert parse.loads(b"[" * 32 + b"]" * 32, 32)
    assert parse.loads(b"[" + b"[]," * 100 + b"[]]", 2)
    with pytest.raises(Unreadable):
        parse.loads(b"[" * 33 + b"]" * 33, 32)


def test_numbers_that_are_none_are_missing() -> None:
    """`NaN` and `Infinity`, which Python servers write, become missing; strings stay."""
    body = json.dumps({"a": [math.nan, -math.inf, 1.5], "b": 'NaN "Infinity"'}).encode()
    assert parse.loads(body, 32) == {"a": [None, None, 1.5], "b": 'NaN "Infinity"'}


def test_lines_are_read_up_to_a_bound() -> None:
    """Blank lines are skipped; lines beyond the bound are not read, so not even judged."""
    assert parse.lines(b'{"a":1}\n\n [2]\r\n', 32, 10) == [{"a": 1}, [2]]
    assert parse.lines(b"1\n2\n{bad", 32, 2) == [1, 2]
    with pytest.raises(Unreadable):
        parse.lines(b"1\n{bad", 32, 2)
