"""Three whole watchers of one fleet: one verdict, one voice, and each alone when it must be."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

import made
from proxy.benchmark import Benchmark, dump
from proxy.config import load
from proxy.logs import QueueWriter
from proxy.records import Alarm, AlarmName, AlarmState, Capture, Message
from proxy.replay import replay
from proxy.stats.reference.profile import build_profile
from proxy.telemetry.journal import Entry
from proxy.watcher.membership import Membership
from proxy.watcher.process import Watcher

OFFSET_S = 1_700_000_000.0
START_S = 1000.5
POD = """\
models: {candidate: {name: churn, url: 'http://127.0.0.1:1'}}
benchmark: benchmark.json
monitors: {tick_s: 1, input: {learn_s: 0, unmeasured_design_effect: 1}}
alarms: {hold_s: 2, resolve_after_s: 2}
policy: {ladders: {input_drift: [alert]}}
alerts:
  receivers:
    - {name: duty, url: 'http://127.0.0.1:4/duty', allow_http: true, allow_private: true}
fleet: {url: 'redis://127.0.0.1:PORT', name: churn, timeout_s: 0.2}
"""


def certified() -> Benchmark:
    """Give a benchmark of one normal column."""
    rng = np.random.default_rng(1)
    profile = build_profile({"x": rng.normal(size=5000).tolist()}, rng, ordered=False)
    return Benchmark(created_utc="2026-01-01T00:00:00Z", models={"candidate": "m"}, input=profile)


BENCHMARK = certified()


class Pod:
    """One watcher of a fleet, in a folder of its own, whose ticks a test turns by hand."""

    def __init__(self, folder: Path, port: int, stack: ExitStack) -> None:
        """Make the watcher; pods are named by their folders, in order."""
        folder.mkdir()
        (folder / "benchmark.json").write_bytes(dump(BENCHMARK))
        # The name of a replica ends with its state's nonce: that decides who comes first.
        (folder / "state").mkdir()
        (folder / "state" / "instance").write_text(folder.name, "utf-8")
        path = folder / "c.yaml"
        path.write_text(POD.replace("PORT", str(port)), "utf-8")
        sink = os.open(os.devnull, os.O_WRONLY)
        stack.callback(os.close, sink)
        writer = QueueWriter(sink, max_lines=16)
        stack.callback(writer.close)
        self.watcher = Watcher(load(path, {}), folder, None, writer)
        stack.callback(self.watcher._journal.close)

    @property
    def member(self) -> Membership:
        """Give its part in the fleet."""
        assert self.watcher._fleet is not None
        return self.watcher._fleet

    def ask(self, values: list[float], number: int) -> None:
        """Observe one sampled request."""
        body = json.dumps({"instances": [{"x": value} for value in values]}).encode()
        request = Message({"content-type": "application/json"}, body, False)
        exchange = made.exchange(id=number)
        self.watcher._pipeline.observe(Capture(exchange, "/v1/models/m:predict", request, None))

    def turn(self, now_s: float) -> None:
        """Turn one tick as the process does."""
        pipeline = self.watcher._pipeline
        self.member.turn(pipeline, now_s, OFFSET_S)
        self.watcher._hands.carry_out(pipeline.tick(now_s))
        self.member.turned()

    async def meet(self) -> None:
        """Meet the others, as its duty does between two ticks."""
        await self.member._fleet.publish()
        await self.member._fleet.collect()

    @property
    def alarm(self) -> Alarm:
        """Give the alarm of input drift."""
        return self.watcher._pipeline.alarms[AlarmName.INPUT_DRIFT]

    def told(self) -> int:
        """Give how many notices wait for the receiver, who is not there."""
        return self.watcher._notifier.waiting()["duty"]


class Scene:
    """A fleet and what happens to it."""

    def __init__(self, server: Any, port: int, folder: Path, stack: ExitStack) -> None:
        """Begin with three pods."""
        self.server = server
        self.port = port
        self.pods = [Pod(folder / name, port, stack) for name in "abc"]
        self.rng = np.random.default_rng(7)
        self.tick = 0
        self.states: list[tuple[str, ...]] = []

    async def go_on(self, n_ticks: int, shift: float, pods: str = "abc") -> None:
        """Let ticks pass with five rows for each pod."""
        alive = [pod for pod, name in zip(self.pods, "abc", strict=True) if name in pods]
        for _ in range(n_ticks):
            for pod in alive:
                self.tick += 1
                pod.ask(self.rng.normal(shift, 1, 5).tolist(), number=self.tick)
                pod.turn(START_S + len(self.states))
            await asyncio.gather(*(pod.meet() for pod in alive))
            self.states.append(tuple(pod.alarm.state.value for pod in alive))

    def told(self) -> list[int]:
        """Give how many notices each pod has for its receiver."""
        return [pod.told() for pod in self.pods]


def perform(small: Any, folder: Path, script: Callable[[Scene], Awaitable[None]]) -> None:
    """Perform a script with three pods and a small server."""

    async def performed() -> None:
        server = small()
        port = await server.start()
        with ExitStack() as stack:
            scene = Scene(server, port, folder, stack)
            await script(scene)
            for pod in scene.pods:
                await pod.member.close()
            await server.stop()

    asyncio.run(performed())


def test_all_replicas_alarm_at_the_same_tick_and_one_tells(small: Any, tmp_path: Path) -> None:
    """From calm to firing to resolved the three go in step, and people hear of each once."""

    async def script(scene: Scene) -> None:
        await scene.go_on(8, shift=0.0)
        assert scene.told() == [0, 0, 0]
        await scene.go_on(25, shift=2.0)
        assert {len(set(states)) for states in scene.states} == {1}
        assert scene.pods[0].alarm.state is AlarmState.FIRING
        assert scene.told() == [1, 0, 0]
        await scene.go_on(25, shift=0.0)
        assert {len(set(states)) for states in scene.states} == {1}
        assert scene.pods[0].alarm.state is AlarmState.RESOLVED
        assert scene.told() == [2, 0, 0]
        assert len({pod.alarm.finding.evidence for pod in scene.pods if pod.alarm.finding}) == 1
        state = scene.pods[1].watcher._desk.status().fleet
        assert state is not None
        assert (state.up, state.replicas, state.late) == (True, 3, 0)

    perform(small, tmp_path, script)


def test_when_the_speaker_dies_the_next_one_tells(small: Any, tmp_path: Path) -> None:
    """An incident that is open is told again by the next replica, which also ends it."""

    async def script(scene: Scene) -> None:
        await scene.go_on(8, shift=0.0)
        await scene.go_on(25, shift=2.0)
        assert scene.told() == [1, 0, 0]
        await scene.go_on(8, shift=2.0, pods="bc")
        assert scene.told() == [1, 1, 0]
        await scene.go_on(25, shift=0.0, pods="bc")
        assert scene.told() == [1, 2, 0]

    perform(small, tmp_path, script)


def test_without_redis_each_alarms_and_tells_by_itself(small: Any, tmp_path: Path) -> None:
    """The server goes away before the drift: all find it from their own rows, and all tell."""

    async def script(scene: Scene) -> None:
        await scene.go_on(8, shift=0.0)
        await scene.server.stop()
        await scene.go_on(30, shift=2.0)
        assert [pod.alarm.state for pod in scene.pods] == [AlarmState.FIRING] * 3
        # The drift, and that the watching is degraded.
        assert min(scene.told()) >= 1
        finding = scene.pods[0].watcher._pipeline.alarms[AlarmName.WATCHING].finding
        detail = scene.pods[0].watcher._pipeline.detail(AlarmName.WATCHING)["fleet"]
        assert finding is not None
        assert "cannot be reached" in detail.trouble
        await scene.server.start(scene.port)

    perform(small, tmp_path, script)


def test_a_journal_of_the_fleet_is_replayed_like_any_other(small: Any, tmp_path: Path) -> None:
    """Findings of merged counts lead to the same decisions when they are replayed."""

    async def script(scene: Scene) -> None:
        scene.pods[1].watcher._hands.begin("Watching began.", {})
        await scene.go_on(8, shift=0.0)
        await scene.go_on(25, shift=2.0)
        entries = [
            msgspec.convert(entry, Entry, strict=False)
            for entry in scene.pods[1].watcher._journal.tail(1000)
        ]
        told = replay(entries)
        assert told.n_ticks > 0
        assert told.is_same

    perform(small, tmp_path, script)
