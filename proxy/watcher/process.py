"""The watcher's process: started, turning its ticks, ended, and going on where it was killed."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import uvloop
from aiohttp import web

from proxy import __version__, clock
from proxy.actuators.capacity import Capacity
from proxy.actuators.notify import Notifier
from proxy.actuators.pager import Pager
from proxy.actuators.route import RouteCell
from proxy.benchmark import BenchmarkError
from proxy.config import ConfigError, Loaded, load
from proxy.link.frames import pulse_frame
from proxy.link.receiver import LinkReceiver, Reports
from proxy.payload.decode import Decoder
from proxy.pipeline import Pipeline
from proxy.probe import PROBE_EVERY_S, Probe
from proxy.records import Capture, Exchange, Model, Pulse
from proxy.tasks import TaskGroup
from proxy.telemetry import logs
from proxy.telemetry.answers import serve_unix
from proxy.telemetry.api import Api
from proxy.telemetry.journal import Journal
from proxy.telemetry.logs import QueueWriter
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.snapshot import StateFile
from proxy.telemetry.traffic import Traffic
from proxy.watcher.assembly import (
    categories_of,
    certified_of,
    differ_of,
    engine_of,
    monitors_of,
    plan_of,
    read_benchmark,
)
from proxy.watcher.desk import Office, WatcherDesk
from proxy.watcher.hands import Hands, Tools
from proxy.watcher.samples import Samples

log = logging.getLogger(__name__)

LINK_SOCKET: Final = "link.sock"
API_SOCKET: Final = "watcher.sock"
ROUTING_FILE: Final = "routing.bin"
STATE_FILE: Final = "watcher.state"
OUTBOX: Final = "outbox"
INSTANCE: Final = "instance"
JOURNAL: Final = "journal.jsonl"
STATE_VERSION: Final = 1
PULSE_EVERY_S: Final = 1.0


class _State(msgspec.Struct, frozen=True):
    """What is on disk for the next life."""

    saved_s: float
    saved_utc_s: float
    pipeline: bytes
    pager: bytes


class Watcher:
    """One watcher process."""

    def __init__(
        self, loaded: Loaded, run_dir: Path, pulse_fd: int | None, writer: QueueWriter
    ) -> None:
        """Put the parts together; nothing is opened before `run`, but the state is read."""
        config = loaded.config
        state_dir = loaded.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        self._loaded = loaded
        self._run_dir = run_dir
        self._pulse_fd = pulse_fd
        self._writer = writer
        self._tasks = TaskGroup("watcher", limit=16)
        self._ending = asyncio.Event()
        self._lag_s = 0.0
        self._notes: list[str] = []
        self._pulses: dict[int, Pulse] = {}
        self._samples = Samples()
        self._traffic = Traffic()
        self._metrics = Metrics(
            config.telemetry.metrics, version=__version__, config_sha256=loaded.sha256
        )
        certified = certified_of(loaded, self._notes)
        decoder = Decoder(config.payload, config.capture.redact, categories_of(certified))
        self._pipeline = Pipeline(
            plan_of(loaded),
            monitors_of(loaded, engine_of(loaded), certified),
            decoder,
            differ=differ_of(certified),
            meter=self._metrics,
            keeper=self._samples,
        )
        self._state = StateFile(state_dir / STATE_FILE, kind="watcher", version=STATE_VERSION)
        self._cell = RouteCell(state_dir / ROUTING_FILE)
        self._notifier = Notifier(config.alerts, state_dir / OUTBOX, count=self._metrics.alert)
        self._pager = Pager(config.alerts, self._notifier.offer)
        self._take_up()
        self._link = LinkReceiver(
            str(run_dir / LINK_SOCKET), self._received, self._pipeline.routing
        )
        instance = f"{config.models.candidate.name}@{socket.gethostname()}/{_nonce(state_dir)}"
        self._capacity = Capacity(config.capacity, instance)
        self._journal = Journal(state_dir / JOURNAL, config.telemetry.journal)
        tools = Tools(
            journal=self._journal,
            metrics=self._metrics,
            notifier=self._notifier,
            pager=self._pager,
            capacity=self._capacity,
            cell=self._cell,
            broadcast=self._link.broadcast,
            save=self.save,
        )
        self._hands = Hands(
            config, self._pipeline, tools, instance=instance, admin_url=_admin_url(loaded)
        )
        self._desk = WatcherDesk(
            Office(
                loaded=loaded,
                pipeline=self._pipeline,
                hands=self._hands,
                journal=self._journal,
                metrics=self._metrics,
                traffic=self._traffic,
                samples=self._samples,
                pulses=self._pulses,
                notes=self._notes,
                started_utc=clock.utc_text(),
            )
        )

    def _take_up(self) -> None:
        """Go on where the last life ended."""
        raw = self._state.read()
        if self._state.trouble:
            self._notes.append(self._state.trouble)
        if raw is not None:
            try:
                saved = msgspec.msgpack.decode(raw, type=_State)
            except msgspec.MsgspecError as error:
                self._notes.append(f"The saved state cannot be read ({error}).")
            else:
                away_s = clock.utc().timestamp() - saved.saved_utc_s
                delta_s = clock.now_s() - saved.saved_s - max(0.0, away_s)
                self._notes += self._pipeline.restore(saved.pipeline, delta_s)
                self._pager.restore(saved.pager, delta_s)
        found = self._cell.load()
        if found is not None and self._pipeline.adopt(found, clock.now_s()):
            log.warning("the routing on disk is newer than the saved state and stays in force")
        self._cell.set(self._pipeline.routing)
        self._metrics.routing(self._pipeline.routing, self._pipeline.posture.because)

    def save(self) -> None:
        """Write down what the next life needs."""
        state = _State(
            saved_s=clock.now_s(),
            saved_utc_s=clock.utc().timestamp(),
            pipeline=self._pipeline.snapshot(),
            pager=self._pager.snapshot(),
        )
        self._state.write(msgspec.msgpack.encode(state))

    async def run(self) -> int:
        """Watch until told to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        await self._link.start()
        runner = await serve_unix(Api(self._desk).application(), self._run_dir / API_SOCKET)
        self._notifier.start()
        self._hands.write("start", {"text": f"Watching began, version {__version__}."})
        duties = [
            self._tasks.spawn("ticks", self._tick_for_ever()),
            self._tasks.spawn("pulse", self._pulse_for_ever()),
            self._tasks.spawn("saving", self._save_for_ever()),
            *self._start_probes(),
        ]
        ending = asyncio.ensure_future(self._ending.wait())
        watched = {duty for duty in duties if duty is not None}
        done, _ = await asyncio.wait({ending, *watched}, return_when=asyncio.FIRST_COMPLETED)
        ending.cancel()
        await self._close(runner)
        # A duty never ends by itself: the supervisor starts a watcher with a bug again, visibly.
        return 0 if done <= {ending} else 1

    async def _close(self, runner: web.AppRunner) -> None:
        await self._tasks.close()
        await self._link.close()
        await runner.cleanup()
        await self._hands.close()
        await self._notifier.close()
        await self._capacity.close()
        self.save()
        self._journal.close()

    # What comes in.

    def _received(self, reports: Reports) -> None:
        for report in reports:
            try:
                self._take(report)
            except Exception:
                # A bug in reading one report must not cost the others, nor the link.
                log.exception("a report could not be taken in")
                self._metrics.link_dropped("unreadable")

    def _take(self, report: Exchange | Capture | Pulse) -> None:
        if isinstance(report, Exchange):
            self._metrics.observe(report)
            self._traffic.observe(report)
        elif isinstance(report, Pulse):
            self._pulses[report.worker] = report
            self._metrics.pulse(report)
        self._pipeline.observe(report)

    def _start_probes(self) -> list[asyncio.Task[None] | None]:
        models = self._loaded.config.models
        probes = [Probe(Model.CANDIDATE, models.candidate)]
        if models.stable is not None:
            probes.append(Probe(Model.STABLE, models.stable))
        return [
            self._tasks.spawn(f"probe.{number}", self._probe_for_ever(probe))
            for number, probe in enumerate(probes)
        ]

    async def _probe_for_ever(self, probe: Probe) -> None:
        every_s = min(PROBE_EVERY_S, self._loaded.config.monitors.tick_s)
        try:
            while True:
                self._pipeline.observe(await probe.ask())
                await asyncio.sleep(every_s)
        finally:
            await probe.close()

    # What is done in turn.

    async def _tick_for_ever(self) -> None:
        """Tick at the times that are due, not a tick after the last: the budget counts ticks."""
        tick_s = self._loaded.config.monitors.tick_s
        due_s = clock.now_s() + tick_s
        while True:
            await asyncio.sleep(max(0.0, due_s - clock.now_s()))
            now_s = clock.now_s()
            turn = self._pipeline.tick(now_s)
            self._hands.carry_out(turn)
            # After a stall the missed ticks are left out: their data are in this one.
            due_s = max(due_s + tick_s, now_s)

    async def _pulse_for_ever(self) -> None:
        while True:
            due_s = clock.now_s() + PULSE_EVERY_S
            await asyncio.sleep(PULSE_EVERY_S)
            self._lag_s = max(0.0, clock.now_s() - due_s)
            self._metrics.lag("watcher", self._lag_s)
            self._metrics.journal_failed(self._journal.n_failed)
            self._metrics.log_dropped(self._writer.n_dropped)
            self._pulse()

    def _pulse(self) -> None:
        if self._pulse_fd is None:
            return
        pulse = Pulse(
            worker=-1,
            pid=os.getpid(),
            at_s=clock.now_s(),
            listening=True,
            draining=self._ending.is_set(),
            connections=self._link.n_relays,
            in_flight={},
            lag_s=self._lag_s,
            epoch=self._pipeline.routing.epoch,
            dropped={},
        )
        try:
            os.write(self._pulse_fd, pulse_frame(pulse))
        except BlockingIOError:
            return  # the supervisor is slow: it learns from the next pulse
        except OSError as error:
            log.warning("the supervisor is gone (%s); ending", error)
            self._pulse_fd = None
            self._ending.set()

    async def _save_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._loaded.config.state.snapshot_s)
            self.save()


