"""Running programs on a core of their own, and counting what they cost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from contenders import BUILD, Contender, Place

PROXY_CORE, LOAD_CORE = 0, 1
_START_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of the load showed."""

    requests: int
    errors: int
    rps: float
    cpu_us: float
    """Processor time of the proxy per request; 0 where there is none."""
    p50_us: float
    p90_us: float
    p99_us: float


class Program:
    """A process group pinned to a core."""

    def __init__(self, command: list[str], core: int, folder: Path, *, rank: int = 0) -> None:
        """Start `command`; with `rank` above 0 under the real-time scheduler, if allowed."""
        prefix = ["taskset", "-c", str(core)]
        if rank and os.geteuid() == 0:
            prefix = ["chrt", "-f", str(rank), *prefix]
        self._log = (folder / f"{Path(command[0]).name}.{time.monotonic_ns()}.log").open("wb")
        self._process = subprocess.Popen(
            [*prefix, *command],
            cwd=BUILD.parent.parent,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def pids(self) -> list[int]:
        """Give its processes, children included."""
        found, wanted = [], {self._process.pid}
        parents = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (entry / "stat").read_text("utf-8")
                    parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
        while wanted:
            found += wanted
            wanted = {pid for pid, parent in parents.items() if parent in wanted}
        return found

    def is_watcher(self, pid: int) -> bool:
        """Tell our watcher's process, which may use another core."""
        with contextlib.suppress(OSError):
            return b"watcher" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def spread(self) -> None:
        """Let our watcher run beside the load, as it would run beside the relay."""
        for pid in self.pids():
            if self.is_watcher(pid):
                os.sched_setaffinity(pid, {LOAD_CORE})

    def cpu_ns(self) -> int:
        """Give the processor time used so far on the main path: all but our watcher's."""
        total = 0
        for pid in self.pids():
            if self.is_watcher(pid):
                continue
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(task.read_text("utf-8").split()[0])
        return total

    def rss_mib(self) -> float:
        """Give the largest resident size among its processes but the watcher."""
        sizes = [0]
        for pid in self.pids():
            if not self.is_watcher(pid):
                with contextlib.suppress(OSError, IndexError):
                    status = Path(f"/proc/{pid}/status").read_text("utf-8")
                    sizes.append(int(status.partition("VmRSS:")[2].split()[0]))
        return max(sizes) / 1024

    def pin(self, core: int) -> None:
        """Move it to another core."""
        self._allow({core})

    def free(self) -> None:
        """Let it run on both cores."""
        self._allow({PROXY_CORE, LOAD_CORE})

    def _allow(self, cores: set[int]) -> None:
        for pid in self.pids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(int(task.name), cores)

    def stop(self) -> None:
        """End the whole group."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._log.close()


class Running:
    """A contender that listens."""

    def __init__(self, contender: Contender, at: Place, *, rank: int = 0) -> None:
        """Start it and wait until it answers."""
        self.contender = contender
        self.port = at.upstream if contender.command is None else at.port
        self.program: Program | None = None
        if contender.command is not None:
            self.program = Program(contender.command(at), PROXY_CORE, at.folder, rank=rank)
            try:
                wait_for(self.port, contender.name)
            except SystemExit:
                self.program.stop()
                raise
            if contender.name.startswith("ours full"):
                time.sleep(2)
                self.program.spread()

    def measure(self, what: tuple[int, int, float, str], *, core: int | None, rank: int = 0) -> Run:
        """Put load on it: (connections, body bytes, seconds, kind); from any core with `None`."""
        before = self.program.cpu_ns() if self.program else 0
        words = [str(word) for word in (self.port, *what)]
        prefix = [] if core is None else ["taskset", "-c", str(core)]
        if rank and os.geteuid() == 0:
            prefix = ["chrt", "-f", str(rank), *prefix]
        done = subprocess.run(
            [*prefix, str(BUILD / "load"), *words], capture_output=True, text=True, check=True
        )
        after = self.program.cpu_ns() if self.program else 0
        requests, errors, seconds, *quantiles = (float(word) for word in done.stdout.split())
        return Run(
            requests=int(requests),
            errors=int(errors),
            rps=requests / seconds,
            cpu_us=(after - before) / 1000 / max(requests, 1),
            p50_us=quantiles[0],
            p90_us=quantiles[1],
            p99_us=quantiles[2],
        )

    def stop(self) -> None:
        """End it."""
        if self.program is not None:
            self.program.stop()


def free_ports(n: int) -> list[int]:
    """Give `n` ports that are free now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait_for(port: int, name: str) -> None:
    """Wait until someone listens on `port`."""
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit(f"{name} does not listen on {port} after {_START_S:g} s: see bench/.build")
