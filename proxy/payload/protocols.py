"""The inference protocols that can be read, and the paths by which they are told apart.

What lives here: the closed list of protocols and the table of their paths. The relay is handed
the table too, to know which requests are worth sampling. The reading itself is in `decoders/`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Protocol(StrEnum):
    """What a body may be. One file in `decoders/` reads each."""

    AUTO = "auto"
    """Choose by path, then headers, then body."""
    KSERVE_V1 = "kserve_v1"
    """`instances` and `predictions`; TensorFlow Serving's row and column form as well."""
    TF_EXAMPLES = "tf_examples"
    """TensorFlow Serving's `classify` and `regress`."""
    KSERVE_V2 = "kserve_v2"
    """Open Inference Protocol, as JSON or with the binary tensor extension."""
    TRITON_GENERATE = "triton_generate"
    INVOCATIONS = "invocations"
    """MLflow and SageMaker."""
    TORCHSERVE = "torchserve"
    SELDON = "seldon"
    OPENAI_CHAT = "openai_chat"
    OPENAI_COMPLETIONS = "openai_completions"
    OPENAI_EMBEDDINGS = "openai_embeddings"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC_MESSAGES = "anthropic_messages"
    JSON = "json"
    """Any JSON, rows by pointers: BentoML, LitServe, FastAPI. NDJSON as well."""


_SEGMENT: Final = "[^/:]+"
_V1: Final = rf"^/v1/models/{_SEGMENT}"
_V2: Final = rf"^/v2/models/{_SEGMENT}"
# KServe serves the OpenAI paths below `/openai`, gateways below a tenant: they count by suffix.
_ANY: Final = r"^(?:/[^/]+){0,4}"

_TABLE: Final[tuple[tuple[str, str, Protocol], ...]] = (
    ("/v1/models/{name}:predict", rf"{_V1}:predict$", Protocol.KSERVE_V1),
    ("/v1/models/{name}:explain", rf"{_V1}:explain$", Protocol.KSERVE_V1),
    (
        "/v1/models/{name}/versions/{version}:predict",
        rf"{_V1}/(?:versions|labels)/{_SEGMENT}:predict$",
        Protocol.KSERVE_V1,
    ),
    (
        "/v1/models/{name}:classify",
        rf"{_V1}(?:/(?:versions|labels)/{_SEGMENT})?:classify$",
        Protocol.TF_EXAMPLES,
    ),
    (
        "/v1/models/{name}:regress",
        rf"{_V1}(?:/(?:versions|labels)/{_SEGMENT})?:regress$",
        Protocol.TF_EXAMPLES,
    ),
    ("/v2/models/{name}/infer", rf"{_V2}/infer$", Protocol.KSERVE_V2),
    (
        "/v2/models/{name}/versions/{version}/infer",
        rf"{_V2}/versions/{_SEGMENT}/infer$",
        Protocol.KSERVE_V2,
    ),
    (
        "/v2/models/{name}/infer_stream",
        rf"{_V2}(?:/versions/{_SEGMENT})?/infer_stream$",
        Protocol.KSERVE_V2,
    ),
    (
        "/v2/models/{name}/generate",
        rf"{_V2}(?:/versions/{_SEGMENT})?/generate$",
        Protocol.TRITON_GENERATE,
    ),
    (
        "/v2/models/{name}/generate_stream",
        rf"{_V2}(?:/versions/{_SEGMENT})?/generate_stream$",
        Protocol.TRITON_GENERATE,
    ),
    ("/invocations", r"^/invocations$", Protocol.INVOCATIONS),
    ("/models/{name}/invoke", rf"^/models/{_SEGMENT}/invoke$", Protocol.INVOCATIONS),
    (
        "/predictions/{name}",
        rf"^/predictions/{_SEGMENT}(?:/{_SEGMENT})?$",
        Protocol.TORCHSERVE,
    ),
    (
        "/api/v1.0/predictions",
        r"^(?:/seldon/[^/]+/[^/]+)?/api/v[01]\.[01]/predictions$",
        Protocol.SELDON,
    ),
    ("/v1/chat/completions", rf"{_ANY}/v1/chat/completions$", Protocol.OPENAI_CHAT),
    ("/v1/completions", rf"{_ANY}/v1/completions$", Protocol.OPENAI_COMPLETIONS),
    ("/v1/embeddings", rf"{_ANY}/v1/embeddings$", Protocol.OPENAI_EMBEDDINGS),
    ("/v1/responses", rf"{_ANY}/v1/responses$", Protocol.OPENAI_RESPONSES),
    ("/v1/messages", rf"{_ANY}/v1/messages$", Protocol.ANTHROPIC_MESSAGES),
    # Seldon, LitServe, BentoML and hand-made services share this one: the body tells.
    ("/predict", r"^/predict$", Protocol.AUTO),
)

ROUTES: Final[tuple[tuple[str, str], ...]] = tuple((label, regex) for label, regex, _ in _TABLE)
"""(label, regular expression) of every known inference path, for the relay; first match wins."""

_KNOWN: Final = tuple((re.compile(regex), protocol) for _, regex, protocol in _TABLE)


def by_path(path: str) -> Protocol:
    """Give the protocol spoken under `path` (no query); `AUTO` when the path is not a known one."""
    for regex, protocol in _KNOWN:
        if regex.search(path):
            return protocol
    return Protocol.AUTO


def routes(paths: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Give the relay's routes when `paths` (regular expressions) are configured beside the known.

    A configured path is its own label: the operator wrote it, so there are few of them.
    """
    return tuple((path, path) for path in paths) + ROUTES
