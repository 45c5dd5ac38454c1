"""Does the watcher keep up with sampled traffic, and what happens when it cannot?

    python bench/overload.py [SECONDS] [--sink]

Runs the real watcher on one core (the first that this process may use) and sends it what a relay
would: 200 and 2,000 requests per second with bodies of 16 KiB, SECONDS each (default 30), all to be
sampled, as far as the relay's own draw lets them when the watcher cannot keep up. Prints over time
the share of the core that the watcher takes, processor time per decoded request (steady on a busy
machine too), its memory, what was sampled, what it decoded and what the link dropped; at the end
whether the sample is uniform: a chi-square test over moments, with the chances that the records
carry. By default a relay samples 200 per second at most (`capture.max_rows_per_s`). With `--sink`
every sampled request and answer also goes to a receiver as a CloudEvent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
from aiohttp import web
from scipy.stats import chi2

from proxy import benchmark
from proxy.link.sender import LinkSender
from proxy.records import Capture, Exchange, Message, Model, Position
from proxy.relay.capture import Sampler
from proxy.relay.settings import Capture as CaptureSettings
from proxy.relay.shedding import Relief
from proxy.relay.sweep import INTERVAL_S
from proxy.stats.reference.floors import ErrorFloor
from proxy.stats.reference.profile import build_profile

ROOT = Path(__file__).resolve().parent.parent
RATES = (200, 2_000)
N_ROWS, N_COLUMNS, N_BODIES = 91, 16, 64
EVERY_S = 5.0
N_MOMENTS = 100
LINK_BYTES = 8 * 1024 * 1024
"""As a relay bounds it."""
SLICE_S = 0.02
TICKS = os.sysconf("SC_CLK_TCK")
TARGET = "/v1/models/m:predict"
FIELDS = {"content-type": "application/json"}
RNG = np.random.default_rng(5)


@dataclass(frozen=True)
class Seen:
    """What is known of the watcher at one moment."""

    at_s: float
    cpu_s: float
    rss_mib: float
    decoded: int
    sent: int
    forwarded: int


def certified() -> bytes:
    """Give a benchmark of traffic like ours, so that every monitor works."""
    columns = {f"x{i}": list(RNG.normal(size=5000)) for i in range(N_COLUMNS)}
    made = benchmark.Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "model"},
        input=build_profile(columns, RNG, ordered=True),
        outputs={
            "candidate": build_profile({"prediction": list(RNG.random(5000))}, RNG, ordered=True)
        },
        errors={"candidate": ErrorFloor(n=5000, failed={})},
    )
    return benchmark.dump(made)


def bodies() -> list[tuple[Message, Message]]:
    """Give requests of about 16 KiB with their answers."""
    made = []
    for _ in range(N_BODIES):
        rows = RNG.normal(size=(N_ROWS, N_COLUMNS)).round(6).tolist()
        asked = json.dumps({"instances": rows}).encode()
        answered = json.dumps({"predictions": RNG.random(N_ROWS).round(6).tolist()}).encode()
        made.append(
            (Message(FIELDS, asked, truncated=False), Message(FIELDS, answered, truncated=False))
        )
    return made


def exchange(number: int) -> Exchange:
    """Give one exchange that has just ended."""
    now_s = time.monotonic()
    return Exchange(
        number, None, Model.CANDIDATE, Position.SERVING, "/v1/models/{name}:predict", now_s - 0.01,
        now_s - 0.01, now_s - 0.001, now_s, 200, None, failed_over=False, replayed=False,
        request_bytes=16_000, response_bytes=900, in_flight=1, stream=None, capture=1.0,
    )  # fmt: skip


class Watching:
    """A watcher on a core of its own, the link to it, and what can be seen of it."""

    def __init__(self, folder: Path, sink_port: int | None) -> None:
        """Start it in `folder`."""
        self._folder = folder
        settings: dict[str, object] = {
            "models": {"candidate": {"url": "http://127.0.0.1:1"}},
            "benchmark": "benchmark.json",
        }
        if sink_port is not None:
            url = f"http://127.0.0.1:{sink_port}/"
            sink = {"url": url, "allow_http": True, "allow_private": True}
            settings["capture"] = {"sink": sink}
        (folder / "c.yaml").write_text(json.dumps(settings))
        (folder / "benchmark.json").write_bytes(certified())
        core = min(os.sched_getaffinity(0))
        command = ["taskset", "-c", str(core), sys.executable, "-m", "proxy.watcher", "c.yaml"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT)}
            )
        self.link = LinkSender(str(folder / "link.sock"), lambda _: None, max_bytes=LINK_BYTES)
        self.n_sent = 0

    async def ready(self) -> None:
        """Wait until the link stands."""
        self.link.start()
        door = self._folder / "watcher.sock"
        while not (self.link.connected and await asyncio.to_thread(door.exists)):
            if self._process.poll() is not None:
                raise SystemExit((self._folder / "log").read_text())
            await asyncio.sleep(0.05)

    async def look(self) -> Seen:
        """Ask the system and the watcher itself."""
        cpu_s, rss_mib = self._usage()
        connector = aiohttp.UnixConnector(str(self._folder / "watcher.sock"))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://watcher/metrics") as answer,
        ):
            text = await answer.text()
        return Seen(
            at_s=time.monotonic(),
            cpu_s=cpu_s,
            rss_mib=rss_mib,
            decoded=_count(text, r'captures_total\{result="decoded",side="input"\}'),
            sent=self.n_sent,
            forwarded=_count(text, r'sink_events_total\{result="sent",type="\w+"\}'),
        )

    def _usage(self) -> tuple[float, float]:
        """Give processor time in seconds and resident memory in MiB."""
        of = Path(f"/proc/{self._process.pid}")
        stat = (of / "stat").read_text().rpartition(")")[2].split()
        (kib,) = re.findall(r"VmRSS:\s+(\d+)", (of / "status").read_text())
        return (int(stat[11]) + int(stat[12])) / TICKS, int(kib) / 1024

    async def close(self) -> None:
        """End it."""
        await self.link.close()
        self._process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self._process.wait, 20)


def _count(text: str, series: str) -> int:
    return sum(int(float(n)) for n in re.findall(rf"stablehand_{series} (\S+)", text))


async def drive(watching: Watching, rate: int, lasts_s: float) -> list[tuple[float, bool]]:
    """Send what a relay would at a steady rate, in slices, as its timer does.

    Returns:
        Of each request the chance that it had to be sampled, and whether it arrived in the link.
    """
    made, began_s, number, next_s = bodies(), time.monotonic(), 0, 0.0
    sampler, draws = Sampler(CaptureSettings(max_rows_per_s=rate)), []
    relief = Relief(sampler, watching.link)
    while (passed_s := time.monotonic() - began_s) < lasts_s:
        if passed_s >= next_s:
            next_s = passed_s + INTERVAL_S
            relief.tick(passed_s)
            sampler.tick(passed_s)
        while number < passed_s * rate:
            number += 1
            sampler.n_seen += 1
            about = exchange(number)
            asked, answered = made[number % N_BODIES]
            watching.link.put(about)
            chance, is_kept = sampler.keep, RNG.random() < sampler.keep
            if is_kept:
                sampler.kept()
                is_kept = watching.link.put(Capture(about, TARGET, asked, answered))
                watching.n_sent += is_kept
            draws.append((chance, is_kept))
        await asyncio.sleep(SLICE_S)
    return draws


def evenness(draws: list[tuple[float, bool]]) -> str:
    """Say whether what was kept is a uniform sample, by Pearson's chi-square over moments."""
    later = draws[len(draws) // 3 :]
    groups = np.array_split(np.array(later, dtype=float), N_MOMENTS)
    chances = [group[:, 0] for group in groups]
    expected = np.array([p.sum() for p in chances])
    spread = np.array([(p * (1 - p)).sum() for p in chances])
    kept = np.array([group[:, 1].sum() for group in groups])
    drawn = spread > 0
    told = f"{kept.sum() / len(later):.0%} of the last {len(later)} requests were sampled"
    if not drawn.any():
        return told
    square = float(((kept - expected)[drawn] ** 2 / spread[drawn]).sum())
    p_value = float(chi2.sf(square, drawn.sum()))
    return f"{told}; chi-square over {drawn.sum()} moments: {square:.0f}, p = {p_value:.2f}"


async def measure(rate: int, lasts_s: float, sink_port: int | None) -> None:
    """Print one table."""
    print(f"\n{rate} requests per second of 16 KiB, to be sampled\n")
    print("| s | core | ms each | RSS MiB | sampled/s | decoded/s | dropped/s | events sent/s |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        watching = Watching(Path(folder), sink_port)
        await watching.ready()
        driving = asyncio.ensure_future(drive(watching, rate, lasts_s))
        began_s, before, dropped = time.monotonic(), await watching.look(), 0
        while not driving.done():
            await asyncio.wait([driving], timeout=EVERY_S)
            now = await watching.look()
            took_s = now.at_s - before.at_s
            lost = watching.link.dropped["capture"]
            figures = (
                now.sent - before.sent,
                now.decoded - before.decoded,
                lost - dropped,
                now.forwarded - before.forwarded,
            )
            each = " | ".join(f"{figure / took_s:,.0f}" for figure in figures)
            cpu_s = now.cpu_s - before.cpu_s
            one_ms = 1000 * cpu_s / max(1, now.decoded - before.decoded)
            told = f"{now.at_s - began_s:.0f} | {cpu_s / took_s:.0%} | {one_ms:.2f}"
            print(f"| {told} | {now.rss_mib:.0f} | {each} |", flush=True)
            before, dropped = now, lost
        print(f"\n{evenness(await driving)}")
        await watching.close()


async def receiver() -> tuple[web.AppRunner, int]:
    """Run someone who takes events."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, runner.addresses[0][1]


async def main() -> None:
    """Measure both rates."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=30.0)
    parser.add_argument("--sink", action="store_true", help="send CloudEvents too")
    given = parser.parse_args()
    runner, port = await receiver()
    for rate in RATES:
        await measure(rate, given.seconds, port if given.sink else None)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
