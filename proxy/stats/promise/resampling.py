"""The reference replayed: how often a monitor alarms on rows that are the reference's own.

Blocks of neighbouring rows are drawn from the reference, cut into ticks and shown to a real watch
for as many ticks as twenty thousand. Rows within a block depend on each other as they did, so a
design effect that is too small shows as false alarms here, before it does in service. What this
cannot show is the error of the reference itself, since the rows drawn are those it was made of: for
that each half is shown to the other (`self_test`).

Source: the moving block bootstrap, Künsch (1989), "The jackknife and the bootstrap for general
stationary observations", Annals of Statistics 17(3).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import chdtri

from proxy.records import Scalar
from proxy.stats.basis.demands import Certainty, DriftRule
from proxy.stats.basis.functionals import Bins
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.multivariate import derived_columns
from proxy.stats.reference.profile import Profile
from proxy.stats.watches.drift import ProfileWatch
from proxy.units import HOUR_S

TICKS: Final = 20_000
MAX_WORK: Final = 50_000_000
"""Ticks times the square of streams at most, about 10 s: from 50 columns on there are fewer ticks,
5,000 with a hundred and 200 with five hundred."""
ROWS_PER_TICK: Final = 100
MIN_BLOCKS: Final = 8
"""A block is an eighth of the reference at most: fewer blocks would be the reference again."""
CLUSTERS: Final = 4.0
"""A block is at least so many design effects long: shorter ones would cut what depends."""
UNLIKELY: Final = 0.05
PARTS: Final = 100
"""Steps that are told while it goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The reference that is tested."""

    columns: Mapping[str, Sequence[Scalar]]
    """Reference rows, in order of time when the profile says so."""
    profile: Profile
    times_s: Sequence[float] | None = None
    """UTC seconds of the rows; `None`: not known."""


class Replayed(Struct, frozen=True, kw_only=True):
    """What a watch said to the rows that its own reference is made of."""

    ticks: int
    rows_per_tick: int
    block_rows: int
    """Neighbouring rows that were drawn together; 1: the rows were not in order of time."""
    alarms: int
    """False alarms: each begins when the evidence crosses the threshold."""
    columns: dict[str, int] = {}
    """False alarms by column that was blamed."""
    closest: str = ""
    """The stream that came closest to an alarm."""
    closest_share: float = 0.0
    """The part of the threshold that the log evidence of all streams together reached at most."""
    budget_ticks: float
    """Ticks between false alarms that are promised."""

    def most_alarms_per_tick(self) -> float:
        """Give the rate that is exceeded with 95 % certainty by no monitor that behaved like this.

        The upper bound of Garwood (1936) for a Poisson rate; without an alarm about 3 / ticks.
        """
        upper = float(chdtri(2 * (self.alarms + 1), UNLIKELY)) / 2
        return upper / max(self.ticks, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paced:
    """How the reference is cut into ticks."""

    starts: Bins
    """int array [ticks]: the first row of each."""
    rows_per_tick: int
    block_rows: int
    times_s: Sequence[float] | None
    """UTC seconds by row; `None`: not known."""

    def rows(self, tick: int, rng: np.random.Generator, n: int) -> Bins:
        """Give the rows of a tick; rows without an order are drawn one by one."""
        if self.block_rows == 1:
            return rng.integers(0, n, self.rows_per_tick)
        first = int(self.starts[tick])
        return np.arange(first, first + self.rows_per_tick)

    def utc_s(self, tick: int) -> float | None:
        """Give the middle of a tick; `None`: times are not known."""
        if self.times_s is None:
            return None
        return float(self.times_s[int(self.starts[tick]) + self.rows_per_tick // 2])


def replay(
    subject: Subject,
    rng: np.random.Generator,
    rule: DriftRule,
    certainty: Certainty,
    step: Callable[[], None],
) -> Replayed | None:
    """Show a watch the rows that its profile was made of, in blocks drawn at random.

    Args:
        subject: the reference; its profile has a column that is watched.
        rng: draws the blocks.
        rule: what is watched, and forgiven.
        certainty: the budget of false alarms.
        step: called a hundred times while it goes on.

    Returns:
        What the watch said; `None` when there are fewer rows than two ticks have.
    """
    plain = replace(rule, recent_past=False, learn_ticks=0)
    watch = ProfileWatch(subject.profile, plain, certainty)
    codes = _codes(watch.watch, subject)
    paced = _pace(subject, codes.shape, rng)
    if paced is None:
        return None
    alarms, blamed = 0, Counter[str]()
    closest, most = "", 0.0
    every = ceil(len(paced.starts) / PARTS)
    for tick in range(len(paced.starts)):
        chosen = codes[paced.rows(tick, rng, len(codes))]
        watch.watch.pending += np.bincount(chosen.ravel(), minlength=watch.watch.layout.n_bins)
        watch.tick(paced.utc_s(tick))
        share = watch.watch.evidence / watch.watch.detector.threshold
        if share > most:
            closest, most = watch.watch.streams[watch.watch.strongest()].name, share
        if watch.watch.breach is not None:
            alarms += 1
            blamed.update(watch.watch.streams[stream].name for stream in watch.watch.blamed())
            watch.reset()
        if tick % every == 0:
            step()
    return Replayed(
        ticks=len(paced.starts),
        rows_per_tick=paced.rows_per_tick,
        block_rows=paced.block_rows,
        alarms=alarms,
        columns=dict(blamed.most_common()),
        closest=closest,
        closest_share=round(min(most, 1.0), 3),
        budget_ticks=certainty.run_length_ticks,
    )


def _codes(watch: Watch, subject: Subject) -> NDArray[np.int32]:
    """Give the place of each row's bin among all bins of a watch: int array [rows, streams]."""
    columns, multivariate = subject.columns, subject.profile.multivariate
    derived = {} if multivariate is None else derived_columns(multivariate, columns)
    values = {**columns, **derived}
    seasons = subject.profile.seasons
    clocks = set() if seasons is None else {clock.name for clock in seasons.clocks}
    n = max((len(cells) for cells in columns.values()), default=0)
    codes = np.empty((n, len(watch.streams)), dtype=np.int32)
    for place, (stream, bins) in enumerate(zip(watch.streams, watch.layout.bins, strict=True)):
        known = stream.column
        if known is None or len(values.get(stream.name, ())) != n or stream.name in clocks:
            # A column that only requests had: its rows are missing here, which says nothing. And of
            # clocks only whole days are counted, which blocks are not.
            codes[:, place] = -1
            continue
        codes[:, place] = bins.start + known.binner().bins(values[stream.name])
    return codes[:, (codes >= 0).all(axis=0)] if n else codes


