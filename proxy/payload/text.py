"""Numbers that describe a text without keeping it: length, characters, words, structure, novelty.

Nothing here knows a language: characters are counted by class and script, words are runs of letters
and digits, novelty is the share of words that the reference never held (kept as hashes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from proxy.payload import parse
from proxy.payload.reasons import Unreadable
from proxy.records import Scalar

MAX_CHARS: Final = 65_536
"""Characters of one text that are looked at."""
_WORD: Final = re.compile(r"\w+")
_REFUSAL: Final = re.compile(
    r"^\W*(?:I['\N{RIGHT SINGLE QUOTATION MARK}]?m sorry|I am sorry|sorry|I apologi[sz]e"
    r"|I can(?:no|['\N{RIGHT SINGLE QUOTATION MARK}])t (?:help|assist|do|provide|answer|comply)"
    r"|I(?:['\N{RIGHT SINGLE QUOTATION MARK}]m| am) (?:unable|not able)"
    r"|As an AI\b|I (?:won['\N{RIGHT SINGLE QUOTATION MARK}]t|will not|must decline))",
    re.IGNORECASE,
)

_LOWER, _UPPER, _DIGIT, _SPACE, _SYMBOL, _LATIN, _SCRIPT, _CJK, _EMOJI = range(9)
_ASCII: Final = np.array(
    [
        _LOWER
        if chr(i).islower()
        else _UPPER
        if chr(i).isupper()
        else _DIGIT
        if chr(i).isdigit()
        else _SPACE
        if chr(i).isspace()
        else _SYMBOL
        for i in range(128)
    ],
    np.int8,
)
# Where each class of characters beyond ASCII begins (Unicode blocks, coarsely).
_BEGINS: Final = np.array(
    [
        0x80,
        0xC0,
        0x250,
        0x2000,
        0x2C00,
        0x2E80,
        0xA000,
        0xAC00,
        0xD7B0,
        0xF900,
        0xFB00,
        0x1F000,
        0x1FB00,
        0x20000,
        0x40000,
    ]
)
_CLASSES: Final = np.array(
    [
        _SYMBOL,
        _LATIN,
        _SCRIPT,
        _SYMBOL,
        _SCRIPT,
        _CJK,
        _SCRIPT,
        _CJK,
        _SCRIPT,
        _CJK,
        _SCRIPT,
        _EMOJI,
        _SCRIPT,
        _CJK,
        _SCRIPT,
    ],
    np.int8,
)

Vocabulary = frozenset[int]
"""Hashes (CRC-32) of the words of a reference."""


def describe(text: str, vocabulary: Vocabulary | None = None) -> dict[str, Scalar]:
    """Describe one text. Shares are of its characters; an empty text has a length and nothing else.

    `novelty` (share of distinct words unknown to the reference) comes with a vocabulary only.
    """
    seen = text[:MAX_CHARS]
    words = _WORD.findall(seen)
    described: dict[str, Scalar] = {"chars": len(text), "words": len(words)}
    if seen:
        described |= _shares(seen)
        described["lines"] = seen.count("\n") + 1
    if words:
        distinct = {word.casefold() for word in words}
        described["word_chars"] = sum(map(len, words)) / len(words)
        described["repeats"] = 1 - len(distinct) / len(words)
        if vocabulary is not None:
            unknown = sum(hash_word(word) not in vocabulary for word in distinct)
            described["novelty"] = unknown / len(distinct)
    return described


MEASURES: Final = (
    "chars",
    "words",
    "letters",
    "upper",
    "digits",
    "spaces",
    "symbols",
    "non_latin",
    "cjk",
    "emoji",
    "lines",
    "word_chars",
    "repeats",
)


def _shares(text: str) -> dict[str, Scalar]:
    """Give the share of each class of characters."""
    counts = np.bincount(_classes(text), minlength=9) / len(text)
    shares: list[float] = counts.tolist()
    return {
        "letters": shares[_LOWER] + shares[_UPPER] + shares[_LATIN],
        "upper": shares[_UPPER],
        "digits": shares[_DIGIT],
        "spaces": shares[_SPACE],
        "symbols": shares[_SYMBOL],
        "non_latin": shares[_SCRIPT],
        "cjk": shares[_CJK],
        "emoji": shares[_EMOJI],
    }


def _classes(text: str) -> npt.NDArray[np.int8]:
    if text.isascii():
        return _ASCII[np.frombuffer(text.encode("ascii"), np.uint8)]
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    wide = _CLASSES[np.searchsorted(_BEGINS, points, side="right") - 1]
    return np.where(points < len(_ASCII), _ASCII[np.minimum(points, len(_ASCII) - 1)], wide)


def is_json(text: str) -> bool:
    """Tell whether a text is one JSON object or array, perhaps inside a code fence."""
    body = text.strip()
    if body.startswith("```"):
        body = body.strip("`").removeprefix("json").strip()
    if not body.startswith(("{", "[")):
        return False
    try:
        parse.loads(body.encode(errors="surrogatepass"), 64)
    except Unreadable:
        return False
    return True


def is_refusal(text: str) -> bool:
    """Tell whether an answer opens like a refusal. English only, a heuristic: a rate to watch."""
    return _REFUSAL.match(text[:256]) is not None


def hash_word(word: str) -> int:
    """Give the hash under which a vocabulary knows `word`."""
    return crc32(word.casefold().encode(errors="surrogatepass"))


def vocabulary(texts: Iterable[str], max_words: int = 50_000) -> Vocabulary:
    """Gather the vocabulary of a reference; words beyond `max_words` are left out."""
    found: set[int] = set()
    for text in texts:
        for word in _WORD.findall(text[:MAX_CHARS]):
            if len(found) >= max_words:
                return frozenset(found)
            found.add(hash_word(word.casefold()))
    return frozenset(found)
