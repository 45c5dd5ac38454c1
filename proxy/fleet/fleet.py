"""One replica's part in its fleet: publish the counts of each tick, fold the sum of all.

`turn` is called once per tick and never waits: it takes the counts out of the watches, hands them
to the duty that talks to Redis, and puts back what is due. The duty publishes at once and collects
half a tick later, so that an answer is there, or known to be missing, well before the next turn.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy import clock
from proxy.fleet.settings import FleetSettings
from proxy.fleet.store import Collected, Share, Store, StoreError
from proxy.records import FleetState
from proxy.stats.engine.pooling import (
    PoolingError,
    Tally,
    layout_sha256,
    merge,
    n_rows,
    pack,
    put,
    sizes,
    take,
    unpack,
)
from proxy.stats.engine.watch import Watch
from proxy.tasks import TaskGroup
from proxy.windows.ledger import Ledger, Sum, tick_number

log = logging.getLogger(__name__)

LONGEST_PAUSE_S: Final = 60.0
"""A Redis that is down is asked this seldom in the end."""
COLLECT_AT: Final = 0.5
"""Part of a tick after which the sums for the next turn are collected."""
SKEWED: Final = 0.25
"""A clock that differs by this part of a tick from Redis' is worth a word."""
MAX_TELLING: Final = 32
KEPT: Final = 64
"""Ticks for which is remembered whether they had rows."""

Count = Callable[[str, str], None]
"""Told (`tick`, `fleet` or `own`), (`late`, ``) and (`error`, reason)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who this replica is, and what its counts mean."""

    replica: str
    benchmark_sha256: str
    tick_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """The counts of one tick on their way out."""

    tick: int
    share: Share


