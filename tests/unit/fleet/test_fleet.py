"""A fleet of replicas: the same evidence everywhere, own counts when it cannot be had."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import numpy as np
import pytest

import made
from proxy.fleet.fleet import Fleet, Identity
from proxy.fleet.settings import FleetSettings
from proxy.records import Rows
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch

Story = Callable[[Any, int], Awaitable[None]]
Tell = Callable[[Story], None]

TICK_S = 10.0
START = 1_700_000_000.0
_RNG = np.random.default_rng(1)
PROFILE = build_profile({"x": _RNG.normal(size=3000).tolist()}, _RNG, ordered=False)


class Replica:
    """One replica: a watch and its part in the fleet, whose ticks a test turns by hand."""

    def __init__(self, port: int, name: str, benchmark: str = "one", **settings: Any) -> None:
        """Belong to the fleet at `port`."""
        rule = DriftRule(tolerance=Tolerance(effect=0.1))
        self.watch = ProfileWatch(PROFILE, rule, Certainty(run_length_ticks=1e4))
        self.counted: Counter[str] = Counter()
        chosen = FleetSettings(
            url=f"redis://127.0.0.1:{port}", name="flights", timeout_s=0.3, **settings
        )
        identity = Identity(replica=name, benchmark_sha256=benchmark, tick_s=TICK_S)
        self.fleet = Fleet(chosen, identity, count=self._count)

    def _count(self, what: str, kind: str) -> None:
        self.counted[f"{what} {kind}".strip()] += 1

    def count(self, values: Iterable[float]) -> None:
        """Take rows."""
        self.watch.count(rows_of(list(values)))

    def turn(self, tick: int, ahead_s: float = 0.0) -> None:
        """End a tick, with a clock that may be ahead."""
        utc_s = START + TICK_S * (tick + 1) + 0.01 + ahead_s
        self.fleet.turn(utc_s, {"input": self.watch.gather()}, frozenset())
        self.watch.tick()

    async def meet(self) -> None:
        """Publish what waits and collect what is awaited, without waiting for half a tick."""
        await self.fleet.publish()
        await self.fleet.collect()

    def rows(self) -> int:
        """Give the rows that were folded with the last tick that had any."""
        if not self.watch.watch.history.n_ticks:
            return 0
        return int(self.watch.watch.history.last(1, slice(None)).sum())


async def round_of(replicas: list[Replica], tick: int) -> None:
    """Turn one tick of all: everybody publishes, then everybody collects."""
    for replica in replicas:
        replica.turn(tick)
    await asyncio.gather(*(replica.fleet.publish() for replica in replicas))
    await asyncio.gather(*(replica.fleet.collect() for replica in replicas))


async def agree(port: int) -> None:
    """Three replicas of a drifting fleet reach one verdict, that of a watcher of all rows."""
    fleet = [Replica(port, name) for name in "abc"]
    alone = Replica(port, "z").watch
    rng = np.random.default_rng(3)
    waiting: list[list[float]] = []
    for tick in range(40):
        shift = 0.0 if tick < 15 else 1.0
        everything: list[float] = []
        for place, replica in enumerate(fleet):
            values = rng.normal(shift, 1, 2 + 3 * place).tolist()
            replica.count(values)
            everything += values
        waiting.append(everything)
        await round_of(fleet, tick)
        if tick >= 2:
            alone.count(rows_of(waiting[tick - 2]))
            alone.tick()
        for replica in fleet:
            ours = replica.watch.watch.detector.wealth
            assert (ours == alone.watch.detector.wealth).all()
    assert alone.watch.breach is not None
    assert {replica.watch.save() for replica in fleet} == {alone.save()}
    for replica in fleet:
        state = replica.fleet.state(0.0)
        assert (state.up, state.replicas, state.late, state.others) == (True, 3, 0, 0)
        assert replica.counted["tick fleet"] == 38
        assert replica.counted["tick own"] == 0
        await replica.fleet.close()


def rows_of(values: list[float]) -> Rows:
    """Give rows of one column."""
    return made.rows({"x": values})


def test_all_replicas_have_the_evidence_of_one_watcher_of_all_rows(with_small: Tell) -> None:
    """Bit for bit, through a socket, into a breach."""
    with_small(lambda _, port: agree(port))


@pytest.mark.slow
def test_the_same_through_the_real_server(real_redis: int) -> None:
    """The real server gives the same evidence."""
    asyncio.run(agree(real_redis))


@pytest.mark.parametrize("trouble", ["is_silent", "is_full", "password", "stop"])
def test_without_the_server_own_counts_are_folded_until_it_is_back(
    with_small: Tell, trouble: str
) -> None:
    """Silence, a full or locked server, or none at all: no tick is lost or folded twice."""

    async def story(server: Any, port: int) -> None:
        one, other = fleet = [Replica(port, name) for name in "ab"]
        folded = []
        for tick in range(12):
            if tick == 4:
                await spoil(server, trouble)
            if tick == 8:
                await mend(server, trouble, port)
            for replica in fleet:
                replica.fleet._paused_until_s = 0.0
            one.count([0.0] * 10)
            other.count([0.0] * 5)
            await round_of(fleet, tick)
            folded.append(one.rows())
        assert folded[2:5] == [15, 15, 15]
        assert folded[6:9] == [10, 10, 10]
        assert folded[-1] == 15
        assert sum(folded[2:]) == 15 * one.counted["tick fleet"] + 10 * one.counted["tick own"]
        state = one.fleet.state(0.0)
        assert (state.up, state.trouble) == (True, "")
        for replica in fleet:
            await replica.fleet.close()

    with_small(story)


def test_an_address_that_the_client_refuses_costs_the_sums_only() -> None:
    """Ticks go on with own counts; what is wrong is told without the address."""

    async def story() -> None:
        one = Replica(6379, "a")
        options = "redis://:hush@127.0.0.1/0?socket_timeout=soon"
        one.fleet._settings = FleetSettings(url=options, name="flights")
        for tick in range(4):
            one.count([0.0] * 10)
            one.turn(tick)
            await one.meet()
        assert one.rows() == 10
        assert one.counted["tick own"] == 2
        assert "fleet.url" in one.fleet.state(0.0).trouble
        assert "hush" not in one.fleet.state(0.0).trouble
        await one.fleet.close()

    asyncio.run(story())


def test_a_failure_is_told_and_the_server_left_in_peace(with_small: Tell) -> None:
    """The state says what is wrong; a server that is down is asked less and less often."""

    async def story(server: Any, port: int) -> None:
        one = Replica(port, "a")
        server.is_full = True
        for tick in range(6):
            one.count([0.0])
            await round_of([one], tick)
        state = one.fleet.state(0.0)
        assert not state.up
        assert state.replicas == 1
        assert "full" in state.trouble
        assert one.fleet.others is None
        assert one.counted["error full"] == 2
        await one.fleet.close()

    with_small(story)


def test_who_comes_late_is_counted_and_changes_nobodys_sum(with_small: Tell) -> None:
    """A replica that publishes after the closing is left out by all, itself included."""

    async def story(_: Any, port: int) -> None:
        one, slow = fleet = [Replica(port, name) for name in "ab"]
        folded = []
        for tick in range(8):
            one.count([0.0] * 10)
            slow.count([0.0] * 5)
            for replica in fleet:
                replica.turn(tick)
            # Tick 3 of the slow one arrives with tick 4, after the other has closed it.
            if tick != 3:
                await one.fleet.collect()
                await slow.fleet.publish()
            await one.meet()
            await slow.fleet.collect()
            folded.append((one.rows(), slow.rows()))
        assert folded[2:] == [(15, 15), (15, 15), (15, 15), (10, 10), (15, 15), (15, 15)]
        assert (one.fleet.n_late, slow.fleet.n_late) == (0, 1)
        assert slow.counted["late"] == 1
        for replica in fleet:
            await replica.fleet.close()

    with_small(story)


def test_a_clock_that_is_a_tick_behind_is_late_and_measured(with_small: Tell) -> None:
    """Counts under an older number miss the closing: they are counted as late."""

    async def story(server: Any, port: int) -> None:
        one, behind = fleet = [Replica(port, name) for name in "ab"]
        server.ahead_s = 3 * TICK_S
        for tick in range(8):
            for replica in fleet:
                replica.count([0.0] * 5)
            one.turn(tick)
            behind.turn(tick, ahead_s=-3 * TICK_S)
            for replica in fleet:
                await replica.meet()
        assert behind.fleet.n_late > 0
        assert behind.counted["late"] == behind.fleet.n_late
        assert one.fleet.n_late == 0
        assert "clock" in behind.fleet.state(0.0).trouble
        for replica in fleet:
            await replica.fleet.close()

    with_small(story)


def test_a_clock_that_is_ahead_closes_no_tick(with_small: Tell) -> None:
    """It would close them before the others have published: it leaves the closing to them."""

    async def story(server: Any, port: int) -> None:
        ahead, good = fleet = [Replica(port, name) for name in "ab"]
        for tick in range(8):
            for replica in fleet:
                replica.count([0.0] * 5)
                replica.turn(tick)
            server.ahead_s = -3 * TICK_S
            await ahead.meet()
            server.ahead_s = 0.0
            await good.meet()
        assert good.fleet.n_late == 0
        assert good.counted["tick fleet"] == 6
        assert good.rows() == 10
        # The one ahead found no sum closed in time, and judged its own counts.
        assert ahead.counted["tick own"] == 6
        assert ahead.rows() == 5
        assert "clock" in ahead.fleet.state(0.0).trouble
        for replica in fleet:
            await replica.fleet.close()

    with_small(story)


def test_before_anything_was_judged_the_fleet_is_not_down(with_small: Tell) -> None:
    """A start is no trouble: the first sums are only due after the lag."""

    async def story(_: Any, port: int) -> None:
        one = Replica(port, "a", lag_ticks=5)
        ups = []
        for tick in range(8):
            one.count([0.0])
            await round_of([one], tick)
            ups.append(one.fleet.state(0.0).up)
        assert all(ups)
        await one.fleet.close()

    with_small(story)


def test_hostile_values_cost_their_own_share_only(with_small: Tell) -> None:
    """Bytes that are no counts, counts of other bins and bombs are left out and counted."""

    async def story(server: Any, port: int) -> None:
        one = Replica(port, "a")
        for tick in range(6):
            one.count([0.0] * 10)
            one.turn(tick)
            await one.fleet.publish()
            for key, found in server.hashes.items():
                if b":tick:" in key and b"evil" not in found:
                    good = found[b"a"]
                    found |= {b"evil": b"\x92\xc4", b"short": good[:-2], b"empty": b""}
            await one.fleet.collect()
        assert one.rows() == 10
        assert one.fleet.state(0.0).replicas == 1
        assert one.counted["error damaged"] == 3 * 5
        await one.fleet.close()

    with_small(story)


def test_another_benchmark_is_known_and_not_added(with_small: Tell) -> None:
    """During a roll-out both halves of a fleet add up what they have in common, and no more."""

    async def story(_: Any, port: int) -> None:
        fleet = [Replica(port, "a"), Replica(port, "b"), Replica(port, "c", benchmark="two")]
        for tick in range(4):
            for replica in fleet:
                replica.count([0.0] * 5)
            await round_of(fleet, tick)
        assert [replica.rows() for replica in fleet] == [10, 10, 5]
        assert [replica.fleet.state(0.0).others for replica in fleet] == [1, 1, 2]
        for replica in fleet:
            await replica.fleet.close()

    with_small(story)


def test_a_turn_never_waits_and_the_duty_does_the_rest(with_small: Tell) -> None:
    """With its duty running, a replica meets the others between two turns."""

    async def story(_: Any, port: int) -> None:
        one = Replica(port, "a", lag_ticks=1)
        one.fleet._identity = Identity(replica="a", benchmark_sha256="one", tick_s=0.02)
        one.fleet.start()
        number = 0
        while not one.counted["tick fleet"]:
            one.count([0.0])
            one.fleet.turn(number * 0.02 + 0.021, {"input": one.watch.gather()}, frozenset())
            one.watch.tick()
            number += 1
            await asyncio.sleep(0.02)
        await one.fleet.close()

    with_small(story)


async def spoil(server: Any, trouble: str) -> None:
    """Make the server useless."""
    if trouble == "stop":
        await server.stop()
    else:
        setattr(server, trouble, b"secret" if trouble == "password" else True)
        server.forget_callers()


async def mend(server: Any, trouble: str, port: int) -> None:
    """Make the server well again."""
    if trouble == "stop":
        await server.start(port)
    else:
        setattr(server, trouble, b"" if trouble == "password" else False)
