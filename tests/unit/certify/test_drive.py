"""Driving a model: order kept, load kept, failures measured, broken models refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from proxy.certify.drive import Answer, Line
from proxy.certify.files import CertifyError
from proxy.certify.recorded import Recorded
from proxy.records import Failure
from proxy.relay.settings import Upstream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def line_to(handler: Handler, **settings: object) -> AsyncIterator[Line]:
    """Serve every path with `handler` on loopback, and open a line to it."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    line = Line("candidate", Upstream(url=url, **settings))  # type: ignore[arg-type]  # as given
    try:
        yield line
    finally:
        await line.close()
        await runner.cleanup()


def asked(n: int) -> list[Recorded]:
    """Make `n` requests that can be told apart."""
    return [Recorded("POST", f"/models/m/{i}?q=%2F", {"x-n": str(i)}, b"b%d" % i) for i in range(n)]


def step() -> None:
    """Show no progress."""


async def echo(request: web.Request) -> web.Response:
    """Answer with the request's target and body."""
    body = await request.read()
    return web.Response(body=request.raw_path.encode() + b" " + body, headers={"X-Kind": "echo"})


def test_answers_keep_the_order_of_the_requests_and_go_round() -> None:
    """Answer i belongs to request i, however many run at once, also beyond the last request."""

    async def scenario() -> list[Answer]:
        async with line_to(echo) as line:
            return await line.drive(asked(3), 4, 7, step)

    answers = asyncio.run(scenario())
    assert [answer.body for answer in answers] == [
        b"/models/m/%d?q=%%2F b%d" % (i % 3, i % 3) for i in range(7)
    ]
    assert all(answer.status == 200 and answer.failure is None for answer in answers)
    assert answers[0].fields["x-kind"] == "echo"
    assert all(answer.finished_s > answer.started_s for answer in answers)


def test_the_load_is_what_was_asked_for() -> None:
    """Never more run at once than ordered, and each answer knows how many ran."""
    running = most = 0

    async def slow(request: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.005)
        running -= 1
        return await echo(request)

    async def scenario() -> list[Answer]:
        async with line_to(slow) as line:
            return await line.drive(asked(2), 3, 12, step)

    answers = asyncio.run(scenario())
    assert most == 3
    assert {answer.in_flight for answer in answers[3:]} <= {2, 3}
    assert answers[0].in_flight == 1


def test_the_name_of_the_model_in_the_path_is_the_upstreams() -> None:
    """A recorded path works for both models although they are served under different names."""

    async def scenario() -> bytes:
        async with line_to(echo, model="m-v2") as line:
            return (await line.ask(asked(1)[0])).body

    assert asyncio.run(scenario()).startswith(b"/models/m-v2/0")


def test_failures_are_measured_by_class() -> None:
    """Server errors, silence and broken answers each count under their own class; 4xx does not."""

    async def moody(request: web.Request) -> web.StreamResponse:
        match int(request.headers["x-n"]):
            case 0:
                return web.Response(status=503)
            case 1:
                return web.Response(status=404)
            case 2:
                await asyncio.sleep(5)
            case 3:
                response = web.StreamResponse(headers={"Content-Length": "10"})
                await response.prepare(request)
                await response.write(b"cut")
                assert request.transport is not None
                request.transport.abort()
                return response
        return await echo(request)

    async def scenario() -> list[Answer]:
        async with line_to(moody, response_timeout_s=0.3) as line:
            return [await line.ask(request) for request in asked(5)]

    answers = asyncio.run(scenario())
    assert [answer.failed_class for answer in answers] == [
        "server",
        None,
        "timeout",
        "invalid",
        None,
    ]
    assert answers[2].failure is Failure.TIMEOUT
    assert answers[2].status == 0


def test_a_model_that_cannot_be_reached_is_named_with_its_address() -> None:
    """Before anything is measured, in one sentence that says where to look."""

    async def scenario() -> None:
        line = Line("stable", Upstream(url="http://127.0.0.1:1"))
        try:
            await line.check(asked(1)[0])
        finally:
            await line.close()

    with pytest.raises(
        CertifyError, match=r"stable model: http://127\.0\.0\.1:1 cannot be reached"
    ):
        asyncio.run(scenario())


def test_a_model_that_fails_half_of_everything_is_not_certified() -> None:
    """The message says how many failed and the most frequent reason."""

    async def broken(request: web.Request) -> web.Response:
        bad = int(request.headers["x-n"]) % 2 == 0
        return web.Response(status=400 if bad else 200, text="no such column")

    async def scenario(n: int) -> None:
        async with line_to(broken) as line:
            await line.drive(asked(n), 2, n, step)

    with pytest.raises(CertifyError, match=r"2 of 4 answers failed, .*status 400: no such column"):
        asyncio.run(scenario(4))


def test_a_certificate_file_that_is_missing_is_an_error_of_certification() -> None:
    """No traceback of the TLS library reaches people."""
    from proxy.relay.settings import ClientTls  # noqa: PLC0415 - only this test needs it

    async def scenario() -> None:
        Line("candidate", Upstream(url="https://127.0.0.1:1", tls=ClientTls(ca="absent.pem")))

    with pytest.raises(CertifyError, match="TLS of the model"):
        asyncio.run(scenario())