class Fleet:
    """One replica of a fleet."""

    def __init__(self, settings: FleetSettings, identity: Identity, *, count: Count) -> None:
        """Belong to the fleet; nothing is connected before `start`."""
        self._settings = settings
        self._identity = identity
        self._count = count
        self._ledger = Ledger(settings.lag_ticks)
        self._jobs: deque[_Job] = deque(maxlen=settings.lag_ticks + 1)
        self._unsettled: dict[int, int] = {}
        self._ended_s = 0.0
        self._wake = asyncio.Event()
        self._tasks = TaskGroup("fleet", limit=1)
        self._store: Store | None = None
        self._expected: dict[str, int] = {}
        self._n_failures = 0
        self._paused_until_s = 0.0
        self._trouble = ""
        self._is_up = False
        self._has_folded = False
        self._telling: dict[str, frozenset[str]] = {}
        self._n_others = 0
        self.skew_s = 0.0
        """How far Redis' clock was ahead of ours when last asked."""
        self.n_late = 0
        """Ticks of ours that came too late for the sum."""

    @property
    def replica(self) -> str:
        """The name of this replica."""
        return self._identity.replica

    def turn(self, utc_s: float, watches: Mapping[str, Watch], telling: frozenset[str]) -> None:
        """Take the counts of the tick that just ended and put back what is due.

        Args:
            utc_s: seconds since 1970, at the end of the tick.
            watches: the watches whose counts are added up, by name; always the same names.
            telling: alarms that opened an incident which is not over here.
        """
        if self._store is None:
            self._begin(watches)
        # A tick that ends at its very border has the number before it.
        tick = tick_number(utc_s - self._identity.tick_s / 2, self._identity.tick_s)
        own = take(watches)
        self._unsettled[tick] = n_rows(own)
        fold = self._ledger.end(tick, own)
        put(watches, fold.tally)
        for source, n in (("fleet", fold.n_fleet), ("own", fold.n_own)):
            for _ in range(n):
                self._count("tick", source)
        if fold.n_fleet + fold.n_own:
            self._is_up = fold.n_own == 0
            self._has_folded = True
        named = tuple(sorted(telling))[:MAX_TELLING]
        share = Share(counts=pack(own), telling=named)
        self._jobs.append(_Job(tick=tick, share=share))
        self._ended_s = clock.now_s()
        for old in [number for number in self._unsettled if number < tick - KEPT]:
            del self._unsettled[old]
        self._wake.set()

    def start(self) -> None:
        """Begin to talk to Redis."""
        self._tasks.spawn("duty", self._serve())

    async def close(self) -> None:
        """Leave; what was not published is lost, as the counts of a tick are in any restart."""
        await self._tasks.close()
        if self._store is None:
            return
        try:
            await self._store.close()
        except StoreError as error:
            log.warning("fleet %s: hanging up: %s", self._settings.name, error)

    @property
    def others(self) -> Mapping[str, frozenset[str]] | None:
        """What each replica of the last sum is telling people about; `None`: there is no sum."""
        return self._telling if self._is_up else None

    def state(self, now_s: float) -> FleetState:
        """Give how the fleet stands."""
        return FleetState(
            at_s=now_s,
            name=self._settings.name,
            replica=self._identity.replica,
            up=self._is_up or not (self._has_folded or self._trouble),
            replicas=len(self._telling) if self._is_up else 1,
            others=self._n_others,
            late=self.n_late,
            skew_s=self.skew_s,
            trouble=self._trouble or self._skewed(),
        )

    def _skewed(self) -> str:
        if abs(self.skew_s) <= SKEWED * self._identity.tick_s:
            return ""
        return f"the clock here differs from that of Redis by {self.skew_s:.1f} s"

    def _begin(self, watches: Mapping[str, Watch]) -> None:
        """Find out what our counts mean; nobody is met before that."""
        who, settings = self._identity, self._settings
        salt = (who.benchmark_sha256, f"{who.tick_s:g}", f"{settings.lag_ticks}")
        self._expected = sizes(watches)
        try:
            self._store = Store(settings, who.replica, layout_sha256(watches, salt), who.tick_s)
        except (ValueError, TypeError):
            # Without the reason, which may quote the address and a password in it.
            words = "fleet.url cannot be used: correct what stands behind its `?`"
            self._failed(StoreError("failed", words))

    async def _serve(self) -> None:
        """Publish and collect, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.publish()
            if not self._jobs:
                due_s = self._ended_s + COLLECT_AT * self._identity.tick_s
                await asyncio.sleep(max(0.0, due_s - clock.now_s()))
            await self.collect()

    async def publish(self) -> None:
        """Publish the ticks that wait; what fails is not tried again, its time is over."""
        while self._jobs:
            job = self._jobs.popleft()
            async with self._guarded() as store:
                if store is None:
                    continue
                meeting = await store.publish(job.tick, job.share)
                self._n_others, self.skew_s = meeting.n_others, meeting.skew_s

    async def collect(self) -> None:
        """Collect the sums that the next turn is to fold."""
        for tick in self._ledger.awaited():
            async with self._guarded() as store:
                if store is None:
                    continue
                # A clock that is ahead would close ticks before the others have published.
                is_ahead = self.skew_s < -SKEWED * self._identity.tick_s
                collected = await store.collect(tick, self._read, may_close=not is_ahead)
                if collected is not None:
                    self._take_in(tick, collected)
                self._n_failures = 0
                self._trouble = ""

    @asynccontextmanager
    async def _guarded(self) -> AsyncIterator[Store | None]:
        """Give the store, or nothing while Redis is left in peace; no failure leaves here."""
        is_paused = clock.now_s() < self._paused_until_s
        try:
            yield None if is_paused else self._store
        except StoreError as error:
            self._failed(error)
        except Exception as error:  # a defect here costs a sum, not the fleet
            log.exception("fleet %s: an exchange failed", self._settings.name)
            self._failed(StoreError("failed", f"a defect: {error!r}"))

    def _take_in(self, tick: int, collected: Collected) -> None:
        """Take over the sum of a tick."""
        for _ in range(collected.n_damaged):
            self._count("error", "damaged")
        if self._unsettled.pop(tick, 0) and self._identity.replica not in collected.shares:
            self.n_late += 1
            self._count("late", "")
        if not collected.shares:
            return
        tallies: list[Tally] = [
            unpack(share.counts, self._expected) for share in collected.shares.values()
        ]
        self._telling = {
            replica: frozenset(share.telling) for replica, share in collected.shares.items()
        }
        self._ledger.provide(tick, Sum(tally=merge(tallies), replicas=tuple(collected.shares)))

    def _read(self, raw: bytes) -> Share | None:
        """Read a share; `None` when it is none, or does not fit."""
        try:
            share = msgspec.msgpack.decode(raw, type=Share)
            unpack(share.counts, self._expected)
        except (msgspec.MsgspecError, PoolingError):
            return None
        return share

    def _failed(self, error: StoreError) -> None:
        """Remember a failure, and ask less often the longer it lasts."""
        self._count("error", error.reason)
        if self._trouble != str(error):
            log.warning("fleet %s: %s; own counts are used", self._settings.name, error)
        self._trouble = str(error)
        self._n_failures += 1
        pause_s = self._identity.tick_s * (2.0 ** min(self._n_failures - 1, 10) - 1)
        self._paused_until_s = clock.now_s() + min(LONGEST_PAUSE_S, pause_s)
