"""A secret planted in every place of a body leaves the room nowhere."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from proxy.payload.settings import Redact
from proxy.records import Message

V1 = "/v1/models/m:predict"
FORM = "application/x-www-form-urlencoded"
RECORDIO = "application/x-recordio-protobuf"
SECRET = "sk-planted-9f8e7d6c5b4a3210"  # noqa: S105 - planted to be looked for


def message(body: bytes, truncated: bool = False, **fields: str) -> Message:
    """Make a message; `_` in a field's name stands for `-`."""
    return Message(
        {name.replace("_", "-"): value for name, value in fields.items()}, body, truncated
    )


def planted(value: Any) -> list[Any]:
    """Give copies of `value` with the secret in place of one string, key or leaf each."""
    if isinstance(value, dict):
        found = [{**value, key: one} for key, inner in value.items() for one in planted(inner)]
        return [*found, {**value, SECRET: 1}, {**value, f"{SECRET}x": SECRET}]
    if isinstance(value, list):
        return [
            [*value[:i], one, *value[i + 1 :]]
            for i, inner in enumerate(value)
            for one in planted(inner)
        ]
    return [SECRET, f"before {SECRET} and a good deal of text after it"]


TENSOR = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]}
CHAT = {"role": "user", "content": "hi"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
BODIES: list[tuple[str, Any]] = [
    (V1, {"instances": [{"a": "x", "b": {"c": 1}}], "signature_name": "s"}),
    (V1, {"predictions": [{"label": "x", "probabilities": [0.5, 0.5]}]}),
    ("/v1/models/m:classify", {"results": [[["cat", 0.5]]]}),
    ("/v2/models/m/infer", {"inputs": [TENSOR], "parameters": {"p": "q"}}),
    ("/v2/models/m/infer", {"model_name": "m", "outputs": [TENSOR, TENSOR | {"name": "y"}]}),
    ("/v2/models/m/generate", {"text_input": "a", "text_output": "b", "parameters": {"k": "v"}}),
    ("/invocations", {"dataframe_split": {"columns": ["a"], "data": [["x"]]}}),
    ("/invocations", {"dataframe_records": [{"a": "x"}]}),
    ("/predictions/m", [{"a": "x"}]),
    ("/api/v1.0/predictions", {"data": {"names": ["a"], "ndarray": [["x"]]}, "meta": {"t": "x"}}),
    ("/api/v1.0/predictions", {"jsonData": {"a": "x"}}),
    ("/v1/chat/completions", {"model": "m", "messages": [CHAT], "tools": [{"type": "f"}]}),
    ("/v1/chat/completions", {"choices": [CHOICE], "usage": {"prompt_tokens": 3}}),
    ("/v1/completions", {"prompt": ["a"], "choices": [{"text": "b", "finish_reason": "stop"}]}),
    ("/v1/embeddings", {"input": ["a"], "data": [{"embedding": [0.5, 1]}]}),
    ("/v1/responses", {"input": [CHAT], "output": [{"type": "message", "content": "a"}]}),
    ("/v1/messages", {"messages": [CHAT], "system": "s", "content": [{"text": "a"}]}),
    ("/predict", {"rows": [{"a": "x"}]}),
    ("/unknown", {"a": "x", "b": ["y"], "c": [{"d": "z"}]}),
]  # fmt: skip


def kept(reading: Any, path: str, body: bytes, **fields: str) -> str:
    """Give all that leaves the room for one body on both sides, as text."""
    made = message(body, **fields)
    return msgspec.json.encode(reading.decoder.decode(reading.capture(path, made, made))).decode()


@pytest.mark.parametrize(("path", "body"), BODIES, ids=[f"{i}" for i in range(len(BODIES))])
@pytest.mark.parametrize("categories", ["certified", "hash", "clear"])
def test_a_planted_secret_is_kept_nowhere(
    reading: Any, path: str, body: Any, categories: Any
) -> None:
    """In every position of a body, as value or key, and inside longer text."""
    reader = reading.with_(redact=Redact(categories=categories))
    variants = planted(body)
    assert len(variants) > 3
    for variant in variants:
        assert SECRET not in kept(reader, path, json.dumps(variant).encode())


def test_an_ordinary_word_is_kept_only_in_clear(reading: Any) -> None:
    """By default not even a string of no known shape leaves the room."""
    body = b'{"instances": [{"name": "Lovelace"}]}'
    assert "Lovelace" not in kept(reading.with_(redact=Redact()), V1, body)
    assert "Lovelace" in kept(reading, V1, body)


def test_a_secret_in_other_places_is_kept_nowhere(reading: Any) -> None:
    """Headers, paths, CSV, forms, multipart parts, events, lines and plain text."""
    places = [
        (f"/v1/models/{SECRET}:predict", b'{"instances": [[1]]}', {}),
        (V1, b'{"instances": [[1]]}', {"authorization": SECRET, "cookie": SECRET}),
        (V1, b'{"instances": [[1]]}', {"content_type": SECRET, "content_encoding": ""}),
        ("/invocations", f"a,{SECRET}\n1,{SECRET}\n".encode(), {"content_type": "text/csv"}),
        ("/predict", f"json={SECRET}".encode(), {"content_type": FORM}),
        ("/predict", f"--b\r\n\r\n{SECRET}".encode(), {"content_type": "multipart/form-data"}),
        ("/v1/chat/completions", _events(SECRET), {"content_type": "text/event-stream"}),
        ("/gen", SECRET.encode(), {"content_type": "text/event-stream"}),
        ("/x", f'{{"a": "{SECRET}"}}\n'.encode(), {"content_type": "application/x-ndjson"}),
        ("/x", SECRET.encode(), {"content_type": "text/plain"}),
        ("/x", f"{{broken {SECRET}".encode(), {}),
    ]  # fmt: skip
    for path, body, fields in places:
        assert SECRET not in kept(reading, path, body, **fields), (path, fields)


def test_a_secret_in_recordio_is_kept_nowhere(reading: Any) -> None:
    """As the name of a feature or label, as bytes, as id, metadata and configuration, damaged."""
    secret = SECRET.encode()
    one = b"\x12\x06\x0a\x04\x00\x00\x80\x3f"
    for feature in (_field(1, secret) + _field(2, one), _field(2, _field(9, _field(1, secret)))):
        record = _field(1, feature) + _field(2, feature)
        record += _field(3, secret) + _field(4, secret) + _field(5, secret)
        body = b"\x0a\x23\xd7\xce" + len(record).to_bytes(4, "little") + record
        for sent in (body, body[:-10], secret + body, body + secret):
            found = kept(reading, "/invocations", sent, content_type=RECORDIO)
            assert SECRET not in found
    assert '"columns":' in kept(reading, "/invocations", body, content_type=RECORDIO)


def _field(number: int, data: bytes) -> bytes:
    """Write a field of protobuf."""
    return bytes([number << 3 | 2, len(data)]) + data


def _events(text: str) -> bytes:
    """Make a chat stream whose deltas, names and errors hold `text`."""
    delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": text}]}
    return (
        f"event: {text}\ndata: {json.dumps(delta)}\n\ndata: {json.dumps({text: text})}\n\n".encode()
    )
