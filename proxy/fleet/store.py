"""Where replicas meet: the keys in Redis, and the few commands on them.

One hash per tick and layout holds the counts of each replica, written once (HSETNX) and never
changed. Who collects a tick first closes it by writing the list of those that are in (HSETNX
again, so there is one list), and everybody adds up just these: counts that come after the closing
are late for all alike. Keys expire; every answer is bounded before it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct
from redis import asyncio as redis
from redis import exceptions as failures

from proxy import clock
from proxy.fleet.settings import FleetSettings

MAX_REPLICAS: Final = 256
MAX_SHARE_BYTES: Final = 2**20
"""One replica's counts of one tick, compressed: a thousand columns are a tenth of it."""
MAX_TICK_BYTES: Final = 2**25
"""All that is kept of one tick: more is not read."""
KEPT_TICKS: Final = 30
"""A key lives for as many ticks after those of the lag, and at least a minute."""
ALIVE_TICKS: Final = 6
"""A replica is counted for as many ticks after it last published."""
CLOSED: Final = b"closed"
"""Field of a tick's hash: the list of the replicas whose counts are in the sum."""
_VERSION: Final = "1"


class StoreError(Exception):
    """Redis could not be used; `reason` is one word for the metrics."""

    def __init__(self, reason: str, words: str) -> None:
        """Keep the word and say what happened."""
        super().__init__(words.rstrip("."))
        self.reason = reason


class Share(Struct, frozen=True, array_like=True):
    """What one replica publishes of one tick."""

    counts: bytes
    """Packed by `stats.engine.pooling`."""
    telling: tuple[str, ...] = ()
    """Alarms that opened an incident which is not over on this replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """What publishing told about the fleet."""

    n_others: int
    """Live replicas of this name with another benchmark, layout, tick or lag."""
    skew_s: float
    """How far Redis' clock is ahead of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The shares that make up a tick's sum."""

    shares: dict[str, Share]
    """By replica, in order of their names."""
    n_damaged: int
    """Shares that could not be read, and were left out."""


Read = Callable[[bytes], Share | None]


class Store:
    """One replica's door to the shared Redis."""

    def __init__(self, settings: FleetSettings, replica: str, layout: str, tick_s: float) -> None:
        """Meet those with the same `layout`; nothing is connected before the first call."""
        self._timeout_s = settings.timeout_s
        self._replica = replica.encode()
        # The braces keep all keys of a fleet on one node of a cluster.
        prefix = f"stablehand:{{{settings.name}}}:{_VERSION}"
        self._everyone = f"{prefix}:replicas"
        self._alike = f"{prefix}:{layout[:16]}:replicas"
        self._ticks = f"{prefix}:{layout[:16]}:tick"
        kept_ticks = KEPT_TICKS + settings.lag_ticks
        self._ttl_ms = int(1000 * max(60.0, kept_ticks * tick_s))
        self._alive_s = ALIVE_TICKS * tick_s
        self._redis = _connect(settings)

    async def publish(self, tick: int, share: Share) -> Meeting:
        """Write our counts of a tick and a sign of life.

        Raises:
            StoreError: Redis cannot be used, or the counts are too large.
        """
        raw = msgspec.msgpack.encode(share)
        if len(raw) > MAX_SHARE_BYTES:
            raise StoreError("too_large", f"the counts of a tick are {len(raw)} bytes")
        key = f"{self._ticks}:{tick}"
        began = clock.utc().timestamp()
        async with self._in_time():
            line = self._redis.pipeline(transaction=False)
            line.hsetnx(key, self._replica, raw)
            line.pexpire(key, self._ttl_ms)
            for members in (self._everyone, self._alike):
                line.zadd(members, {self._replica: began})
                line.zremrangebyscore(members, "-inf", began - self._alive_s)
                line.pexpire(members, self._ttl_ms)
                line.zcount(members, began - self._alive_s, began + self._alive_s)
            line.time()
            told = await line.execute()
        seconds, microseconds = told[-1]
        middle = (began + clock.utc().timestamp()) / 2
        return Meeting(
            n_others=max(0, int(told[5]) - int(told[9])),
            skew_s=seconds + microseconds / 1e6 - middle,
        )

    async def collect(self, tick: int, read: Read, *, may_close: bool = True) -> Collected | None:
        """Close a tick, unless somebody has, and give the shares that are in it.

        Args:
            tick: its number.
            read: gives a share, or `None` for bytes that are none; every replica must read alike.
            may_close: whether our clock is good enough to say that the tick's time is over.

        Returns:
            What is in the sum. `None`: nobody has closed the tick, and we may not.

        Raises:
            StoreError: Redis cannot be used, or what it holds is too much or no list.
        """
        key = f"{self._ticks}:{tick}"
        async with self._in_time():
            found = await self._read(key)
            if CLOSED not in found and not may_close:
                return None
            if CLOSED not in found:
                names = msgspec.msgpack.encode(_names(found, read))
                line = self._redis.pipeline(transaction=False)
                line.hsetnx(key, CLOSED, names)
                line.pexpire(key, self._ttl_ms)
                was_first, _ = await line.execute()
                # If somebody else was first, what came in between is in that list.
                found = found | {CLOSED: names} if was_first else await self._read(key)
        return _chosen(found, read)

    async def close(self) -> None:
        """Hang up.

        Raises:
            StoreError: the other end does not answer the end of a TLS connection in time.
        """
        async with self._in_time():
            await self._redis.aclose()

    async def _read(self, key: str) -> dict[bytes, bytes]:
        line = self._redis.pipeline(transaction=False)
        line.hlen(key)
        line.memory_usage(key, samples=0)
        n, size = await line.execute(raise_on_error=False)
        if isinstance(n, Exception):
            raise n
        # Where the access list forbids to ask for the size, the number of shares must do.
        if n > MAX_REPLICAS + 1 or (isinstance(size, int) and size > MAX_TICK_BYTES):
            raise StoreError("too_large", f"{key} has {n} fields of {size} bytes")
        line.hgetall(key)
        [found] = await line.execute()
        return dict(found)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """Bound the time of an exchange, and say in our words why it failed."""
        try:
            async with asyncio.timeout(self._timeout_s):
                yield
        except (TimeoutError, failures.TimeoutError) as error:
            words = f"Redis did not answer within {self._timeout_s:g} s"
            raise StoreError("timeout", words) from error
        except (failures.AuthenticationError, failures.AuthorizationError) as error:
            raise StoreError("refused", f"Redis refuses us: {error}") from error
        except failures.NoPermissionError as error:
            raise StoreError("refused", f"Redis' access list refuses us: {error}") from error
        except (failures.ConnectionError, OSError) as error:
            raise StoreError("unreachable", f"Redis cannot be reached: {error}") from error
        except failures.OutOfMemoryError as error:
            raise StoreError("full", f"Redis is full: {error}") from error
        except (failures.RedisError, ValueError, TypeError) as error:
            raise StoreError("failed", f"Redis answers oddly: {error}") from error


