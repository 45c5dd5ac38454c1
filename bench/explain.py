"""What explaining a drift costs: in the watcher's loop, and in the child that computes it.

Run with `python -m bench.explain`. 1,000 rows of the reference beside 1,000 current rows, of which
one column is shifted in one category; CPU time, the best of five rounds. The child's figures
include the start of its interpreter and of numpy and scipy.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import time

import msgspec
import numpy as np
import uvloop

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import AlarmName, Model, Rows, Scalar, Side
from proxy.stats.explain.insight import Question, explain
from proxy.stats.explain.samples import SampledRows
from proxy.stats.reference.profile import build_profile
from proxy.watcher.insight import ask
from proxy.watcher.samples import Samples, Wish

ROUNDS = 5
MILLISECONDS = 1e3
MEGABYTE = 1024.0
N = 1000
Columns = dict[str, list[Scalar]]


def main() -> None:
    """Print the cost for 12 and for 50 columns."""
    for n_columns in (12, 50):
        measure(n_columns)


def draw(rng: np.random.Generator, n: int, n_columns: int, shift: float) -> Columns:
    """Give rows: a quarter of the columns are words."""
    group = rng.choice(["a", "b", "c", "d"], n)
    columns: Columns = {"group": group.tolist()}
    for place in range(1, n_columns):
        if place % 4 == 0:
            columns[f"w{place}"] = rng.choice([f"word {k}" for k in range(8)], n).tolist()
        else:
            columns[f"x{place}"] = rng.normal(size=n).tolist()
    first = np.array(columns["x1"], dtype=np.float64)
    columns["x1"] = (first + shift * (group == "a")).tolist()
    return columns


def measure(n_columns: int) -> None:
    """Print the cost for rows of so many columns."""
    rng = np.random.default_rng(1)
    reference = draw(rng, 20_000, n_columns, 0.0)
    benchmark = Benchmark(
        created_utc="", models={}, input=build_profile(reference, rng, ordered=False)
    )
    monitor = InputDrift(
        DriftSettings(unmeasured_design_effect=1.0), benchmark, Engine(tick_s=10.0)
    )
    samples = Samples(rng)
    number = 0
    for tick in range(20):
        columns = draw(rng, 150, n_columns, 3.0 if tick >= 10 else 0.0)  # noqa: PLR2004 - the onset
        for row in range(150):
            number += 1
            rows = Rows(
                exchange_id=number,
                at_s=10.0 * tick + row / 15,
                model=Model.CANDIDATE,
                side=Side.INPUT,
                columns=tuple(columns),
                values=tuple([values[row]] for values in columns.values()),
                n=1,
            )
            samples.keep(rows)
            monitor.observe(rows)
        finding = monitor.judge(10.0 * (tick + 1))
    if finding.since_s is None:
        raise AssertionError
    kept = {name: values[:N] for name, values in reference.items()}
    in_loop, encoding, computing = [], [], []
    for _ in range(ROUNDS):
        began = time.process_time()
        question = question_of(monitor, samples, kept, finding.since_s)
        taken = time.process_time()
        raw = msgspec.msgpack.encode(question)
        encoded = time.process_time()
        insight = explain(question)
        in_loop.append(taken - began)
        encoding.append(encoded - taken)
        computing.append(time.process_time() - encoded)
    costs = [uvloop.run(answered(question)) for _ in range(ROUNDS)]
    child_s, lag_s = (min(cost) for cost in zip(*costs, strict=True))
    print(
        f"{n_columns} columns, {N} x {len(question.current.rows)} rows: in the loop "
        f"{min(in_loop) * MILLISECONDS:.1f} ms + {min(encoding) * MILLISECONDS:.1f} ms to write "
        f"{len(raw) / 1024:.0f} KiB; explaining {min(computing) * MILLISECONDS:.0f} ms; the child "
        f"in all {child_s * MILLISECONDS:.0f} ms of CPU time, {peak(raw):.0f} MiB at most, loop "
        f"held up {lag_s * MILLISECONDS:.1f} ms; answer "
        f"{len(msgspec.json.encode(insight)) / 1024:.0f} KiB"
    )


def question_of(
    monitor: InputDrift, samples: Samples, reference: Columns, since_s: float
) -> Question:
    """Take out what is asked, as the watcher does."""
    evidence = monitor.evidence()
    if evidence is None:
        raise AssertionError
    current = samples.between(
        Wish(
            side=Side.INPUT,
            model=None,
            since_s=since_s,
            until_s=1e9,
            max_rows=N,
            names=frozenset(profile.name for profile in evidence.profiles),
        )
    )
    return Question(
        alarm=AlarmName.INPUT_DRIFT,
        at_s=200.0,
        since_s=since_s,
        evidence=evidence.columns,
        profiles=evidence.profiles,
        cut_by=(),
        reference={profile.name: reference[profile.name] for profile in evidence.profiles},
        n_reference=N,
        current=current,
        before=SampledRows(),
        n_examples=5,
        show_values=False,
        seed=1,
    )


async def answered(question: Question) -> tuple[float, float]:
    """Give the CPU seconds of a child that answers, and the longest delay of the loop meanwhile."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    asked = asyncio.ensure_future(ask(question, 60.0))
    lag_s = 0.0
    while not asked.done():
        due_s = time.monotonic() + 0.001
        await asyncio.sleep(0.001)
        lag_s = max(lag_s, time.monotonic() - due_s)
    if not asked.result().sub_populations:
        raise AssertionError
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, lag_s


def peak(raw: bytes) -> float:
    """Give the largest resident memory of a child that answers, in MiB."""
    program = (
        "import sys\n"
        "from proxy.watcher.insight_process import main\n"
        "main(['60'], sys.stdin.buffer.read())\n"
        "status = open('/proc/self/status').read()\n"
        "print(status.split('VmHWM:')[1].split()[0])\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], input=raw, capture_output=True, check=True
    )
    return float(told.stdout) / MEGABYTE


if __name__ == "__main__":
    main()
