"""The recent past as a second reference: is this unlike the same hour of the last days?

The certificate says what is right, the recent past says what is new. Counts of calm hours are kept
by hour of the day, working days and weekends apart, older days fading; current ticks are watched
against those of their own hour. So season does not speak, and what came suddenly is told from what
came slowly, which the recent past has followed. This comparison moves no alarm: it explains.

Nothing is learnt during an alarm, nor from the hour before one.
"""

from __future__ import annotations

import itertools
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from proxy.records import Pace
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.basis.functionals import Floats, Functional
from proxy.stats.basis.hours import Calendar
from proxy.stats.basis.tolerances import error_in_tolerances, in_tolerances
from proxy.stats.engine.e_detector import Layout, Singles
from proxy.stats.engine.effects import effect_of
from proxy.stats.engine.slots import rebased
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import masses_of
from proxy.units import HOUR_S

HOURS: Final = 48
"""Working days and weekends, hour by hour."""
MAX_COLUMNS: Final = 100
"""Columns that are compared, the first of the watch: 5 MB for 50 columns."""
MAX_BYTES: Final = 8 * 1024 * 1024
"""Bound on the counts that are kept."""
FADING: Final = 0.25
"""Part of its weight that a day keeps when the next one is added: what is compared with is a day
and a third old on average, and slow drift has hardly moved since."""
MIN_ROWS: Final = 200.0
"""Rows of an hour from which it is compared with."""
STALE_H: Final = 8 * 24
"""An hour that was not added to for so long is the past, but not the recent one."""
ACCEPTED_AFTER_H: Final = 24
"""After a day of a change that the certificate tolerates the past begins anew with it."""
CALM: Final = 0.5
"""Nothing is learnt while the evidence against the certificate exceeds this part of an alarm."""
SUDDEN: Final = 0.5
"""Sudden: at least half of the whole distance from the certificate is new."""
SURE: Final = 2.0
"""Standard errors by which a pace must be clear."""


@dataclass(slots=True)
class Kept:
    """What is kept of the recent past; all arrays are float32, so that it can be saved whole."""

    counts: NDArray[np.float32]
    """[48, bins]: faded counts."""
    rows: NDArray[np.float32]
    """[48]: faded rows."""
    squares: NDArray[np.float32]
    """[48]: rows faded by the square of their weight: rows ** 2 / squares are worth that many."""
    last_h: NDArray[np.float64]
    """[48]: hour since 1970 that was added last; negative infinity: none."""


class SavedPast(Struct, frozen=True, kw_only=True):
    """The recent past as it is saved: only hours that are known."""

    bins: int
    slots: list[int]
    counts: bytes
    """Packed uint32 [slots, bins], byte by byte."""
    rows: list[float]
    squares: list[float]
    last_h: list[float]


def nothing(n_bins: int) -> Kept:
    """Give an empty past."""
    return Kept(
        counts=np.zeros((HOURS, n_bins), dtype=np.float32),
        rows=np.zeros(HOURS, dtype=np.float32),
        squares=np.zeros(HOURS, dtype=np.float32),
        last_h=np.full(HOURS, -math.inf),
    )


