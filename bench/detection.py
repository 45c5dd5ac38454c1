"""What detection costs: time per thousand rows and per tick, and the size of its state.

Run with `python -m bench.detection`. CPU time, the best of fifteen rounds, rows as the decoder
gives them (plain Python numbers).
"""

from __future__ import annotations

import time

import numpy as np

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.records import Model, Rows, Side
from proxy.stats.profile import build_profile

N_COLUMNS = 50
ROUNDS = 15
MILLISECONDS = 1e3


def main() -> None:
    """Print the cost for shuffled and for time-ordered references."""
    for ordered in (False, True):
        measure("in order of time" if ordered else "shuffled", ordered=ordered)


def measure(name: str, *, ordered: bool) -> None:
    """Print the cost for one kind of reference."""
    rng = np.random.default_rng(1)
    columns = {f"x{i}": rng.normal(size=10_000).tolist() for i in range(N_COLUMNS)}
    profile = build_profile(columns, rng, ordered=ordered)
    benchmark = Benchmark(created_utc="", models={}, input=profile)
    settings = DriftSettings(max_rows_per_exchange=1000, learn_s=0)
    for size in (1, 10, 1000):
        monitor = InputDrift(settings, benchmark, Engine())
        requests = [
            Rows(
                exchange_id=1,
                at_s=0.0,
                model=Model.CANDIDATE,
                side=Side.INPUT,
                columns=tuple(columns),
                values=tuple(values[start : start + size] for values in columns.values()),
                n=size,
            )
            for start in range(0, 1000, size)
        ]
        watch = monitor._watch  # noqa: SLF001 - the parts are timed apart
        if watch is None:
            raise AssertionError
        counting, folding = [], []
        for _ in range(ROUNDS):
            began = time.process_time()
            for request in requests:
                monitor.observe(request)
            watch.counter.flush()
            counted = time.process_time()
            watch.watch.tick()
            folding.append(time.process_time() - counted)
            counting.append(counted - began)
        print(
            f"{name}, {size} rows per request: {min(counting) * MILLISECONDS:.2f} ms per 1,000 "
            f"rows, {min(folding) * MILLISECONDS:.3f} ms per tick"
        )
    detector, layout = watch.watch.detector, watch.watch.layout
    tables = {id(group.growth): group.growth.nbytes for group in layout.groups}
    edges = sum(8 * len(column.edges) for column in profile.columns)
    state = detector.wealth.nbytes + layout.bet_weights.nbytes + watch.watch.pending.nbytes
    print(
        f"{name}: {(state + sum(tables.values()) + edges) / 1000:.0f} kB of state, "
        f"{len(monitor.snapshot()) / 1000:.0f} kB of snapshot"
    )


if __name__ == "__main__":
    main()
