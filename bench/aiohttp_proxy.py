"""What most Python gateways are: an aiohttp.web application that asks with a ClientSession.

    python bench/aiohttp_proxy.py PORT UPSTREAM_PORT

Tuned as its documentation advises: uvloop, no connection limit, no automatic fields, streaming.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator

import aiohttp
import uvloop
from aiohttp import web
from yarl import URL

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "trailer"}
SESSION = web.AppKey("session", aiohttp.ClientSession)


async def relay(request: web.Request) -> web.StreamResponse:
    """Pass a request and its answer on."""
    url = URL(f"http://127.0.0.1:{sys.argv[2]}{request.raw_path}", encoded=True)
    fields = [(k, v) for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP]
    async with request.app[SESSION].request(
        request.method,
        url,
        headers=fields,
        data=request.content if request.can_read_body else None,
        allow_redirects=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
    ) as answer:
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in HOP_BY_HOP:
                response.headers.add(name, value)
        await response.prepare(request)
        async for piece in answer.content.iter_any():
            await response.write(piece)
        await response.write_eof()
        return response


async def session(app: web.Application) -> AsyncIterator[None]:
    """Hold the client's session while the application runs."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as made:
        app[SESSION] = made
        yield


def main() -> None:
    """Serve until killed."""
    app = web.Application(client_max_size=1 << 30)
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{tail:.*}", relay)
    web.run_app(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=lambda *_: None,
        loop=uvloop.new_event_loop(),
    )


main()
