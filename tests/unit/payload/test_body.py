"""Messages made ready for decoders."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from proxy.payload.body import media_type
from proxy.payload.settings import Payload, Redact

PATH = "/v1/models/m:predict"
BODY = b'{"instances": [[1, 2]]}'


@pytest.mark.parametrize(
    ("value", "media"),
    [
        ("application/json; charset=utf-8", "application/json"),
        ("Text/CSV", "text/csv"),
        ("", ""),
        (";", ""),
    ],
)
def test_the_media_type_stands_without_parameters(value: str, media: str) -> None:
    """Case and parameters do not matter."""
    assert media_type({"content-type": value}) == media


def test_a_compressed_body_is_read(reading: Any) -> None:
    """MLServer takes and gives gzip."""
    fields = {"content-encoding": "gzip"}
    assert reading.input(PATH, gzip.compress(BODY), fields) == {"x0": [1], "x1": [2]}


@pytest.mark.parametrize(
    ("body", "fields", "more", "reason"),
    [
        (BODY, {}, {"truncated": True}, "truncated"),
        (gzip.compress(BODY)[:-10], {"content-encoding": "gzip"}, {}, "bad_coding"),
        (b" " * 300_000, {}, {}, "too_large"),
        (b"  \n", {}, {}, "empty"),
    ],
)
def test_what_cannot_be_made_ready_has_a_reason(
    reading: Any, body: bytes, fields: dict[str, str], more: dict[str, Any], reason: str
) -> None:
    """Cut, damaged, too long and empty are told apart."""
    assert reading.input(PATH, body, fields, **more).reason == reason


def test_the_limit_is_a_setting(reading: Any) -> None:
    """A smaller limit refuses sooner."""
    small = reading.with_(Payload(max_decode_bytes=10))
    assert small.input(PATH, BODY).reason == "too_large"


def test_pointers_act_before_any_decoder(reading: Any) -> None:
    """What is dropped by pointer is not there to be read, in bodies, lines and events."""
    redacted = reading.with_(redact=Redact(categories="clear", drop=("/secret", "/*/secret")))
    assert redacted.input("/predict", b'{"a": 1, "secret": "s"}') == {"a": [1]}
    lines = {"content-type": "application/x-ndjson"}
    assert redacted.output("/x", b'{"a": 1, "secret": "s"}\n', lines) == {"a": [1]}
    event = b'data: {"a": 1, "secret": "s"}\n\n'
    assert redacted.stream("/x", [(10.1, event)]) == {"a": [1]}
