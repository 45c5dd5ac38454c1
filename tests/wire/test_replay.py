"""Dead connections, dead models: what is sent again, what goes to the other model, what is not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure, Model

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


def test_no_post_is_lost_to_an_upstream_that_closes_after_each_answer(kit: type[Kit]) -> None:
    """600 POSTs, one after the other, against an upstream that hangs up behind every answer."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(kit.OK)
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(600):
            head, body = await client.ask(POST)
            assert (head[:12], body) == (b"HTTP/1.1 200", b"ok")
        assert len(upstream.requests) == 600
        assert all(request.body == b"body" for request in upstream.requests)

    kit.run(scenario)


def test_no_post_is_lost_when_the_idle_time_ends_at_reuse(kit: type[Kit]) -> None:
    """200 POSTs on connections that the upstream closes at the moment they are reused."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            if request.n_on_connection > 1:
                side.close()
                return
            await side.send(kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(200):
            assert (await client.ask(POST))[1] == b"ok"
        replayed = [exchange for exchange in house.notebook.exchanges if exchange.replayed]
        assert len(replayed) == 199
        assert all(exchange.failure is None for exchange in house.notebook.exchanges)

    kit.run(scenario)


def test_concurrent_posts_survive_the_keep_alive_race(kit: type[Kit]) -> None:
    """Twelve clients at once against an upstream that closes every third connection silently."""

    async def scenario(house: House) -> None:
        n = 0

        async def answer(_request: Request, side: UpstreamSide) -> None:
            nonlocal n
            n += 1
            await side.send(kit.OK)
            if n % 3 == 0:
                side.close()

        async def ask_often() -> None:
            client = await house.client()
            for _ in range(30):
                assert (await client.ask(POST))[1] == b"ok"

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        await asyncio.gather(*(ask_often() for _ in range(12)))

    kit.run(scenario)


def test_a_fresh_connection_that_dies_is_not_tried_again(kit: type[Kit]) -> None:
    """On an unknown path, a hang-up on a first request is the answer: 502, executed once."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        head, _ = await house.ask(POST)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(upstream.requests) == 1
        exchange = await house.exchange()
        assert exchange.failure is Failure.RESET
        assert exchange.status == 502

    kit.run(scenario)


def test_predictions_that_wait_on_fresh_connections_survive_the_models_death(
    kit: type[Kit],
) -> None:
    """A dying model accepts and never answers: what asked it for a prediction goes to stable."""

    async def scenario(house: House) -> None:
        hanging = asyncio.Event()

        async def think(_request: Request, side: UpstreamSide) -> None:
            await hanging.wait()
            side.reset()

        candidate, stable = await house.upstream(think), await house.upstream()
        await house.relay(candidate, stable, routes=(("predict", "^/$"),))
        clients = [await house.client() for _ in range(6)]
        asking = [asyncio.ensure_future(client.ask(POST)) for client in clients]
        await house.until(lambda: len(candidate.requests) == 6)
        await candidate.stop()
        hanging.set()
        answers = await asyncio.gather(*asking)
        assert [body for _, body in answers] == [b"ok"] * 6
        assert all(request.body == b"body" for request in stable.requests)
        records = [await house.exchange(n + 1) for n in range(6)]
        assert all(record.replayed and record.failed_over for record in records)
        assert house.plane.held_bytes == 0

    kit.run(scenario)


def test_predictions_survive_a_model_that_dies_bit_by_bit(kit: type[Kit]) -> None:
    """A killed process drops connections while its port still takes new ones, for some moments."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            if len(candidate.requests) <= 4:
                await side.send(kit.OK)
            else:
                side.reset()
                if len(candidate.requests) == 12:
                    await candidate.stop()

        candidate, stable = await house.upstream(answer), await house.upstream()
        await house.relay(candidate, stable, routes=(("predict", "^/$"),))
        clients = [await house.client() for _ in range(8)]
        for client in clients[:4]:
            assert (await client.ask(POST))[1] == b"ok"
        answers = await asyncio.gather(*(client.ask(POST) for client in clients))
        assert [body for _, body in answers] == [b"ok"] * 8
        assert len(stable.requests) == 8
        assert house.plane.held_bytes == 0

    kit.run(scenario)


def test_a_prediction_that_kills_its_connection_is_executed_once(kit: type[Kit]) -> None:
    """A model that lives and hangs up has answered: the request goes nowhere else."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            side.close()

        candidate, stable = await house.upstream(answer), await house.upstream()
        await house.relay(candidate, stable, routes=(("predict", "^/$"),))
        client = await house.client()
        for n in range(3):
            head, _ = await client.ask(POST)
            assert head.startswith(b"HTTP/1.1 502 ")
            exchange = await house.exchange(n + 1)
            assert exchange.failure is Failure.RESET
            assert not exchange.failed_over
        assert not stable.requests

    kit.run(scenario)