def _connect(settings: FleetSettings) -> redis.Redis:
    """Give the client; it connects with its first command."""
    url = settings.url
    if settings.tls and url.startswith("redis:"):
        url = f"rediss:{url.removeprefix('redis:')}"
    pool = redis.ConnectionPool.from_url(
        url,
        username=settings.username or None,
        password=settings.password or None,
        socket_timeout=settings.timeout_s,
        socket_connect_timeout=settings.timeout_s,
        max_connections=2,
        # Every server and proxy since Redis 4 speaks it.
        protocol=2,
        # We try again with the next tick; a retry inside would only take its time.
        retry=None,
        **({"ssl_ca_certs": settings.ca_file} if settings.ca_file else {}),
    )
    return redis.Redis.from_pool(pool)


def _names(found: Mapping[bytes, bytes], read: Read) -> list[bytes]:
    readable = (name for name, raw in found.items() if name != CLOSED and read(raw) is not None)
    return sorted(readable)[:MAX_REPLICAS]


def _chosen(found: Mapping[bytes, bytes], read: Read) -> Collected:
    try:
        names = msgspec.msgpack.decode(found.get(CLOSED, b""), type=list[bytes])
    except msgspec.MsgspecError as error:
        raise StoreError("damaged", f"the list of a tick's replicas is damaged: {error}") from error
    shares = {name: read(raw) for name, raw in found.items() if name != CLOSED}
    listed = sorted(set(names))[:MAX_REPLICAS]
    n_lost = sum(name not in shares for name in listed)
    return Collected(
        shares={
            name.decode(errors="replace"): share
            for name in listed
            if (share := shares.get(name)) is not None
        },
        n_damaged=n_lost + sum(share is None for share in shares.values()),
    )
