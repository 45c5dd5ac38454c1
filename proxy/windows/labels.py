"""Predictions that wait for their truth, and truths that came before their prediction was seen.

Truth comes minutes or weeks after the prediction, so what waits must be small, bounded and fair.
When it is full, every second waiting request is let go by a hash of its id, and of new ones only
every second is taken (adaptive sampling: Flajolet, 1990, Computing 43). So the rest is spread over
the whole horizon, and each request had the same chance whatever its delay; the rows that remain
weigh the more. Letting the oldest go instead would leave only labels that come fast.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import msgspec
import numpy as np
from msgspec import Struct

from proxy.records import Fate, Model, Scalar, Truth
from proxy.stats.quality.target import Answer
from proxy.windows.asked import ID_BYTES, Asked, is_same, truths_size

MAX_EARLY: Final = 10_000
"""Values that wait for their prediction: one full call."""
EARLY_PART: Final = 0.25
"""Bytes that these may take, as a part of those for predictions, and beside them."""
EARLY_BYTES: Final = 600
"""What a truth that waits costs beside its id and values."""
MAX_LEVEL: Final = 40
DELAYS: Final = 1000
"""Delays that the median rests on."""
SAVED_REQUESTS: Final = 2000
"""Requests that outlive a restart: they are written every few seconds, so they must be few."""
SAVED_BYTES: Final = 4 * 1024 * 1024
"""Bytes that these may take in memory; written, they are a quarter of it or less."""
HEX_DIGITS: Final = 16
_MIX: Final = 0x9E3779B97F4A7C15
_MASK: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much may wait, and how long."""

    max_rows: int
    max_bytes: int
    horizon_s: float
    early_s: float
    """How long a truth waits for its prediction."""


@dataclass(slots=True)
class Lost:
    """What was let go, in requests."""

    thinned: int = 0
    """Because there was no more room."""
    expired: int = 0
    """Unlabelled until the horizon."""
    at_restart: int = 0
    unlike: int = 0
    """Second answers, which have other rows than the first: nobody can tell which is which."""


