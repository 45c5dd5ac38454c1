"""Forms of several parts: fields are values, files are sizes, damage has a reason."""

from __future__ import annotations

import pytest

from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Capture, Exchange, Message, Model, Position, Rows, Scalar, Undecodable

EXCHANGE = Exchange(
    1, None, Model.CANDIDATE, Position.SERVING, "other",
    started_s=1.0, connected_s=1.0, first_byte_s=1.1, finished_s=1.2, status=200,
    failure=None, failed_over=False, replayed=False, request_bytes=10, response_bytes=20,
    in_flight=1, stream=None, capture=1.0,
)  # fmt: skip
TYPE = "multipart/form-data; boundary=b0"


def part(head: str, data: str | bytes) -> bytes:
    """Give one part."""
    raw = data.encode() if isinstance(data, str) else data
    return b"--b0\r\nContent-Disposition: form-data" + head.encode() + b"\r\n\r\n" + raw + b"\r\n"


def read(
    data: bytes, target: str = "/predict", kind: str = TYPE, redact: Redact | None = None
) -> Rows | Undecodable:
    """Decode a request body."""
    request = Message({"content-type": kind}, data, False)
    decoder = Decoder(Payload(), redact or Redact(categories="clear"))
    (found,) = decoder.decode(Capture(EXCHANGE, target, request, None))
    return found


def columns(found: Rows | Undecodable) -> dict[str, list[Scalar]]:
    """Give the columns of rows."""
    assert isinstance(found, Rows)
    return dict(zip(found.columns, found.values, strict=True))


def reason(found: Rows | Undecodable) -> str:
    """Give why there are none."""
    assert isinstance(found, Undecodable)
    return found.reason


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
def test_a_form_is_one_row(target: str, kind: str) -> None:
    """Numbers are numbers, an empty field is missing, of a file only the size is kept."""
    assert columns(read(FORM, target, kind)) == {
        "age": [41.5],
        "city": ["york"],
        "note": [None],
        "photo.bytes": [3],
        "extra.a": [1],
    }


def test_rows_inside_a_form_are_rows() -> None:
    """A field that holds JSON under a usual name is read as such a body is."""
    form = part('; name="instances"', '[{"x": 1}, {"x": 2}]') + b"--b0--"
    assert columns(read(form)) == {"x": [1, 2]}


def test_what_looks_like_json_and_is_not_stays_text() -> None:
    """A bracket does not make a sentence JSON."""
    assert columns(read(part('; name="t"', "[sic] yes") + b"--b0--")) == {"t": ["[sic] yes"]}


def test_redaction_reaches_fields() -> None:
    """Pointers name fields as they name keys."""
    redact = Redact(categories="clear", drop=("/age",), mask=("/city",))
    found = columns(read(FORM, redact=redact))
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
def test_damage_has_its_reason(data: bytes, kind: str, expected: str) -> None:
    """No form makes the decoder fail."""
    assert reason(read(data, kind=kind)) == expected


def test_a_form_where_the_protocol_has_none_is_told_as_such() -> None:
    """Not as damaged JSON."""
    assert reason(read(FORM, "/v1/models/m:predict")) == "unsupported_media"
