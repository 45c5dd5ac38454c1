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
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch
from proxy.units import DAY_S

N_COLUMNS = 50
ROUNDS = 15
MILLISECONDS = 1e3
MONDAY_S = 18 * DAY_S


def main() -> None:
    """Print the cost for shuffled and for time-ordered references."""
    for ordered in (False, True):
        measure("in order of time" if ordered else "shuffled", ordered=ordered)
    for by_hour in (False, True):
        for recent_past in (False, True):
            measure_days(by_hour=by_hour, recent_past=recent_past)


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


def measure_days(*, by_hour: bool, recent_past: bool) -> None:
    """Print what a tick costs within an hour, and when another hour begins."""
    rng = np.random.default_rng(1)
    times = np.arange(14 * DAY_S / 60) * 60
    wave = 0.15 * np.sin(2 * np.pi * times / DAY_S) if by_hour else np.zeros_like(times)
    columns = {f"x{i}": (rng.normal(size=len(times)) + wave).tolist() for i in range(N_COLUMNS)}
    profile = build_profile(columns, rng, ordered=True, times_s=times.tolist())
    rule = DriftSettings(learn_s=0, recent_past=recent_past).rule(60.0)
    watch = ProfileWatch(profile, rule, Engine(tick_s=60.0).certainty)
    within, turns = [], []
    # The third day, a Wednesday, knows the hours of the second, whose slots were entered then.
    for minute in range(3 * 1440):
        for place, bins in enumerate(watch.watch.layout.bins[:N_COLUMNS]):
            masses = watch.watch.streams[place].masses
            watch.watch.pending[bins] = rng.multinomial(100, masses / masses.sum())
        began = time.process_time()
        watch.tick(MONDAY_S + 60.0 * minute)
        cost = time.process_time() - began
        if minute >= 2 * 1440:
            (turns if minute % 60 == 0 else within).append(cost)
    kind = "with a season" if by_hour else "without a season"
    past = ", with the recent past" if recent_past else ""
    print(
        f"{kind}{past}: {np.median(within) * MILLISECONDS:.2f} ms per tick, "
        f"{np.median(turns) * MILLISECONDS:.0f} ms when an hour begins"
    )


if __name__ == "__main__":
    main()
