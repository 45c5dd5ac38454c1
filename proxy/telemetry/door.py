"""The admin door: answers for the supervisor, passes the rest to the watcher.

`/healthz`, `/readyz`, `/api/v1/drain` and `/api/v1/reload` are answered here, so that the watcher's
death never takes a pod out of service. Everything else goes through the gate to the watcher's unix
socket. While the watcher is down, `/metrics` still answers with `stablehand_watcher_up 0`. This
file is loaded by the supervisor and stays light: no numpy, no scipy, no prometheus_client.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from proxy.telemetry import catalogue
from proxy.telemetry.answers import SAFE, Handler, error_answer, json_answer, speak_json
from proxy.telemetry.desk import DeskError, Vitals
from proxy.telemetry.gate import READ_METHODS, Gate, Visit
from proxy.telemetry.settings import Admin

log = logging.getLogger(__name__)

MAX_BODY_BYTES: Final = 1024 * 1024
"""Longest request body: ten thousand labels at once."""

MAX_METRICS_BYTES: Final = 16 * 1024 * 1024
"""Longest exposition that is taken from the watcher: a hundred times what it sends."""

MAX_RUNNING: Final = 64
"""Calls passed to the watcher at once; more get 503, so that a scraper gone wild costs little."""

TO_WATCHER: Final = ("Accept", "Content-Type", "If-None-Match")
FROM_WATCHER: Final = (
    "Content-Type",
    "Content-Length",
    "Cache-Control",
    "Content-Security-Policy",
    "ETag",
    "Referrer-Policy",
    "Retry-After",
    "X-Content-Type-Options",
)

_CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
_OPENMETRICS: Final = "application/openmetrics-text"
_EOF: Final = b"# EOF\n"
_CHUNK_BYTES: Final = 64 * 1024

_AWAY: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="3">
<meta name="color-scheme" content="light dark"><title>stablehand</title>
<style>body{font:17px/1.6 system-ui,sans-serif;max-width:34em;margin:20vh auto;padding:0 1em}
</style>
<h1>The watcher is not answering.</h1>
<p>Traffic goes on as it was routed last; nothing is judged meanwhile. The supervisor starts the
watcher again by itself, and this page looks again every three seconds.</p></html>"""

_AWAY_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


