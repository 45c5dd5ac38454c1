"""OpenAI embeddings as lists and as base64."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from proxy.records import Message

PATH = "/v1/embeddings"
VECTOR = [0.5, -0.5, 0.5, 0.5]


def answer(embedding: object) -> bytes:
    """Make an answer with one vector."""
    item = {"object": "embedding", "index": 0, "embedding": embedding}
    return json.dumps({"object": "list", "data": [item], "usage": {"prompt_tokens": 3}}).encode()


def test_lists_and_base64_are_the_same_vector(reading: Any) -> None:
    """The official client asks for base64 of float32; both give equal columns."""
    packed = base64.b64encode(np.array(VECTOR, "<f4").tobytes()).decode()
    found = reading.output(PATH, answer(VECTOR))
    assert found == reading.output(PATH, answer(packed))
    assert found["embedding.norm"] == [pytest.approx(1.0)]
    assert found["embedding.width"] == [4]
    assert found["prompt_tokens"] == [3]


def test_the_id_joins_the_answer(reading: Any) -> None:
    """Servers that name their answers are believed."""
    body = b'{"id": "emb-1", "data": [{"embedding": [0.5, 1.5]}]}'
    capture = reading.capture(PATH, None, Message({}, body, truncated=False))
    (rows,) = reading.decoder.decode(capture)
    assert rows.correlation == ("emb-1",)


def test_each_text_is_a_row(reading: Any) -> None:
    """A batch of texts is described row by row; token ids by their number."""
    assert reading.input(PATH, b'{"input": ["a b", "c"]}')["input.words"] == [2, 1]
    assert reading.input(PATH, b'{"input": "a b"}')["input.words"] == [2]
    assert reading.input(PATH, b'{"input": [1, 2, 3]}') == {"input.tokens": [3]}
    assert reading.input(PATH, b'{"input": [[1, 2], [3]]}') == {"input.tokens": [2, 1]}


@pytest.mark.parametrize(
    ("embedding", "reason"),
    [
        ("!!!", "wrong_datatype"),
        ("AAA=", "wrong_datatype"),
        (None, "missing_field"),
        ([1, "a"], "wrong_shape"),
        ([[1], 2], "wrong_shape"),
    ],
)
def test_a_vector_that_is_none_has_a_reason(reading: Any, embedding: object, reason: str) -> None:
    """Damaged base64 and ragged lists are counted."""
    assert reading.output(PATH, answer(embedding)).reason == reason


def test_bodies_without_their_field_have_a_reason(reading: Any) -> None:
    """Requests without input and answers without data are counted."""
    assert reading.input(PATH, b'{"model": "x"}').reason == "missing_field"
    assert reading.output(PATH, b'{"object": "list"}').reason == "missing_field"
