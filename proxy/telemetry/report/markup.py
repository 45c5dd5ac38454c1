"""HTML and SVG without a way to forget escaping: text is escaped, only `Markup` is not.

Names of columns, categories and values come from the traffic and are hostile until they went
through here. Control characters and those that turn the direction of text around are shown as
visible signs, so that no name can hide what it is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_TEXT: Final = 2_000
"""Longest piece of text; nothing that people read at once is longer."""

_VOID: Final = frozenset({"meta", "link", "br", "hr", "col"})
_HIDDEN: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    r"\ud800-\udfff]"
)
_COMMAND: Final = re.compile(
    r"`([^`]+)`|(stablehand (?:ack|route|explain|drain|status|certify|report)"
    r"(?: (?:--[a-z]+|[A-Z]+\b|candidate|stable|auto|all|[a-z]+_[a-z]+|disagreement|schema"
    r"|latency|throughput|errors|watching))*)"
)
_N_PICTURES: Final = 0x20


@dataclass(frozen=True, slots=True)
class Markup:
    """Text that is markup already."""

    text: str


Child: TypeAlias = Markup | str
NOTHING: Final = Markup("")


def visible(text: str, limit: int = MAX_TEXT) -> str:
    """Give text in which nothing hides, for pages and terminals; longer than `limit` it is cut."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return _HIDDEN.sub(_picture, cut)


def escaped(text: str, limit: int = MAX_TEXT) -> str:
    """Give text that means itself in HTML, in attributes too; longer than `limit` it is cut."""
    return html.escape(visible(text, limit), quote=True)


def el(tag: str, attributes: Mapping[str, object] | None = None, *children: Child) -> Markup:
    """Give an element; an attribute that is `None` or `False` is left out."""
    written = "".join(
        f' {name}="{escaped(str(value))}"'
        for name, value in (attributes or {}).items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{joined(children).text}</{tag}>")


def joined(children: Iterable[Child]) -> Markup:
    """Put pieces behind each other."""
    return Markup(
        "".join(one.text if isinstance(one, Markup) else escaped(one) for one in children)
    )


def pretty(text: str) -> str:
    """Write arrows as arrows, as monitors mean them."""
    return text.replace(" -> ", " \u2192 ")


def with_code(text: str) -> Markup:
    """Give text in which commands stand as code: those in backticks, and ours."""
    pieces: list[Child] = []
    at = 0
    for found in _COMMAND.finditer(text):
        pieces += [text[at : found.start()], el("code", {}, found[1] or found[2])]
        at = found.end()
    return joined([*pieces, text[at:]])


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return chr(0x2400 + code) if code < _N_PICTURES else "\ufffd"
