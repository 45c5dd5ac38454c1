"""One file per protocol: each gives `read_input` and `read_output`, from a body to a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from proxy.payload.body import Body
from proxy.payload.decoders import (
    anthropic_messages,
    invocations,
    kserve_v1,
    kserve_v2,
    openai_chat,
    openai_completions,
    openai_embeddings,
    openai_responses,
    plain,
    seldon,
    tf_examples,
    torchserve,
    triton_generate,
)
from proxy.payload.protocols import Protocol
from proxy.payload.table import Table

Reader = Callable[[Body], Table]

READERS: Final[dict[Protocol, tuple[Reader, Reader]]] = {
    Protocol.KSERVE_V1: (kserve_v1.read_input, kserve_v1.read_output),
    Protocol.TF_EXAMPLES: (tf_examples.read_input, tf_examples.read_output),
    Protocol.KSERVE_V2: (kserve_v2.read_input, kserve_v2.read_output),
    Protocol.TRITON_GENERATE: (triton_generate.read_input, triton_generate.read_output),
    Protocol.INVOCATIONS: (invocations.read_input, invocations.read_output),
    Protocol.TORCHSERVE: (torchserve.read_input, torchserve.read_output),
    Protocol.SELDON: (seldon.read_input, seldon.read_output),
    Protocol.OPENAI_CHAT: (openai_chat.read_input, openai_chat.read_output),
    Protocol.OPENAI_COMPLETIONS: (openai_completions.read_input, openai_completions.read_output),
    Protocol.OPENAI_EMBEDDINGS: (openai_embeddings.read_input, openai_embeddings.read_output),
    Protocol.OPENAI_RESPONSES: (openai_responses.read_input, openai_responses.read_output),
    Protocol.ANTHROPIC_MESSAGES: (anthropic_messages.read_input, anthropic_messages.read_output),
    Protocol.JSON: (plain.read_input, plain.read_output),
}
"""How each protocol's requests and answers are read."""
