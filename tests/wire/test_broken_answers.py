"""A broken answer is never delivered as a good one, and never counted as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.records import Failure

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HALVES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n12345",
]
INVALID = [
    b"HTTP/2 200 OK\r\n\r\n",
    b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n",
    b"ICY 200 OK\r\n\r\n",
    b"garbage",
    b"\x00\x01\x02\x03\x04\x05\x06\x07",
    b"HTTP/1.1 200 O\x00K\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: a\x00\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" * 40,
]


@pytest.mark.parametrize("half", HALVES, ids=range(len(HALVES)))
@pytest.mark.parametrize("ends", ["close", "reset"])
def test_an_upstream_that_dies_in_an_answer_cuts_the_client_off(
    kit: type[Kit], half: bytes, ends: str
) -> None:
    """What had come is passed on, nothing is appended, and the end is a reset, not a FIN."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(half)
            await side.reader.read(1) if ends == "reset" else None
            getattr(side, ends)()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(GET)
        received = await client.head()
        if ends == "reset":
            while len(received) < len(half) - 3:
                received += await client.reader.read(100)
            await upstream.stop()
        rest, was_reset = await client.rest_or_reset()
        assert was_reset
        assert half.startswith(received + rest)
        exchange = await house.exchange()
        assert exchange.failure is Failure.TRUNCATED
        assert exchange.status == 200
        capture = house.notebook.captures
        assert capture == []

    kit.run(scenario)


def test_a_reset_in_an_answer_of_open_length_is_no_end(kit: type[Kit]) -> None:
    """An answer that ends with the connection ends with a FIN; a reset in it is a failure."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
            await house.until(lambda: house.plane.n_in_flight == 1)
            await side.writer.drain()
            side.reset()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(GET)
        with pytest.raises(ConnectionResetError):
            await client.rest()
        exchange = await house.exchange()
        assert exchange.failure in {Failure.TRUNCATED, Failure.RESET}

    kit.run(scenario)


@pytest.mark.parametrize("raw", INVALID, ids=range(len(INVALID)))
def test_an_invalid_answer_becomes_502(kit: type[Kit], raw: bytes) -> None:
    """Not a byte of an invalid answer goes on; the client is told 502 and may ask again."""

    async def scenario(house: House) -> None:
        n = 0

        async def answer(_request: Request, side: UpstreamSide) -> None:
            nonlocal n
            n += 1
            await side.send(raw if n == 1 else kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(GET)
        head = await client.head()
        while head.startswith(b"HTTP/1.1 100 "):
            head = await client.head()
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        await client.reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 502 ")
        assert b"error=http_protocol_error" in head
        assert (await house.exchange()).failure is Failure.PROTOCOL
        assert (await client.ask(GET))[1] == b"ok"
        assert upstream.n_connections == 2

    kit.run(scenario)


def test_bytes_behind_an_answer_are_dropped_with_their_connection(kit: type[Kit]) -> None:
    """A second answer nobody asked for reaches no one, and its connection is not used again."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(kit.OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(3):
            assert (await client.ask(GET))[1] == b"ok"
        assert upstream.n_connections == 3
        assert all(exchange.failure is None for exchange in house.notebook.exchanges)

    kit.run(scenario)


def test_bytes_nobody_asked_for_on_an_idle_connection_end_it(kit: type[Kit]) -> None:
    """A 408 that a server sends when its idle connection times out is nobody's answer."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            await side.send(kit.OK)
            if request.n_on_connection == 1 and upstream.n_connections == 1:
                await house.until(lambda: house.plane.n_in_flight == 0)
                await side.send(b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n")

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        assert (await client.ask(GET))[1] == b"ok"
        await house.until(upstream.closed_early.is_set)
        assert (await client.ask(GET))[1] == b"ok"
        assert upstream.n_connections == 2

    kit.run(scenario)


def test_a_204_that_announces_a_body_poisons_nothing(kit: type[Kit]) -> None:
    """After a 204 or 304 with a length the connection is not trusted with another request."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n")

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            await client.send(GET)
            assert (await client.head()).startswith(b"HTTP/1.1 204 ")
        await house.exchange(2)
        assert upstream.n_connections == 2

    kit.run(scenario)


def test_a_sample_of_a_broken_answer_is_marked(kit: type[Kit]) -> None:
    """The capture of a truncated answer says so, so that it feeds no statistic."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[1,2")
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}")
        await house.exchange()
        await house.until(lambda: house.notebook.captures)
        capture = house.notebook.captures[0]
        assert capture.response is not None
        assert capture.response.truncated
        assert capture.exchange.failure is Failure.TRUNCATED

    kit.run(scenario)
