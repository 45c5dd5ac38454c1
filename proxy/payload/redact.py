"""Redaction: what of a body may be kept, decided before anything is.

Three layers. Pointers drop, hash or mask parts of a parsed body before a decoder reads it. Strings
of a table are kept only when certified or allowed, and are hashed or replaced otherwise. What is
kept in clear has passed the patterns for mail addresses, card numbers, telephones and tokens.
Numbers are features and are kept.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Final

from proxy.payload.parse import Json
from proxy.payload.pointers import Pointer
from proxy.payload.settings import Pattern, Redact, Treatment

MASKED: Final = "(masked)"
OTHER: Final = "(other)"
_MAX_NAME_CHARS: Final = 80
_MAX_NAMES: Final = 4096
_MANY_WORDS: Final = 4
"""Spaces from which on a name is a sentence, which names nothing and may say anything."""
_DIGEST_CHARS: Final = 16
"""64 bits: a collision among a million values has a chance of 3e-8."""

_PATTERNS: Final[dict[Pattern, re.Pattern[str]]] = {
    Pattern.MAIL: re.compile(r"[^\s@<>\"']{1,64}@[^\s@<>\"'.]{1,63}(?:\.[^\s@<>\"'.]{1,63}){1,4}"),
    Pattern.CARD: re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)"),
    Pattern.PHONE: re.compile(r"(?<![\w.])(?:\+|00)\d(?:[ ()/.-]{0,2}\d){6,14}(?!\d)"),
    Pattern.TOKEN: re.compile(
        r"\b(?:[spr]k[-_]|gh[pos]_|xox[abps]-|hf_|glpat-|AKIA|ASIA|AIza|eyJ)[-_.A-Za-z0-9]{8,}"
        r"|\b(?=[A-Za-z0-9_-]*\d)(?=[A-Za-z0-9_-]*[A-Za-z])[A-Za-z0-9_-]{24,}"
    ),
}


def is_card(digits: str) -> bool:
    """Tell whether `digits` (other characters are skipped) pass Luhn's check for card numbers."""
    total = 0
    for place, digit in enumerate(reversed([int(char) for char in digits if char.isdigit()])):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled  # noqa: PLR2004 - sum of two digits
    return total % 10 == 0


class Redactor:
    """The redaction that `settings` ask for, as functions on bodies, names and strings."""

    def __init__(
        self, settings: Redact, certified: Mapping[str, frozenset[str]] | None = None
    ) -> None:
        """Make one; `certified` gives the strings that the benchmark knows, by column."""
        self._settings = settings
        self._certified = certified or {}
        self._patterns = tuple(Pattern(name) for name in settings.patterns)
        self._key = settings.key.encode()
        self._drop = tuple(Pointer.of(text) for text in settings.drop)
        self._hash = tuple(Pointer.of(text) for text in settings.hash)
        self._mask = tuple(Pointer.of(text) for text in settings.mask)
        self._treatments = {name: Treatment(how) for name, how in settings.columns.items()}
        self._names: dict[str, str] = {}

    def body(self, body: Json) -> Json:
        """Apply the pointers, in place; gives the body."""
        for pointer in self._drop:
            body = pointer.drop(body)
        for pointer in self._hash:
            body = pointer.replace(body, self.hashed_value)
        for pointer in self._mask:
            body = pointer.replace(body, _masked_value)
        return body

    def is_dropped(self, column: str) -> bool:
        """Tell whether `column` is not to be read at all."""
        return self._treatments.get(column) is Treatment.DROP

    def name(self, name: str) -> str:
        """Give a column's name as it may be shown: short, printable, without personal data.

        Names come from bodies (keys of objects, CSV headers), so they are not trusted either.
        """
        known = self._names.get(name)
        if known is None:
            known = "".join(char if char.isprintable() else "?" for char in name[:_MAX_NAME_CHARS])
            known = OTHER if known.count(" ") >= _MANY_WORDS else self.scrub(known)
            if len(self._names) < _MAX_NAMES:
                self._names[name] = known
        return known

    def scrub(self, text: str) -> str:
        """Mask the patterns inside `text`."""
        for name in self._patterns:
            text = _PATTERNS[name].sub(_mask_card if name is Pattern.CARD else MASKED, text)
        return text

    def category(self, column: str, value: str) -> str:
        """Give what is kept of one string of `column`."""
        treatment = self._treatments.get(column)
        if treatment is Treatment.MASK or treatment is Treatment.DROP:
            return MASKED
        if treatment is Treatment.HASH or self._settings.categories == "hash":
            return value if treatment is Treatment.CLEAR else self.hashed(value)
        if treatment is None and self._settings.categories == "certified":
            known = self._certified.get(column, ())
            # Certification kept the scrubbed string.
            if value in known or (value := self.scrub(value)) in known:
                return value
            return self.hashed(value)
        return self.scrub(value)

    def hashed(self, value: str) -> str:
        """Give the keyed hash of `value`; `(other)` when there is no key."""
        if not self._key:
            return OTHER
        digest = hmac.digest(self._key, value.encode(errors="surrogatepass"), "sha256")
        return "h:" + digest.hex()[:_DIGEST_CHARS]

    def hashed_value(self, value: Json) -> Json:
        """Give the keyed hash of whatever stands in a body; equal values have equal hashes.

        3 and 3.0 are equal: a file of reference rows does not tell them apart.
        """
        if isinstance(value, dict):
            return {key: self.hashed_value(child) for key, child in value.items()}
        if isinstance(value, list):
            return [self.hashed_value(child) for child in value]
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return value if value is None else self.hashed(str(value))


def _mask_card(match: re.Match[str]) -> str:
    return MASKED if is_card(match.group()) else match.group()


def _masked_value(value: Json) -> Json:
    return value if value is None else MASKED