class RecentPast:
    """The counts of the last days by hour, and the watch of current ticks against them."""

    def __init__(self, against: Watch, tolerance: Tolerance, certainty: Certainty) -> None:
        """Stand beside the watch `against` the certificate, and begin with no past."""
        self._tolerance = tolerance
        self._certainty = certainty
        self._places = _places(against)
        self._own = self._make(against)
        # Bins are kept in the order of the streams: layouts change when dependence is learnt.
        self._from = _positions(against.layout, self._places)
        self._into = _positions(self._own.layout, range(len(self._places)))
        lengths = [len(base.masses) for base in self._bases]
        starts = np.concatenate([[0], np.cumsum(lengths)]).tolist()
        self._bins = [slice(start, stop) for start, stop in itertools.pairwise(starts)]
        self.kept = nothing(len(self._from))
        self._hour: int | None = None
        self._counted: Singles = np.zeros(len(self._from), dtype=np.float32)
        self._is_spoilt = False
        self._held: tuple[int, Singles] | None = None
        """The hour before this one, which is accepted when this one ends calmly."""
        self._breach_hour = 0
        self._packed: SavedPast | None = None

    def adopt(self, against: Watch) -> None:
        """Go on beside a new watch of the same streams: dependence was learnt. The past stays."""
        self._own = self._make(against)
        self._from = _positions(against.layout, self._places)
        self._into = _positions(self._own.layout, range(len(self._places)))
        if self._hour is not None:
            self._enter(self._hour)

    def _make(self, against: Watch) -> Watch:
        self._bases = tuple(against.certified[place] for place in self._places)
        return Watch(self._bases, self._certainty)

    @property
    def watch(self) -> Watch:
        """The watch against the recent past; it moves no alarm."""
        return self._own

    def tick(self, counts: Singles, utc_s: float, against: Watch) -> None:
        """Compare the counts of one tick, and learn from them when all is calm.

        Args:
            counts: float array [bins of `against`].
            utc_s: the middle of the tick, seconds since 1970. It may jump and go backwards: hours
                that do not follow each other are not learnt from.
            against: the watch against the certificate, after this tick.
        """
        hour = math.floor(utc_s / HOUR_S)
        if hour != self._hour:
            self._turn(hour)
        if not counts.any():
            return
        own = counts[self._from]
        had_breach = self._own.breach is not None
        self._own.pending[self._into] = own
        self._own.tick()
        if self._own.breach is not None and not had_breach:
            self._breach_hour = hour
        calm = against.breach is None and against.evidence < CALM * against.detector.threshold
        if calm and self._own.breach is None:
            self._counted += own
        else:
            self._spoil()
        if against.breach is None and self._is_accepted(hour):
            # The certificate has tolerated it for a day: what was before is not the past any more.
            self.kept, self._packed = nothing(len(self._from)), None
            self._enter(hour)

    def pace(self, against: Watch) -> Pace:
        """Tell whether a breach of the certificate came suddenly; empty when that is not known."""
        paces = [self._pace_of(stream, against) for stream in against.blamed()]
        if Pace.SUDDEN in paces:
            return Pace.SUDDEN
        return Pace.SLOW if Pace.SLOW in paces else Pace.UNKNOWN

    def moved(self) -> list[dict[str, object]]:
        """Give what is unlike the last days, ready for JSON; empty while nothing is."""
        found: list[dict[str, object]] = []
        for stream in self._own.blamed():
            index, counts = self._own.carrier(stream), self._own.current(stream)
            effect = effect_of(self._own.seen(stream), index, counts)
            found.append(
                {
                    "stream": self._bases[stream].name,
                    "functional": self._bases[stream].functionals[index].name,
                    "effect": effect.value,
                    "interval": effect.interval,
                    "unit": effect.unit,
                    "n": effect.n,
                }
            )
        return found

    def detail(self) -> dict[str, object]:
        """Give the state of the comparison, ready for JSON."""
        return {
            "hours_known": self.hours_known,
            "hours": HOURS,
            "evidence": self._own.evidence,
            "threshold": self._own.detector.threshold,
            "moved": self.moved(),
        }

    @property
    def hours_known(self) -> int:
        """Hours of the week that can be compared with, of 48."""
        return 0 if self._hour is None else sum(self._knows(h, self._hour) for h in range(HOURS))

    def reset(self) -> None:
        """Forget the evidence and what is not accepted yet; what was accepted stays."""
        self._own.reset()
        self._spoil()

    def save(self) -> SavedPast:
        """Give what was accepted, as bytes; the hour that runs is not kept.

        The past changes once an hour and is saved every few seconds, so it is packed once.
        """
        if self._packed is None:
            kept, known = self.kept, np.flatnonzero(np.isfinite(self.kept.last_h))
            whole = np.rint(kept.counts[known]).astype(np.uint32)
            self._packed = SavedPast(
                bins=len(self._from),
                slots=known.tolist(),
                # First all low bytes, then all higher ones: that halves the size.
                counts=zlib.compress(whole.view(np.uint8).reshape(-1, 4).T.tobytes()),
                rows=kept.rows[known].tolist(),
                squares=kept.squares[known].tolist(),
                last_h=kept.last_h[known].tolist(),
            )
        return self._packed

    def load(self, saved: SavedPast) -> bool:
        """Go on from what was saved; false, and no change, when it does not fit."""
        n_bins, n_slots = len(self._from), len(saved.slots)
        size = n_slots * n_bins * 4
        try:
            raw = zlib.decompressobj().decompress(saved.counts, size + 1)
        except zlib.error:
            return False
        numbers = (saved.rows, saved.squares, saved.last_h)
        if (
            saved.bins != n_bins
            or len(raw) != size
            or any(len(one) != n_slots for one in numbers)
            or not set(saved.slots) <= set(range(HOURS))
        ):
            return False
        kept = nothing(n_bins)
        whole = np.frombuffer(raw, np.uint8).reshape(4, -1).T.copy().view(np.uint32)
        kept.counts[saved.slots] = whole.reshape(n_slots, n_bins)
        kept.rows[saved.slots] = saved.rows
        kept.squares[saved.slots] = saved.squares
        kept.last_h[saved.slots] = saved.last_h
        self.kept, self._packed = kept, None
        self._hour = None
        return True

    def _is_accepted(self, hour: int) -> bool:
        is_old = not 0 <= hour - self._breach_hour < ACCEPTED_AFTER_H
        return self._own.breach is not None and is_old

    def _spoil(self) -> None:
        self._counted[:] = 0
        self._is_spoilt = True
        self._held = None

    def _turn(self, hour: int) -> None:
        """Begin another hour."""
        follows = self._hour is not None and hour == self._hour + 1
        if follows and self._held is not None:
            self._accept(*self._held)
        counted = None
        if follows and self._hour is not None and not self._is_spoilt and self._counted.any():
            counted = (self._hour, self._counted)
        self._held = counted
        self._counted = np.zeros_like(self._counted)
        self._is_spoilt = False
        self._hour = hour
        self._enter(hour)

    def _accept(self, hour: int, counts: Singles) -> None:
        """Add an hour to the past."""
        slot, kept = _slot(hour), self.kept
        rows = float(counts[self._bins[0]].sum())
        kept.counts[slot] = kept.counts[slot] * FADING + counts
        kept.rows[slot] = kept.rows[slot] * FADING + rows
        kept.squares[slot] = kept.squares[slot] * FADING**2 + rows
        kept.last_h[slot] = hour
        self._packed = None

    def _knows(self, slot: int, hour: int) -> bool:
        return bool(
            self.kept.rows[slot] >= MIN_ROWS and 0 <= hour - self.kept.last_h[slot] <= STALE_H
        )

    def _enter(self, hour: int) -> None:
        """Compare with the past of an hour from now on; where there is none, with nothing."""
        slot = _slot(hour)
        if not self._knows(slot, hour):
            self._own.enter({place: _silent(base) for place, base in enumerate(self._bases)})
            self._own.reset()
            return
        n = self._independent(slot)
        changed: dict[int, WatchedStream] = {}
        for place, base in enumerate(self._bases):
            counts = self.kept.counts[slot, self._bins[place]].astype(np.float64)
            named = zip(base.functionals, base.design_effects, strict=True)
            effects = {functional.name: effect for functional, effect in named}
            masses = masses_of(counts * n / max(1.0, float(counts.sum())), int(n))
            changed[place] = rebased(base, masses, int(n), effects, self._tolerance)
        self._own.enter(changed)

    def _independent(self, slot: int) -> float:
        """Give how many rows of full weight the faded rows of an hour are worth."""
        rows, squares = float(self.kept.rows[slot]), float(self.kept.squares[slot])
        return rows * rows / squares if squares > 0 else 0.0

    def _pace_of(self, stream: int, against: Watch) -> Pace:
        if stream not in self._places or against.breach is None:
            return Pace.UNKNOWN
        place = self._places.index(stream)
        seen, counts = against.seen(stream), against.current(stream)
        past = self._own.expected_over(place, against.breach.onset)
        index = against.carrier(stream)
        functional = seen.functionals[index]
        rows = float(counts[functional.applies].sum())
        if past is None or rows <= 0 or self._hour is None:
            return Pace.UNKNOWN
        effect = self._tolerance.effect
        whole, new = (
            _moved(functional, masses, functional.mean(counts), effect)
            for masses in (seen.masses, past)
        )
        n = 1 / (1 / rows + 1 / max(1.0, self._independent(_slot(self._hour))))
        independent = np.array(n / seen.design_effects[index])
        error = float(error_in_tolerances(functional, past, independent, effect))
        new *= math.copysign(1.0, whole)
        if new >= SUDDEN * abs(whole):
            return Pace.SUDDEN if new > SURE * error else Pace.UNKNOWN
        return Pace.SLOW if new + SURE * error < abs(whole) else Pace.UNKNOWN


