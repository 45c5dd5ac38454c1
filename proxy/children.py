"""One supervised process: started, listened to, restarted when it dies or falls silent.

A child writes a `Pulse` to its pipe once a second. The pipe also tells the child that its
supervisor is gone: a write to it then fails, and the child drains and ends by itself, so that no
orphan keeps the port.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxy.clock import now_s
from proxy.link.frames import FrameSplitter, LinkError, read_pulse
from proxy.records import Pulse

log = logging.getLogger(__name__)

RESTART_WAITS_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Wait before each restart in a row: the first is immediate, for traffic waits for it."""
STEADY_S: Final = 5.0
"""A child that lived this long starts again at the first wait: what cannot live dies sooner."""
SILENCE_S: Final = 15.0
"""A child without a pulse for this long is stuck, and is killed. Well above any pause that a busy
but healthy process makes."""
START_S: Final = 60.0
"""Time for the first pulse: imports on a cold, throttled node take many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """How to start a child: its command and the descriptors it inherits."""

    arguments: tuple[str, ...]
    """Command line; `{pulse}` stands for the number of the pulse descriptor."""
    descriptors: tuple[int, ...] = ()
    """Descriptors passed on."""
    owned: tuple[int, ...] = ()
    """Those of them that are closed here once the child has them."""


class Child:
    """Keeps one process running until it is told to stop."""

    def __init__(self, name: str, launch: Callable[[], Launch]) -> None:
        """Call `launch` before each start: a restart may need fresh descriptors."""
        self.name = name
        self._launch = launch
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._watchdog: asyncio.TimerHandle | None = None
        self._started_s = 0.0
        self.pulse: Pulse | None = None
        self.n_starts = 0
        self.ended: int | None = None
        """Exit code of the last process; negative for a signal. `None`: none has ended."""

    @property
    def pid(self) -> int | None:
        """The running process. `None`: between two processes."""
        return self._process.pid if self._process is not None else None

    def is_alive(self, silence_s: float = SILENCE_S) -> bool:
        """Tell whether the process has shown life within `silence_s`."""
        return (
            self._process is not None
            and self.pulse is not None
            and now_s() - self.pulse.at_s < silence_s
        )

    async def keep(self) -> None:
        """Start the process, and again whenever it ends, until `stop` is called."""
        restarts = 0
        while not self._stopping.is_set():
            self._started_s = now_s()
            await self._run_once()
            if self._stopping.is_set():
                return
            if now_s() - self._started_s > STEADY_S:
                restarts = 0
            wait_s = RESTART_WAITS_S[min(restarts, len(RESTART_WAITS_S) - 1)]
            restarts += 1
            log.error("%s ended with %s; starting it again in %g s", self.name, self.ended, wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait_s)

    async def _run_once(self) -> None:
        """Start the process and stay with it until it ends."""
        try:
            process, reading = await self._start()
        except OSError as error:
            log.error("%s cannot be started: %s", self.name, error)  # noqa: TRY400  # no trace
            self.ended = 1
            return
        self._process = process
        self.n_starts += 1
        pipe = await _listen(reading, self._felt)
        self._watch()
        try:
            self.ended = await process.wait()
        finally:
            if self._watchdog is not None:
                self._watchdog.cancel()
            pipe.close()
            self._process = None
            self.pulse = None

    async def _start(self) -> tuple[asyncio.subprocess.Process, int]:
        """Start the process; give it with the end of the pipe that its pulses come from.

        Raises:
            OSError: the program is missing, or the host has no more descriptors or memory.
        """
        launch = self._launch()
        try:
            reading, writing = os.pipe()
            try:
                process = await asyncio.create_subprocess_exec(
                    *(word.replace("{pulse}", str(writing)) for word in launch.arguments),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(*launch.descriptors, writing),
                )
            except OSError:
                os.close(reading)
                raise
            finally:
                os.close(writing)
        finally:
            for descriptor in launch.owned:
                os.close(descriptor)
        return process, reading

    def _felt(self, pulse: Pulse) -> None:
        self.pulse = pulse

    def _check_silence(self) -> None:
        heard_s = self.pulse.at_s if self.pulse is not None else self._started_s
        limit_s = SILENCE_S if self.pulse is not None else START_S
        if now_s() - heard_s > limit_s:
            log.error("%s has been silent for %g s; killing it", self.name, limit_s)
            self.send(signal.SIGKILL)
            return
        self._watch()

    def _watch(self) -> None:
        self._watchdog = asyncio.get_running_loop().call_later(1.0, self._check_silence)

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process to get it."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ask the process to end and do not start it again; `keep` returns when it has ended."""
        self._stopping.set()
        self.send(number)


class _PulseReader(asyncio.Protocol):
    """Reads pulses from a child's pipe."""

    def __init__(self, on_pulse: Callable[[Pulse], None]) -> None:
        self._on_pulse = on_pulse
        self._splitter = FrameSplitter(max_frame_bytes=64 * 1024)

    def data_received(self, data: bytes) -> None:
        try:
            for body in self._splitter.feed(data):
                self._on_pulse(read_pulse(body))
        except LinkError as error:
            log.warning("a child's pulse cannot be read: %s", error)


async def _listen(reading: int, on_pulse: Callable[[Pulse], None]) -> asyncio.BaseTransport:
    """Attach a reader to the pipe; closing the transport closes the descriptor."""
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: _PulseReader(on_pulse), os.fdopen(reading, "rb", buffering=0)
    )
    return transport
