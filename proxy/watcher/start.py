"""How a watcher is started: its command line, its log, its place behind those who serve."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from proxy import logs
from proxy.benchmark import BenchmarkError
from proxy.config import ConfigError, Loaded, load
from proxy.logs import QueueWriter
from proxy.watcher.assembly import read_benchmark
from proxy.watcher.process import Watcher

NICENESS: Final = 10
"""A tenth of the weight of a relay on the same core."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one watcher; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxy.watcher")
    parser.add_argument("config", type=Path)
    parser.add_argument("--text-fd", type=int, help="descriptor of the text that is in force")
    parser.add_argument("--run-dir", type=Path, default=Path(), help="folder of the sockets")
    parser.add_argument("--check", action="store_true", help="read what is needed, and end")
    parser.add_argument("--pulse-fd", type=int, help="descriptor that pulses are written to")
    given = parser.parse_args(arguments)
    try:
        loaded = load(given.config, text=_text(given.text_fd))
        if given.check:
            read_benchmark(loaded)
            return 0
    except ConfigError as error:
        return _refuse(str(error))
    except BenchmarkError as error:
        return _refuse(f"{loaded.benchmark_path}: {error}")
    settings = loaded.config.telemetry.log
    writer = logs.start("watcher", level=settings.level, max_lines=settings.max_lines)
    _step_back()
    if given.pulse_fd is not None:
        os.set_blocking(given.pulse_fd, False)  # the system's own signature
    try:
        return uvloop.run(_watch(loaded, given.run_dir, given.pulse_fd, writer))
    finally:
        writer.close()


def _text(descriptor: int | None) -> str | None:
    """Read what the supervisor put into force, whatever stands in the file by now."""
    if descriptor is None:
        return None
    with os.fdopen(descriptor, encoding="utf-8", newline="") as file:
        return file.read()


def _step_back() -> None:
    """Give way to whoever serves requests: on a full machine samples are lost, not answers."""
    with contextlib.suppress(OSError):
        # A real-time priority that the relays were given is not for thinking.
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.nice(NICENESS)


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  # there is no log yet
    return 2


async def _watch(loaded: Loaded, run_dir: Path, pulse_fd: int | None, writer: QueueWriter) -> int:
    return await Watcher(loaded, run_dir, pulse_fd, writer).run()
