"""The data plane against others, in one run: `python bench/relay.py`.

All contenders run at once and idle but for the one that is measured; the order is reversed in every
other round; each figure is the median of ratios taken within a round, since neighbours on a shared
machine move all contenders alike. The proxy has one core, load and upstreams have another. The
watcher of `ours full` runs beside the load.

    python bench/relay.py                    everything (some 15 minutes)
    python bench/relay.py --rounds 2 --seconds 0.5 --cells c8-2k,one-core    a short look
    python bench/relay.py --gate             only the gate: CPU against the floor
    python bench/relay.py --write            put the tables into docs/performance.md
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from contenders import BUILD, CONTENDERS, HERE, TWO_WORKERS, Contender, Place
from measure import LOAD_CORE, PROXY_CORE, Program, Run, Running, free_ports, wait_for
from report import GATE_CPU_RATIO, cpu_over_floor, tables

RANK = 10
Results = dict[str, dict[str, list[Run]]]
"""By cell and contender: one run per round."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One kind of load."""

    name: str
    connections: int
    body_bytes: int = 2048
    kind: str = "same"
    delay_ms: int = 0
    one_core: bool = False


CELLS: tuple[Cell, ...] = (
    Cell(name="c1-200", connections=1, body_bytes=200),
    Cell(name="c8-200", connections=8, body_bytes=200),
    Cell(name="c8-2k", connections=8),
    Cell(name="c64-2k", connections=64),
    Cell(name="c8-2k-fresh", connections=8, kind="fresh"),
    Cell(name="c8-2k-mesh", connections=8, kind="mesh"),
    Cell(name="c8-16k", connections=8, body_bytes=16_384),
    Cell(name="c8-256k", connections=8, body_bytes=262_144),
    Cell(name="one-core", connections=1, one_core=True),
    Cell(name="one-core-fresh", connections=1, kind="fresh", one_core=True),
    Cell(name="sse", connections=1, kind="sse/500/4"),
    Cell(name="sse-20", connections=20, kind="sse/500/20"),
    Cell(name="c64-2k-5ms", connections=64, delay_ms=5),
)


@contextmanager
def stage(contenders: list[Contender], delay_ms: int, rank: int) -> Iterator[list[Running]]:
    """Run upstreams that answer after `delay_ms`, and the contenders in front of them."""
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        folder = Path(name)
        folder.chmod(0o755)
        upstream, shadow, *ports = free_ports(2 + 2 * len(contenders))
        programs: list[Program] = []
        running: list[Running] = []
        try:
            for port in (upstream, shadow):
                command = [str(BUILD / "origin"), str(port), "2048", str(delay_ms)]
                programs.append(Program(command, LOAD_CORE, folder, rank=rank))
                wait_for(port, "the upstream")
            for n, contender in enumerate(contenders):
                at = Place(
                    port=ports[2 * n],
                    upstream=upstream,
                    shadow=shadow,
                    folder=folder,
                    admin=ports[2 * n + 1],
                )
                running.append(Running(contender, at, rank=rank))
            stage.upstreams = programs  # type: ignore[attr-defined]  # for moving them to a core
            yield running
        finally:
            for one in running:
                one.stop()
            for program in programs:
                program.stop()


def measure(cells: list[Cell], contenders: list[Contender], options: argparse.Namespace) -> Results:
    """Measure every cell of one delay, round by round."""
    results: Results = {cell.name: {one.name: [] for one in contenders} for cell in cells}
    rank = RANK if options.fifo else 0
    with stage(contenders, cells[0].delay_ms, rank) as running:
        for round_ in range(options.rounds):
            for cell in cells:
                core = PROXY_CORE if cell.one_core else LOAD_CORE
                for program in stage.upstreams:  # type: ignore[attr-defined]  # see above
                    program.pin(core)
                for one in running if round_ % 2 == 0 else reversed(running):
                    what = (cell.connections, cell.body_bytes, options.seconds, cell.kind)
                    warm_s = max(one.contender.warm_s, 0.2 if round_ == 0 else 0.0)
                    if warm_s:
                        one.measure((*what[:2], warm_s, cell.kind), core=core, rank=rank)
                    run = one.measure(what, core=core, rank=rank)
                    results[cell.name][one.contender.name].append(run)
                    say(round_, cell, one.contender, run)
    return results


def say(round_: int, cell: Cell, contender: Contender, run: Run) -> None:
    """Show a run as it is done."""
    errors = f"  {run.errors} ERRORS" if run.errors else ""
    print(
        f"{round_ + 1} {cell.name:15} {contender.name:22} {run.rps:9.0f}/s {run.cpu_us:7.1f} us"
        f"  p50 {run.p50_us:7.1f}  p99 {run.p99_us:7.1f} us{errors}",
        flush=True,
    )


