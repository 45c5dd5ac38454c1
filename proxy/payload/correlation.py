"""Ids under which clients know an exchange, to join delayed labels and people's questions to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_FIELDS: Final = (
    "x-request-id",
    "ce-id",
    "ce-requestid",
    "x-bentoml-request-id",
    "x-correlation-id",
)


def ids(fields: Mapping[str, str], body_id: object = None) -> tuple[str, ...]:
    """Give the ids in header fields and `body_id` (the `id` of a body), without repetition.

    What does not look like an id (other characters, longer than 128) is left out: ids are kept in
    clear, so nothing else may pass for one. The trace id stands for a whole `traceparent`.
    """
    found = [body_id] if isinstance(body_id, str) else []
    found += [fields[name] for name in _FIELDS if name in fields]
    trace = _TRACE.fullmatch(fields.get("traceparent", ""))
    if trace is not None:
        found.append(trace.group(1))
    return tuple(dict.fromkeys(one for one in found if _ID.fullmatch(one)))
