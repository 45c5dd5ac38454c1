"""LitServe: plain JSON, an untyped stream of JSON lines, and OpenAI's chat with counts of zero."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]


@pytest.fixture
def litserve(harness: Any, tmp_path: Any) -> Iterator[Callable[[str], Any]]:
    """Give a function that runs one of the apps with a relay in front."""
    programs = harness.environment("litserve", "litserve==0.2.19", "scikit-learn")
    with contextlib.ExitStack() as stack:

        def run(app: str) -> Any:
            """Run `app`."""
            port = harness.free_port()
            start = f"{programs}/python train.py && exec {programs}/python litserve_app.py"
            command = ["sh", "-c", start]
            variables = {"APP": app, "PORT": str(port)}
            served = harness.served(command, port, "/health", tmp_path, **variables)
            stack.enter_context(served)
            return stack.enter_context(harness.sidecar(port, tmp_path))

        yield run


def test_lists_of_one_length_are_columns(litserve: Callable[[str], Any]) -> None:
    """Labels and probabilities are known without any configuration; errors are no answers."""
    sidecar = litserve("iris")
    sidecar.post("/predict", {"input": ROWS})
    given, answered = sidecar.decoded()
    assert given == {"x0": [5.1, 6.7], "x1": [3.5, 3.0], "x2": [1.4, 5.2], "x3": [0.2, 2.3]}
    assert answered["output"] == [0, 2]
    assert answered["class"] == ["0", "2"]
    for body in ({"input": [1, 2, 3]}, b"{bad"):
        assert sidecar.post("/predict", body).status == 500
        assert sidecar.decoded()[1] is None


def test_untyped_json_lines_are_rows(litserve: Callable[[str], Any]) -> None:
    """The stream has no content type at all."""
    sidecar = litserve("lines")
    answer = sidecar.post("/predict", {"n": 3})
    assert "content-type" not in dict(answer.fields)
    assert sidecar.decoded() == ({"n": [3]}, {"o": [0, 1, 2]})


def test_counts_of_zero_are_missing(litserve: Callable[[str], Any]) -> None:
    """The server always says zero tokens: pieces of content are counted instead."""
    sidecar = litserve("chat")
    body = {"model": "lit", "messages": [{"role": "user", "content": "hi"}]}
    sidecar.post("/v1/chat/completions", body)
    _, whole = sidecar.decoded()
    sidecar.post("/v1/chat/completions", body | {"stream": True})
    _, streamed = sidecar.decoded()
    for answered in (whole, streamed):
        assert answered["answer.words"] == [6]
        assert answered["completion_tokens"] == [None]
        assert answered["finish_reason"] == ["stop"]
    assert streamed["deltas"] == [6]
    assert streamed["ttft_s"][0] > 0
    assert streamed["end"] == ["complete"]
