"""What a faulty shadow does to the main path: `python bench/isolation.py`.

Every request is mirrored. Each fault is measured against a shadow that is well, in turns; the
targets are those of the failure model: no error, p99 at most 5 % and 5 ms later, memory at most
32 MiB more.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from contenders import BUILD, HERE
from measure import LOAD_CORE, PROXY_CORE, Program, free_ports, wait_for

MOST_LATER, MOST_LATER_MS, MOST_MIB = 1.05, 5, 32
"""The targets: p99 as a factor and beyond it in milliseconds, and memory."""
Fault = Callable[[socket.socket], None]


def _swallows(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def _slow(connection: socket.socket) -> None:
    while connection.recv(65_536):
        time.sleep(2)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def _drips(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.01)


def _huge(connection: socket.socket) -> None:
    while connection.recv(65_536):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n")
        connection.sendall(b"x" * 20_000_000)


def _resets(connection: socket.socket) -> None:
    connection.recv(65_536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def _fails(connection: socket.socket) -> None:
    while connection.recv(65_536):
        connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")


FAULTS: dict[str, Fault | None] = {
    "refuses": None,
    "resets": _resets,
    "answers 500": _fails,
    "is 2 s slow": _slow,
    "drips": _drips,
    "sends 20 MB": _huge,
    "swallows everything": _swallows,
}


class FaultyShadow:
    """A shadow with one fault, in threads."""

    def __init__(self, fault: Fault | None) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self._fault = fault
        if fault is None:
            self._listening.close()
        else:
            threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                if self._fault is not None:
                    self._fault(connection)
        except OSError:
            # The relay has dropped the copy, as it should.
            return

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()


def relay(upstream: int, shadow: int, folder: Path) -> tuple[Program, int]:
    """Start a relay that mirrors everything."""
    (port,) = free_ports(1)
    settings = folder / f"isolation{port}.json"
    settings.write_text(
        f'{{"models": {{"candidate": {{"url": "http://127.0.0.1:{upstream}"}},'
        f' "stable": {{"url": "http://127.0.0.1:{shadow}"}}}},'
        f' "listen": {{"host": "127.0.0.1", "port": {port}, "lame_duck_s": 0}},'
        f' "mirror": {{"fraction": 1.0, "timeout_s": 2}}}}',
        "utf-8",
    )
    start = f"exec {sys.executable} -m proxy.relay --settings-fd 3 3< {settings}"
    program = Program(["/bin/sh", "-c", start], PROXY_CORE, folder)
    wait_for(port, "the relay")
    return program, port


def load(port: int, seconds: float) -> tuple[int, float]:
    """Put load on it; give errors and p99 in milliseconds."""
    words = [str(BUILD / "load"), str(port), "8", "2048", str(seconds), "same"]
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *words], capture_output=True, text=True, check=True
    )
    figures = done.stdout.split()
    return int(figures[1]), float(figures[5]) / 1000


def main() -> int:
    """Measure every fault; fail when one reaches the main path."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    # A benchmark that is ended takes its contenders along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not (BUILD / "load").exists():
        subprocess.run(["sh", str(HERE / "setup.sh")], check=True)
    is_good = True
    # Faulty shadows are threads of this process: they must not share the relay's core.
    os.sched_setaffinity(0, {LOAD_CORE})
    print("| shadow | errors | p99 ms, well | p99 ms, faulty | MiB more |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        upstream, well = free_ports(2)
        origins = [
            Program([str(BUILD / "origin"), str(port), "2048", "0"], LOAD_CORE, folder)
            for port in (upstream, well)
        ]
        for port in (upstream, well):
            wait_for(port, "the upstream")
        good, good_port = relay(upstream, well, folder)
        for fault, behaviour in FAULTS.items():
            shadow = FaultyShadow(behaviour)
            bad, bad_port = relay(upstream, shadow.port, folder)
            pairs = [
                (load(good_port, options.seconds), load(bad_port, options.seconds))
                for _ in range(options.rounds)
            ]
            errors = sum(faulty[0] for _, faulty in pairs)
            with_good = median(fine[1] for fine, _ in pairs)
            with_bad = median(faulty[1] for _, faulty in pairs)
            more = bad.rss_mib() - good.rss_mib()
            is_late = with_bad > with_good * MOST_LATER + MOST_LATER_MS
            is_good &= not (errors or is_late or more > MOST_MIB)
            print(f"| {fault} | {errors} | {with_good:.2f} | {with_bad:.2f} | {more:+.0f} |")
            bad.stop()
            shadow.close()
        for program in (good, *origins):
            program.stop()
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