class LabelStore:
    """Requests by every id that a client may know them by."""

    def __init__(self, room: Room) -> None:
        """Begin empty."""
        self._room = room
        self._asked: OrderedDict[int, Asked] = OrderedDict()
        self._by_id: dict[str, int] = {}
        self._shared: dict[str, int] = {}
        """Ids that several waiting requests came under, with their number."""
        self._early: OrderedDict[str, dict[int | None, tuple[float, Truth]]] = OrderedDict()
        """By id, then by row: when it came, and what it says."""
        self.n_early = 0
        self.early_bytes = 0
        self.n_rows = 0
        self.n_bytes = 0
        self.level = 0
        """Of new requests one in 2^level is taken."""
        self.lost = Lost()
        self._delays_s: deque[float] = deque(maxlen=DELAYS)
        self._part = 1.0

    def __len__(self) -> int:
        """Give the number of requests, labelled ones included."""
        return len(self._asked)

    def __iter__(self) -> Iterator[Asked]:
        """Give every request, the oldest first."""
        return iter(self._asked.values())

    def use(self, part: float) -> None:
        """Use a part of the room only: nobody knows yet whether labels will come at all."""
        self._part = part

    # Predictions.

    def ask(self, key: int, at_s: float) -> Asked | None:
        """Give the request of this key, a new one where there is none; `None`: it is not taken."""
        found = self._asked.get(key)
        if found is not None:
            return found
        if not _is_kept(key, self.level):
            self.lost.thinned += 1
            return None
        found = Asked(key, at_s, self.level, answers={}, told={})
        self._asked[key] = found
        self.n_bytes += found.size()
        return found

    def name(self, asked: Asked, ids: Sequence[str]) -> None:
        """Note ids that a request is known by."""
        new = [one for one in ids if one not in asked.ids]
        for one in new:
            other = self._by_id.setdefault(one, asked.key)
            if other != asked.key:
                self._shared[one] = self._shared.get(one, 1) + 1
        asked.ids += tuple(new)
        self.n_bytes += sum(ID_BYTES + len(one) for one in new)

    def answer(self, asked: Asked, model: Model, answers: list[Answer], weight: float) -> None:
        """Note what a model answered to the kept rows; the first answer stands."""
        if model in asked.answers:
            return
        before = asked.size()
        asked.answers[model] = answers
        if model is Model.CANDIDATE:
            asked.candidate_weight = weight
        else:
            asked.stable_weight = weight
        self.n_bytes += asked.size() - before
        if len(asked.answers) == 1:
            self.n_rows += asked.n_kept
        self._make_room()

    # Truths.

    def find(self, name: str) -> Asked | Fate:
        """Give the request of an id, or why there is none: `ambiguous` or `unknown`."""
        if name in self._shared:
            return Fate.AMBIGUOUS
        key = self._by_id.get(name)
        if key is None and len(name) == HEX_DIGITS:
            key = _hexadecimal(name)
        found = None if key is None else self._asked.get(key)
        return Fate.UNKNOWN if found is None else found

    def wait(self, truth: Truth, now_s: float) -> Fate:
        """Keep a truth whose prediction is not known yet; say what became of it."""
        too_old = now_s - truth.at_s > self._room.early_s
        n, size = _n_values(truth), _early_size(truth)
        is_full = (
            self.n_early + n > MAX_EARLY
            or self.early_bytes + size > EARLY_PART * self._room.max_bytes
        )
        if too_old or is_full:
            return Fate.UNKNOWN
        waiting = self._early.setdefault(truth.id, {})
        if truth.row in waiting:
            _, other = waiting[truth.row]
            return Fate.DUPLICATE if _are_same(other, truth) else Fate.CONTRADICTORY
        waiting[truth.row] = (now_s, truth)
        self.n_early += n
        self.early_bytes += size
        return Fate.WAITING

    def early(self, ids: Sequence[str]) -> list[Truth]:
        """Take the truths that came before a prediction of these ids."""
        found = [truth for one in ids for _, truth in self._early.pop(one, {}).values()]
        self._let_early_go(found)
        return found

    def tell(self, asked: Asked, values: Mapping[int, Scalar]) -> None:
        """Note the truths of a request, by place in its answers."""
        asked.told.update(values)
        if self._asked.get(asked.key) is asked:
            self.n_bytes += truths_size(values.values())
            self._make_room()

    def joined(self, delay_s: float) -> None:
        """Note how long a truth took."""
        self._delays_s.append(max(0.0, delay_s))

    # Time.

    def expire(self, now_s: float) -> int:
        """Let go what waited too long; give how many truths never met their prediction."""
        while self._asked:
            key, oldest = next(iter(self._asked.items()))
            if now_s - oldest.at_s <= self._room.horizon_s:
                break
            self.lost.expired += not oldest.told
            self._drop(key)
        n_before = self.n_early
        while self._early:
            name, waiting = next(iter(self._early.items()))
            came_s, _ = next(iter(waiting.values()))
            if now_s - came_s <= self._room.early_s:
                break
            self._let_early_go([truth for _, truth in self._early.pop(name).values()])
        if self.level and 4 * max(self.n_rows / self._rows, self.n_bytes / self._bytes) < 1:
            self.level -= 1
        return n_before - self.n_early

    def delays_s(self) -> tuple[float, float] | None:
        """Give median and 90 % quantile of the last delays; `None` before the first."""
        if not self._delays_s:
            return None
        median, high = np.quantile(self._delays_s, (0.5, 0.9))
        return float(median), float(high)

    def coverage(self, now_s: float) -> float | None:
        """Give the labelled share of rows older than the median delay.

        `None`: no label came yet, or no prediction is that old.
        """
        delays = self.delays_s()
        if delays is None:
            return None
        n = n_told = 0
        for asked in self._asked.values():
            if now_s - asked.at_s < delays[0]:
                break
            n += asked.n_kept
            n_told += len(asked.told)
        return n_told / n if n else None

    def shown(self) -> dict[str, object]:
        """Give what waits, what was lost, and how long truths take, ready for JSON."""
        delays = self.delays_s()
        return {
            "requests": len(self._asked),
            "rows": self.n_rows,
            "bytes": self.n_bytes,
            "kept_share": 2.0**-self.level,
            "early_labels": self.n_early,
            "early_bytes": self.early_bytes,
            "lost": asdict(self.lost),
            "delay_s": None if delays is None else {"median": delays[0], "p90": delays[1]},
        }

    @property
    def _rows(self) -> float:
        return max(1.0, self._part * self._room.max_rows)

    @property
    def _bytes(self) -> float:
        return max(1.0, self._part * self._room.max_bytes)

    def _make_room(self) -> None:
        while self.n_rows > self._rows or self.n_bytes > self._bytes:
            if self.level >= MAX_LEVEL or len(self._asked) <= 1:
                # One request alone is too large, or chance has failed forty times.
                self.lost.thinned += 1
                self._drop(next(iter(self._asked)))
                return
            self.level += 1
            self._thin()

    def _thin(self) -> None:
        for key in [key for key in self._asked if not _is_kept(key, self.level)]:
            self.lost.thinned += 1
            self._drop(key)
        for asked in self._asked.values():
            asked.level = max(asked.level, self.level)

    def _let_early_go(self, truths: Sequence[Truth]) -> None:
        self.n_early -= sum(map(_n_values, truths))
        self.early_bytes -= sum(map(_early_size, truths))

    def _drop(self, key: int) -> None:
        asked = self._asked.pop(key)
        self.n_bytes -= asked.size()
        self.n_rows -= asked.n_kept if asked.answers else 0
        for one in asked.ids:
            if one in self._shared:
                self._shared[one] -= 1
                if self._shared[one] <= 0:
                    del self._shared[one]
                    self._by_id.pop(one, None)
            else:
                self._by_id.pop(one, None)

    # What survives a restart.

    def save(self, offset_s: float, most: int = SAVED_REQUESTS) -> bytes:
        """Give the requests as bytes, evenly thinned to `most` and to what may be written.

        `offset_s` turns times into those of UTC, since the host's clock may begin anew.
        """
        level, n = self.level, len(self._asked)
        while n > most:
            level, n = level + 1, n // 2
        kept = [one for one in self._asked.values() if _is_kept(one.key, level)]
        while level < MAX_LEVEL and (
            len(kept) > most or sum(one.size() for one in kept) > SAVED_BYTES
        ):
            level += 1
            kept = [one for one in kept if _is_kept(one.key, level)]
        requests = [msgspec.structs.replace(one, at_s=one.at_s + offset_s) for one in kept]
        for one in requests:
            one.level = max(one.level, level)
        delays = list(self._delays_s)
        return msgspec.msgpack.encode(_Saved(requests, len(self._asked), self.level, delays))

    def load(self, raw: bytes, offset_s: float) -> bool:
        """Go on with saved requests; false, and no change, when they cannot be read."""
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except (msgspec.DecodeError, ValueError):
            return False
        for one in saved.requests:
            one.at_s -= offset_s
            one.answers = {m: rows for m, rows in one.answers.items() if len(rows) == one.n_kept}
            one.told = {place: told for place, told in one.told.items() if place < one.n_kept}
            ids, one.ids = one.ids, ()
            self._asked[one.key] = one
            self.n_bytes += one.size()
            self.n_rows += one.n_kept if one.answers else 0
            self.name(one, ids)
        self.level = saved.level
        self.lost.at_restart = saved.n - len(saved.requests)
        self._delays_s.extend(saved.delays_s)
        self._make_room()
        return True


class _Saved(Struct, frozen=True):
    requests: list[Asked]
    n: int
    level: int
    delays_s: list[float]


def _are_same(one: Truth, other: Truth) -> bool:
    ours, theirs = _values(one), _values(other)
    return len(ours) == len(theirs) and all(map(is_same, ours, theirs))


def _values(truth: Truth) -> list[Scalar]:
    return truth.value if isinstance(truth.value, list) else [truth.value]


def _n_values(truth: Truth) -> int:
    return len(_values(truth))


def _early_size(truth: Truth) -> int:
    return EARLY_BYTES + len(truth.id) + truths_size(_values(truth))


def _is_kept(key: int, level: int) -> bool:
    """Tell whether a request is among the 1 in 2^level that are kept."""
    return (key * _MIX & _MASK) >> (64 - level) == 0 if level else True


def _hexadecimal(name: str) -> int | None:
    try:
        return int(name, 16)
    except ValueError:
        return None
