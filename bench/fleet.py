"""What adding up replicas costs: bytes and time per tick, through a real redis-server.

`python -m bench.fleet` on a machine with redis-server. Fifty numeric columns as in
`bench/detection.py`, a fleet of sixteen replicas with 1,000 rows each per tick.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import time

import msgspec
import numpy as np

from proxy.fleet.fleet import Fleet, Identity
from proxy.fleet.settings import FleetSettings
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.pooling import pack, take
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch

N_COLUMNS = 50
N_REPLICAS = 16
N_ROWS = 1000
N_TICKS = 40
TICK_S = 10.0


def profile_of(rng: np.random.Generator) -> Profile:
    """Give the reference."""
    columns = {f"x{i}": rng.normal(size=10_000).tolist() for i in range(N_COLUMNS)}
    return build_profile(columns, rng, ordered=False)


def fill(watch: Watch, rng: np.random.Generator) -> None:
    """Count the rows of a tick."""
    for place, stream in enumerate(watch.streams):
        watch.add_counts(place, rng.multinomial(N_ROWS, stream.masses / stream.masses.sum()))


def uncounted(_what: str, _kind: str) -> None:
    """Count nothing."""


async def measure(port: int) -> None:
    """Turn ticks of the whole fleet and print what they cost one replica."""
    rng = np.random.default_rng(1)
    profile = profile_of(rng)
    settings = FleetSettings(url=f"redis://127.0.0.1:{port}", name="bench", timeout_s=5.0)
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    certainty = Certainty(run_length_ticks=1e6)
    watches = [ProfileWatch(profile, rule, certainty) for _ in range(N_REPLICAS)]
    fleets = [
        Fleet(
            settings,
            Identity(replica=f"r{i:02}", benchmark_sha256="bench", tick_s=TICK_S),
            count=uncounted,
        )
        for i in range(N_REPLICAS)
    ]
    fill(watches[0].gather(), rng)
    n_bytes = len(msgspec.msgpack.encode(pack(take({"input": watches[0].gather()}))))
    turns, talks = [], []
    for tick in range(N_TICKS):
        for watch, fleet in zip(watches, fleets, strict=True):
            fill(watch.gather(), rng)
            began_s = time.perf_counter()
            fleet.turn(TICK_S * (tick + 1.0), {"input": watch.gather()}, frozenset())
            turns.append(time.perf_counter() - began_s)
        for fleet in fleets:
            await fleet.publish()
        for fleet in fleets:
            began_s = time.process_time()
            await fleet.collect()
            talks.append(time.process_time() - began_s)
    state = fleets[0].state(0.0)
    for fleet in fleets:
        await fleet.close()
    if not state.up or state.replicas != N_REPLICAS:
        raise SystemExit(f"the fleet did not meet: {state}")
    print(f"{N_REPLICAS} replicas, {N_COLUMNS} columns, {N_ROWS} rows per replica and tick")
    print(f"published by each per tick: {n_bytes / 1000:.1f} kB")
    print(f"turn, in the tick: median {1e3 * float(np.median(turns)):.2f} ms")
    print(f"collecting, beside the ticks: median {1e3 * float(np.median(talks)):.1f} ms of CPU")


def main() -> int:
    """Measure; give the exit code."""
    program = shutil.which("redis-server")
    if program is None:
        print("redis-server is not installed", file=sys.stderr)
        return 1
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen([program, *arguments], stdout=subprocess.DEVNULL) as server:
        try:
            time.sleep(1.0)
            asyncio.run(measure(port))
        finally:
            server.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
