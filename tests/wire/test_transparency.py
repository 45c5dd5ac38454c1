"""What goes through is what came in, byte by byte, but for what ends at this hop."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


KEEP = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def _own(lines: list[bytes]) -> list[bytes]:
    """Give the field lines without those that the relay adds."""
    return [line for line in lines if not line.lower().startswith((b"x-forwarded-", b"via:"))]


@pytest.mark.parametrize(
    "target",
    [
        b"/a?",
        b"//",
        b"//host/path",
        b"/%2F%2f%00",
        b"/a/../b/./c",
        b"/caf\xc3\xa9/\xff\xfe?q=\xe9",
        b'/q?a={b}|c\\d^e`f"g<h>',
        b"/?",
        b"/a;b=c,d@e:80",
        b"/v1/models/m:predict",
    ],
)
def test_targets_pass_byte_by_byte(kit: type[Kit], target: bytes) -> None:
    """No target is normalised, decoded or refused for what a model's path may hold."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        head, _ = await house.ask(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert upstream.requests[0].start == b"GET %b HTTP/1.1" % target

    kit.run(scenario)


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"PATCH", b"QUERY", b"FOO", b"get"])
def test_methods_pass_as_they_are(kit: type[Kit], method: bytes) -> None:
    """Any token is a method, registered or not, in any spelling."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(b"%b / HTTP/1.1\r\nHost: a\r\n\r\n" % method)
        assert upstream.requests[0].start == b"%b / HTTP/1.1" % method

    kit.run(scenario)


def test_fields_keep_order_spelling_repeats_and_bytes(kit: type[Kit]) -> None:
    """Fields pass with their order, case, repeats, spaces and bytes that are not UTF-8."""
    lines = [
        b"hOsT: a",
        b"X-Dup: 1",
        b"x-dup:2",
        b"X-Dup:\t 3 ",
        b"X-Raw: \xff\xfe\x80",
        b"X-Empty:",
        b"traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"x-request-id: r1",
        b"Ce-Id: c1",
        b"Authorization: Bearer t",
        b"Cookie: a=b; c=d",
    ]

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""]))
        assert _own(upstream.requests[0].lines) == lines

    kit.run(scenario)


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff" * 3000, gzip.compress(b"x" * 10_000), b"{}", b"\r\n\r\nGET / "]
)
def test_bodies_pass_untouched(kit: type[Kit], body: bytes) -> None:
    """Request and answer bodies pass byte by byte, coded or not, with their coding named."""

    async def scenario(house: House) -> None:
        answer = (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        ) + body
        upstream = await house.upstream(answer)
        await house.relay(upstream)
        head, received = await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        assert received == body
        assert b"Content-Encoding: gzip" in head
        assert upstream.requests[0].body == body

    kit.run(scenario)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 299 Some \xe9 Reason\r\nX-A: \xff\r\nx-a: 2\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length:0\r\n\r\n",
        b"HTTP/1.1 503 x\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
    ],
)
def test_answer_heads_pass_byte_by_byte(kit: type[Kit], head: bytes) -> None:
    """An answer's head gains and loses nothing, whatever its status, reason or bytes."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(head)
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            assert await client.head() == head

    kit.run(scenario)


def test_hop_by_hop_fields_end_here(kit: type[Kit]) -> None:
    """Fields of one connection, and those a peer names in `Connection`, go no further."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nKeep-Alive: timeout=5\r\n"
            b"X-Mine: 1\r\nX-Other: 2\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n"
        )
        await house.relay(upstream)
        head, _ = await house.ask(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop, close,\r\nX-Hop: 1\r\n"
            b"Keep-Alive: 5\r\nProxy-Connection: x\r\nTE: gzip\r\nUpgrade: h2c\r\n"
            b"HTTP2-Settings: x\r\nX-Stay: 1\r\n\r\n"
        )
        assert _own(upstream.requests[0].lines) == [b"Host: a", b"HTTP2-Settings: x", b"X-Stay: 1"]
        assert head == (
            b"HTTP/1.1 200 OK\r\nX-Other: 2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    kit.run(scenario)


def test_a_client_cannot_have_our_fields_or_the_framing_removed(kit: type[Kit]) -> None:
    """`Connection: Content-Length, X-Forwarded-For, Host` removes none of them."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
            b"Connection: Content-Length, X-Forwarded-For, Host, Via\r\n\r\nab"
        )
        request = upstream.requests[0]
        assert request.values(b"content-length") == [b"2"]
        assert request.values(b"host") == [b"a"]
        assert request.values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert request.body == b"ab"

    kit.run(scenario)


