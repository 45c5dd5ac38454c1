"""The processes of the demonstration: two model servers and the sidecar, each with a log file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from proxy.clock import now_s
from proxy.demo.flights import DemoError
from proxy.demo.server import HOT_FIX_PATH

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 15.0
MODEL_NAME: Final = "flights"
"""Name under which both servers know their model, as after any redeployment."""
_TAIL_LINES: Final = 12
_KIB: Final = 1024


def free_port() -> int:
    """Give a port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Program:
    """One process with its log file."""

    def __init__(self, name: str, folder: Path) -> None:
        """Call it `name` and log to `folder`."""
        self.name = name
        self.log_path = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int | None:
        """The running process; None when there is none."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self, *arguments: str, is_read: bool = False) -> asyncio.StreamReader | None:
        """Start `python -m ARGUMENTS`; what it writes goes to the log.

        With `is_read` its standard output is given to the caller instead.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if is_read else log,
                stderr=log,
                # Ctrl-C in the terminal is for the director, who then stops everyone in order.
                start_new_session=True,
            )
        return self._process.stdout

    def send(self, number: signal.Signals) -> None:
        """Send a signal, if there is a process to get it."""
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def stop(self) -> None:
        """Ask the process to end; kill it and its children when it does not in time."""
        if self._process is None:
            return
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    async def kill(self) -> None:
        """End the process at once, as a crash would."""
        self.send(signal.SIGKILL)
        if self._process is not None:
            await self._process.wait()

    def ended(self) -> int | None:
        """Give the exit code; None while it runs."""
        return self._process.returncode if self._process is not None else None

    def tail(self) -> str:
        """Give the last lines of the log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        return "(no log)"


class ModelServer(Program):
    """A model behind HTTP, that keeps its port when it is started again."""

    def __init__(self, name: str, model: Path, folder: Path) -> None:
        """Serve the trained `model`."""
        super().__init__(name, folder)
        self._model = model
        self._port = 0

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    async def serve(self) -> None:
        """Start, and return when it listens.

        Raises:
            DemoError: it ended or did not listen in time.
        """
        output = await self.start(
            "proxy.demo.server",
            *("--model", str(self._model), "--name", MODEL_NAME, "--port", str(self._port)),
            is_read=True,
        )
        try:
            if output is not None:
                self._port = int(await asyncio.wait_for(output.readline(), START_TIMEOUT_S))
        except (TimeoutError, ValueError) as error:
            await self.kill()
            raise DemoError(f"{self.name} does not start:\n{self.tail()}") from error

    async def hot_fix(self, session: aiohttp.ClientSession, *, applied: bool) -> None:
        """Put the bug in force, or take it back.

        Raises:
            DemoError: the server did not do it.
        """
        url = self.url + HOT_FIX_PATH
        async with session.post(url, json={"applied": applied}) as response:
            if response.status != 200:  # noqa: PLR2004 - what HTTP calls done
                raise DemoError(f"{self.name}: the hot fix was answered {response.status}")


class Sidecar(Program):
    """The sidecar under demonstration: the real command, with the demonstration's configuration."""

    def __init__(self, config: Path, admin_url: str, folder: Path) -> None:
        """Run with the file `config`, whose admin door is `admin_url`."""
        super().__init__("stablehand", folder)
        self._config = config
        self._admin_url = admin_url

    async def serve(self, session: aiohttp.ClientSession) -> None:
        """Start, and return when it says that it is ready.

        Raises:
            DemoError: it ended or was not ready in time.
        """
        await self.start("proxy", "run", str(self._config))
        deadline_s = now_s() + START_TIMEOUT_S
        while not await self._is_ready(session):
            if self.ended() is not None:
                raise DemoError(f"the sidecar ended with {self.ended()}:\n{self.tail()}")
            if now_s() > deadline_s:
                raise DemoError(f"the sidecar is not ready in time:\n{self.tail()}")
            await asyncio.sleep(0.1)

    async def _is_ready(self, session: aiohttp.ClientSession) -> bool:
        """Tell whether traffic may come and the watcher is up."""
        for path in ("/readyz", "/api/v1/status"):
            try:
                async with session.get(self._admin_url + path) as response:
                    if response.status != 200:  # noqa: PLR2004 - what HTTP calls done
                        return False
            except (aiohttp.ClientError, TimeoutError):
                return False
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What one process holds in memory."""

    name: str
    resident_mib: float


def memory_of(pid: int) -> list[Memory]:
    """Give the resident memory of a sidecar's processes, by what they are; empty off Linux."""
    found = [_memory("supervisor", pid)]
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    for child in children:
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace")
            name = "relay" if "relay" in command else "watcher"
            found.append(_memory(name, int(child)))
    return [one for one in found if one is not None]


def _memory(name: str, pid: int) -> Memory | None:
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return Memory(name=name, resident_mib=int(line.split()[1]) / _KIB)
    return None