def recent_past(against: Watch, tolerance: Tolerance, certainty: Certainty) -> RecentPast | None:
    """Give a comparison with the recent past; `None` when no column can be compared."""
    return RecentPast(against, tolerance, certainty) if _places(against) else None


def _places(against: Watch) -> list[int]:
    """Give the streams that are compared: real columns, as many as the bounds allow."""
    places: list[int] = []
    n_bins = 0
    for place, stream in enumerate(against.certified):
        n_bins += len(stream.masses)
        if n_bins * HOURS * 4 > MAX_BYTES or len(places) == MAX_COLUMNS:
            break
        # A clock has no past of its hour: it is the hour.
        if stream.column is not None and not stream.members and stream.by_day is None:
            places.append(place)
    return places


def _positions(layout: Layout, streams: Sequence[int]) -> NDArray[np.intp]:
    """Give where the bins of streams, one after another, stand in the flat counts of a layout."""
    parts = [np.arange(layout.bins[i].start, layout.bins[i].stop) for i in streams]
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.intp)


def _slot(hour: int) -> int:
    """Give the hour of the week, of 48, that an hour since 1970 is."""
    return int(Calendar.WEEK.hours(np.array(hour * HOUR_S)))


def _silent(stream: WatchedStream) -> WatchedStream:
    """Give a stream that is compared with nothing: its bets neither win nor lose."""
    table = replace(stream.table, growth=np.zeros_like(stream.table.growth))
    return replace(stream, masses=np.zeros_like(stream.masses), table=table)


def _moved(functional: Functional, masses: Floats, current: float, effect: float) -> float:
    """Give how far a mean has moved from that under `masses`, in tolerances."""
    deviation = np.array(current - functional.mean(masses))
    return float(in_tolerances(functional, masses, deviation, effect))