def workers(options: argparse.Namespace) -> str:
    """Measure two relay workers against one in turns, both cores free for everything."""
    one = next(contender for contender in CONTENDERS if contender.name == "ours full")
    runs: dict[str, list[Run]] = {one.name: [], TWO_WORKERS.name: []}
    what = (64, 2048, max(options.seconds, 1.0), "same")
    with stage([one, TWO_WORKERS], 0, 0) as running:
        for program in stage.upstreams:  # type: ignore[attr-defined]  # see `stage`
            program.free()
        for each in running:
            if each.program is not None:
                each.program.free()
        for round_ in range(options.rounds):
            for each in running if round_ % 2 == 0 else reversed(running):
                each.measure((64, 2048, each.contender.warm_s, "same"), core=None)
                runs[each.contender.name].append(each.measure(what, core=None))
    single, double = runs.values()
    ratio = median(b.rps / a.rps for a, b in zip(single, double, strict=True))
    return (
        f"Two relay workers over one, c=64, 2 KiB, both cores free for everything: {ratio:.2f} "
        f"({median(r.rps for r in single):.0f}/s and {median(r.rps for r in double):.0f}/s, "
        f"p99 {median(r.p99_us for r in single):.0f} and "
        f"{median(r.p99_us for r in double):.0f} us, medians of {options.rounds})."
    )


def memory(options: argparse.Namespace) -> str:
    """Measure the relay's size under 64 uploads of 256 KiB at once."""
    bare = next(contender for contender in CONTENDERS if contender.name == "ours bare")
    with stage([bare], 0, 0) as (running,):
        running.measure((64, 262_144, max(options.seconds, 2.0), "same"), core=LOAD_CORE)
        size = running.program.rss_mib() if running.program else 0.0
    return f"The relay under 64 uploads of 256 KiB at once: {size:.0f} MiB resident."


def choose(options: argparse.Namespace) -> tuple[list[Cell], list[Contender]]:
    """Give what is to be measured, and say what cannot be."""
    if options.gate:
        options.cells, options.contenders = "one-core", "uvloop TCP relay,ours bare"
    contenders = []
    for contender in CONTENDERS:
        if options.contenders and contender.name not in options.contenders.split(","):
            continue
        if contender.missing:
            print(contender.missing)
        else:
            contenders.append(contender)
    names = options.cells.split(",") if options.cells else [cell.name for cell in CELLS]
    unknown = set(names) - {cell.name for cell in CELLS}
    if unknown:
        raise SystemExit(f"no such cells: {', '.join(sorted(unknown))}")
    return [cell for cell in CELLS if cell.name in names], contenders


def main() -> int:
    """Measure, print the tables, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--cells", default="", help="names, separated by commas")
    parser.add_argument("--extras", action="store_true", help="only workers and memory")
    parser.add_argument("--contenders", default="", help="names, separated by commas")
    parser.add_argument("--fifo", action="store_true", help="real-time scheduling; needs root")
    parser.add_argument("--gate", action="store_true", help="fail when CPU is far above the floor")
    parser.add_argument("--write", action="store_true", help="put tables into docs/performance.md")
    options = parser.parse_args()
    # A benchmark that is ended takes its contenders along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not (BUILD / "load").exists():
        subprocess.run(["sh", str(HERE / "setup.sh")], check=True)
    if len(os.sched_getaffinity(0)) < 2:  # noqa: PLR2004  # one for the proxy, one for the load
        raise SystemExit("two cores are needed: one for the proxy, one for load and upstream")
    if options.extras:
        print(f"{workers(options)}\n\n{memory(options)}")
        return 0
    cells, contenders = choose(options)
    results: Results = {}
    for delay_ms in sorted({cell.delay_ms for cell in cells}):
        same = [cell for cell in cells if cell.delay_ms == delay_ms]
        results |= measure(same, contenders, options)
    if options.gate:
        return judge(cpu_over_floor(results))
    text = tables(results)
    if not options.cells:
        text += f"\n{workers(options)}\n\n{memory(options)}\n"
    print(text)
    (BUILD / "results.json").write_text(
        json.dumps(
            {
                cell: {name: [asdict(run) for run in runs] for name, runs in by.items()}
                for cell, by in results.items()
            }
        ),
        "utf-8",
    )
    if options.write:
        write(text)
    return 0


def judge(ratio: float) -> int:
    """Say whether a request costs too much; give the exit code."""
    told = f"CPU per request is {ratio:.2f} times that of a relay that looks at nothing"
    if ratio > GATE_CPU_RATIO:
        print(f"{told}: more than {GATE_CPU_RATIO}; profile what was added to the hot path")
        return 1
    print(f"{told}; the gate is at {GATE_CPU_RATIO}")
    return 0


def write(text: str) -> None:
    """Put the tables between the marks in docs/performance.md, with the command and the date."""
    path = HERE.parent / "docs" / "performance.md"
    begin, end = "<!-- figures -->\n", "<!-- end of figures -->"
    before, _, rest = path.read_text("utf-8").partition(begin)
    _, _, after = rest.partition(end)
    when = time.strftime("%Y-%m-%d", time.gmtime())
    command = " ".join(["python", "bench/relay.py", *sys.argv[1:]])
    path.write_text(f"{before}{begin}\n`{command}`, {when}\n\n{text}\n{end}{after}", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
