"""Who a request comes from: said by us, and believed only from those we trust."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit


SPOOFED = (
    b"GET /x HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 6.6.6.6\r\nX-FORWARDED-FOR: 7.7.7.7"
    b"\r\nX_Forwarded_For: 8.8.8.8\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n"
    b"Forwarded: for=9.9.9.9\r\nVia: 1.0 other\r\nX-Real-Thing: 1\r\n\r\n"
)


def test_a_clients_word_about_itself_is_replaced(kit: type[Kit]) -> None:
    """From a peer that is not trusted every `X-Forwarded-*`, however spelled, is replaced."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(SPOOFED)
        request = upstream.requests[0]
        assert request.values(b"x-forwarded-for") == [b"127.0.0.1"]
        assert request.values(b"x_forwarded_for") == []
        assert request.values(b"x-forwarded-proto") == [b"http"]
        assert request.values(b"x-forwarded-host") == [b"a.example"]
        assert request.values(b"forwarded") == []
        assert request.values(b"via") == [b"1.0 other", b"1.1 stablehand"]
        assert request.values(b"x-real-thing") == [b"1"]

    kit.run(scenario)


@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1"])
def test_a_trusted_proxys_word_is_extended(kit: type[Kit], network: str) -> None:
    """From a trusted proxy the chain is kept and its own address added."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(trusted_proxies=("::1", network)))
        await house.ask(SPOOFED)
        request = upstream.requests[0]
        assert request.values(b"x-forwarded-for") == [b"6.6.6.6, 7.7.7.7, 127.0.0.1"]
        assert request.values(b"x-forwarded-proto") == [b"https"]
        assert request.values(b"x-forwarded-host") == [b"evil"]
        assert request.values(b"forwarded") == [b"for=9.9.9.9"]

    kit.run(scenario)


def test_trust_is_by_address(kit: type[Kit]) -> None:
    """Two clients of one relay are told apart by where they come from."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(trusted_proxies=("127.0.0.2/32",)))
        for local in ("127.0.0.2", "127.0.0.3"):
            client = await house.client(local=local)
            await client.ask(SPOOFED)
        first, second = (request.values(b"x-forwarded-for") for request in upstream.requests)
        assert first == [b"6.6.6.6, 7.7.7.7, 127.0.0.2"]
        assert second == [b"127.0.0.3"]

    kit.run(scenario)


def test_the_standard_field_is_sent_when_asked_for(kit: type[Kit]) -> None:
    """With `forwarded` the field of RFC 7239 goes along."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, listen=kit.Listen(forwarded=True))
        await house.ask(SPOOFED)
        assert upstream.requests[0].values(b"forwarded") == [b"for=127.0.0.1;proto=http"]

    kit.run(scenario)


def test_server_timing_is_an_option(kit: type[Kit]) -> None:
    """Off by default; switched on, answers say how long the model took to begin."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        head, _ = await house.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"Server-Timing" not in head
        house.plane.server_timing = True
        head, body = await house.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert b"\r\nServer-Timing: candidate;dur=" in head
        assert body == b"ok"

    kit.run(scenario)


def test_an_upstreams_host_and_model_name_may_be_its_own(kit: type[Kit]) -> None:
    """`host` and `model` of an upstream rewrite what is sent to it, and nothing else."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(kit.Upstream(url=upstream.url, host="inner:1", model="v2"))
        await house.ask(
            b"GET /v1/models/v1:predict?a=/models/x HTTP/1.1\r\nHost: a\r\nX: 1\r\n\r\n"
        )
        request = upstream.requests[0]
        assert request.start == b"GET /v1/models/v2:predict?a=/models/x HTTP/1.1"
        assert request.values(b"host") == [b"inner:1"]
        assert request.values(b"x-forwarded-host") == [b"a"]

    kit.run(scenario)
