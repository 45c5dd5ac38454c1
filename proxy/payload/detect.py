"""Telling the protocol of a body when its path does not: by headers first, then by its keys."""

from __future__ import annotations

from typing import Final

from proxy.payload import forms, recordio
from proxy.payload.body import Body
from proxy.payload.decoders.kserve_v2 import HEADER
from proxy.payload.parse import Json
from proxy.payload.protocols import Protocol
from proxy.payload.reasons import Reason, Unreadable
from proxy.records import Side

_BINARY_MEDIA: Final = (
    "image/",
    "audio/",
    "video/",
    "multipart/",
    "font/",
    "application/x-recordio",
)
_BY_MEDIA: Final = {
    "text/csv": Protocol.INVOCATIONS,
    "application/x-npy": Protocol.INVOCATIONS,
    "application/vnd.apache.parquet": Protocol.INVOCATIONS,
    "application/x-parquet": Protocol.INVOCATIONS,
    recordio.MEDIA: Protocol.INVOCATIONS,
    "application/x-www-form-urlencoded": Protocol.SELDON,
}
_INPUT_KEYS: Final = (
    ("instances", Protocol.KSERVE_V1),
    ("dataframe_split", Protocol.INVOCATIONS),
    ("dataframe_records", Protocol.INVOCATIONS),
    ("examples", Protocol.TF_EXAMPLES),
    ("messages", Protocol.OPENAI_CHAT),
    ("prompt", Protocol.OPENAI_COMPLETIONS),
)
_OUTPUT_KEYS: Final = (
    ("predictions", Protocol.KSERVE_V1),
    ("results", Protocol.TF_EXAMPLES),
)
_BY_OBJECT: Final = {
    "chat.completion": Protocol.OPENAI_CHAT,
    "text_completion": Protocol.OPENAI_COMPLETIONS,
    "response": Protocol.OPENAI_RESPONSES,
}
_SELDON_KEYS: Final = frozenset({"ndarray", "tensor"})


def detect(body: Body) -> Protocol:
    """Give the protocol of `body` by its headers and keys; plain JSON when nothing tells more.

    Raises:
        Unreadable: a media type without a decoder, or a body that is neither JSON nor a known type.
    """
    if HEADER in body.fields:
        return Protocol.KSERVE_V2
    if body.media in _BY_MEDIA:
        return _BY_MEDIA[body.media]
    if body.media == forms.MEDIA:
        return Protocol.JSON
    if body.media.startswith(_BINARY_MEDIA):
        raise Unreadable(Reason.UNSUPPORTED_MEDIA, "The body is of a kind that is not decoded.")
    if body.media == "text/event-stream" or not body.data.lstrip().startswith(b"{"):
        return Protocol.JSON
    try:
        found = body.json()
    except Unreadable as error:
        # JSON lines are not one JSON text; their decoder says so if they are not that either.
        if error.reason is Reason.NOT_JSON:
            return Protocol.JSON
        raise
    return by_keys(found, body.side)


def by_keys(found: Json, side: Side) -> Protocol:
    """Give the protocol that the keys of a parsed body tell; plain JSON when none does."""
    if not isinstance(found, dict):
        return Protocol.JSON
    if _has_tensors(found, "inputs" if side is Side.INPUT else "outputs"):
        return Protocol.KSERVE_V2
    data = found.get("data")
    if isinstance(data, dict) and data.keys() & _SELDON_KEYS:
        return Protocol.SELDON
    kind = found.get("object")
    if side is Side.OUTPUT and isinstance(kind, str) and kind in _BY_OBJECT:
        return _BY_OBJECT[kind]
    for key, protocol in _INPUT_KEYS if side is Side.INPUT else _OUTPUT_KEYS:
        if key in found:
            return protocol
    return Protocol.JSON


def _has_tensors(found: dict[str, Json], key: str) -> bool:
    tensors = found.get(key)
    if not isinstance(tensors, list) or not tensors:
        return False
    first = tensors[0]
    return isinstance(first, dict) and "datatype" in first and "shape" in first
