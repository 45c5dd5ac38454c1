"""Ids under which clients know an exchange, to join delayed labels and people's questions to it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_ID: Final = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
# Tokens of well-known services: a client that puts one where an id belongs must not be believed.
_TOKEN: Final = re.compile(r"(?:[spr]k[-_]|gh[pos]_|xox[abps]-|hf_|glpat-|AKIA|ASIA|AIza|eyJ)")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_FIELDS: Final = (
    "x-request-id",
    "ce-id",
    "ce-requestid",
    "x-bentoml-request-id",
    "x-correlation-id",
)


def ids(heads: Iterable[Mapping[str, str]], body_id: object = None) -> tuple[str, ...]:
    """Give `body_id` (the `id` of a body) and the ids in header fields, without repetition.

    `heads` are the fields of a message and of what it belongs to: the client knows an answer by the
    ids that it put into the request.

    What does not look like an id (other characters, longer than 128, a token) is left out: ids are
    kept in clear, so nothing else may pass for one. The trace id stands for a `traceparent`.
    """
    found = [body_id] if isinstance(body_id, str) else []
    for fields in heads:
        found += [fields[name] for name in _FIELDS if name in fields]
        trace = _TRACE.fullmatch(fields.get("traceparent", ""))
        if trace is not None:
            found.append(trace.group(1))
    ids_only = (one for one in found if _ID.fullmatch(one) and not _TOKEN.match(one))
    return tuple(dict.fromkeys(ids_only))
