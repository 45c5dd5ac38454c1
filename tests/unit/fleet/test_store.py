"""The keys in Redis: written once, closed once, read within bounds, and every failure named."""

from __future__ import annotations

import asyncio
import re
import shutil
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.fleet import store as stores
from proxy.fleet.settings import FleetSettings
from proxy.fleet.store import MAX_REPLICAS, Share, Store, StoreError

Story = Callable[[Any, int], Awaitable[None]]
Tell = Callable[[Story], None]

LAYOUT = "ab" * 32
TICK = 7


def read(raw: bytes) -> Share | None:
    """Read a share that is well formed."""
    try:
        return msgspec.msgpack.decode(raw, type=Share)
    except msgspec.MsgspecError:
        return None


def door(port: int, replica: str = "a", **settings: Any) -> Store:
    """Give a replica's door to the server at `port`."""
    chosen = FleetSettings(url=f"redis://127.0.0.1:{port}", name="flights", **settings)
    return Store(chosen, replica, LAYOUT, tick_s=1.0)


async def meet(port: int) -> None:
    """Two replicas publish; whoever collects first decides who is in."""
    first, second, late = (door(port, name) for name in ("a", "b", "c"))
    for one in (first, second):
        meeting = await one.publish(TICK, Share(counts=one._replica, telling=("errors",)))
        assert meeting.n_others == 0
        assert abs(meeting.skew_s) < 5
    closed = await second.collect(TICK, read)
    assert list(closed.shares) == ["a", "b"]
    assert closed.shares["b"] == Share(counts=b"b", telling=("errors",))
    await late.publish(TICK, Share(counts=b"c"))
    assert await first.collect(TICK, read) == await late.collect(TICK, read) == closed
    # What was written once stays, whatever is sent again.
    await first.publish(TICK, Share(counts=b"other"))
    assert await first.collect(TICK, read) == closed
    empty = await first.collect(TICK + 1, read)
    assert empty.shares == {}
    for one in (first, second, late):
        await one.close()


def test_replicas_meet_at_a_small_server(with_small: Tell) -> None:
    """The small server of these tests does what the store needs."""
    with_small(lambda _, port: meet(port))


@pytest.mark.slow
def test_replicas_meet_at_the_real_server(real_redis: int) -> None:
    """The real server does the same."""
    asyncio.run(meet(real_redis))


def test_a_replica_with_another_benchmark_is_counted_and_not_added(with_small: Tell) -> None:
    """Other layouts have other keys; their replicas are told apart, and known."""

    async def roll_out(_: Any, port: int) -> None:
        settings = FleetSettings(url=f"redis://127.0.0.1:{port}", name="flights")
        ours, theirs = door(port), Store(settings, "z", "cd" * 32, tick_s=1.0)
        await theirs.publish(TICK, Share(counts=b"z"))
        assert (await ours.publish(TICK, Share(counts=b"a"))).n_others == 1
        assert list((await ours.collect(TICK, read)).shares) == ["a"]
        await ours.close()
        await theirs.close()

    with_small(roll_out)


def test_every_key_expires(with_small: Tell) -> None:
    """Nothing that a fleet writes outlives it for long."""

    async def leave(server: Any, port: int) -> None:
        ours = door(port)
        await ours.publish(TICK, Share(counts=b"a"))
        await ours.collect(TICK + 1, read)
        keys = {key for key, found in server.hashes.items() if found} | server.sets.keys()
        assert server.expiries.keys() == keys
        assert set(server.expiries.values()) == {60_000}
        await ours.close()

    with_small(leave)


