"""Paths and the protocols spoken there."""

from __future__ import annotations

import re

import pytest

from proxy.payload.protocols import ROUTES, Protocol, by_path, routes

CASES = [
    ("/v1/models/iris:predict", Protocol.KSERVE_V1, "/v1/models/{name}:predict"),
    ("/v1/models/iris:explain", Protocol.KSERVE_V1, "/v1/models/{name}:explain"),
    (
        "/v1/models/m/versions/3:predict",
        Protocol.KSERVE_V1,
        "/v1/models/{name}/versions/{version}:predict",
    ),
    ("/v1/models/m/labels/x:classify", Protocol.TF_EXAMPLES, "/v1/models/{name}:classify"),
    ("/v2/models/iris/infer", Protocol.KSERVE_V2, "/v2/models/{name}/infer"),
    (
        "/v2/models/iris/versions/v1/infer",
        Protocol.KSERVE_V2,
        "/v2/models/{name}/versions/{version}/infer",
    ),
    ("/v2/models/e/generate_stream", Protocol.TRITON_GENERATE, "/v2/models/{name}/generate_stream"),
    ("/invocations", Protocol.INVOCATIONS, "/invocations"),
    ("/models/a/invoke", Protocol.INVOCATIONS, "/models/{name}/invoke"),
    ("/predictions/densenet/1.0", Protocol.TORCHSERVE, "/predictions/{name}"),
    ("/api/v1.0/predictions", Protocol.SELDON, "/api/v1.0/predictions"),
    ("/seldon/ns/dep/api/v0.1/predictions", Protocol.SELDON, "/api/v1.0/predictions"),
    ("/v1/chat/completions", Protocol.OPENAI_CHAT, "/v1/chat/completions"),
    ("/openai/v1/completions", Protocol.OPENAI_COMPLETIONS, "/v1/completions"),
    ("/v1/embeddings", Protocol.OPENAI_EMBEDDINGS, "/v1/embeddings"),
    ("/v1/responses", Protocol.OPENAI_RESPONSES, "/v1/responses"),
    ("/v1/messages", Protocol.ANTHROPIC_MESSAGES, "/v1/messages"),
]


@pytest.mark.parametrize(("path", "protocol", "label"), CASES)
def test_known_paths_tell_protocol_and_label(path: str, protocol: Protocol, label: str) -> None:
    """Each path has its protocol, and the first route that matches has its label."""
    assert by_path(path) is protocol
    assert next(name for name, regex in ROUTES if re.search(regex, path)) == label


@pytest.mark.parametrize(
    "path", ["/", "/v1/models", "/v2/health/ready", "/v2/models/iris", "/metrics", "/predict/x"]
)
def test_other_paths_are_not_sampled(path: str) -> None:
    """Health, metadata and metrics match no route."""
    assert by_path(path) is Protocol.AUTO
    assert not any(re.search(regex, path) for _, regex in ROUTES)


def test_configured_paths_go_first_and_are_their_own_label() -> None:
    """A service under a path of its own becomes one whose traffic is sampled."""
    assert routes(("^/label$",))[0] == ("^/label$", "^/label$")
    assert routes(("^/label$",))[1:] == ROUTES
    assert routes(()) == ROUTES


def test_hostile_paths_are_matched_in_bounded_time() -> None:
    """No expression backtracks: a path of 64 KiB is told at once by all of them."""
    for path in ("/a" * 32_000, "/v1/models/" + "a" * 64_000, "/" * 64_000):
        assert by_path(path) is Protocol.AUTO
