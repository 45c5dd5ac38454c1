"""Which columns of the reference are dropped, hashed or masked: the same as in service.

The pointers of `capture.redact` name places in bodies, and a reference has no bodies. So the
recorded requests are read with and without the pointers: what they do to a column there is done to
it here. A column that no request shows is treated by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from proxy.certify.answers import certifying, decode_inputs, stack
from proxy.certify.recorded import Recorded
from proxy.payload.decode import Decoder
from proxy.payload.redact import MASKED
from proxy.payload.settings import Payload, Redact, Treatment
from proxy.records import Scalar

MAX_LOOKED_AT: Final = 500
"""Requests that are read to see what the pointers do."""
_ANY: Final = "*"
_PARTS: Final = re.compile(r"[.\[\]]+")


class Treatments:
    """What the pointers of a configuration do to columns."""

    def __init__(self, redact: Redact, shown: Mapping[str, Treatment | None]) -> None:
        """Take what requests showed; `None` is a column that the pointers leave alone."""
        self._shown = shown
        self._pointers = tuple(
            (treatment, _tokens(pointer))
            for treatment, pointers in (
                (Treatment.DROP, redact.drop),
                (Treatment.MASK, redact.mask),
                (Treatment.HASH, redact.hash),
            )
            for pointer in pointers
        )

    def touch_below(self, column: str) -> bool:
        """Tell whether the pointers may do something to a part of a column; empty: of any."""
        if not self._pointers:
            return False
        inside = (name for name, how in self._shown.items() if how is not None)
        if not column:
            return True
        if any(name.startswith((f"{column}.", f"{column}[")) for name in inside):
            return True
        path = _path(column)
        return any(set(path[:1]) & set(tokens[:-1]) for _, tokens in self._pointers)

    def of(self, column: str) -> Treatment | None:
        """Give what becomes of a column; `None`: the pointers leave it alone."""
        if column in self._shown:
            return self._shown[column]
        path = _path(column)
        found = (how for how, tokens in self._pointers if _names(tokens, path))
        return next(found, None)


def treatments(payload: Payload, redact: Redact, requests: Sequence[Recorded]) -> Treatments:
    """Find out what the pointers of `redact` do to the columns of requests."""
    if not (redact.drop or redact.hash or redact.mask):
        return Treatments(redact, {})
    some = requests[:MAX_LOOKED_AT]
    kept = stack(decode_inputs(Decoder(payload, certifying(redact)), some))
    whole = raw_columns(payload, redact, some)
    shown = {name: _treatment(values, kept.get(name)) for name, values in whole.items()}
    return Treatments(redact, shown)


def raw_columns(
    payload: Payload, redact: Redact, requests: Sequence[Recorded]
) -> dict[str, list[Scalar]]:
    """Give the columns of requests as if no pointer were set, to see what they hold."""
    bare = replace(certifying(redact), drop=(), hash=(), mask=())
    return stack(decode_inputs(Decoder(payload, bare), requests))


def _treatment(whole: Sequence[Scalar], kept: Sequence[Scalar] | None) -> Treatment | None:
    if kept is None:
        return Treatment.DROP
    changed = [now for was, now in zip(whole, kept, strict=False) if was != now]
    if not changed:
        return None
    if all(now == MASKED for now in changed):
        return Treatment.MASK
    # An element of an array that is dropped leaves a hole.
    return Treatment.DROP if all(now is None for now in changed) else Treatment.HASH


def _tokens(pointer: str) -> tuple[str, ...]:
    parts = pointer.removeprefix("/").split("/") if pointer else []
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in parts)


def _path(column: str) -> tuple[str, ...]:
    return tuple(part for part in _PARTS.split(column) if part)


def _names(tokens: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Tell whether the end of a pointer names the beginning of a column's path.

    `/instances/*/user/mail` names the columns `mail` and `user.mail`, and all below them.
    """
    for first, token in enumerate(tokens):
        end = tokens[first:]
        if token == _ANY or len(end) > len(path):
            continue
        if all(one in (_ANY, part) for one, part in zip(end, path, strict=False)):
            return True
    return False
