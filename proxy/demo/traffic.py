"""The client of the demonstration: replays flights in time order, and counts every failure.

The load is open: requests leave at random moments (a Poisson stream of `rate_per_s`) whether or not
earlier ones were answered, as independent clients would send them, and latency counts from the
moment a request was due. A request fails when it is refused, cut, late, answered with another
status than 200, or answered with something that is no prediction. Nothing is tried again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import aiohttp
import msgspec
import numpy as np

from proxy.clock import now_s
from proxy.demo.flights import Flights
from proxy.records import Scalar
from proxy.tasks import TaskGroup

Row: TypeAlias = dict[str, Scalar]
Change: TypeAlias = Callable[[Row], Row]

RATE_PER_S: Final = 250.0
"""One second is then about six hours of flights."""
TIMEOUT_S: Final = 10.0
MAX_RUNNING: Final = 512
MAX_CONNECTIONS: Final = 64
KEPT_LATENCIES: Final = 1000
KEPT_FAILURES: Final = 20
_BLOCK_ROWS: Final = 500

_encode: Final = msgspec.json.Encoder().encode


class Prediction(msgspec.Struct):
    """An answer of the models."""

    predictions: list[list[float]]


_decode: Final = msgspec.json.Decoder(Prediction).decode


def request_body(*rows: Mapping[str, Scalar]) -> bytes:
    """Give the V1 request that asks about departures."""
    return _encode({"instances": rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the client has seen so far."""

    n_sent: int
    n_answered: int
    n_failed: int
    failures: tuple[str, ...]
    """The first failures, in words; bounded."""
    reasons: Mapping[str, int]
    """All failures, by kind."""
    rate_per_s: float
    """Answers in the last full second."""
    p50_s: float
    """Median latency of the last answers; 0 before the first."""
    p99_s: float
    flight_time: str
    """Where in 2013 the replay is."""


class Traffic:
    """Replays departures as requests to one model behind `url`, until it is stopped."""

    def __init__(
        self, url: str, flights: Flights, rng: np.random.Generator, rate_per_s: float = RATE_PER_S
    ) -> None:
        """Send to `url`, the full address of the prediction, `rate_per_s` requests a second."""
        self.url = url
        self._flights = flights
        self._rng = rng
        self._rate_per_s = rate_per_s
        self.change: Change | None = None
        """What happens to each row before it is sent: the data bug. None: nothing."""
        self._stopping = asyncio.Event()
        self._ended = asyncio.Event()
        self._running = TaskGroup("traffic", limit=MAX_RUNNING)
        self._n_sent = self._n_answered = self._n_failed = 0
        self._failures: list[str] = []
        self._reasons: Counter[str] = Counter()
        self._latencies: deque[float] = deque(maxlen=KEPT_LATENCIES)
        self._answered_by_second: deque[tuple[int, int]] = deque([(0, 0)], maxlen=3)

    async def run(self) -> None:
        """Send until `stop` is called, then wait for what is still running."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=MAX_CONNECTIONS)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            due_s = now_s()
            while not self._stopping.is_set():
                for row in self._block():
                    due_s += float(self._rng.exponential(1 / self._rate_per_s))
                    if (wait_s := due_s - now_s()) > 0:
                        await asyncio.sleep(wait_s)
                    if self._stopping.is_set():
                        break
                    self._send(session, row, due_s)
            self._note_end()
            await self._ended.wait()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()

    async def close(self) -> None:
        """Send no more, and wait for the answers that are still due."""
        self.stop()
        await asyncio.wait_for(self._ended.wait(), 2 * TIMEOUT_S)

    @property
    def n_sent(self) -> int:
        """Requests sent so far: the clock in which delays are counted as rows."""
        return self._n_sent

    def tally(self) -> Tally:
        """Give what was seen so far."""
        latencies = np.array(self._latencies) if self._latencies else np.zeros(1)
        p50_s, p99_s = (float(value) for value in np.quantile(latencies, [0.5, 0.99]))
        seconds = list(self._answered_by_second)
        place = self._n_sent % len(self._flights)
        return Tally(
            n_sent=self._n_sent,
            n_answered=self._n_answered,
            n_failed=self._n_failed,
            failures=tuple(self._failures),
            reasons=dict(self._reasons),
            rate_per_s=float(seconds[-2][1]) if len(seconds) > 1 else 0.0,
            p50_s=p50_s,
            p99_s=p99_s,
            flight_time=str(self._flights.departed[place]).replace("T", " "),
        )

    def _block(self) -> list[Row]:
        """Give the next departures; after the last one the replay begins again."""
        start = self._n_sent % len(self._flights)
        return self._flights.rows(start, min(start + _BLOCK_ROWS, len(self._flights)))

    def _note_end(self) -> None:
        """Note when nothing more is sent and nothing waits for an answer."""
        if self._stopping.is_set() and self._n_answered + self._n_failed == self._n_sent:
            self._ended.set()

    def _send(self, session: aiohttp.ClientSession, row: Row, due_s: float) -> None:
        self._n_sent += 1
        changed = row if self.change is None else self.change(row)
        if self._running.spawn("request", self._ask(session, request_body(changed), due_s)) is None:
            self._failed("not sent", f"{MAX_RUNNING} requests were already waiting for an answer")

    async def _ask(self, session: aiohttp.ClientSession, body: bytes, due_s: float) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(self.url, data=body, headers=headers) as response:
                answer = await response.read()
            if response.status != 200:  # noqa: PLR2004 - what HTTP calls done
                self._failed(f"status {response.status}", answer[:200].decode(errors="replace"))
                return
            _decode(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._failed(type(error).__name__, str(error))
        except msgspec.MsgspecError as error:
            self._failed("no prediction", str(error))
        else:
            self._answered(now_s(), due_s)

    def _answered(self, at_s: float, due_s: float) -> None:
        self._n_answered += 1
        self._latencies.append(at_s - due_s)
        second, count = self._answered_by_second[-1]
        if int(at_s) == second:
            self._answered_by_second[-1] = (second, count + 1)
        else:
            self._answered_by_second.append((int(at_s), 1))
        self._note_end()

    def _failed(self, kind: str, detail: str) -> None:
        self._n_failed += 1
        self._reasons[kind] += 1
        if len(self._failures) < KEPT_FAILURES:
            self._failures.append(f"request {self._n_sent}: {kind}: {detail}")
        self._note_end()
