"""Slow, greedy and hostile peers: each costs a bounded amount, and only itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def test_a_head_that_never_ends_is_cut_off(kit: type[Kit]) -> None:
    """A client that drips its head is answered 408 when the head's time is up, and closed."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(head_timeout_s=0.6, idle_timeout_s=60))
        client = await house.client()
        await client.send(GET)
        await client.answer()

        async def drip() -> None:
            for byte in b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1000:
                await client.send(bytes([byte]))
                await asyncio.sleep(0.02)

        dripping = asyncio.ensure_future(drip())
        received = await client.rest()
        assert received.startswith(b"HTTP/1.1 408 ")
        dripping.cancel()
        assert len(upstream.requests) == 1

    kit.run(scenario)


@pytest.mark.parametrize("n_requests", [0, 1])
def test_an_idle_connection_is_closed_silently(kit: type[Kit], n_requests: int) -> None:
    """A connection without a request ends without a word when its time is up."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        listen = kit.Listen(head_timeout_s=0.3, idle_timeout_s=0.3)
        await house.relay(upstream, listen=listen)
        client = await house.client()
        for _ in range(n_requests):
            await client.ask(GET)
        assert await client.rest() == b""

    kit.run(scenario)


def test_a_body_that_stops_coming_is_cut_off(kit: type[Kit]) -> None:
    """A client that pauses too long in its body loses its connection, and so does the upstream."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(body_timeout_s=0.3))
        client = await house.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf")
        with pytest.raises(ConnectionResetError):
            await client.rest()
        assert (await house.exchange()).failure is Failure.CLIENT_GONE
        await asyncio.wait_for(upstream.closed_early.wait(), 5)

    kit.run(scenario)


def test_a_silent_upstream_is_a_504(kit: type[Kit]) -> None:
    """An upstream that does not answer in its time is given up, and the client may go on."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            if len(upstream.requests) == 1:
                await side.reader.read(1)
            else:
                await side.send(kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(kit.Upstream(url=upstream.url, response_timeout_s=0.4))
        client = await house.client()
        head, _ = await client.ask(GET)
        assert head.startswith(b"HTTP/1.1 504 ")
        assert (await house.exchange()).failure is Failure.TIMEOUT
        assert (await client.ask(GET))[1] == b"ok"

    kit.run(scenario)


def test_an_upstream_that_falls_silent_in_its_answer_is_cut(kit: type[Kit]) -> None:
    """Silence within an answer ends it as a broken one."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
            await side.reader.read(1)

        upstream = await house.upstream(answer)
        await house.relay(kit.Upstream(url=upstream.url, response_timeout_s=0.4))
        client = await house.client()
        await client.send(GET)
        await client.head()
        with pytest.raises(ConnectionResetError):
            await client.rest()
        assert (await house.exchange()).failure is Failure.TIMEOUT

    kit.run(scenario)


