"""Does anyone notice that the watcher thinks? `python bench/thinking.py`.

Two sidecars in front of the same upstreams, both with default sampling (200 rows a second) and a
tenth mirrored: one without a benchmark, whose watcher has nothing to test; one that tests its input
every second against a certified reference and explains drift every five seconds, while a
certification of the same models runs beside it. The relay has one core, everything else the other.
The figure is the median of paired ratios of p99, taken in turns.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from contenders import BUILD, HERE, Contender, Place
from measure import LOAD_CORE, Program, Run, Running, free_ports, wait_for

RANK = 10
N_COLUMNS, N_REFERENCE, N_REQUESTS = 16, 10_000, 200
NICENESS = "10"
"""A certification gives way to the load, as the watcher does by itself."""


def _config(at: Place, *, benchmark: Path | None) -> str:
    tests = ""
    if benchmark is not None:
        tests = f"benchmark: {benchmark}\nmonitors: {{tick_s: 1.0, explain: {{every_s: 5}}}}\n"
    return f"""
listen: {{host: 127.0.0.1, port: {at.port}, lame_duck_s: 0, grace_s: 2}}
admin: {{host: 127.0.0.1, port: {at.admin}}}
models:
  candidate: {{name: model, url: "http://127.0.0.1:{at.upstream}", max_idle: 512}}
  stable: {{name: shadow, url: "http://127.0.0.1:{at.shadow}", max_idle: 512}}
mirror: {{fraction: 0.1, max_in_flight: 256}}
state: {{dir: "{at.folder}/state{at.port}"}}
{tests}"""


def _sidecar(name: str, benchmark: Path | None) -> Contender:
    def command(at: Place) -> list[str]:
        path = at.folder / f"thinking{at.port}.yaml"
        path.write_text(_config(at, benchmark=benchmark), "utf-8")
        return [sys.executable, "-m", "proxy", "run", str(path)]

    return Contender(name=f"ours full, {name}", needs="", command=command, warm_s=1.0)


class Certification:
    """Certifies the models, again and again while it is wanted."""

    def __init__(self, config: Path, folder: Path) -> None:
        """Write reference and requests: uniform numbers, as `load ... rows` sends them."""
        dice = random.Random(1)
        rows = [[round(dice.random(), 3) for _ in range(N_COLUMNS)] for _ in range(N_REFERENCE)]
        reference, requests = folder / "reference.csv", folder / "requests.jsonl"
        head = ",".join(f"x{column}" for column in range(N_COLUMNS))
        text = "\n".join([head, *(",".join(map(str, row)) for row in rows)])
        reference.write_text(text + "\n", "utf-8")
        lines = [
            json.dumps({"path": "/v1/models/m:predict", "body": {"instances": rows[n : n + 1]}})
            for n in range(N_REQUESTS)
        ]
        requests.write_text("\n".join(lines) + "\n", "utf-8")
        self.output = folder / "benchmark.json"
        self.n_done = 0
        self._command = ["taskset", "-c", str(LOAD_CORE), "nice", "-n", NICENESS, sys.executable]
        self._command += ["-m", "proxy", "certify", str(config), "--reference", str(reference)]
        self._command += ["--requests", str(requests), "-o"]
        self._wanted = threading.Event()
        self._is_over = False

    def once(self, output: Path) -> None:
        """Certify; a certification that fails ends the benchmark."""
        done = subprocess.run(
            [*self._command, str(output)],
            cwd=HERE.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the certification failed:\n{done.stdout}{done.stderr}")
        self.n_done += 1

    def start(self) -> None:
        """Certify in a thread of this process whenever `wanted`."""
        threading.Thread(target=self._for_ever, daemon=True).start()

    def _for_ever(self) -> None:
        while not self._is_over:
            if self._wanted.wait(0.1):
                self.once(self.output.with_name("again.json"))

    def want(self, *, is_wanted: bool) -> None:
        """Certify from now on, or stop after the one that runs."""
        (self._wanted.set if is_wanted else self._wanted.clear)()

    def close(self) -> None:
        """Begin no other."""
        self._is_over = True


def measure(options: argparse.Namespace, folder: Path) -> dict[str, list[Run]]:
    """Measure both sidecars in turns."""
    rank = RANK if options.fifo else 0
    upstream, shadow, *ports = free_ports(6)
    programs: list[Program] = []
    running: list[Running] = []
    runs: dict[str, list[Run]] = {}
    certification: Certification | None = None
    try:
        for port in (upstream, shadow):
            command = [str(BUILD / "origin"), str(port), "256", "0", "rows"]
            programs.append(Program(command, LOAD_CORE, folder, rank=rank))
            wait_for(port, "the upstream")
        places = [
            Place(
                port=ports[n], admin=ports[n + 1], upstream=upstream, shadow=shadow, folder=folder
            )
            for n in (0, 2)
        ]
        config = folder / "certify.yaml"
        config.write_text(_config(places[0], benchmark=None), "utf-8")
        certification = Certification(config, folder)
        certification.once(certification.output)
        certification.start()
        idle, testing = _sidecar("idle", None), _sidecar("testing", certification.output)
        for contender, at in zip((idle, testing), places, strict=True):
            running.append(Running(contender, at, rank=rank))
        for round_ in range(options.rounds):
            for one in running if round_ % 2 == 0 else reversed(running):
                certification.want(is_wanted=one.contender is testing)
                for seconds in (one.contender.warm_s, options.seconds):
                    what = (options.connections, 2048, seconds, "rows")
                    run = one.measure(what, core=LOAD_CORE, rank=rank)
                runs.setdefault(one.contender.name, []).append(run)
                print(
                    f"{round_ + 1} {one.contender.name:20} {run.rps:8.0f}/s  p50 {run.p50_us:6.1f}"
                    f"  p99 {run.p99_us:7.1f} us  {run.errors} errors",
                    flush=True,
                )
        print(f"certifications done meanwhile: {certification.n_done - 1}")
    finally:
        if certification is not None:
            certification.close()
        for each in running:
            each.stop()
        for program in programs:
            program.stop()
    return runs


def main() -> int:
    """Measure, and say by how much p99 differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--fifo", action="store_true", help="real-time scheduling; needs root")
    options = parser.parse_args()
    # A benchmark that is ended takes its contenders along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not (BUILD / "load").exists():
        subprocess.run(["sh", str(HERE / "setup.sh"), "--own"], check=True)
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        began_s = time.monotonic()
        idle, testing = measure(options, Path(name)).values()
    for what in ("p50_us", "p99_us", "rps"):
        ratios = [getattr(b, what) / getattr(a, what) for a, b in zip(idle, testing, strict=True)]
        print(f"{what}: testing over idle {median(ratios):.2f} (median of {len(ratios)})")
    print(f"took {time.monotonic() - began_s:.0f} s")
    return int(any(run.errors for run in (*idle, *testing)))


if __name__ == "__main__":
    sys.exit(main())
