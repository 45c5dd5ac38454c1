"""Everything that is not one request, one answer: 1xx, early answers, tunnels, streams, pace."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure, Position

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
WEBSOCKET = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: y\r\n\r\n"
)


def test_expect_continue_is_between_client_and_upstream(kit: type[Kit]) -> None:
    """The client's Expect reaches the upstream, its 100 reaches the client, then the body goes."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            assert request.values(b"expect") == [b"100-continue"]
            await side.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = await side.reader.readexactly(5)
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + body)

        upstream = await house.upstream(answer, reads_body=False)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            )
            assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            await client.send(b"hello")
            assert (await client.answer())[1] == b"hello"
        assert upstream.n_connections == 1

    kit.run(scenario)


def test_interim_answers_pass(kit: type[Kit]) -> None:
    """103 and 102 reach an HTTP/1.1 client before the answer, and no HTTP/1.0 client."""

    async def scenario(house: House) -> None:
        early = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        upstream = await house.upstream(early + b"HTTP/1.1 102 Processing\r\n\r\n" + kit.OK)
        await house.relay(upstream)
        client = await house.client()
        await client.send(GET)
        assert await client.head() == early
        assert await client.head() == b"HTTP/1.1 102 Processing\r\n\r\n"
        assert (await client.answer())[1] == b"ok"
        old = await house.client()
        await old.send(b"GET / HTTP/1.0\r\n\r\n")
        assert (await old.rest()).startswith(b"HTTP/1.1 200 OK")

    kit.run(scenario)


def test_an_answer_may_come_before_the_request_is_complete(kit: type[Kit]) -> None:
    """A 413 while uploading reaches the client, which is listened to until it has read it."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")

        upstream = await house.upstream(answer, reads_body=False)
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        head = await client.head()
        assert head.startswith(b"HTTP/1.1 413 ")
        assert b"Connection: close\r\n" in head
        # The client goes on uploading for a while, as clients do, and loses nothing by it.
        for _ in range(40):
            await client.send(b"x" * 50_000)
        assert await client.rest() == b"big"
        exchange = await house.exchange()
        assert exchange.status == 413
        assert exchange.failure is None

    kit.run(scenario)


def test_a_websocket_becomes_a_tunnel(kit: type[Kit]) -> None:
    """After a 101 bytes pass both ways, frames sent too early included, until one side ends."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(SWITCHED + b"welcome")
            while data := await side.reader.read(100):
                await side.send(data.upper())

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(WEBSOCKET + b"early")
        assert sorted((await client.head()).split(b"\r\n")) == sorted(SWITCHED.split(b"\r\n"))
        assert await client.reader.readexactly(12) == b"welcomeEARLY"
        await client.send(b"frame")
        assert await client.reader.readexactly(5) == b"FRAME"
        request = upstream.requests[0]
        assert request.values(b"upgrade") == [b"websocket"]
        assert request.values(b"connection") == [b"Upgrade"]
        client.close()
        exchange = await house.exchange()
        assert exchange.status == 101
        assert exchange.response_bytes == 17
        assert exchange.request_bytes == 10

    kit.run(scenario)


def test_a_refused_websocket_is_an_ordinary_answer(kit: type[Kit]) -> None:
    """An upstream may answer a handshake with a 4xx, and the connection goes on."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            head, _ = await client.ask(WEBSOCKET)
            assert head == b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"

    kit.run(scenario)


def test_a_tunnel_ends_when_the_upstream_ends_it(kit: type[Kit]) -> None:
    """The client of a tunnel sees the upstream's end, after all its bytes."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(SWITCHED + b"x" * 300_000)
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(WEBSOCKET)
        await client.head()
        assert await client.rest() == b"x" * 300_000

    kit.run(scenario)


@pytest.mark.parametrize(
    ("kind", "is_stream"),
    [
        (b"Content-Type: text/event-stream; charset=utf-8\r\n", True),
        (b"Content-Type: application/x-ndjson\r\n", True),
        (b"", True),
        (b"Content-Type: application/json\r\n", False),
    ],
)
def test_each_chunk_leaves_as_it_comes_and_is_timed(
    kit: type[Kit], kind: bytes, is_stream: bool
) -> None:
    """The next chunk is only made when the last one was read, and the record tells their pace."""

    async def scenario(house: House) -> None:
        seen = asyncio.Queue()

        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\n" + kind + b"Transfer-Encoding: chunked\r\n\r\n")
            for n in range(5):
                await side.send(b"9\r\ndata: %d\n\n\r\n" % n)
                await seen.get()
            await side.send(b"0\r\n\r\n")

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await client.head()
        for n in range(5):
            chunk = await client.reader.readexactly(14)
            assert chunk == b"9\r\ndata: %d\n\n\r\n" % n
            seen.put_nowait(None)
        assert await client.reader.readexactly(5) == b"0\r\n\r\n"
        exchange = await house.exchange()
        assert exchange.response_bytes == 45
        assert (exchange.stream is not None) == is_stream
        if exchange.stream is not None:
            stream = exchange.stream
            assert stream.n_chunks == 5
            assert exchange.first_byte_s <= stream.first_content_s <= exchange.finished_s
            assert 0 < stream.mean_gap_s <= stream.longest_gap_s
            await house.until(lambda: house.notebook.captures)
            response = house.notebook.captures[0].response
            assert response.body == b"".join(b"data: %d\n\n" % n for n in range(5))
            assert [before for _, before in response.arrivals] == [0, 9, 18, 27, 36]

    kit.run(scenario)