def test_chunked_bodies_pass_with_their_chunks(kit: type[Kit]) -> None:
    """Chunked requests and answers keep their chunk boundaries; extensions are dropped."""
    chunks = b"5\r\nhello\r\n1;a=b\r\n \r\n6\r\nworld!\r\n0\r\n\r\n"
    passed = b"5\r\nhello\r\n1\r\n \r\n6\r\nworld!\r\n0\r\n\r\n"

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
        )
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            _, body = await client.ask(
                b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
            )
            assert body == passed
        assert [request.body for request in upstream.requests] == [passed, passed]
        assert upstream.n_connections == 1

    kit.run(scenario)


@pytest.mark.parametrize("asks", [True, False])
def test_trailers_pass_where_they_were_asked_for(kit: type[Kit], asks: bool) -> None:
    """An answer's trailers reach a client that said `TE: trailers`, and no other."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
            b"2\r\nok\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n"
        )
        await house.relay(upstream)
        te = b"TE: trailers\r\nConnection: TE\r\n" if asks else b""
        _, body = await house.ask(b"GET / HTTP/1.1\r\nHost: a\r\n" + te + b"\r\n")
        assert body == (b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n" if asks else b"2\r\nok\r\n0\r\n\r\n")
        assert upstream.requests[0].values(b"te") == ([b"trailers"] if asks else [])

    kit.run(scenario)


def test_trailers_of_requests_pass_without_the_dangerous_ones(kit: type[Kit]) -> None:
    """A request's trailers go upstream, but none that would change how it is read."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\nX-Sum: 1\r\nHost: evil\r\nAuthorization: x\r\n\r\n"
        )
        assert upstream.requests[0].body == b"0\r\nX-Sum: 1\r\n\r\n"

    kit.run(scenario)


@pytest.mark.parametrize(
    ("head", "has_length"),
    [
        (b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 30\r\n\r\n", True),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n\r\n", False),
    ],
)
def test_a_body_sent_wrongly_with_head_poisons_nothing(
    kit: type[Kit], head: bytes, has_length: bool
) -> None:
    """HEAD answers keep their fields, have no body, and their connection is not used again."""

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            await side.send(head + b"x" * 30 if request.start.startswith(b"HEAD") else kit.OK)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        got, _ = await client.ask(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", has_body=False)
        assert got == head
        assert (b"Content-Length: 30" in got) == has_length
        _, body = await client.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert body == b"ok"
        assert upstream.n_connections == 2

    kit.run(scenario)


def test_http_1_0_clients_get_no_chunks(kit: type[Kit]) -> None:
    """For an HTTP/1.0 client chunks are taken off and the connection's end ends the body."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
            b"3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-T: 1\r\n\r\n"
        )
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert await client.rest() == (
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nabcdefg"
        )
        assert upstream.requests[0].start == b"GET / HTTP/1.1"

    kit.run(scenario)


def test_http_1_0_clients_may_keep_their_connection(kit: type[Kit]) -> None:
    """HTTP/1.0 with `Connection: keep-alive` and a known length keeps the connection."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        client = await house.client()
        for _ in range(2):
            head, body = await client.ask(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            assert b"Connection: keep-alive\r\n" in head
            assert body == b"ok"

    kit.run(scenario)


def test_an_http_1_0_upstream_is_answered_for_in_1_1(kit: type[Kit]) -> None:
    """An HTTP/1.0 answer without a length goes on until it ends, said in our version."""

    async def scenario(house: House) -> None:
        async def answer(_request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.0 200 OK\r\nX-A: 1\r\n\r\nbody")
            side.close()

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        client = await house.client()
        await client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert await client.rest() == (
            b"HTTP/1.1 200 OK\r\nX-A: 1\r\nConnection: close\r\n\r\nbody"
        )
        exchange = await house.exchange()
        assert exchange.failure is None
        assert exchange.response_bytes == 4

    kit.run(scenario)


def test_large_bodies_come_back_whole(kit: type[Kit]) -> None:
    """8 MiB up and 8 MiB down arrive whole, with both sides reading at their own pace."""
    body = bytes(range(256)) * 32_768

    async def scenario(house: House) -> None:
        async def answer(request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
            await side.send(request.body)

        upstream = await house.upstream(answer)
        await house.relay(upstream)
        _, received = await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        assert received == body

    kit.run(scenario)
