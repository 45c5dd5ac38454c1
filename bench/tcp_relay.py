"""The floor: bytes from one socket to another on uvloop, without a look at them.

python bench/tcp_relay.py PORT UPSTREAM_PORT
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

import uvloop


class Side(asyncio.Protocol):
    """One end; `other` is the one its bytes go to."""

    def __init__(self, upstream_port: int | None) -> None:
        self._upstream_port = upstream_port
        self._early: list[bytes] = []
        self.other: Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Find the other end."""
        self.transport = cast("asyncio.Transport", transport)
        if self._upstream_port is not None:
            self._task = asyncio.get_running_loop().create_task(self._join(self._upstream_port))

    async def _join(self, port: int) -> None:
        _, other = await asyncio.get_running_loop().create_connection(
            lambda: Side(None), "127.0.0.1", port
        )
        self.other, other.other = other, self
        for data in self._early:
            other.transport.write(data)

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.other is None:
            self._early.append(data)
        else:
            self.other.transport.write(data)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Take the other end along."""
        if self.other is not None:
            self.other.transport.close()


async def main() -> None:
    """Relay until killed."""
    port, upstream_port = int(sys.argv[1]), int(sys.argv[2])
    server = await asyncio.get_running_loop().create_server(
        lambda: Side(upstream_port), "127.0.0.1", port
    )
    await server.serve_forever()


uvloop.run(main())
