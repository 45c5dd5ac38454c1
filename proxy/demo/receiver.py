"""Who gets the alerts in the demonstration: a webhook receiver that keeps what arrives."""

from __future__ import annotations

from collections import deque
from typing import Final

import msgspec
from aiohttp import web

from proxy.actuators.notice import Notice

PATH: Final = "/alerts"
MAX_KEPT: Final = 500
_decode: Final = msgspec.json.Decoder(Notice).decode


class Receiver:
    """A webhook on a free port of 127.0.0.1 that answers 204 to every notice it can read."""

    def __init__(self) -> None:
        """Keep nothing yet."""
        self._kept: deque[tuple[int, Notice]] = deque(maxlen=MAX_KEPT)
        self.n_received = 0
        self.n_unreadable = 0
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address that alerts are sent to."""
        return f"http://127.0.0.1:{self._port}{PATH}"

    def since(self, n_received: int) -> tuple[Notice, ...]:
        """Give the notices that came after the first `n_received`, each once."""
        return tuple(notice for number, notice in self._kept if number > n_received)

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.add_routes([web.post(PATH, self._receive)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _receive(self, request: web.Request) -> web.Response:
        try:
            notice = _decode(await request.read())
        except msgspec.MsgspecError as error:
            self.n_unreadable += 1
            return web.json_response({"error": str(error)}, status=400)
        self.n_received += 1
        if all(notice.id != kept.id for _, kept in self._kept):
            self._kept.append((self.n_received, notice))
        return web.Response(status=204)
