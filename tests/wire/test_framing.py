"""What is not unmistakably HTTP is refused, and the connection ends with the refusal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


HOST = b"Host: a\r\n"
REFUSED: list[tuple[int, bytes]] = [
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    (400, b"hello\r\n\r\n"),
    (400, b"GET /\r\n\r\n"),
    (400, b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET / HTTP/1.1 \r\n" + HOST + b"\r\n"),
    (400, b" GET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    (400, b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /\x7f HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET a HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET * HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET ftp://a/ HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET http:///x HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET http://u@a/x HTTP/1.1\r\n" + HOST + b"\r\n"),
    (400, b"GET /#f HTTP/1.1\r\n" + HOST + b"\r\n"),
    (505, b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    (505, b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    (505, b"GET / HTTP/0.9\r\n" + HOST + b"\r\n"),
    (400, b"GET / RTSP/1.0\r\n" + HOST + b"\r\n"),
    (405, b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Host: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n\tb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b": x\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\x0bb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X\xff: a\r\n\r\n"),
    (400, b"GET / HTTP/1.1\n" + HOST + b"\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\rb\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1 1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 18446744073709551617\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"),
    (400, b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx"),
    (
        400,
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        400,
        b"POST / HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    ),
    (400, b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n"),
    (501, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: identity\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, chunked\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    (400, b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n"),
    (
        400,
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx",
    ),
    (414, b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (414, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 70_000 + b"\r\n\r\n"),
    (431, b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 20_000 + b"\r\n"),
]
BAD_CHUNKS = [
    b"x\r\n",
    b"-1\r\n",
    b"0x1\r\na\r\n0\r\n\r\n",
    b"1 \r\na\r\n0\r\n\r\n",
    b" 1\r\na\r\n0\r\n\r\n",
    b"1\na\n0\n\n",
    b"1;a=\nb\r\na\r\n0\r\n\r\n",
    b"1;\x00\r\na\r\n0\r\n\r\n",
    b"2\r\nabc\r\n0\r\n\r\n",
    b"1\r\na0\r\n\r\n",
    b"fffffffffffffffff\r\n",
    b"\r\n",
    b"0\r\nX : a\r\n\r\n",
    b"0\r\nX: a\nY: b\r\n\r\n",
    b"1;" + b"a" * 9000 + b"\r\na\r\n0\r\n\r\n",
]


@pytest.mark.parametrize(("status", "raw"), REFUSED, ids=range(len(REFUSED)))
def test_malformed_requests_are_refused_and_go_nowhere(
    kit: type[Kit], status: int, raw: bytes
) -> None:
    """Each gets its status, in one segment or byte by byte, then the end; nothing goes upstream."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        client = await house.client()
        await client.send(raw + smuggled)
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert b"Connection: close\r\n" in answer
        assert b"Proxy-Status: stablehand; error=" in answer
        assert answer.count(b"Content-Length: ") == 1
        if len(raw) < 500:
            slow = await house.client()
            for n in range(len(raw)):
                slow.writer.write(raw[n : n + 1])
                if n % 16 == 0:
                    await slow.writer.drain()
            assert (await slow.rest()).startswith(b"HTTP/1.1 %d " % status)
        assert upstream.requests == []

    kit.run(scenario)


@pytest.mark.parametrize("chunks", BAD_CHUNKS, ids=range(len(BAD_CHUNKS)))
def test_broken_chunks_end_the_request(kit: type[Kit], chunks: bytes) -> None:
    """A request whose chunked framing breaks is answered 400 and never completed upstream."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        client = await house.client()
        await client.send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        )
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert upstream.requests == []

    kit.run(scenario)


@pytest.mark.parametrize(
    ("target", "start", "host"),
    [
        (b"http://evil:1/x?y", b"GET /x?y HTTP/1.1", b"evil:1"),
        (b"HTTP://evil", b"GET / HTTP/1.1", b"evil"),
        (b"https://evil?q", b"GET /?q HTTP/1.1", b"evil"),
        (b"//evil/x", b"GET //evil/x HTTP/1.1", b"a"),
        (b"/@evil:1/", b"GET /@evil:1/ HTTP/1.1", b"a"),
    ],
)
def test_no_target_chooses_the_upstream(
    kit: type[Kit], target: bytes, start: bytes, host: bytes
) -> None:
    """Absolute targets lose their authority, which becomes `Host`; the upstream stays ours."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        _, body = await house.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        assert body == b"ok"
        assert upstream.requests[0].start == start
        assert upstream.requests[0].values(b"host") == [host]

    kit.run(scenario)


def test_options_asterisk_passes(kit: type[Kit]) -> None:
    """`OPTIONS *` is the one target that is no path."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        assert upstream.requests[0].start == b"OPTIONS * HTTP/1.1"

    kit.run(scenario)


def test_one_empty_line_before_a_request_is_forgiven(kit: type[Kit]) -> None:
    """One CRLF before a request is dropped, in any segmentation; two are refused."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        client = await house.client()
        for pieces in ((b"\r\n" + request,), (b"\r", b"\n" + request), (b"\r\n", request)):
            await client.send(*pieces)
            assert (await client.answer())[1] == b"ok"
        for pieces in ((b"\r\n\r\n" + request,), (b"\r\n", b"\r\n", request)):
            bad = await house.client()
            await bad.send(*pieces)
            assert (await bad.rest()).startswith(b"HTTP/1.1 400 ")

    kit.run(scenario)


def test_h2c_is_not_forwarded(kit: type[Kit]) -> None:
    """An offered upgrade to h2c is dropped, and the request is served as HTTP/1.1."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        _, body = await house.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
        )
        assert body == b"ok"
        request = upstream.requests[0]
        assert request.values(b"upgrade") == []
        assert request.values(b"connection") == []
        assert request.values(b"http2-settings") == []

    kit.run(scenario)


def test_pipelined_requests_are_answered_in_order(kit: type[Kit]) -> None:
    """Forty requests in one segment are relayed one after the other, and answered in order."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            path = request.start.split(b" ")[1]
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(path) + path)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(
            b"".join(
                b"POST /%d HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" % n
                for n in range(40)
            )
        )
        for n in range(40):
            assert (await client.answer())[1] == b"/%d" % n
        assert upstream.n_connections == 1

    kit.run(scenario)


def test_requests_behind_a_chunked_body_are_found(kit: type[Kit]) -> None:
    """The end of a chunked body is found exactly, and the next request begins behind it."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        client = await house.client()
        await client.send(
            b"POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n0\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        )
        for _ in range(2):
            assert (await client.answer())[1] == b"ok"
        assert [request.start for request in upstream.requests] == [
            b"POST /1 HTTP/1.1",
            b"GET /2 HTTP/1.1",
        ]

    kit.run(scenario)


def test_thousands_of_refused_requests_in_one_segment_do_no_harm(kit: type[Kit]) -> None:
    """A pipeline of requests that are all answered by us is worked off without recursion."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(max_in_flight=1))
        house.plane.n_in_flight += 1
        client = await house.client()
        n = 2000
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * n)
        for _ in range(n):
            head, _ = await client.answer()
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 1\r\n" in head
        house.plane.n_in_flight -= 1
        assert (await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"))[1] == b"ok"

    kit.run(scenario)