def test_a_slow_stream_is_not_silent(kit: type[Kit]) -> None:
    """The response timeout is about silence: a stream may last far longer."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n")
            for _ in range(16):
                await asyncio.sleep(0.1)
                await side.send(b"x")

        upstream = await house.upstream(answer)
        await house.relay(kit.Upstream(url=upstream.url, response_timeout_s=0.8))
        assert (await house.ask(GET))[1] == b"x" * 16

    kit.run(scenario)


def test_hung_requests_hurt_nobody_else(kit: type[Kit]) -> None:
    """With 50 requests hung in the model, others are answered."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            if b"/hang" in request.start:
                await side.reader.read(1)
            else:
                await side.send(kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        for _ in range(50):
            client = await house.client()
            await client.send(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        await house.until(lambda: house.plane.n_in_flight == 50)
        client = await house.client()
        for _ in range(50):
            assert (await client.ask(GET))[1] == b"ok"

    kit.run(scenario)


def test_a_reader_that_stops_is_cut_off(kit: type[Kit]) -> None:
    """A client that does not read its answer loses it after the write timeout."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (32 << 20) + b"x" * (32 << 20)
        )
        await house.relay(upstream, listen=kit.Listen(write_timeout_s=0.4))
        client = await house.client()
        client.writer.transport.pause_reading()
        await client.send(GET)
        exchange = await house.exchange()
        assert exchange.failure is Failure.CLIENT_GONE
        assert exchange.status == 200
        await house.until(lambda: house.plane.n_clients == 0)

    kit.run(scenario)


def test_too_many_requests_are_refused_at_once(kit: type[Kit]) -> None:
    """Above `max_in_flight` a request gets 503 with Retry-After, and its connection lives on."""

    async def scenario(house: House) -> None:
        proceed = asyncio.Event()

        async def answer(_request: Request, side: UpstreamSide) -> None:
            await proceed.wait()
            await side.send(kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream, listen=kit.Listen(max_in_flight=2))
        running = [await house.client() for _ in range(2)]
        for client in running:
            await client.send(GET)
        await house.until(lambda: len(upstream.requests) == 2)
        client = await house.client()
        head, _ = await client.ask(GET)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert b"Retry-After: 1\r\n" in head
        assert b"Connection: close" not in head
        refused = await house.exchange()
        assert refused.failure is Failure.OVERLOAD
        assert refused.status == 503
        proceed.set()
        for one in running:
            assert (await one.answer())[1] == b"ok"
        assert (await client.ask(GET))[1] == b"ok"

    kit.run(scenario)


def test_too_many_connections_are_refused(kit: type[Kit]) -> None:
    """One connection above `max_connections` is answered 503 and closed; room is reused."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(max_connections=2))
        held = [await house.client() for _ in range(2)]
        for client in held:
            await client.ask(GET)
        third = await house.client()
        assert (await third.rest()).startswith(b"HTTP/1.1 503 ")
        held[0].close()
        await house.until(lambda: house.plane.n_clients == 1)
        assert (await house.ask(GET))[1] == b"ok"

    kit.run(scenario)


def test_upstream_connections_are_bounded(kit: type[Kit]) -> None:
    """A request that needs one more upstream connection than allowed gets 503, without queueing."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.reader.read(1)

        upstream = await house.upstream(answer)
        await house.relay(kit.Upstream(url=upstream.url, max_connections=3))
        for _ in range(3):
            client = await house.client()
            await client.send(GET)
        await house.until(lambda: len(upstream.requests) == 3)
        head, _ = await house.ask(GET)
        assert head.startswith(b"HTTP/1.1 503 ")
        assert (await house.exchange()).failure is Failure.OVERLOAD

    kit.run(scenario)


@pytest.mark.parametrize("framing", [b"Content-Length: 2000", b"Transfer-Encoding: chunked"])
def test_bodies_may_be_limited(kit: type[Kit], framing: bytes) -> None:
    """With `max_body_bytes` a longer body gets 413, announced or not, and is never completed."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(max_body_bytes=1000))
        client = await house.client()
        body = b"3e8\r\n" + b"x" * 1000 + b"\r\n3e8\r\n" + b"x" * 1000 + b"\r\n0\r\n\r\n"
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n" + body)
        assert (await client.rest()).startswith(b"HTTP/1.1 413 ")
        assert upstream.requests == []

    kit.run(scenario)


def test_tiny_pieces_cost_little(kit: type[Kit]) -> None:
    """20,000 one-byte chunks arrive whole, and leave no memory behind."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        _, body = await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            + b"1\r\nx\r\n" * 20_000
            + b"0\r\n\r\n"
        )
        assert body == b"ok"
        assert (await house.exchange()).request_bytes == 20_000

    kit.run(scenario)


def test_a_client_that_sends_ahead_is_paused(kit: type[Kit]) -> None:
    """Requests sent ahead are kept up to a bound; the rest waits in the client."""

    async def scenario(house: House) -> None:
        proceed = asyncio.Event()

        async def answer(_request: Request, side: UpstreamSide) -> None:
            await proceed.wait()
            await side.send(kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        one = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 4000 + b"\r\n\r\n"
        sending = asyncio.ensure_future(client.send(*[one] * 4000))
        await asyncio.sleep(0.5)
        assert not sending.done()
        connection = next(iter(house.plane.clients))
        assert len(connection._pending) < 1 << 20
        proceed.set()
        for _ in range(4000):
            assert (await client.answer())[1] == b"ok"
        await sending

    kit.run(scenario)
