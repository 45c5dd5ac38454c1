"""A fleet whose labels go to all replicas: one evidence, and figures of each its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

import msgspec
import numpy as np
import pytest

from proxy.fleet.fleet import Fleet, Identity
from proxy.fleet.settings import FleetSettings
from proxy.monitors import Engine
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.settings import LabelSettings
from proxy.records import Fate, Finding, Model, Verdict
from truths import BENCHMARK, output, told

Story = Callable[[Any, int], Awaitable[None]]
Tell = Callable[[Story], None]

TICK_S = 10.0
START = 1_700_000_000.0
LAG = FleetSettings(url="redis://h", name="n").lag_ticks


class Replica:
    """One replica with its own requests, to which all labels are sent."""

    def __init__(self, port: int, name: str) -> None:
        """Belong to the fleet at `port`."""
        self.monitor = LabelQuality(LabelSettings(), BENCHMARK, Engine(tick_s=TICK_S))
        chosen = FleetSettings(url=f"redis://127.0.0.1:{port}", name="labels", timeout_s=0.3)
        identity = Identity(replica=name, benchmark_sha256="one", tick_s=TICK_S)
        self.fleet = Fleet(chosen, identity, count=lambda _what, _kind: None)
        self.findings: list[Finding] = []

    def turn(self, tick: int) -> None:
        """End a tick as the watcher does: own counts go, those of the fleet are judged."""
        utc_s = START + TICK_S * (tick + 1) + 0.01
        self.fleet.turn(utc_s, self.monitor.pooled(), frozenset())
        self.findings.append(self.monitor.judge(TICK_S * (tick + 1)))


class Scene:
    """Replicas that share the requests of one deployment."""

    def __init__(self, port: int, n: int) -> None:
        """Begin with `n` replicas, and one watcher beside them that sees every request."""
        self.replicas = [Replica(port, name) for name in "abc"[:n]]
        self.alone = LabelQuality(LabelSettings(), BENCHMARK, Engine(tick_s=TICK_S))
        self._rng = np.random.default_rng(4)
        self._tick = self._key = 0

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let every replica leave."""
        for replica in self.replicas:
            await replica.fleet.close()

    async def go_on(self, n_ticks: int, accuracy: float, per_tick: int = 12) -> None:
        """Let requests come in turn to the replicas, each labelled in the tick that it came in."""
        for _ in range(n_ticks):
            for _ in range(per_tick):
                self._request(accuracy)
            for replica in self.replicas:
                replica.turn(self._tick)
            await asyncio.gather(*(replica.fleet.publish() for replica in self.replicas))
            await asyncio.gather(*(replica.fleet.collect() for replica in self.replicas))
            self.alone.judge(TICK_S * (self._tick + 1))
            self._tick += 1

    def _request(self, accuracy: float) -> None:
        """Let both models answer one request, and tell its label to everybody."""
        self._key += 2
        at_s, truth = TICK_S * self._tick, int(self._rng.random() < 0.5)
        said = [truth if self._rng.random() < one else 1 - truth for one in (accuracy, 0.9)]
        own = output(self._key, [str(said[0])], f"id-{self._key}", at_s=at_s)
        copy = output(
            self._key + 1, [str(said[1])], model=Model.STABLE, pair_id=self._key, at_s=at_s
        )
        asked = self.replicas[self._key // 2 % len(self.replicas)].monitor
        for monitor in (asked, self.alone):
            monitor.observe(own)
            monitor.observe(copy)
        for monitor in (*(replica.monitor for replica in self.replicas), self.alone):
            monitor.tell([told(f"id-{self._key}", truth, at_s=at_s)], at_s)


async def find_together(port: int) -> None:
    """Three replicas reach one verdict, and none of them has the labels for it alone."""
    async with Scene(port, 3) as scene:
        await scene.go_on(60, accuracy=0.9)
        assert {one.findings[-1].verdict for one in scene.replicas} == {Verdict.OK}
        await scene.go_on(40, accuracy=0.65)
        for replica in scene.replicas:
            last = replica.findings[-1]
            assert (last.verdict, last.shared) == (Verdict.BREACH, Verdict.OK)
            assert last.n_current == scene.replicas[0].findings[-1].n_current
        assert len({one.monitor._losses.save() for one in scene.replicas}) == 1
        evidence = [[one.evidence for one in replica.findings] for replica in scene.replicas]
        assert evidence[0] == evidence[1] == evidence[2]


def test_replicas_judge_the_quality_by_the_labels_of_all(with_small: Tell) -> None:
    """The same finding on each, tick by tick, through a socket; the candidate is alone with it."""
    with_small(lambda _, port: find_together(port))


@pytest.mark.slow
def test_the_same_through_the_real_server(real_redis: int) -> None:
    """The real server gives the same findings."""
    asyncio.run(find_together(real_redis))


async def equal(port: int) -> None:
    """Each tick of the fleet has the evidence that one watcher of all had a lag before."""
    async with Scene(port, 3) as scene:
        before: list[float] = []
        for tick in range(50):
            await scene.go_on(1, accuracy=0.9 if tick < 25 else 0.6)
            before.append(scene.alone._losses.watches[Model.CANDIDATE].evidence)
            if tick >= LAG:
                for replica in scene.replicas:
                    assert replica.findings[-1].evidence == before[tick - LAG]
        assert before[-1] > 10


def test_the_sum_is_the_evidence_of_one_watcher_of_all_requests(with_small: Tell) -> None:
    """Bit for bit, a lag later."""
    with_small(lambda _, port: equal(port))


async def stay_local(port: int) -> None:
    """What waits, the figures and the coverage are of each replica, and it says so."""
    async with Scene(port, 2) as scene:
        await scene.go_on(30, accuracy=0.9)
        for replica in scene.replicas:
            detail = msgspec.to_builtins(replica.monitor.detail())
            assert detail["models"]["candidate"]["n_labelled"] == 30 * 12 // 2
            assert detail["coverage"] == 1.0
            assert detail["of"].startswith("this replica: figures, coverage")
            fates = replica.monitor.news().fates
            assert fates[Fate.JOINED] == 30 * 12 // 2
            assert replica.findings[-1].n_current > 30 * 12 // 2
        assert msgspec.to_builtins(scene.alone.detail())["of"] == "this replica"


def test_figures_coverage_and_delay_stay_those_of_a_replica(with_small: Tell) -> None:
    """Each joins its own half of the labels; the evidence has the rows of both."""
    with_small(lambda _, port: stay_local(port))


async def go_alone(port: int, small: Any) -> None:
    """Without the server each judges the labels of its own requests."""
    async with Scene(port, 2) as scene:
        await scene.go_on(20, accuracy=0.9)
        await small.stop()
        await scene.go_on(60, accuracy=0.5)
        assert {one.findings[-1].verdict for one in scene.replicas} == {Verdict.BREACH}
        assert {one.findings[-1].shared for one in scene.replicas} == {Verdict.OK}
        assert len({one.monitor._losses.save() for one in scene.replicas}) == 2
        await small.start(port)


def test_without_redis_each_judges_its_own_labels(with_small: Tell) -> None:
    """Nothing is lost and nothing counted twice; the evidence is then each one's own."""
    with_small(lambda small, port: go_alone(port, small))
