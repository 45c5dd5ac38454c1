"""JSON Pointer (RFC 6901), with `*` for any key or index: finding and replacing parts of a body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxy.payload.parse import Json

_ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class Pointer:
    """A parsed pointer; no token means the whole body."""

    tokens: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Pointer:
        """Parse `text`; a pointer that does not begin with `/` is read as if it did."""
        if not text:
            return cls(())
        parts = text.removeprefix("/").split("/")
        return cls(tuple(part.replace("~1", "/").replace("~0", "~") for part in parts))

    def find(self, body: Json) -> Json:
        """Give what stands there; `None` when nothing does. `*` gathers a list of what is found."""
        return _find(body, self.tokens)

    def replace(self, body: Json, make: Callable[[Json], Json]) -> Json:
        """Put `make(value)` in place of each value that stands there, in place; gives the body."""
        if not self.tokens:
            return make(body)
        *path, last = self.tokens
        for parent in _walk(body, tuple(path)):
            _put(parent, last, make)
        return body

    def drop(self, body: Json) -> Json:
        """Remove what stands there, in place; gives the body.

        An element of an array becomes `null`: the others keep their places.
        """
        if not self.tokens:
            return None
        *path, last = self.tokens
        for parent in _walk(body, tuple(path)):
            if isinstance(parent, dict):
                for key in list(parent) if last == _ANY else [last]:
                    parent.pop(key, None)
            else:
                _put(parent, last, lambda _: None)
        return body


def _find(body: Json, tokens: tuple[str, ...]) -> Json:
    for at, token in enumerate(tokens):
        if token == _ANY:
            return [_find(child, tokens[at + 1 :]) for child in _children(body)]
        children = _step(body, token)
        if not children:
            return None
        body = children[0]
    return body


def _children(body: Json) -> list[Json]:
    if isinstance(body, dict):
        return list(body.values())
    return body if isinstance(body, list) else []


def _step(body: Json, token: str) -> list[Json]:
    """Give the children of `body` that `token` names: none, one, or with `*` all."""
    if token == _ANY:
        return _children(body)
    if isinstance(body, dict):
        return [body[token]] if token in body else []
    index = _index(body, token)
    return [] if index is None or not isinstance(body, list) else [body[index]]


def _index(body: Json, token: str) -> int | None:
    if not isinstance(body, list) or not token.isascii() or not token.isdigit() or len(token) > 9:  # noqa: PLR2004 - an index of ten digits is none
        return None
    return int(token) if int(token) < len(body) else None


def _walk(body: Json, tokens: tuple[str, ...]) -> list[Json]:
    found = [body]
    for token in tokens:
        found = [child for parent in found for child in _step(parent, token)]
    return found


def _put(parent: Json, token: str, make: Callable[[Json], Json]) -> None:
    if isinstance(parent, dict):
        for key in list(parent) if token == _ANY else [token]:
            if key in parent:
                parent[key] = make(parent[key])
    elif isinstance(parent, list):
        one = _index(parent, token)
        places = range(len(parent)) if token == _ANY else ([] if one is None else [one])
        for place in places:
            parent[place] = make(parent[place])