def _nonce(state_dir: Path) -> str:
    """Give a random word that is kept as long as the state is.

    With the state, the counts that ids are made of begin anew: without this word the ids of new
    alerts would be those of old ones, and receivers would ignore them.
    """
    path = state_dir / INSTANCE
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if word := path.read_text(encoding="utf-8").strip():
            return word
    word = secrets.token_hex(4)
    try:
        path.write_text(word, encoding="utf-8")
    except OSError as error:
        log.warning("%s cannot be written: %s", path, error.strerror)
    return word


def _admin_url(loaded: Loaded) -> str:
    """Give the address of the status page, for links in alerts."""
    admin = loaded.config.admin
    host = socket.gethostname() if admin.host in {"0.0.0.0", "::"} else admin.host
    return f"http://{host}:{admin.port}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one watcher; give its exit code."""
    parser = argparse.ArgumentParser(prog="python -m proxy.watcher")
    parser.add_argument("config", type=Path)
    parser.add_argument("--text-fd", type=int, help="descriptor of the text that is in force")
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
    writer = logs.start("watcher", loaded.config.telemetry.log)
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


def _text(descriptor: int | None) -> str | None:
    """Read what the supervisor put into force, whatever stands in the file by now."""
    if descriptor is None:
        return None
    with os.fdopen(descriptor, encoding="utf-8", newline="") as file:
        return file.read()


def _refuse(message: str) -> int:
    print(message, file=sys.stderr)  # noqa: T201  # there is no log yet
    return 2


async def _watch(loaded: Loaded, run_dir: Path, pulse_fd: int | None, writer: QueueWriter) -> int:
    return await Watcher(loaded, run_dir, pulse_fd, writer).run()
