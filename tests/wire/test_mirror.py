"""Copies for the shadow: what they are, and that nothing they meet reaches the main path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure, Model, Position, Routing

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


BODY = b'{"instances": [[1, 2]]}'
POST = (
    b"POST /v1/models/m:predict?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
) + BODY
FAULTS = {
    "refuses": Failure.REFUSED,
    "resets": Failure.RESET,
    "500": None,
    "slow": Failure.TIMEOUT,
    "drips": Failure.TIMEOUT,
    "swallows": Failure.TIMEOUT,
    "garbage": Failure.PROTOCOL,
    "closes": Failure.RESET,
}
FAULTY_ANSWERS = {
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
    "huge": b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n" + b"x" * 20_000_000,
    "garbage": b"\x00" * 1000,
}
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"


def _all(kit: type[Kit], **changes: object) -> Routing:
    return kit.Routing(shadow=Model.STABLE, mirror_fraction=1.0, **changes)


def _main_path(house: House) -> list:
    return [one for one in house.notebook.exchanges if one.position is Position.SERVING]


def _copies(house: House) -> list:
    return [one for one in house.notebook.exchanges if one.position is Position.SHADOW]


def test_a_copy_is_the_request_with_a_marker(kit: type[Kit]) -> None:
    """The shadow gets the same target, fields and body; both answers are captured as a pair."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(ANSWER), await house.upstream(kit.OK)
        await house.relay(candidate, stable, routing=_all(kit))
        _, body = await house.ask(POST)
        assert body == b"[]"
        await house.until(lambda: len(house.notebook.captures) == 2)
        sent, copy = candidate.requests[0], stable.requests[0]
        assert copy.start == sent.start
        assert copy.body == BODY
        assert copy.values(b"authorization") == [b"Bearer t"]
        assert copy.values(b"x-forwarded-for") == [b"127.0.0.1"]
        first, second = house.notebook.captures
        assert copy.values(b"x-stablehand-mirror") == [b"%016x" % first.exchange.id]
        assert sent.values(b"x-stablehand-mirror") == []
        assert (first.exchange.model, first.exchange.position) == ("candidate", "serving")
        assert (second.exchange.model, second.exchange.position) == ("stable", "shadow")
        assert second.exchange.pair_id == first.exchange.id
        assert second.exchange.route == first.exchange.route
        assert first.target == second.target == "/v1/models/m:predict"
        assert first.request.body == BODY
        assert first.request.fields == {"content-type": "application/json"}
        assert first.response.body == b"[]"
        assert second.request is None
        assert second.response.body == b"ok"

    kit.run(scenario)


def test_chunked_requests_are_copied_with_their_length(kit: type[Kit]) -> None:
    """A copy's body is whole when it leaves, so it is sent with its length."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await house.relay(candidate, stable, routing=_all(kit))
        await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
        await house.until(lambda: stable.requests)
        assert stable.requests[0].body == b"abcde"
        assert stable.requests[0].values(b"transfer-encoding") == []
        assert stable.requests[0].values(b"content-length") == [b"5"]

    kit.run(scenario)


def test_copies_are_not_copied_again(kit: type[Kit]) -> None:
    """A request that carries the marker is served and never mirrored: two sidecars cannot loop."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await house.relay(candidate, stable, routing=_all(kit))
        await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nX-Stablehand-Mirror: 1\r\nContent-Length: 1\r\n\r\nx"
        )
        await house.ask(POST)
        await house.until(lambda: stable.requests)
        assert len(stable.requests) == 1

    kit.run(scenario)


