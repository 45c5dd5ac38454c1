"""What each part of watching costs the relay: `python bench/parts.py`.

The relay alone, with one part more each time: records of exchanges sent to a watcher (here someone
who reads and forgets), samples of about a tenth of the requests, copies of a tenth to the shadow.
Load, upstreams and relay share one core, which is by far the steadiest figure: no wake-ups across
cores. Runs are interleaved; every figure is the median of paired differences and ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from contenders import BUILD, CONTENDERS, HERE, Contender, Place
from measure import LOAD_CORE, PROXY_CORE, Run
from relay import RANK, stage

NOTHING = [["nothing", "^/nothing$"]]
"""A route that nothing matches: nothing is sampled."""
ALMOST_NONE, A_TENTH = 0.001, 5000.0
"""Samples per second, of some 50,000 requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A relay that does this much."""

    name: str
    reports: bool = False
    rows_per_s: float = ALMOST_NONE
    copied: float = 0.0


PARTS = (
    Part(name="bare"),
    Part(name="+ records", reports=True),
    Part(name="+ records, samples", reports=True, rows_per_s=A_TENTH),
    Part(name="+ records, copies", reports=True, copied=0.1),
    Part(name="all three", reports=True, rows_per_s=A_TENTH, copied=0.1),
)


def _relay(part: Part) -> Callable[[Place], list[str]]:
    def command(at: Place) -> list[str]:
        models = {"candidate": {"url": f"http://127.0.0.1:{at.upstream}", "max_idle": 512}}
        settings: dict[str, object] = {
            "models": models,
            "listen": {"host": "127.0.0.1", "port": at.port, "lame_duck_s": 0.0},
            "capture": {"max_rows_per_s": part.rows_per_s},
        }
        if not part.reports:
            settings["routes"] = NOTHING
        if part.copied:
            models["stable"] = {"url": f"http://127.0.0.1:{at.shadow}", "max_idle": 512}
            settings["mirror"] = {"fraction": part.copied, "max_in_flight": 256}
        if part.reports:
            settings["link_path"] = str(at.folder / f"link{at.port}")
            _forget(at.folder / f"link{at.port}")
        path = at.folder / f"part{at.port}.json"
        path.write_text(json.dumps(settings), "utf-8")
        start = f"exec {sys.executable} -m proxy.relay --settings-fd 3 3< {path}"
        return ["/bin/sh", "-c", start]

    return command


def _forget(path: Path) -> None:
    """Read what a relay reports, and forget it, in a thread of this process."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()

    def read() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            while connection.recv(1 << 20):
                pass

    threading.Thread(target=read, daemon=True).start()


def contenders() -> list[Contender]:
    """Give nginx without and with its mirror, where there is one, and the relay part by part."""
    others = [one for one in CONTENDERS if one.name.startswith("nginx") and not one.missing]
    ours = [Contender(name=part.name, needs="", command=_relay(part), warm_s=0.6) for part in PARTS]
    return [*(replace(one, warm_s=0.1) for one in others), *ours]


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--fifo", action="store_true", help="real-time scheduling; needs root")
    options = parser.parse_args()
    # A benchmark that is ended takes its contenders along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not (BUILD / "load").exists():
        subprocess.run(["sh", str(HERE / "setup.sh")], check=True)
    # Who reads the reports must not take the relay's time.
    os.sched_setaffinity(0, {LOAD_CORE})
    rank = RANK if options.fifo else 0
    runs: dict[str, list[Run]] = {}
    with stage(contenders(), 0, rank) as running:
        for program in stage.upstreams:  # type: ignore[attr-defined]  # see `stage`
            program.pin(PROXY_CORE)
        for round_ in range(options.rounds):
            for one in running if round_ % 2 == 0 else reversed(running):
                for seconds in (one.contender.warm_s, options.seconds):
                    what = (options.connections, 2048, seconds, "same")
                    run = one.measure(what, core=PROXY_CORE, rank=rank)
                runs.setdefault(one.contender.name, []).append(run)
    print("| relay | CPU us per request | more than bare | requests/s over bare |")
    print("|---|---|---|---|")
    bare = runs["bare"]
    for name, own in runs.items():
        more = median(a.cpu_us - b.cpu_us for a, b in zip(own, bare, strict=True))
        ratio = median(a.rps / b.rps for a, b in zip(own, bare, strict=True))
        print(f"| {name} | {median(r.cpu_us for r in own):.1f} | {more:+.1f} | {ratio:.2f} |")
    return int(any(run.errors for own in runs.values() for run in own))


if __name__ == "__main__":
    sys.exit(main())