def test_a_request_is_sent_twice_at_most(kit: type[Kit]) -> None:
    """When the replay's fresh connection dies too, the client is told."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            if len(upstream.requests) == 1:
                await side.send(kit.OK)
            else:
                side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.ask(POST)
        head, _ = await client.ask(POST)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(upstream.requests) == 3
        assert (await house.exchange(2)).replayed

    kit.run(scenario)


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\nConte", b"HTTP/1.1 103 x\r\n\r\n"])
def test_nothing_is_sent_twice_once_a_byte_of_the_answer_came(kit: type[Kit], part: bytes) -> None:
    """After one byte of an answer the request counts as executed: 502, no replay."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            if len(upstream.requests) == 1:
                await side.send(kit.OK)
                return
            await side.send(part)
            await asyncio.sleep(0.05)
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.ask(POST)
        await client.send(POST)
        head = await client.head()
        if head.startswith(b"HTTP/1.1 103"):
            head = await client.head()
        assert head.startswith(b"HTTP/1.1 502 ")
        assert len(upstream.requests) == 2
        assert (await house.exchange(2)).failure is Failure.TRUNCATED

    kit.run(scenario)


def test_a_body_that_is_no_longer_held_is_not_replayed(kit: type[Kit]) -> None:
    """A body longer than `replay_body_bytes` is let go as it passes, and then 502 it is."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            if len(upstream.requests) == 1:
                await side.send(kit.OK)
            else:
                side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream, listen=kit.Listen(replay_body_bytes=1000))
        client = await house.client()
        await client.ask(POST)
        body = b"x" * 100_000
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)
        await client.send(head + body)
        assert (await client.head()).startswith(b"HTTP/1.1 502 ")
        assert house.plane.held_bytes == 0

    kit.run(scenario)


def test_a_replay_sends_a_body_that_is_still_arriving(kit: type[Kit]) -> None:
    """A reused connection that dies in the middle of an upload costs the client nothing."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            if request.n_on_connection == 2:
                side.reset()
                return
            if request.n_on_connection == 1 and len(upstream.requests) > 2:
                received.append(await side.reader.readexactly(200_000))
            await side.send(kit.OK)

        received: list[bytes] = []
        upstream = await house.upstream(answer, reads_body=False)
        await house.relay(upstream)
        client = await house.client()
        await client.ask(GET)
        body = bytes(range(250)) * 800
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:70_000]
        )
        await house.until(lambda: len(upstream.requests) >= 3)
        await client.send(body[70_000:])
        assert (await client.answer())[1] == b"ok"
        assert received == [body]
        assert (await house.exchange(2)).replayed

    kit.run(scenario)


def test_a_refused_request_goes_to_the_other_model_at_once(kit: type[Kit]) -> None:
    """When the candidate refuses connections the stable model answers, and the record says so."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await candidate.stop()
        await house.relay(candidate, stable)
        client = await house.client()
        for n in range(20):
            assert (await client.ask(POST))[1] == b"ok"
            exchange = await house.exchange(n + 1)
            assert exchange.failed_over
            assert exchange.model is Model.STABLE
            assert exchange.failure is None
        assert all(request.body == b"body" for request in stable.requests)

    kit.run(scenario)


def test_a_model_that_comes_back_is_used_again(kit: type[Kit]) -> None:
    """Fail-over is no state: the first request after the candidate's return goes to it."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        port = candidate.port
        await candidate.stop()
        await house.relay(candidate, stable)
        client = await house.client()
        await client.ask(POST)
        await candidate.start(port)
        await client.ask(POST)
        assert (await house.exchange(2)).model is Model.CANDIDATE
        assert len(candidate.requests) == 1

    kit.run(scenario)


def test_killing_the_candidate_under_load_fails_no_request(kit: type[Kit]) -> None:
    """Connections cut while they idle, and connects refused after, cost clients nothing."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await house.relay(candidate, stable)

        async def ask_often() -> None:
            client = await house.client()
            for _ in range(60):
                head, _ = await client.ask(POST)
                assert head.startswith(b"HTTP/1.1 200 ")

        askers = [asyncio.ensure_future(ask_often()) for _ in range(8)]
        await house.until(lambda: len(candidate.requests) >= 100)
        await candidate.stop()
        await asyncio.gather(*askers)
        assert stable.requests

    kit.run(scenario)


def test_both_models_down_is_a_502_at_once(kit: type[Kit]) -> None:
    """With nobody to answer the client learns it at once."""

    async def scenario(house: House) -> None:
        candidate, stable = await house.upstream(), await house.upstream()
        await candidate.stop()
        await stable.stop()
        await house.relay(candidate, stable)
        head, body = await house.ask(POST)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"connection_refused" in body
        exchange = await house.exchange()
        assert exchange.failure is Failure.REFUSED
        assert exchange.connected_s is None

    kit.run(scenario)


def test_an_unreachable_model_is_passed_over_for_a_while(kit: type[Kit]) -> None:
    """After a connect timed out, requests go to the other model without waiting for it again."""

    async def scenario(house: House) -> None:
        stable = await house.upstream()
        with socket.socket() as deaf, contextlib.ExitStack() as waiting:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for _ in range(2):
                # Its queue is full now: the kernel answers no further connection.
                fills = waiting.enter_context(socket.socket())
                fills.setblocking(False)
                fills.connect_ex(deaf.getsockname())
            url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
            await house.relay(kit.Upstream(url=url, connect_timeout_s=0.8), stable)
            client = await house.client()
            for _ in range(3):
                assert (await client.ask(POST))[1] == b"ok"
        first, *others = house.notebook.exchanges
        assert first.failed_over
        assert first.connected_s - first.started_s >= 0.8
        assert all(record.failed_over for record in others)
        assert all(record.connected_s - record.started_s < 0.8 for record in others)

    kit.run(scenario)
