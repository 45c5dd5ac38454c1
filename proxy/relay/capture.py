"""Sampling: which exchanges are kept with their bodies, and how their bytes are kept.

Keeping is holding references to the pieces that pass by; nothing is decoded, copied or waited for.
Whether to keep is decided when the request begins, by a fair draw whose probability goes into the
record, so that each sample can be weighted by the traffic it stands for.
"""

from __future__ import annotations

from random import random
from typing import Final

from proxy.records import Message
from proxy.relay.settings import Capture
from proxy.relay.sweep import INTERVAL_S

_MEMORY: Final = 0.5
"""Weight of the last tick's rate against the ones before, when it falls."""


class Sampler:
    """Draws requests so that about `max_rows_per_s` are taken, and says with which probability."""

    def __init__(self, settings: Capture) -> None:
        """Take everything until a rate is known."""
        self._max_rate = settings.max_rows_per_s
        self._burst = 2 * settings.max_rows_per_s * INTERVAL_S + 8
        self._since_s: float | None = None
        self._rate = 0.0
        self._n_seen = 0
        self._n_taken = 0
        self._halve_at = self._burst
        self.probability = 1.0

    def draw(self) -> bool:
        """Tell whether this request is taken: with `probability`, as it was before the call."""
        self._n_seen += 1
        if self.probability < 1 and random() >= self.probability:
            return False
        self._n_taken += 1
        if self._n_taken >= self._halve_at:
            # A burst between two ticks: each further burst's worth of samples halves the chance,
            # so that even an endless rate gives a logarithmic number of them.
            self.probability /= 2
            self._halve_at += self._burst
        return True

    def tick(self, at_s: float) -> None:
        """Fit the probability to the rate seen since the last tick."""
        if self._since_s is not None and at_s > self._since_s:
            rate = self._n_seen / (at_s - self._since_s)
            # Upwards at once, since a burst fills the link; downwards with some patience.
            self._rate = max(rate, self._rate + _MEMORY * (rate - self._rate))
            self.probability = min(1.0, self._max_rate / max(self._rate, self._max_rate))
        self._since_s = at_s
        self._n_seen = self._n_taken = 0
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


def message(
    raw_head: bytes,
    fields: frozenset[bytes],
    kept: Kept,
    *,
    limit: int,
    truncated: bool,
) -> Message:
    """Make the record of one body, cut to `limit` bytes, with the allowed fields of its head."""
    body = kept.body()
    return Message(
        fields=allowed_fields(raw_head, fields),
        body=body[:limit],
        truncated=truncated or kept.truncated or len(body) > limit,
    )


def allowed_fields(raw_head: bytes, fields: frozenset[bytes]) -> dict[str, str]:
    """Give the allowed fields of a head that has been validated; repeats are joined by a comma."""
    found: dict[str, str] = {}
    for line in raw_head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        name = name.lower()
        if name in fields:
            key, text = name.decode("latin-1"), value.strip(b" \t").decode("latin-1")
            found[key] = f"{found[key]}, {text}" if key in found else text
    return found
