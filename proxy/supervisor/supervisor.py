"""The supervisor: it binds the ports, keeps relays and watcher alive, and ends them in order.

It owns one listening socket per relay and hands it on, so that connections waiting in the backlog
of a relay that died are served by its successor. It answers for health and readiness itself: the
watcher may die without taking the pod out of service. Nothing of a request passes through here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from aiohttp import web

from proxy import clock
from proxy.children import Child, Launch
from proxy.config import API_SOCKET, LINK_SOCKET, ConfigError, Loaded
from proxy.ports import StartError, bind, port_trouble
from proxy.probe import PROBE_EVERY_S, Probe
from proxy.records import Health, Model
from proxy.supervisor.ground import check_same_ground
from proxy.supervisor.launches import relay_launcher, watcher_launch
from proxy.tasks import TaskGroup
from proxy.telemetry.answers import serve_tcp
from proxy.telemetry.desk import DeskError, JsonObject, ProcessVitals
from proxy.telemetry.door import Door
from proxy.trial import benchmark_trouble, load_sound

log = logging.getLogger(__name__)

MAX_SOCKET_PATH: Final = 90
"""Longest folder for unix sockets: the system takes 107 bytes with the name."""
WATCHER_GRACE_S: Final = 10.0
"""Time for the watcher to write its state down."""
KILL_AFTER_S: Final = 2.0
"""What a relay gets beyond its own grace time before it is killed."""


class Supervisor:
    """One running sidecar."""

    def __init__(self, loaded: Loaded) -> None:
        """Plan the processes; nothing is bound or started before `run`."""
        self._loaded = loaded
        self._tasks = TaskGroup("supervisor", limit=256)
        self._sockets: list[socket.socket] = []
        self._relays: list[Child] = []
        self._retired: list[Child] = []
        """Relays of an earlier configuration that are still draining."""
        self._watcher: Child | None = None
        self._health: dict[Model, Health] = {}
        self._run_dir = Path()
        self._draining = ""
        self._is_signalled = False
        self._end = asyncio.Event()
        self._now = asyncio.Event()
        self._probes: list[asyncio.Task[None] | None] = []
        self._reloaded_ok = True
        self._is_reloading = False

    # Starting and ending.

    async def run(self) -> int:
        """Run until told to end; give the exit code.

        Raises:
            StartError: a port is in use, or the state's folder cannot be written.
        """
        self._prepare()
        door = await self._open_door()
        try:
            self._listen_to_signals()
            self._watcher = self._keep("watcher", self._launch_watcher)
            self._relays = self._start_relays()
            self._start_probes()
            await self._end.wait()
            await self._stop_all()
        finally:
            await self._tasks.close()
            await door.cleanup()
            for listening in self._sockets:
                listening.close()
            self._remove_run_dir()
        return 0

    def _prepare(self) -> None:
        """Make the folders and bind the data port."""
        state_dir = self._loaded.state_dir
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            self._run_dir = state_dir / "run"
            if len(str(self._run_dir)) > MAX_SOCKET_PATH:
                self._run_dir = Path(tempfile.mkdtemp(prefix="stablehand-"))
            self._run_dir.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise StartError(
                f"state.dir {state_dir} cannot be used: {error.strerror}; "
                "make it writable, or set state.dir"
            ) from error
        self._sockets = bind(self._loaded.config.listen)

    def _remove_run_dir(self) -> None:
        """Leave nothing behind; what a bad disk keeps is no reason to end otherwise than asked."""
        with contextlib.suppress(OSError):
            for name in (LINK_SOCKET, API_SOCKET):
                (self._run_dir / name).unlink(missing_ok=True)
            if self._run_dir.parent != self._loaded.state_dir:
                self._run_dir.rmdir()

    async def _open_door(self) -> web.AppRunner:
        admin = self._loaded.config.admin
        door = Door(self, admin, self._run_dir / API_SOCKET)
        try:
            runner, _ = await serve_tcp(door.application(), admin.host, admin.port)
        except OSError as error:
            for listening in self._sockets:
                listening.close()
            raise StartError(port_trouble("admin", admin.host, admin.port, error)) from error
        return runner

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal, number.name)
        loop.add_signal_handler(signal.SIGHUP, self._reload_soon)

    def _on_signal(self, name: str) -> None:
        """Drain at the first signal, end now at the second.

        A drain asked for at the admin door is no signal: Kubernetes sends SIGTERM as soon as the
        preStop hook that asked for it has returned, and the requests still running must not be cut.
        """
        if self._is_signalled:
            log.warning("%s again: ending now", name)
            self._now.set()
        self._is_signalled = True
        self._leave(name)

    def _leave(self, why: str) -> None:
        """Begin to drain; a second reason changes nothing."""
        self._draining = self._draining or why
        self._end.set()

    async def _stop_all(self) -> None:
        """Let the relays drain, then let the watcher write down what they last reported."""
        listen = self._loaded.config.listen
        log.info("draining (%s): at most %g s", self._draining, listen.grace_s)
        relays = [*self._relays, *self._retired]
        for relay in relays:
            relay.stop()
        await self._until_ended(relays, listen.grace_s + KILL_AFTER_S)
        if self._watcher is not None:
            self._watcher.stop()
            await self._until_ended([self._watcher], WATCHER_GRACE_S)

    async def _until_ended(self, children: Sequence[Child], timeout_s: float) -> None:
        """Wait for the processes; kill what is left at the end of the time, or when told to."""
        until_s = clock.now_s() + timeout_s
        while any(child.pid is not None for child in children):
            if self._now.is_set() or clock.now_s() > until_s:
                for child in children:
                    child.stop(signal.SIGKILL)
            await asyncio.sleep(0.02)

    # The processes.

    def _keep(self, name: str, launch: Callable[[], Launch]) -> Child:
        child = Child(name, launch)
        self._tasks.spawn(name, child.keep())
        return child

    def _start_relays(self) -> list[Child]:
        return [
            self._keep(f"relay-{worker}", relay_launcher(self._loaded, self._run_dir, worker, one))
            for worker, one in enumerate(self._sockets)
        ]

    def _launch_watcher(self) -> Launch:
        return watcher_launch(self._loaded, self._run_dir)

    def _start_probes(self) -> None:
        """Ask the models of the configuration in force, and those of an earlier one no more."""
        for probe in self._probes:
            if probe is not None:
                probe.cancel()
        models = self._loaded.config.models
        asked = {Model.CANDIDATE: models.candidate, Model.STABLE: models.stable}
        self._health = {model: one for model, one in self._health.items() if asked[model]}
        self._probes = [
            self._tasks.spawn(f"probe.{model}", self._probe_for_ever(Probe(model, upstream)))
            for model, upstream in asked.items()
            if upstream is not None
        ]

    async def _probe_for_ever(self, probe: Probe) -> None:
        try:
            while True:
                health = await probe.ask()
                self._health[health.model] = health
                await asyncio.sleep(PROBE_EVERY_S)
        finally:
            await probe.close()

    # What the admin door asks (`telemetry.desk.Vitals`).

    def alive(self) -> tuple[bool, Sequence[str]]:
        """Give whether relays live. While the first ones start, they are given their time."""
        dead = [child.name for child in self._relays if child.pid is None and child.n_starts > 1]
        reasons = [f"{name} is not running" for name in dead]
        return len(dead) < max(1, len(self._relays)) or self._is_listening(), reasons

    def ready(self) -> tuple[bool, Sequence[str]]:
        """Give whether traffic may come: a relay listens, a model answers, nobody drains."""
        reasons = []
        if self._draining:
            reasons.append(f"draining ({self._draining})")
        if not self._is_listening():
            reasons.append("no relay is listening yet")
        answers = [health for health in self._health.values() if health.ready]
        if not answers:
            told = [f"{model}: {health.reason}" for model, health in self._health.items()]
            reasons.append("no model is ready" + (f" ({'; '.join(told)})" if told else " yet"))
        return not reasons, reasons

    def _is_listening(self) -> bool:
        """Tell whether connections are taken; while relays are replaced, by the old ones."""
        relays = (*self._relays, *self._retired)
        return any(child.is_alive() and _listens(child) for child in relays)

    def processes(self) -> Mapping[str, ProcessVitals]:
        """Give each process by its name."""
        children = [*self._relays, *([self._watcher] if self._watcher is not None else [])]
        return {
            child.name: ProcessVitals(up=child.pid is not None, restarts=max(0, child.n_starts - 1))
            for child in children
        }

    def reloaded(self) -> bool:
        """Give whether the last configuration that was read is in force."""
        return self._reloaded_ok

    def drain(self, by: str) -> JsonObject:
        """Begin to drain; give how it stands."""
        self._leave(f"drain asked for by {by}")
        grace_s = self._loaded.config.listen.grace_s
        return {"draining": True, "because": self._draining, "grace_s": grace_s}

    # Reading the configuration again.

    def _reload_soon(self) -> None:
        self._tasks.spawn("reload", self._reload_for_signal())

    async def _reload_for_signal(self) -> None:
        try:
            await self.reload("SIGHUP")
        except DeskError as error:
            log.warning("reload refused: %s", error.message)

    async def reload(self, by: str) -> JsonObject:
        """Put the configuration into force again, all or nothing, without losing a request.

        A benchmark or a secret that was written again under its old name is a change too. New
        relays join on the same sockets before the old ones drain; the watcher is started again
        and goes on from its state. Ports, workers and the state's folder need a restart.

        Raises:
            DeskError: the file cannot be used, or changes what needs a restart; all stays as it is.
        """
        if self._is_reloading or self._draining:
            why = "draining" if self._draining else "reloading already"
            raise DeskError(409, "busy", f"stablehand is {why}.", "Ask again when it has ended.")
        self._is_reloading = True
        try:
            return await self._reload(by)
        finally:
            self._is_reloading = False

    async def _reload(self, by: str) -> JsonObject:
        """See `reload`."""
        try:
            fresh = await asyncio.to_thread(load_sound, self._loaded.path)
            check_same_ground(self._loaded, fresh)
        except ConfigError as error:
            self._reloaded_ok = False
            hint = "Correct the file; the old one stays in force."
            raise DeskError(422, "bad_config", str(error), hint) from error
        trouble = await asyncio.to_thread(benchmark_trouble, fresh)
        self._reloaded_ok = not trouble
        if trouble:
            raise DeskError(
                422, "bad_benchmark", trouble, "Certify again; the old one stays in force."
            )
        if fresh.behaves_like(self._loaded):
            return {"changed": False, "config_sha256": fresh.sha256}
        log.info("reloading for %s", by)
        self._loaded = fresh
        self._start_probes()
        self._retire_relays()
        if self._watcher is not None:
            # The old watcher writes its state down before the new one reads it.
            old = self._watcher
            old.stop()
            await self._until_ended([old], WATCHER_GRACE_S)
            if not self._draining:
                self._watcher = self._keep("watcher", self._launch_watcher)
        return {"changed": True, "config_sha256": fresh.sha256}

    def _retire_relays(self) -> None:
        old, self._relays = self._relays, self._start_relays()
        self._retired = [child for child in self._retired if child.pid is not None]
        self._retired += old
        self._tasks.spawn("retire", self._drain_when_replaced(old))

    def _all_listen(self) -> bool:
        return all(child.is_alive() and _listens(child) for child in self._relays)

    async def _drain_when_replaced(self, old: Sequence[Child]) -> None:
        while not self._all_listen():  # noqa: ASYNC110  # pulses come once a second, in no order
            await asyncio.sleep(0.05)
        for child in old:
            child.stop()


def _listens(child: Child) -> bool:
    return child.pulse is not None and child.pulse.listening