def test_credentials_can_be_left_out(kit: type[Kit]) -> None:
    """With `strip_credentials` no copy carries a credential; the request itself does."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        mirror = kit.Mirror(strip_credentials=True)
        await house.relay(candidate, stable, routing=_all(kit), mirror=mirror)
        await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\ncookie: y\r\nX-API-Key: z\r\n"
            b"X-Stays: 1\r\nContent-Length: 1\r\n\r\nx"
        )
        await house.until(lambda: stable.requests)
        copy = stable.requests[0]
        for name in (b"authorization", b"cookie", b"x-api-key"):
            assert copy.values(name) == []
            assert candidate.requests[0].values(name)
        assert copy.values(b"x-stays") == [b"1"]

    kit.run(scenario)


def test_copies_speak_of_the_model_by_its_own_name(kit: type[Kit]) -> None:
    """Host, path and body of a copy name the model as the shadow's server knows it."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        shadow = kit.Upstream(url=stable.url, host="stable.local", model="m-old")
        await house.relay(candidate, shadow, routing=_all(kit))
        body = b'{"model": "m", "messages": [{"model": "x"}]}'
        await house.ask(
            b"POST /v2/models/m/infer HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )
        await house.until(lambda: stable.requests)
        copy = stable.requests[0]
        assert copy.start == b"POST /v2/models/m-old/infer HTTP/1.1"
        assert copy.values(b"host") == [b"stable.local"]
        assert copy.body == b'{"model": "m-old", "messages": [{"model": "x"}]}'
        assert candidate.requests[0].body == body

    kit.run(scenario)


def test_positions_swap_with_the_routing(kit: type[Kit]) -> None:
    """After a switch the stable model serves and the candidate gets the copies."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await house.relay(candidate, stable, routing=_all(kit, epoch=1))
        await house.ask(POST)
        await house.until(lambda: len(_copies(house)) == 1)
        switched = kit.Routing(
            serving=Model.STABLE, shadow=Model.CANDIDATE, mirror_fraction=1.0, epoch=2
        )
        house.plane.set_routing(switched)
        house.plane.set_routing(_all(kit, epoch=1))
        await house.ask(POST)
        await house.until(lambda: len(_copies(house)) == 2)
        assert _main_path(house)[1].model is Model.STABLE
        assert _copies(house)[1].model is Model.CANDIDATE

    kit.run(scenario)


def test_copies_may_go_to_the_serving_model_itself(kit: type[Kit]) -> None:
    """With `repeat_fraction` a copy measures how far a model agrees with itself."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        mirror = kit.Mirror(repeat_fraction=1.0)
        await house.relay(candidate, stable, routing=_all(kit), mirror=mirror)
        await house.ask(POST)
        await house.until(lambda: _copies(house))
        assert _copies(house)[0].model is Model.CANDIDATE
        assert len(candidate.requests) == 2
        assert stable.requests == []

    kit.run(scenario)


async def _drip(side: UpstreamSide) -> None:
    await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        await side.send(b"x")
        await asyncio.sleep(0.01)


def _fault(name: str) -> Callable[[Request, UpstreamSide], Awaitable[None]]:
    """Give what a shadow with that fault does to a request."""

    async def misbehave(_request: Request, side: UpstreamSide) -> None:
        match name:
            case "drips":
                await _drip(side)
            case "resets":
                side.reset()
            case "closes":
                side.close()
            case "slow" | "swallows":
                await asyncio.sleep(2 if name == "slow" else 60)
            case _:
                await side.send(FAULTY_ANSWERS.get(name, b""))

    return misbehave


@pytest.mark.parametrize("fault", [*FAULTS, "huge"])
def test_no_fault_of_the_shadow_reaches_a_client(kit: type[Kit], fault: str) -> None:
    """Whatever the shadow does, clients get good answers, and copies stay below their cap."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(ANSWER), await house.upstream(_fault(fault))
        if fault == "refuses":
            await stable.stop()
        mirror = kit.Mirror(timeout_s=0.5, max_in_flight=4)
        await house.relay(candidate, stable, routing=_all(kit), mirror=mirror)

        async def ask_often() -> None:
            client = await house.client()
            for _ in range(40):
                assert (await client.ask(POST))[1] == b"[]"
                assert house.plane.switch.in_flight()["stable/shadow"] <= 4

        await asyncio.gather(*(ask_often() for _ in range(4)))
        served = _main_path(house)
        assert len(served) == 160
        assert all(one.failure is None and one.status == 200 for one in served)
        await house.until(lambda: not any(house.plane.switch.in_flight().values()))
        dropped = house.plane.dropped
        if fault == "huge":
            assert dropped["mirror_answer_too_long"] >= 1
        else:
            assert {one.failure for one in _copies(house)} == {FAULTS[fault]}
        assert len(_copies(house)) + sum(dropped.values()) == 160

    kit.run(scenario)


def test_a_long_request_is_not_copied(kit: type[Kit]) -> None:
    """A body above `max_body_bytes` is served, and its copy dropped and counted."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        mirror = kit.Mirror(max_body_bytes=10)
        await house.relay(candidate, stable, routing=_all(kit), mirror=mirror)
        assert (await house.ask(POST))[1] == b"ok"
        await house.exchange()
        assert house.plane.dropped == {"mirror_request_too_long": 1}
        assert stable.requests == []

    kit.run(scenario)


def test_a_copy_survives_the_keep_alive_race(kit: type[Kit]) -> None:
    """A copy on a connection that the shadow has just closed is sent again, like a request."""

    async def scenario(house: House) -> None:
        async def once(request: Request, side: UpstreamSide) -> None:
            if request.n_on_connection > 1:
                side.close()
            else:
                await side.send(kit.OK)

        candidate, stable = await house.upstream(), await house.upstream(once)
        await house.relay(candidate, stable, routing=_all(kit))
        client = await house.client()
        for n in range(5):
            await client.ask(POST)
            await house.until(lambda n=n: len(_copies(house)) == n + 1)
        assert all(one.failure is None for one in _copies(house))
        assert sum(one.replayed for one in _copies(house)) == 4

    kit.run(scenario)


def test_a_failed_over_request_is_not_copied_to_who_answered_it(kit: type[Kit]) -> None:
    """When the shadow itself had to answer there is nothing to compare, and it is counted."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await candidate.stop()
        await house.relay(candidate, stable, routing=_all(kit))
        await house.ask(POST)
        await house.exchange()
        assert house.plane.dropped == {"mirror_no_shadow": 1}
        assert len(stable.requests) == 1

    kit.run(scenario)


def test_a_share_of_the_requests_is_copied(kit: type[Kit]) -> None:
    """A fraction of 0.2 copies about a fifth, and the records carry the chances they had."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        routing = kit.Routing(shadow=Model.STABLE, mirror_fraction=0.2)
        capture = kit.Capture(max_rows_per_s=1e9)
        await house.relay(candidate, stable, routing=routing, capture=capture)
        client = await house.client()
        for _ in range(500):
            await client.ask(POST)
        await house.until(lambda: not any(house.plane.switch.in_flight().values()))
        # Binomial(500, 0.2): outside these bounds once in some 10^9 runs.
        assert 50 < len(_copies(house)) < 160
        assert {one.capture for one in _copies(house)} == {0.2}
        assert {one.capture for one in _main_path(house)} == {1.0}

    kit.run(scenario)