def test_counts_outlive_the_lag_after_which_they_are_asked_for(with_small: Tell) -> None:
    """With the longest lag, too: they are collected just before they are folded."""

    async def wait(server: Any, port: int) -> None:
        ours = door(port, lag_ticks=30)
        await ours.publish(TICK, Share(counts=b"a"))
        await ours.collect(TICK, read)
        assert min(server.expiries.values()) == 60_000
        slow = Store(
            FleetSettings(url=f"redis://127.0.0.1:{port}", name="slow", lag_ticks=30),
            "a",
            LAYOUT,
            tick_s=10.0,
        )
        await slow.publish(TICK, Share(counts=b"a"))
        assert max(server.expiries.values()) >= 40 * 10_000
        for one in (ours, slow):
            await one.close()

    with_small(wait)


def test_damaged_shares_are_left_out_by_everybody(with_small: Tell) -> None:
    """What cannot be read is in nobody's sum and is counted; a list of strangers does no harm."""

    async def damage(server: Any, port: int) -> None:
        ours = door(port)
        await ours.publish(TICK, Share(counts=b"a"))
        key = next(key for key in server.hashes if key.endswith(b":7"))
        server.hashes[key][b"evil"] = b"\xc1 no message"
        found = await ours.collect(TICK, read)
        assert (list(found.shares), found.n_damaged) == (["a"], 1)
        server.hashes[key][b"closed"] = msgspec.msgpack.encode([b"a", b"nobody", b"evil"])
        found = await ours.collect(TICK, read)
        assert (list(found.shares), found.n_damaged) == (["a"], 2)
        server.hashes[key][b"closed"] = b"\xff"
        with pytest.raises(StoreError, match="damaged") as refused:
            await ours.collect(TICK, read)
        assert refused.value.reason == "damaged"
        await ours.close()

    with_small(damage)


def test_too_much_is_not_read(with_small: Tell) -> None:
    """A tick with too many or too large fields is refused before it is fetched."""

    async def flood(server: Any, port: int) -> None:
        ours = door(port)
        await ours.publish(TICK, Share(counts=b"a"))
        key = next(key for key in server.hashes if key.endswith(b":7"))
        server.hashes[key] |= {b"%d" % one: b"" for one in range(MAX_REPLICAS + 2)}
        for _ in range(2):
            with pytest.raises(StoreError) as refused:
                await ours.collect(TICK, read)
            assert refused.value.reason == "too_large"
            server.hashes[key] = {b"a": b"x" * (stores.MAX_TICK_BYTES + 1)}
        with pytest.raises(StoreError, match="bytes"):
            await ours.publish(TICK, Share(counts=b"x" * stores.MAX_SHARE_BYTES))
        await ours.close()

    with_small(flood)


def test_a_server_that_hides_sizes_is_used_all_the_same(with_small: Tell) -> None:
    """An access list may forbid MEMORY USAGE: then the number of fields must do."""

    async def hide(server: Any, port: int) -> None:
        server.knows_sizes = False
        ours = door(port)
        await ours.publish(TICK, Share(counts=b"a"))
        assert list((await ours.collect(TICK, read)).shares) == ["a"]
        await ours.close()

    with_small(hide)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [("is_silent", "timeout"), ("is_full", "full"), ("password", "refused")],
)
def test_failures_have_a_name_and_end(with_small: Tell, trouble: str, reason: str) -> None:
    """A server that is slow, full or locked is named as such, and used again when it is well."""

    async def fail(server: Any, port: int) -> None:
        ours = door(port, timeout_s=0.2)
        setattr(server, trouble, b"secret" if trouble == "password" else True)
        with pytest.raises(StoreError) as refused:
            await ours.publish(TICK, Share(counts=b"a"))
        assert refused.value.reason == reason
        setattr(server, trouble, b"" if trouble == "password" else False)
        await ours.publish(TICK, Share(counts=b"a"))
        assert list((await ours.collect(TICK, read)).shares) == ["a"]
        await ours.close()

    with_small(fail)


def test_a_server_that_is_away_is_unreachable_until_it_comes_back(with_small: Tell) -> None:
    """A refused connection is named; a restarted server is used at once."""

    async def restart(server: Any, port: int) -> None:
        ours = door(port)
        await ours.publish(TICK, Share(counts=b"a"))
        await server.stop()
        for _ in range(2):
            with pytest.raises(StoreError) as refused:
                await ours.publish(TICK, Share(counts=b"a"))
            assert refused.value.reason == "unreachable"
        await server.start(port)
        await ours.publish(TICK + 1, Share(counts=b"a"))
        await ours.close()

    with_small(restart)


