"""Real receivers on the loopback, that answer as a test tells them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import msgspec
import pytest
from aiohttp import web

from proxy.actuators.notice import Notice


@dataclass
class Inbox:
    """A real receiver: keeps what it is sent, and answers as it is told."""

    statuses: list[int] = field(default_factory=list)
    """Answers to give, in order; then 200."""
    delay_s: float = 0.0
    bodies: list[bytes] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    text: str = "noted"
    port: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, request: web.Request) -> web.Response:
        """Take one letter."""
        self.bodies.append(await request.read())
        self.fields.append(dict(request.headers))
        self.arrived.set()
        await asyncio.sleep(self.delay_s)
        status = self.statuses.pop(0) if self.statuses else 200
        location = {"Location": f"http://127.0.0.1:{self.port}/stolen"} if status == 307 else {}
        return web.Response(status=status, text=self.text, headers=location)

    def ids(self) -> list[str]:
        """Give the ids of the notices that arrived."""
        return [msgspec.json.decode(body, type=Notice).id for body in self.bodies]


@asynccontextmanager
async def _listening(**script: object) -> AsyncIterator[Inbox]:
    """Run a receiver on its port, or on a free one."""
    inbox = Inbox(**script)
    app = web.Application()
    app.router.add_post("/{path:.*}", inbox.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", inbox.port, reuse_address=True)
    await site.start()
    inbox.port = runner.addresses[0][1]
    try:
        yield inbox
    finally:
        await runner.cleanup()


@pytest.fixture(scope="session")
def listening() -> Callable[..., AbstractAsyncContextManager[Inbox]]:
    """Give what runs a receiver, for `async with`; it takes the fields of an inbox."""
    return _listening


@pytest.fixture
def unused_port() -> int:
    """Give a port that was free a moment ago, for a program that cannot choose one itself."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
