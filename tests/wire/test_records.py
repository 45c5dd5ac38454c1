"""One record per request, with what happened in it; samples with the bytes that passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proxy.records import Exchange, Model, Position

if TYPE_CHECKING:
    from tests.wire.conftest import House, Kit, Request, UpstreamSide


POST = b"POST /p?q=1 HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"


def test_a_record_tells_what_happened(kit: type[Kit]) -> None:
    """Times are in order, sizes are of bodies, and nothing is claimed that did not happen."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        client = await house.client()
        await client.ask(POST)
        await client.ask(POST)
        first, second = await house.exchange(), await house.exchange(2)
        assert isinstance(first, Exchange)
        assert first.id != second.id
        assert 0 <= first.id < 1 << 63
        assert first.started_s <= first.connected_s <= first.first_byte_s <= first.finished_s
        assert second.started_s == second.connected_s
        assert (first.model, first.position) == (Model.CANDIDATE, Position.SERVING)
        assert (first.status, first.failure, first.pair_id) == (200, None, None)
        assert (first.request_bytes, first.response_bytes) == (4, 2)
        assert (first.failed_over, first.replayed, first.stream) == (False, False, None)
        assert first.in_flight == 1
        assert first.route == "other"

    kit.run(scenario)


@pytest.mark.parametrize(
    ("target", "route", "is_sampled"),
    [
        (b"/v1/models/m:predict", "/v1/models/{name}:predict", True),
        (b"/v1/models/m:predict?a", "/v1/models/{name}:predict", True),
        (b"/v1/models/m", "other", False),
        (b"/metrics", "other", False),
    ],
)
def test_routes_name_exchanges_and_choose_samples(
    kit: type[Kit], target: bytes, route: str, is_sampled: bool
) -> None:
    """The first expression that matches the path names the exchange; `other` is not sampled."""
    routes = (
        ("/v1/models/{name}:predict", r"^/v1/models/[^/:]+:predict$"),
        ("late", r":predict$"),
    )

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, routes=routes)
        await house.ask(b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" % target)
        exchange = await house.exchange()
        assert exchange.route == route
        assert exchange.capture == (1.0 if is_sampled else 0.0)
        assert len(house.notebook.captures) == int(is_sampled)

    kit.run(scenario)


def test_without_routes_what_has_a_body_is_sampled(kit: type[Kit]) -> None:
    """With no routes every request is `other`, and sampled when there is a body to read."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream)
        await house.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        await house.ask(POST)
        await house.exchange(2)
        assert [one.capture for one in house.notebook.exchanges] == [0.0, 1.0]
        assert len(house.notebook.captures) == 1

    kit.run(scenario)


def test_a_sample_holds_the_bytes_and_the_allowed_fields(kit: type[Kit]) -> None:
    """Bodies as they passed, chunks taken off; listed fields only, never a credential."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nSet-Cookie: s\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n3\r\n,2]\r\n0\r\n\r\n"
        )
        await house.relay(upstream)
        await house.ask(
            b"POST /p?secret=1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nCookie: c\r\n"
            b"Content-Encoding: gzip\r\nX-Request-Id: r1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"2\r\n{}\r\n1\r\n \r\n0\r\n\r\n"
        )
        await house.until(lambda: house.notebook.captures)
        capture = house.notebook.captures[0]
        assert capture.target == "/p"
        assert capture.request.body == b"{} "
        assert capture.request.fields == {"content-encoding": "gzip", "x-request-id": "r1"}
        assert not capture.request.truncated
        assert capture.response.body == b"[1,2]"
        assert capture.response.fields == {"content-type": "application/json"}
        assert not capture.response.truncated

    kit.run(scenario)


def test_long_bodies_are_cut_in_samples_and_nowhere_else(kit: type[Kit]) -> None:
    """A sample keeps `max_body_bytes` of each side and says that it was cut."""

    async def scenario(house: House) -> None:
        async def echo(request: Request, side: UpstreamSide) -> None:
            await side.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body))
            await side.send(request.body)

        upstream = await house.upstream(echo)
        await house.relay(upstream, capture=kit.Capture(max_body_bytes=1000))
        body = bytes(range(200)) * 2000
        _, received = await house.ask(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        assert received == body
        await house.until(lambda: house.notebook.captures)
        capture = house.notebook.captures[0]
        for message in (capture.request, capture.response):
            assert message.body == body[:1000]
            assert message.truncated

    kit.run(scenario)


def test_the_rate_of_samples_is_bounded(kit: type[Kit]) -> None:
    """Above `max_rows_per_s` a draw decides; its chances stand in every record."""

    async def scenario(house: House) -> None:
        upstream = await house.upstream()
        await house.relay(upstream, capture=kit.Capture(max_rows_per_s=100))
        client = await house.client()
        for _ in range(1500):
            await client.ask(POST)
        last = house.notebook.exchanges[-200:]
        taken = [one for one in house.notebook.exchanges if one.capture]
        assert len(taken) == len(house.notebook.captures)
        assert len(taken) < 1500
        assert all(0 < one.capture < 1 for one in last if one.capture)

    kit.run(scenario)


def test_a_record_that_cannot_be_made_hurts_no_request(kit: type[Kit]) -> None:
    """A watcher's end that raises is counted, and the client has its answer."""

    async def scenario(house: House) -> None:
        class Broken:
            def put(self, _record: object) -> bool:
                raise RuntimeError("broken on purpose")

        upstream = await house.upstream()
        await house.relay(upstream)
        house.plane.reporter = Broken()
        client = await house.client()
        for _ in range(2):
            assert (await client.ask(POST))[1] == b"ok"
        assert house.plane.dropped == {"exchange": 2}

    kit.run(scenario)