class Order(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/drain` and `/api/v1/reload`; it may be left out."""

    by: str = "unknown"


class Door:
    """One admin door over one supervisor."""

    def __init__(self, vitals: Vitals, admin: Admin, watcher_socket: Path) -> None:
        """Ask `vitals` for what the supervisor knows and the watcher behind the socket for more."""
        self._vitals = vitals
        self._admin = admin
        self._socket = watcher_socket
        self._gate = Gate(admin)
        self._session: aiohttp.ClientSession | None = None
        self._n_running = 0

    def application(self) -> web.Application:
        """Give the application; serve it once."""
        app = web.Application(middlewares=[speak_json, self._guard], client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_post("/api/v1/drain", self._drain)
        app.router.add_post("/api/v1/reload", self._reload)
        app.router.add_route("*", "/{rest:.*}", self._pass)
        app.on_startup.append(self._begin)
        app.on_cleanup.append(self._end)
        return app

    async def _begin(self, _: web.Application) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(str(self._socket), limit=MAX_RUNNING),
            timeout=aiohttp.ClientTimeout(total=self._admin.watcher_timeout_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )

    async def _end(self, _: web.Application) -> None:
        if self._session is not None:
            await self._session.close()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let in what the gate lets in, and write down who changed something."""
        visit = Visit(
            method=request.method,
            path=request.path,
            peer=_peer(request),
            fields={name.lower(): value for name, value in request.headers.items()},
        )
        refusal = self._gate.refusal(visit)
        if refusal is not None:
            self._note(visit, refusal.status)
            fields = {"WWW-Authenticate": "Bearer"} if refusal.status == 401 else None  # noqa: PLR2004  # Unauthorized
            return error_answer(refusal.status, refusal.code, refusal.message, refusal.hint, fields)
        answer = await handler(request)
        self._note(visit, answer.status)
        return answer

    def _note(self, visit: Visit, status: int) -> None:
        if visit.method not in READ_METHODS:
            facts = {"path": visit.path[:200], "peer": visit.peer, "status": status}
            log.info("admin call", extra=facts)

    async def _healthz(self, _: web.Request) -> web.Response:
        ok, reasons = self._vitals.alive()
        return json_answer({"ok": ok, "reasons": list(reasons)}, 200 if ok else 503)

    async def _readyz(self, _: web.Request) -> web.Response:
        ok, reasons = self._vitals.ready()
        return json_answer({"ok": ok, "reasons": list(reasons)}, 200 if ok else 503)

    async def _drain(self, request: web.Request) -> web.Response:
        return json_answer(self._vitals.drain(await _person(request)), 202)

    async def _reload(self, request: web.Request) -> web.Response:
        return json_answer(await self._vitals.reload(await _person(request)))

    async def _metrics(self, request: web.Request) -> web.Response:
        """Give the watcher's metrics and the supervisor's behind them; the latter in any case."""
        accept = request.headers.get("Accept", "")
        try:
            body, kind = await self._scrape(accept)
        except (aiohttp.ClientError, TimeoutError, OSError):
            body, kind = _watcher_down(), _CLASSIC
        if kind.startswith(_OPENMETRICS):
            body = body.removesuffix(_EOF) + supervisor_lines(self._vitals, openmetrics=True) + _EOF
        else:
            body += supervisor_lines(self._vitals, openmetrics=False)
        return web.Response(body=body, headers=SAFE | {"Content-Type": kind})

    async def _scrape(self, accept: str) -> tuple[bytes, str]:
        async with self._ask("GET", URL("http://watcher/metrics"), {"Accept": accept}) as answer:
            if answer.status != 200:  # noqa: PLR2004  # OK
                raise aiohttp.ClientPayloadError(f"the watcher answered {answer.status}")
            body = await answer.content.read(MAX_METRICS_BYTES)
            while part := await answer.content.read(MAX_METRICS_BYTES):
                body += part
                if len(body) > MAX_METRICS_BYTES:
                    raise aiohttp.ClientPayloadError("the watcher's metrics have no end")
            return body, answer.headers.get("Content-Type", _CLASSIC)

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        """Hand one call to the watcher and stream its answer back."""
        if self._n_running >= MAX_RUNNING:
            return error_answer(
                503, "busy", "Too many admin calls at once.", "Ask again.", {"Retry-After": "1"}
            )
        body = await request.read() if request.method == "POST" else None
        self._n_running += 1
        try:
            async with self._ask(
                request.method,
                _watcher_url(request),
                {name: request.headers[name] for name in TO_WATCHER if name in request.headers},
                body,
            ) as source:
                return await _stream(request, source)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _away(request, error)
        finally:
            self._n_running -= 1

    def _ask(
        self, method: str, url: URL, fields: Mapping[str, str], body: bytes | None = None
    ) -> aiohttp.client._RequestContextManager:
        if self._session is None:
            raise aiohttp.ClientConnectionError("the door is not open")
        return self._session.request(method, url, headers=fields, data=body, allow_redirects=False)


async def _stream(request: web.Request, source: aiohttp.ClientResponse) -> web.StreamResponse:
    """Copy the watcher's answer to the caller; break off when either end does."""
    answer = web.StreamResponse(status=source.status, headers=_kept(source.headers))
    await answer.prepare(request)
    try:
        async for chunk in source.content.iter_chunked(_CHUNK_BYTES):
            await answer.write(chunk)
        await answer.write_eof()
    except (aiohttp.ClientError, TimeoutError, OSError):
        # Half an answer is out: another one behind it would be read as its rest.
        if request.transport is not None:
            request.transport.abort()
    return answer


async def _person(request: web.Request) -> str:
    """Give who orders something, as the body says.

    Raises:
        DeskError: the body is not of this shape.
    """
    raw = await request.read()
    try:
        return msgspec.json.decode(raw or b"{}", type=Order).by[:80]
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        told = f"The body does not fit: {str(error)[:300]}."
        raise DeskError(400, "bad_body", told, '{"by": YOU}') from error


def _watcher_url(request: web.Request) -> URL:
    # The connector knows one socket only: whatever is asked for, nothing else can be reached.
    return URL.build(
        scheme="http",
        host="watcher",
        path=request.rel_url.raw_path,
        query_string=request.rel_url.raw_query_string,
        encoded=True,
    )


def supervisor_lines(vitals: Vitals, *, openmetrics: bool) -> bytes:
    """Give the metrics that the supervisor answers for, as exposition text."""
    processes = vitals.processes().items()
    series: dict[str, list[tuple[str, int]]] = {
        catalogue.PROCESS_UP.name: [(_process(name), int(one.up)) for name, one in processes],
        catalogue.PROCESS_RESTARTS.name: [
            (_process(name), one.restarts) for name, one in processes
        ],
        catalogue.RELOAD_SUCCESS.name: [("", int(vitals.reloaded()))],
    }
    lines: list[str] = []
    for family in catalogue.BY_SUPERVISOR:
        name = family.name.removesuffix("_total") if openmetrics else family.name
        lines += [f"# HELP {name} {family.help}", f"# TYPE {name} {family.kind.value}"]
        lines += [f"{family.name}{labels} {value}.0" for labels, value in series[family.name]]
    return "".join(f"{line}\n" for line in lines).encode()


def _process(name: str) -> str:
    return f'{{process="{name}"}}'


def _watcher_down() -> bytes:
    family = catalogue.WATCHER_UP
    return (
        f"# HELP {family.name} {family.help}\n# TYPE {family.name} gauge\n{family.name} 0.0\n"
    ).encode()


def _away(request: web.Request, error: Exception) -> web.Response:
    """Say that the watcher is not there: a page for people, JSON for programs."""
    if request.path == "/" and "text/html" in request.headers.get("Accept", ""):
        fields = SAFE | {"Content-Security-Policy": _AWAY_POLICY}
        return web.Response(text=_AWAY, status=503, content_type="text/html", headers=fields)
    late = isinstance(error, asyncio.TimeoutError)
    return error_answer(
        503,
        "watcher_slow" if late else "watcher_down",
        "The watcher did not answer in time." if late else "The watcher is not running.",
        "Traffic goes on as routed last, and the supervisor restarts the watcher. Ask again in a"
        " few seconds; /healthz and /readyz speak for the traffic.",
        {"Retry-After": "2"},
    )


def _kept(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: fields[name] for name in FROM_WATCHER if name in fields}


def _peer(request: web.Request) -> str:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    return str(peer[0]) if isinstance(peer, tuple) else ""