def test_a_stream_tells_how_it_ended(kit: type[Kit]) -> None:
    """A stream that is cut upstream, and one whose client leaves, say so in their records."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            await side.send(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
            )
            if b"/cut" in request.start:
                side.close()
            else:
                await side.reader.read(1)
                gone.set()

        gone = asyncio.Event()
        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"GET /cut HTTP/1.1\r\nHost: a\r\n\r\n")
        cut = await house.exchange()
        assert cut.failure is Failure.TRUNCATED
        assert cut.stream.n_chunks == 1
        leaver = await house.client()
        await leaver.send(b"GET /left HTTP/1.1\r\nHost: a\r\n\r\n")
        await leaver.head()
        leaver.close()
        left = await house.exchange(2)
        assert left.failure is Failure.CLIENT_GONE
        assert left.stream.n_chunks == 1
        await asyncio.wait_for(gone.wait(), 5)

    kit.run(scenario)


def test_a_client_that_leaves_stops_the_upstreams_work(kit: type[Kit]) -> None:
    """The upstream's connection ends when the client's does, before any answer."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            assert await side.reader.read(1) == b""
            gone.set()

        gone = asyncio.Event()
        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(GET)
        await house.until(lambda: upstream.requests)
        client.close()
        await asyncio.wait_for(gone.wait(), 5)
        exchange = await house.exchange()
        assert exchange.failure is Failure.CLIENT_GONE
        assert exchange.status == 0
        assert exchange.position is Position.SERVING

    kit.run(scenario)


def test_a_client_that_leaves_in_its_upload_completes_no_request(kit: type[Kit]) -> None:
    """Half a body is never made a whole one: the upstream sees its connection end."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf")
        await house.until(lambda: upstream.n_connections)
        await asyncio.sleep(0.05)
        client.close()
        await asyncio.wait_for(upstream.closed_early.wait(), 5)
        assert upstream.requests == []
        assert (await house.exchange()).failure is Failure.CLIENT_GONE

    kit.run(scenario)


def test_a_slow_reader_holds_a_bounded_part_of_its_answer(kit: type[Kit]) -> None:
    """An upstream that would send 64 MiB is held back while the client does not read."""

    async def scenario(house: House) -> None:
        sent = 0

        async def answer(_request: Request, side: UpstreamSide) -> None:
            nonlocal sent
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
            for _ in range(1024):
                await side.send(b"x" * 65_536)
                sent += 65_536

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        client.writer.transport.pause_reading()
        await client.send(GET)
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.2)
        # Socket buffers of the kernel, twice, and what the relay holds.
        assert 0 < sent < 24 << 20
        other = await house.client()
        assert (await other.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", has_body=False))[0]
        client.writer.transport.resume_reading()
        await client.head()
        assert len(await asyncio.wait_for(client.reader.readexactly(64 << 20), 20)) == 64 << 20

    kit.run(scenario)


def test_a_slow_upstream_holds_the_client_back(kit: type[Kit]) -> None:
    """A client that would upload 64 MiB to an upstream that does not read is held back."""

    async def scenario(house: House) -> None:
        proceed = asyncio.Event()

        async def answer(_request: Request, side: UpstreamSide) -> None:
            side.writer.transport.pause_reading()
            await proceed.wait()
            side.writer.transport.resume_reading()
            await side.reader.readexactly(64 << 20)
            await side.send(kit.OK)

        upstream = await house.upstream(answer, reads_body=False)
        await house.relay(upstream)
        client = await house.client()
        sent = 0

        async def upload() -> None:
            nonlocal sent
            await client.send(
                b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (64 << 20)
            )
            for _ in range(1024):
                await client.send(b"x" * 65_536)
                sent += 65_536

        uploading = asyncio.ensure_future(upload())
        last = -1
        while sent != last:
            last = sent
            await asyncio.sleep(0.2)
        assert sent < 32 << 20
        proceed.set()
        await uploading
        assert (await client.answer())[1] == b"ok"

    kit.run(scenario)
