"""The evidence of a watch as bytes, so that a restarted watcher goes on where it was killed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import msgspec
import numpy as np
from msgspec import Struct

from proxy.stats.engine.breach import Breach
from proxy.stats.engine.e_detector import EDetector, Singles
from proxy.stats.engine.recovery import Recovery
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch

_FINGERPRINTS: Final[WeakKeyDictionary[Watch, bytes]] = WeakKeyDictionary()
"""What a watch was certified with never changes, and evidence is saved every few seconds."""


class _Recovery(Struct, frozen=True):
    stream: int
    score: bytes
    limit: float
    bets: tuple[float, float]
    design_effect: float
    wealth: tuple[float, float]
    healthy: float = 0.0


class _Breach(Struct, frozen=True):
    n_ticks: int
    onset: int
    stakes: bytes
    fresh: bytes
    recoveries: tuple[_Recovery, ...]
    carriers: dict[int, int] = {}


class _State(Struct, frozen=True):
    fingerprint: bytes
    wealth: bytes
    breach: _Breach | None


def reference_hash(streams: Sequence[WatchedStream]) -> bytes:
    """Give a hash of what streams are compared with, whatever bets are laid on it.

    The borders of the bins count: continuous columns have the same masses, and so the same bets,
    in every benchmark of as many rows.
    """
    digest = hashlib.sha256()
    for stream in streams:
        column = stream.column
        borders = None if column is None else (column.edges, column.categories)
        digest.update(msgspec.json.encode((stream.name, borders, stream.season)))
        digest.update(stream.masses.tobytes())
    return digest.digest()[:16]


def fingerprint(watch: Watch) -> bytes:
    """Give a hash of what is watched and how: evidence fits no other. Made once for each watch."""
    known = _FINGERPRINTS.get(watch)
    if known is not None:
        return known
    digest = hashlib.sha256(reference_hash(watch.certified) + watch.terms)
    for stream in watch.certified:
        digest.update(stream.table.growth.tobytes())
    return _FINGERPRINTS.setdefault(watch, digest.digest()[:16])


def save(watch: Watch) -> bytes:
    """Give the evidence of a watch. The picture of the last ticks is not kept."""
    breach = watch.breach
    state = _State(
        fingerprint=fingerprint(watch),
        wealth=watch.detector.wealth.tobytes(),
        breach=None
        if breach is None
        else _Breach(
            breach.n_ticks,
            breach.onset,
            breach.stakes.tobytes(),
            breach.fresh.wealth.tobytes(),
            tuple(_pack(stream, recovery) for stream, recovery in breach.recoveries.items()),
            breach.carriers,
        ),
    )
    return msgspec.msgpack.encode(state)


def load(watch: Watch, raw: bytes) -> bool:
    """Go on from saved evidence; false, and no change, when it does not fit this watch."""
    try:
        state = msgspec.msgpack.decode(raw, type=_State)
    except (msgspec.DecodeError, ValueError):
        return False
    size = watch.detector.wealth.nbytes
    if state.fingerprint != fingerprint(watch) or len(state.wealth) != size:
        return False
    breach = state.breach
    if breach is not None and not _fits(watch, breach, size):
        return False
    watch.detector.wealth = _singles(state.wealth)
    watch.breach = None if breach is None else _unpack(watch.detector, breach)
    return True


def save_all(watches: Mapping[str, Watch]) -> bytes:
    """Give the evidence of several watches."""
    return msgspec.msgpack.encode({name: save(watch) for name, watch in watches.items()})


def load_all(watches: Mapping[str, Watch], raw: bytes) -> bool:
    """Go on from the evidence of several watches; false when any of them does not fit.

    Those that fit go on, the others start fresh.
    """
    try:
        saved = msgspec.msgpack.decode(raw, type=dict[str, bytes])
    except (msgspec.DecodeError, ValueError):
        return False
    fitted = [load(watch, saved.get(name, b"")) for name, watch in watches.items()]
    return bool(fitted) and all(fitted)


def _fits(watch: Watch, breach: _Breach, size: int) -> bool:
    """Tell whether a breach is about the streams, functionals and bets of a watch."""
    if len(breach.stakes) != size or len(breach.fresh) != size or not breach.recoveries:
        return False
    known = range(len(watch.streams))
    return all(item.stream in known for item in breach.recoveries) and all(
        stream in known and 0 <= place < len(watch.streams[stream].functionals)
        for stream, place in breach.carriers.items()
    )


def _pack(stream: int, recovery: Recovery) -> _Recovery:
    return _Recovery(
        stream,
        recovery.score.tobytes(),
        recovery.limit,
        (recovery.tick_bet, recovery.row_bet),
        recovery.design_effect,
        (recovery.tick_wealth, recovery.row_wealth),
        recovery.healthy,
    )


def _unpack(detector: EDetector, saved: _Breach) -> Breach:
    fresh = detector.sibling()
    fresh.wealth = _singles(saved.fresh)
    recoveries = {
        item.stream: Recovery(
            score=np.frombuffer(item.score, dtype=np.float64).copy(),
            limit=item.limit,
            tick_bet=item.bets[0],
            row_bet=item.bets[1],
            design_effect=item.design_effect,
            tick_wealth=item.wealth[0],
            row_wealth=item.wealth[1],
            healthy=item.healthy,
        )
        for item in saved.recoveries
    }
    stakes = _singles(saved.stakes)
    carriers = {stream: saved.carriers[stream] for stream in recoveries if stream in saved.carriers}
    return Breach(saved.n_ticks, saved.onset, stakes, fresh, recoveries, carriers)


def _singles(raw: bytes) -> Singles:
    return np.frombuffer(raw, dtype=np.float32).copy()