def test_a_password_opens_the_door(with_small: Tell) -> None:
    """The configured password is sent."""

    async def unlock(server: Any, port: int) -> None:
        server.password = b"secret"
        ours = door(port, password="secret")  # noqa: S106 - a password for the test
        await ours.publish(TICK, Share(counts=b"a"))
        await ours.close()

    with_small(unlock)


def test_a_clock_that_is_off_is_measured(with_small: Tell) -> None:
    """The time of the server tells how far our own is off."""

    async def compare(server: Any, port: int) -> None:
        server.ahead_s = 30.0
        ours = door(port)
        meeting = await ours.publish(TICK, Share(counts=b"a"))
        assert meeting.skew_s == pytest.approx(30.0, abs=5.0)
        await ours.close()

    with_small(compare)


@pytest.mark.slow
def test_wrong_types_at_the_real_server_are_a_failure(real_redis: int) -> None:
    """A key that somebody made a string is named as odd, and nothing breaks."""

    async def spoil() -> None:
        ours = door(real_redis)
        await ours.publish(TICK, Share(counts=b"a"))
        key = f"{ours._ticks}:{TICK + 1}"
        await ours._redis.set(key, b"text")
        with pytest.raises(StoreError) as refused:
            await ours.collect(TICK + 1, read)
        assert refused.value.reason == "failed"
        assert 0 < await ours._redis.pttl(f"{ours._ticks}:{TICK}") <= 60_000
        assert abs((await ours.publish(TICK + 2, Share(counts=b"a"))).skew_s) < 5
        await ours.close()

    asyncio.run(spoil())


@pytest.mark.slow
def test_the_access_list_in_the_documentation_is_enough(real_redis: int) -> None:
    """A user with just the keys and commands that docs/operations.md names takes part."""
    text = Path(__file__).parents[3].joinpath("docs", "operations.md").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if "`~stablehand:*`" in line]
    commands = re.findall(r"\+[a-z|]+", line.partition("and `")[2].partition("`")[0])
    assert len(commands) > 5

    async def take_part() -> None:
        admin = door(real_redis)
        rule = ("fleet", "on", ">pw", "~stablehand:*", *commands)
        await admin._redis.execute_command("ACL", "SETUSER", *rule)
        ours = door(real_redis, username="fleet", password="pw")  # noqa: S106 - of this test
        await ours.publish(TICK, Share(counts=b"a"))
        assert list((await ours.collect(TICK, read)).shares) == ["a"]
        for one in (admin, ours):
            await one.close()

    asyncio.run(take_part())


@pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")
def test_a_server_that_vanished_costs_hanging_up_no_more_than_its_time(
    small: Any, tmp_path: Path
) -> None:
    """The end of a TLS connection that nobody answers is a store's failure, not the watcher's."""
    subprocess.run(
        (
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *(
                "-nodes",
                "-days",
                "1",
                "-subj",
                "/CN=redis",
                "-addext",
                "subjectAltName=IP:127.0.0.1",
            ),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ),
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )

    async def story() -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        server = small()
        listening = await asyncio.start_server(server._serve, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        settings = FleetSettings(
            url=f"rediss://127.0.0.1:{port}",
            name="flights",
            ca_file=str(tmp_path / "cert.pem"),
            timeout_s=0.3,
        )
        store = Store(settings, "a", LAYOUT, 10.0)
        await store.publish(1, Share(counts=b"1"))
        for writer in server._open:
            writer.transport.pause_reading()
        with pytest.raises(StoreError, match="did not answer"):
            await store.close()
        for writer in server._open:
            writer.transport.abort()
        listening.close()

    asyncio.run(story())
