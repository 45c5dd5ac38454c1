"""Forms of several parts: fields are values, files are sizes, damage has a reason."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.payload.settings import Redact

PATH = "/predict"
TYPE = "multipart/form-data; boundary=b0"
FIELDS = {"content-type": TYPE}


def part(head: str, data: str | bytes) -> bytes:
    """Give one part."""
    raw = data.encode() if isinstance(data, str) else data
    return b"--b0\r\nContent-Disposition: form-data" + head.encode() + b"\r\n\r\n" + raw + b"\r\n"


FORM = (
    part('; name="age"', "41.5")
    + part('; name="city"', "york")
    + part('; name="note"', "")
    + part('; name="photo"; filename="a.jpg"\r\nContent-Type: image/jpeg', b"\xff\xd8\x00")
    + part('; name="extra"\r\nContent-Type: application/json', '{"a": 1}')
    + b"--b0--\r\n"
)


@pytest.mark.parametrize("target", ["/predict", "/somewhere", "/predictions/kitten"])
@pytest.mark.parametrize("kind", [TYPE, 'Multipart/Form-Data; charset=x; boundary="b0"'])
def test_a_form_is_one_row(reading: Any, target: str, kind: str) -> None:
    """Numbers are numbers, an empty field is missing, of a file only the size is kept."""
    assert reading.input(target, FORM, {"content-type": kind}) == {
        "age": [41.5],
        "city": ["york"],
        "note": [None],
        "photo.bytes": [3],
        "extra.a": [1],
    }


def test_rows_inside_a_form_are_rows(reading: Any) -> None:
    """A field that holds JSON under a usual name is read as such a body is."""
    form = part('; name="instances"', '[{"x": 1}, {"x": 2}]') + b"--b0--"
    assert reading.input(PATH, form, FIELDS) == {"x": [1, 2]}


def test_what_looks_like_json_and_is_not_stays_text(reading: Any) -> None:
    """A bracket does not make a sentence JSON."""
    form = part('; name="t"', "[sic] yes") + b"--b0--"
    assert reading.input(PATH, form, FIELDS) == {"t": ["[sic] yes"]}


def test_redaction_reaches_fields(reading: Any) -> None:
    """Pointers name fields as they name keys."""
    redact = Redact(categories="clear", drop=("/age",), mask=("/city",))
    found = reading.with_(redact=redact).input(PATH, FORM, FIELDS)
    assert "age" not in found
    assert found["city"] == ["(masked)"]


@pytest.mark.parametrize(
    ("data", "kind", "expected"),
    [
        (FORM, "multipart/form-data", "wrong_shape"),
        (FORM[:-8], TYPE, "wrong_shape"),
        (b"nothing of the kind", TYPE, "wrong_shape"),
        (part("", "1") + b"--b0--", TYPE, "wrong_shape"),
        (b"--b0\r\nno head\r\n--b0--", TYPE, "wrong_shape"),
        (b"--b0--", TYPE, "no_rows"),
        (part('; name="a"', b"\xff") + b"--b0--", TYPE, "not_utf8"),
        (part('; name="a"', "[" * 99) + b"--b0--", TYPE, "too_deep"),
        (part('; name="a"', "1") * 300 + b"--b0--", TYPE, "too_wide"),
        (FORM, "multipart/mixed; boundary=b0", "unsupported_media"),
    ],
)
def test_damage_has_its_reason(reading: Any, data: bytes, kind: str, expected: str) -> None:
    """No form makes the decoder fail."""
    assert reading.input(PATH, data, {"content-type": kind}).reason == expected


def test_a_form_where_the_protocol_has_none_is_told_as_such(reading: Any) -> None:
    """Not as damaged JSON."""
    assert reading.input("/v1/models/m:predict", FORM, FIELDS).reason == "unsupported_media"
