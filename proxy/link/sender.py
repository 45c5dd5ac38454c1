"""The relay's end of the link: a bounded outbox that is never waited for.

`put` encodes and appends; a timer flushes every 100 ms, a full batch at once. While the watcher is
away or slow, full batches wait as frames of their own, so that neither end ever has to move all of
them in one go. The outbox fills up to its bounds, and what comes then is dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Final, cast

from proxy.link.frames import (
    FrameSplitter,
    LinkError,
    append_report,
    batch_frame,
    read_routing,
)
from proxy.records import Capture, Exchange, Report, Routing
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

FLUSH_INTERVAL_S: Final = 0.1
FLUSH_BYTES: Final = 64 * 1024
RECONNECT_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits before the next attempt to reach the watcher; the last one repeats."""


def kind_of(report: Report) -> str:
    """Name a report's kind as the metrics do."""
    if type(report) is Exchange:
        return "exchange"
    return "capture" if type(report) is Capture else "pulse"


class LinkSender:
    """Sends reports to the watcher at `path`, and receives the routing."""

    def __init__(
        self,
        path: str,
        on_routing: Callable[[Routing], None],
        *,
        max_bytes: int = 16 * 1024 * 1024,
        max_records: int = 100_000,
    ) -> None:
        """Bound the outbox by bytes and by records."""
        self._path = path
        self._on_routing = on_routing
        self._max_bytes = max_bytes
        self._max_records = max_records
        self._batch = bytearray()
        self._n_reports = 0
        self._waiting: deque[tuple[bytes, int]] = deque()
        """Frames that are not sent yet, oldest first, each with the number of its reports."""
        self._waiting_bytes = 0
        self._n_waiting = 0
        self._link: _SenderProtocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tasks = TaskGroup("link", limit=1)
        self._closing = False
        self.dropped: dict[str, int] = {"exchange": 0, "capture": 0, "pulse": 0}

    @property
    def connected(self) -> bool:
        """Tell whether the watcher is there."""
        return self._link is not None

    @property
    def fullness(self) -> float:
        """Give how full the outbox is, 0 to 1."""
        n_bytes = self._waiting_bytes + len(self._batch)
        n_reports = self._n_waiting + self._n_reports
        return min(1.0, max(n_bytes / self._max_bytes, n_reports / self._max_records))

    def put(self, report: Report) -> bool:
        """Queue a report; `False` when it was dropped. Never waits, never raises."""
        batch = self._batch
        before = len(batch)
        if (
            self._n_waiting + self._n_reports >= self._max_records
            or self._waiting_bytes + before >= self._max_bytes
        ):
            self.dropped[kind_of(report)] += 1
            return False
        try:
            append_report(batch, report)
        except (TypeError, ValueError, OverflowError):
            # A report that cannot be encoded is a bug, but never the request's problem.
            del batch[before:]
            self.dropped[kind_of(report)] += 1
            return False
        self._n_reports += 1
        if len(batch) >= FLUSH_BYTES:
            self._flush()
        return True

    def start(self) -> None:
        """Begin to connect and to flush; needs a running event loop."""
        self._tasks.spawn("sender", self._keep_connected())
        self._schedule()

    async def close(self) -> None:
        """Flush what is queued, as far as the watcher takes it at once, and disconnect."""
        self._closing = True
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        await self._tasks.close()
        if self._link is not None:
            await self._link.finish()

    def _schedule(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(FLUSH_INTERVAL_S, self._on_timer)

    def _on_timer(self) -> None:
        self._flush()
        if not self._closing:
            self._schedule()

    def _flush(self) -> None:
        """Close the batch and send what may be sent."""
        if self._n_reports:
            frame = batch_frame(self._batch, self._n_reports)
            self._waiting.append((frame, self._n_reports))
            self._waiting_bytes += len(frame)
            self._n_waiting += self._n_reports
            self._batch = bytearray()
            self._n_reports = 0
        self._send_waiting()

    def _send_waiting(self) -> None:
        waiting, link = self._waiting, self._link
        while waiting and link is not None and not link.paused:
            frame, n_reports = waiting[0]
            if not link.send(frame):
                return
            waiting.popleft()
            self._waiting_bytes -= len(frame)
            self._n_waiting -= n_reports

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        attempt = 0
        while True:
            try:
                _, protocol = await loop.create_unix_connection(
                    lambda: _SenderProtocol(self._on_routing, self._send_waiting), self._path
                )
            except OSError:
                await asyncio.sleep(RECONNECT_S[min(attempt, len(RECONNECT_S) - 1)])
                attempt += 1
                continue
            attempt = 0
            self._link = protocol
            await self._link.lost
            self._link = None


class _SenderProtocol(asyncio.Protocol):
    """One connection to the watcher."""

    def __init__(self, on_routing: Callable[[Routing], None], on_ready: Callable[[], None]) -> None:
        self._on_routing = on_routing
        self._on_ready = on_ready
        self._splitter = FrameSplitter(max_frame_bytes=64 * 1024)
        self._transport: asyncio.Transport | None = None
        self.paused = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=1024 * 1024)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._on_routing(read_routing(body))
        except LinkError as error:
            log.warning("link: dropping the watcher's connection: %s", error)
            if self._transport is not None:
                self._transport.abort()

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        self._on_ready()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        if not self.lost.done():
            self.lost.set_result(None)

    def send(self, frame: bytes) -> bool:
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(frame)
        return True

    async def finish(self) -> None:
        """Let the written bytes leave, at most for a second."""
        if self._transport is not None:
            self._transport.close()
        await asyncio.wait([self.lost], timeout=1.0)