def _pace(subject: Subject, shape: tuple[int, ...], rng: np.random.Generator) -> Paced | None:
    """Cut drawn blocks into ticks.

    Blocks are left in the order in which they were drawn: sorted by hour, the same few rows of one
    hour would come again and again, and their chance deviation would look like drift.
    """
    profile = subject.profile
    n, n_streams = shape
    ticks = max(1, min(TICKS, MAX_WORK // max(n_streams, 1) ** 2))
    timed = subject.times_s if profile.seasons is not None else None
    size = ROWS_PER_TICK if timed is None else rows_of_an_hour(timed)
    if n < 2 * size:
        return None
    if not profile.ordered:
        return Paced(
            starts=np.zeros(ticks, np.intp), rows_per_tick=size, block_rows=1, times_s=None
        )
    per_block = max(1, min(n // MIN_BLOCKS // size, ceil(CLUSTERS * _cluster(profile) / size)))
    block = size * per_block
    firsts = rng.integers(0, n - block + 1, -(-ticks // per_block))
    starts = (firsts[:, None] + size * np.arange(per_block)).ravel()[:ticks]
    return Paced(starts=starts, rows_per_tick=size, block_rows=block, times_s=timed)


def rows_of_an_hour(times_s: Sequence[float]) -> int:
    """Give how many rows a tick may have so that it lies within an hour, about."""
    hours = max((times_s[-1] - times_s[0]) / HOUR_S, 1.0)
    return max(1, min(ROWS_PER_TICK, int(len(times_s) / hours)))


def _cluster(profile: Profile) -> float:
    """Give the largest design effect of a location or a common share."""
    return max(_effects(profile), default=1.0)


def _effects(profile: Profile) -> Iterator[float]:
    for column in profile.columns:
        yield from (column.design_effects or {}).values()
