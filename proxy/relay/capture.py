"""Sampling: which exchanges are kept with their bodies, and how their bytes are kept.

Keeping is holding references to the pieces that pass by; nothing is decoded, copied or waited for.
Whether to keep is decided when the request begins, by a fair draw whose probability goes into the
record, so that each sample can be weighted by the traffic it stands for.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.records import Message
from proxy.relay.settings import Capture
from proxy.relay.sweep import INTERVAL_S

_MAX_REMEMBERED: Final = 64
_MEMORY: Final = 0.5
"""Weight of the last tick's rate against the ones before, when it falls."""


class Sampler:
    """Draws requests: about `max_rows_per_s` to keep, and a share to copy.

    One number between 0 and 1 decides both, since most requests are drawn for neither and should
    learn it cheaply: below `keep * copy` it is both, below `keep` only kept, up to `either` only
    copied. The two draws are independent, as they would be with two numbers.
    """

    def __init__(self, settings: Capture) -> None:
        """Keep everything until a rate is known; copy nothing."""
        self._settings = settings
        self.give_way(1.0)
        self._since_s: float | None = None
        self._rate = 0.0
        self._n_kept = 0
        self._halve_at = self._burst
        self.n_seen = 0
        """Requests since the last tick; counted by who draws."""
        self.keep = 1.0
        """Probability with which a request is kept."""
        self.copy = 0.0
        """Probability with which a request is copied."""
        self.either = 1.0
        """Probability of either; 0 when all watching is suspended."""
        self.is_suspended = False

    def give_way(self, share: float) -> None:
        """Keep at most this share of `max_rows_per_s` from the next tick on."""
        self._max_rate = self._settings.max_rows_per_s * share
        self._burst = 2 * self._max_rate * INTERVAL_S + 8

    def fit(self, keep: float | None = None, copy: float | None = None) -> None:
        """Set new probabilities."""
        self.keep = self.keep if keep is None else keep
        self.copy = self.copy if copy is None else copy
        either = self.keep + self.copy - self.keep * self.copy
        self.either = 0.0 if self.is_suspended else either

    def kept(self) -> None:
        """Count a request that was kept."""
        self._n_kept += 1
        if self._n_kept >= self._halve_at:
            # A burst between two ticks: each further burst's worth of samples halves the chance,
            # so that even an endless rate gives a logarithmic number of them.
            self._halve_at += self._burst
            self.fit(keep=self.keep / 2)

    def tick(self, at_s: float) -> None:
        """Fit the probability of keeping to the rate seen since the last tick."""
        if self._since_s is not None and at_s > self._since_s:
            rate = self.n_seen / (at_s - self._since_s)
            # Upwards at once, since a burst fills the link; downwards with some patience.
            self._rate = max(rate, self._rate + _MEMORY * (rate - self._rate))
            self.fit(keep=min(1.0, self._max_rate / max(self._rate, self._max_rate)))
        self._since_s = at_s
        self.n_seen = self._n_kept = 0
        self._halve_at = self._burst


class Kept:
    """References to the first bytes of a body as it passed by."""

    __slots__ = ("_limit", "_pieces", "n_bytes", "truncated")

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` bytes."""
        self._limit = limit
        self._pieces: list[bytes] = []
        self.n_bytes = 0
        """Length of the whole body so far, kept or not."""
        self.truncated = False

    def add(self, piece: bytes) -> None:
        """Keep `piece`, or as much of it as there is room for."""
        room = self._limit - self.n_bytes
        self.n_bytes += len(piece)
        if len(piece) <= room:
            self._pieces.append(piece)
            return
        self.truncated = True
        if room > 0:
            self._pieces.append(piece[:room])

    def body(self) -> bytes:
        """Give what was kept, in one piece."""
        if len(self._pieces) != 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0]


class FieldPicker:
    """Picks the allowed fields out of heads that have been validated."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        """Allow `fields`, in any case."""
        self._remembered: dict[bytes, dict[str, str]] = {}
        names = b"|".join(re.escape(name.lower().encode("latin-1")) for name in fields)
        self._pattern = re.compile(rb"\r\n(%b):[ \t]*([^\r]*)" % names) if fields else None

    def pick(self, raw_head: bytes) -> dict[str, str]:
        """Give the allowed fields, names in lower case; repeats are joined by a comma."""
        found = self._remembered.get(raw_head)
        if found is None:
            found = self._pick(raw_head)
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[raw_head] = found
        return found

    def _pick(self, raw_head: bytes) -> dict[str, str]:
        found: dict[str, str] = {}
        if self._pattern is None:
            return found
        for match in self._pattern.finditer(raw_head.lower()):
            start, end = match.span(2)
            key = match.group(1).decode("latin-1")
            text = raw_head[start:end].rstrip(b" \t").decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
        return found

    def message(self, raw_head: bytes, kept: Kept, *, limit: int, truncated: bool) -> Message:
        """Make the record of one body, cut to `limit` bytes, with the fields of its head."""
        body = kept.body()
        return Message(
            fields=self.pick(raw_head),
            body=body[:limit],
            truncated=truncated or kept.truncated or len(body) > limit,
        )
