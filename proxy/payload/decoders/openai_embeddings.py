"""OpenAI embeddings: texts in, vectors out, as lists or as base64 of little-endian float32.

Source: OpenAI API reference, "Embeddings". The official client asks for base64 by default.
"""

from __future__ import annotations

import base64
import binascii

import numpy as np

from proxy.payload import tensor
from proxy.payload.body import Body
from proxy.payload.decoders.openai_common import as_list, as_object, as_text, refuse_error
from proxy.payload.llm import usage
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Cell, Table
from proxy.records import Side


def read_input(body: Body) -> Table:
    """Read a request: one row per text; of token ids only their number is told."""
    found = body.object()
    given = found.get("input")
    if given is None or given == []:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no `input`.")
    is_one = isinstance(given, str) or all(isinstance(part, int) for part in as_list(given))
    items: list[Json] = [given] if is_one else as_list(given)
    table = Table(Side.INPUT, body.kit)
    if any(isinstance(item, str) for item in items):
        table.add_texts("input", [as_text(item) for item in items])
    else:
        table.put("input.tokens", [len(as_list(item)) for item in items])
    return table


def read_output(body: Body) -> Table:
    """Read an answer: one row per vector, described as a tensor."""
    found = body.object()
    refuse_error(found)
    data = found.get("data")
    if not isinstance(data, list) or not data:
        raise Unreadable(Reason.MISSING_FIELD, "The body has no list `data`.")
    vectors = [vector_of(as_object(item).get("embedding")) for item in data]
    table = Table(Side.OUTPUT, body.kit)
    table.id = as_text(found.get("id")) or None
    cells: list[Cell] = list(vectors)
    table.add("embedding", cells)
    prompt, _ = usage(found.get("usage"), "prompt_tokens", "total_tokens")
    n = table.n or 0
    table.put("embedding.width", [vector.size for vector in vectors[:n]])
    table.put("prompt_tokens", [prompt] * n)
    return table


def vector_of(value: Json) -> tensor.Array:
    """Give an embedding as a float array.

    Raises:
        Unreadable: neither a list of numbers nor base64 of float32.
    """
    if isinstance(value, list) and value:
        return tensor.of(value)
    if not isinstance(value, str) or not value:
        raise Unreadable(Reason.MISSING_FIELD, "An element of `data` has no `embedding`.")
    try:
        raw = base64.b64decode(value, validate=True)
        return np.frombuffer(raw, "<f4").astype(np.float64)
    except (binascii.Error, ValueError):
        detail = "An embedding is not base64 of float32."
        raise Unreadable(Reason.WRONG_DATATYPE, detail) from None
