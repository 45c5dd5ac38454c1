"""Calls to real sockets: permission, and bounds on what comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiohttp import web

from proxy.actuators.caller import Caller, Letter, Reply
from proxy.actuators.settings import Door

Listening = Callable[..., AbstractAsyncContextManager["Inbox"]]


class Inbox(Protocol):
    """What a test sees of a receiver; the real one is in conftest.py."""

    port: int
    bodies: list[bytes]


async def call(door: Door, url: str) -> Reply:
    """Call a door once."""
    caller = Caller(max_answer_bytes=1000)
    try:
        return await caller.call(door, Letter(url=url, body=b"{}", id="1", fields={}))
    finally:
        await caller.close()


def test_the_inner_network_is_closed_without_permission(listening: Listening) -> None:
    """By number and by name: nothing of the letter arrives."""

    async def run() -> None:
        async with listening() as inbox:
            for host in ("127.0.0.1", "localhost"):
                url = f"http://{host}:{inbox.port}/"
                reply = await call(Door(url=url, allow_http=True), url)
                assert not reply.ok
                assert reply.error.startswith("refused: ")
            assert inbox.bodies == []

    asyncio.run(run())


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    """A hostile receiver costs neither memory nor time."""

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with_data = b"x" * 65_536
        try:
            while True:
                await response.write(with_data)
        except ConnectionError:
            return response

    async def run() -> None:
        app = web.Application()
        app.router.add_post("/", endless)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        door = Door(url=url, allow_http=True, allow_private=True, timeout_s=10.0)
        reply = await call(door, url)
        await runner.cleanup()
        assert reply.ok
        assert reply.text == "x" * 200

    asyncio.run(run())
