"""The watcher's process: turning its ticks, ended, and going on where it was killed.

How it is started from a command line stands in `start.py`.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import socket
from pathlib import Path
from typing import Final

import numpy as np
from aiohttp import web

from proxy import __version__, clock
from proxy.actuators.capacity import Capacity
from proxy.actuators.notify import Notifier
from proxy.actuators.pager import Pager
from proxy.actuators.route import RouteCell
from proxy.actuators.sink import Sink
from proxy.benchmark import Benchmark
from proxy.config import API_SOCKET, LINK_SOCKET, ROUTING_FILE, Loaded
from proxy.link.frames import pulse_frame
from proxy.link.receiver import LinkReceiver, Reports
from proxy.logs import QueueWriter
from proxy.monitors import Monitor
from proxy.payload.decode import Decoder
from proxy.pipeline import Pipeline, Reader
from proxy.probe import PROBE_EVERY_S, Probe
from proxy.records import Capture, Exchange, Model, Pulse
from proxy.tasks import TaskGroup
from proxy.telemetry.answers import serve_unix
from proxy.telemetry.api import Api
from proxy.telemetry.journal import Journal
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.traffic import Traffic
from proxy.watcher.assembly import (
    certified_of,
    collector_of,
    comparer_of,
    decoder_of,
    engine_of,
    explainer_of,
    monitors_of,
    plan_of,
)
from proxy.watcher.desk import WatcherDesk
from proxy.watcher.forwarding import Forwarding
from proxy.watcher.hands import Hands, Tools
from proxy.watcher.membership import membership_of, next_border_s
from proxy.watcher.memory import Memory, Mind, nonce
from proxy.watcher.office import Office
from proxy.watcher.reporting import versions
from proxy.watcher.samples import Samples

log = logging.getLogger(__name__)

OUTBOX: Final = "outbox"
JOURNAL: Final = "journal.jsonl"
PULSE_EVERY_S: Final = 1.0
ODD_EVERY_S: Final = 60.0
"""A bug may show in every report: one traceback in so long, or the log is full of them."""


class Watcher:
    """One watcher process."""

    def __init__(
        self, loaded: Loaded, run_dir: Path, pulse_fd: int | None, writer: QueueWriter
    ) -> None:
        """Put the parts together; nothing is opened before `run`, but the state is read."""
        config = loaded.config
        state_dir = loaded.state_dir
        state_dir.mkdir(parents=True, exist_ok=True)
        # Whoever removes the state while a sidecar runs removes the folder of its sockets too.
        run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._loaded = loaded
        self._run_dir = run_dir
        self._pulse_fd = pulse_fd
        self._writer = writer
        self._tasks = TaskGroup("watcher", limit=16)
        self._ending = asyncio.Event()
        self._lag_s = 0.0
        self._say_odd_s = -math.inf
        self._notes: list[str] = []
        self._pulses: dict[int, Pulse] = {}
        self._samples = Samples(np.random.default_rng())
        self._traffic = Traffic()
        self._metrics = Metrics(
            config.telemetry.metrics, version=__version__, config_sha256=loaded.sha256
        )
        certified = certified_of(loaded, self._notes)
        self._versions = versions(loaded, certified)
        self._engine = engine_of(loaded)
        self._sink, reader = self._make_sink(decoder_of(loaded, certified))
        self._collector = collector_of(loaded, reader, self._write)
        monitors = monitors_of(loaded, self._engine, certified)
        self._explainer = explainer_of(loaded, monitors, certified, self._samples)
        self._pipeline = self._make_pipeline(monitors, self._collector, certified)
        self._notifier = Notifier(config.alerts, state_dir / OUTBOX, count=self._metrics.alert)
        self._fleet = membership_of(loaded, self._metrics, self._notifier, state_dir)
        tell = self._notifier.offer if self._fleet is None else self._fleet.tell
        pager = Pager(config.alerts, tell)
        cell = RouteCell(state_dir / ROUTING_FILE)
        mind = Mind(pipeline=self._pipeline, pager=pager, cell=cell)
        self._memory = Memory(state_dir, mind)
        self._notes += self._memory.take_up()
        self._metrics.routing(self._pipeline.routing, "restart")
        self._link = LinkReceiver(
            str(run_dir / LINK_SOCKET), self._received, self._pipeline.routing
        )
        instance = f"{config.models.candidate.name}@{socket.gethostname()}/{nonce(state_dir)}"
        self._capacity = Capacity(config.capacity, instance)
        self._journal = Journal(state_dir / JOURNAL, config.telemetry.journal)
        tools = Tools(
            journal=self._journal,
            metrics=self._metrics,
            tell=tell,
            pager=pager,
            capacity=self._capacity,
            cell=cell,
            broadcast=self._link.broadcast,
            save=self._memory.save,
        )
        self._hands = Hands(
            config, self._pipeline, tools, instance=instance, admin_url=_admin_url(loaded)
        )
        self._desk = self._make_desk(self._hands)

    def _write(self, kind: str, body: object) -> None:
        """Put an entry into the journal, for parts that are made before the hands."""
        self._hands.write(kind, body)

    def _make_pipeline(
        self, monitors: tuple[Monitor, ...], reader: Reader, certified: Benchmark | None
    ) -> Pipeline:
        """Give the line from observations to decisions."""
        return Pipeline(
            plan_of(self._loaded),
            monitors,
            reader,
            compare=comparer_of(self._loaded.config.monitors.agreement, certified),
            meter=self._metrics,
            keeper=self._samples,
        )

    def _make_sink(self, decoder: Decoder) -> tuple[Sink | None, Reader]:
        """Give the sink, when there is one, and who reads bodies."""
        config, count = self._loaded.config, self._metrics.sink
        settings = config.capture.sink
        if settings is None:
            return None, decoder
        sink = Sink(settings, count=count)
        name = config.models.candidate.name
        return sink, Forwarding(decoder, sink, settings, name=name, count=count)

    def _make_desk(self, hands: Hands) -> WatcherDesk:
        """Give the desk that looks at our parts."""
        return WatcherDesk(
            Office(
                loaded=self._loaded,
                pipeline=self._pipeline,
                hands=hands,
                journal=self._journal,
                memory=self._memory,
                notifier=self._notifier,
                metrics=self._metrics,
                traffic=self._traffic,
                samples=self._samples,
                collector=self._collector,
                pulses=self._pulses,
                notes=self._notes,
                insights=self._explainer.latest,
                started_utc=clock.utc_text(),
            )
        )

    async def run(self) -> int:
        """Watch until told to end."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._ending.set)
        await self._link.start()
        runner = await serve_unix(Api(self._desk).application(), self._run_dir / API_SOCKET)
        if self._sink is not None:
            self._sink.start()
        self._notifier.start()
        if self._fleet is not None:
            self._fleet.start()
        self._hands.begin(f"Watching began, version {__version__}.", self._versions)
        duties = [
            self._tasks.spawn("ticks", self._tick_for_ever()),
            self._tasks.spawn("pulse", self._pulse_for_ever()),
            self._tasks.spawn("saving", self._save_for_ever()),
            self._tasks.spawn("studying", self._collector.study_for_ever()),
            self._tasks.spawn(
                "explaining", self._explainer.run(self._hands.write, self._metrics.insight)
            ),
            *self._start_probes(),
        ]
        for duty in duties:
            if duty is not None:
                # A duty never ends by itself: a watcher with a bug is started again, visibly.
                duty.add_done_callback(lambda _: self._ending.set())
        await self._ending.wait()
        is_broken = any(duty is None or duty.done() for duty in duties)
        await self._close(runner)
        return int(is_broken)

    async def _close(self, runner: web.AppRunner) -> None:
        await self._tasks.close()
        await self._link.close()
        await runner.cleanup()
        await self._hands.close()
        # Before everything that talks to others, who may be slow: an end takes ten seconds at most.
        self._memory.save()
        await self._notifier.close()
        if self._fleet is not None:
            await self._fleet.close()
        if self._sink is not None:
            await self._sink.close()
        await self._capacity.close()
        self._journal.close()

    # What comes in.

    def _received(self, reports: Reports) -> None:
        for report in reports:
            try:
                self._take(report)
            except Exception:
                # A bug in reading one report must not cost the others, nor the link.
                self._metrics.link_dropped("unreadable")
                if clock.now_s() >= self._say_odd_s:
                    self._say_odd_s = clock.now_s() + ODD_EVERY_S
                    log.exception("a report could not be taken in; others like it are only counted")

    def _take(self, report: Exchange | Capture | Pulse) -> None:
        if isinstance(report, Exchange):
            self._metrics.observe(report)
            self._traffic.observe(report)
            self._samples.observe(report)
            self._collector.observe(report)
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
        fleet = self._fleet
        due_s = clock.now_s() + tick_s
        while True:
            if fleet is not None:
                due_s = next_border_s(clock.now_s(), clock.utc_offset_s(), tick_s)
            await asyncio.sleep(max(0.0, due_s - clock.now_s()))
            now_s = clock.now_s()
            self._engine.utc_offset_s = clock.utc_offset_s()
            if fleet is not None:
                fleet.turn(self._pipeline, now_s, self._engine.utc_offset_s)
                self._engine.utc_offset_s -= fleet.lag_s
            turn = self._pipeline.tick(now_s)
            self._hands.carry_out(turn)
            self._explainer.look(turn)
            if fleet is not None:
                fleet.turned()
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
        """Tell the supervisor that this process lives; end when it is gone."""
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
            self._memory.save()


def _admin_url(loaded: Loaded) -> str:
    """Give the address of the status page, for links in alerts."""
    admin = loaded.config.admin
    host = socket.gethostname() if admin.host in {"0.0.0.0", "::"} else admin.host
    return f"http://[{host}]:{admin.port}" if ":" in host else f"http://{host}:{admin.port}"
