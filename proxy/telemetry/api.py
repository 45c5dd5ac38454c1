"""The admin API and the status page, on the watcher's unix socket.

Each route asks the `Desk` for values and gives them as JSON; bodies are checked field by field
before anything is done. Who may call is the door's business (`gate.py`), what a call means is the
desk's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Final, Literal, TypeVar

import msgspec
import numpy as np
from aiohttp import web

from proxy import clock
from proxy.records import AlarmName, Model
from proxy.telemetry import labels
from proxy.telemetry.answers import SAFE, json_answer, speak_json
from proxy.telemetry.desk import Desk, DeskError
from proxy.telemetry.page import page
from proxy.telemetry.report import document

MAX_BODY_BYTES: Final = 1024 * 1024
"""Longest body: ten thousand labels at once."""

SCRAPE_AGE_S: Final = 0.25
"""A rendered exposition is given again for this long: many scrapers at once cost one render."""

MAX_REPORTS: Final = 4
"""Reports asked for at once, of which one is being made; more get 503."""

_DEFAULT_N: Final = 100
_MAX_N: Final = 1_000

By = Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
Why = Annotated[str, msgspec.Meta(max_length=500)]
_Body = TypeVar("_Body")


class RouteOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/routing`."""

    serving: Literal["candidate", "stable", "auto"]
    by: By = "unknown"
    why: Why = ""


class AckOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/ack`."""

    alarm: Annotated[str, msgspec.Meta(max_length=80)]
    """An alarm's name, or `all`."""
    by: By = "unknown"
    why: Why = ""


class ReloadOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/reload`; it may be left out."""

    by: By = "unknown"


class CollectOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/reference`."""

    rows: int
    """Input rows to collect; 0: forget what was collected."""
    force: bool = False
    by: By = "unknown"
    why: Why = ""
    """With 0 rows: what came of the collection."""


class Api:
    """The routes over one desk."""

    def __init__(self, desk: Desk, now_s: Callable[[], float] = clock.now_s) -> None:
        """Ask `desk`; `now_s` tells how old a rendered exposition is."""
        self._desk = desk
        self._now_s = now_s
        self._scrapes: dict[bool, tuple[float, bytes, str]] = {}
        self._page = page()
        self._one_report = asyncio.Lock()
        self._n_reports = 0

    def application(self) -> web.Application:
        """Give the application; serve it once."""
        app = web.Application(middlewares=[speak_json], client_max_size=MAX_BODY_BYTES)
        get, post = app.router.add_get, app.router.add_post
        get("/", self._home)
        get("/metrics", self._metrics)
        get("/api/v1/status", self._status)
        get("/api/v1/alarms", self._alarms)
        get("/api/v1/drift", self._drift)
        get("/api/v1/agreement", self._agreement)
        get("/api/v1/latency", self._latency)
        get("/api/v1/labels", self._label_quality)
        get("/api/v1/routing", self._routing)
        get("/api/v1/journal", self._journal)
        get("/api/v1/report", self._report)
        get("/api/v1/samples", self._samples)
        get("/api/v1/reference", self._reference)
        get("/api/v1/config", self._config)
        get("/api/v1/verdict", self._verdict)
        post("/api/v1/routing", self._route)
        post("/api/v1/ack", self._ack)
        post("/api/v1/reload", self._reload)
        post("/api/v1/reference", self._collect)
        post("/api/v1/labels", self._labels)
        return app

    async def _home(self, _: web.Request) -> web.Response:
        fields = SAFE | {"Content-Security-Policy": self._page.policy}
        return web.Response(body=self._page.body, content_type="text/html", charset="utf-8",
                            headers=fields)  # fmt: skip

    async def _metrics(self, request: web.Request) -> web.Response:
        accept = request.headers.get("Accept", "")
        kind = "openmetrics" in accept
        now_s = self._now_s()
        made_s, body, content_type = self._scrapes.get(kind, (-1.0, b"", ""))
        if not body or not 0 <= now_s - made_s < SCRAPE_AGE_S:
            body, content_type = self._desk.metrics(accept)
            self._scrapes[kind] = (now_s, body, content_type)
        return web.Response(body=body, headers=SAFE | {"Content-Type": content_type})

    async def _status(self, _: web.Request) -> web.Response:
        return _answer(self._desk.status())

    async def _alarms(self, _: web.Request) -> web.Response:
        return _answer({"alarms": self._desk.alarms()})

    async def _drift(self, _: web.Request) -> web.Response:
        detail = self._desk.detail
        sides = {
            "input": detail(AlarmName.INPUT_DRIFT),
            "output": detail(AlarmName.OUTPUT_DRIFT),
            "slow": detail(AlarmName.SLOW_DRIFT),
        }
        return _answer(sides)

    async def _agreement(self, _: web.Request) -> web.Response:
        return _answer(self._desk.detail(AlarmName.DISAGREEMENT))

    async def _latency(self, _: web.Request) -> web.Response:
        return _answer(self._desk.detail(AlarmName.LATENCY))

    async def _routing(self, _: web.Request) -> web.Response:
        return _answer(self._desk.routing())

    async def _journal(self, request: web.Request) -> web.Response:
        return _answer({"entries": self._desk.journal(_number(request))})

    async def _report(self, request: web.Request) -> web.Response:
        kind = request.query.get("format", "html")
        if kind not in {"html", "json"}:
            raise DeskError(400, "bad_query", "format is html or json.", "?format=json")
        name = request.query.get("alarm")
        alarm = None if name is None else _alarm(name)
        if self._n_reports >= MAX_REPORTS:
            told = f"{MAX_REPORTS} reports are being made."
            raise DeskError(503, "busy", told, "Ask again in a few seconds.")
        self._n_reports += 1
        try:
            return await self._reported(kind, alarm)
        finally:
            self._n_reports -= 1

    async def _reported(self, kind: str, alarm: AlarmName | None) -> web.Response:
        """Make one report after the other: each reads the whole journal that memory keeps."""
        async with self._one_report:
            report = await self._desk.report(alarm)
            if kind == "json":
                return _answer(report)
            made = await asyncio.to_thread(document, report)
        fields = SAFE | {"Content-Security-Policy": made.policy}
        return web.Response(body=made.body, content_type="text/html", charset="utf-8",
                            headers=fields)  # fmt: skip

    async def _samples(self, request: web.Request) -> web.Response:
        desk = self._desk
        samples = desk.samples(_number(request))
        return _answer({"samples": samples, "disagreements": desk.disagreements()})

    async def _reference(self, request: web.Request) -> web.Response:
        given = request.query.get("part")
        if given is None:
            return _answer(self._desk.reference(None))
        if not (given.isascii() and given.isdigit() and len(given) < 6):  # noqa: PLR2004  # digits
            raise DeskError(400, "bad_query", "part is a number from 0.", "?part=0")
        return _answer(self._desk.reference(int(given)))

    async def _collect(self, request: web.Request) -> web.Response:
        order = await _order(request, CollectOrder, '{"rows": N, "force": false, "by": YOU}')
        collect = self._desk.collect(order.rows, force=order.force, by=order.by, why=order.why)
        return _answer(await collect)

    async def _config(self, _: web.Request) -> web.Response:
        return _answer(self._desk.config())

    async def _verdict(self, _: web.Request) -> web.Response:
        go, reasons = self._desk.verdict()
        return _answer({"go": go, "reasons": reasons}, 200 if go else 503)

    async def _route(self, request: web.Request) -> web.Response:
        order = await _order(request, RouteOrder, '{"serving": "candidate"|"stable"|"auto"}')
        model = None if order.serving == "auto" else Model(order.serving)
        return _answer(await self._desk.route(model, order.by, order.why))

    async def _ack(self, request: web.Request) -> web.Response:
        order = await _order(request, AckOrder, '{"alarm": NAME|"all", "by": YOU, "why": TEXT}')
        name = None if order.alarm == "all" else _alarm(order.alarm, "or all")
        done = await self._desk.acknowledge(name, order.by, order.why)
        return _answer({"acknowledged": done})

    async def _reload(self, request: web.Request) -> web.Response:
        order = await _order(request, ReloadOrder, '{"by": YOU}', may_be_empty=True)
        return _answer(await self._desk.reload(order.by))

    async def _labels(self, request: web.Request) -> web.Response:
        now_s, offset_s = clock.now_s(), clock.utc_offset_s()
        kind = request.content_type
        truths = labels.read(await request.read(), kind, lambda utc_s: utc_s - offset_s, now_s)
        return _answer(labels.answer(await self._desk.label(truths)))

    async def _label_quality(self, _: web.Request) -> web.Response:
        return _answer(self._desk.detail(AlarmName.LABEL_QUALITY))


async def _order(
    request: web.Request, kind: type[_Body], shape: str, *, may_be_empty: bool = False
) -> _Body:
    """Read and check a body.

    Raises:
        DeskError: it is not JSON, or not of this shape.
    """
    raw = await request.read()
    try:
        return msgspec.json.decode(b"{}" if may_be_empty and not raw else raw, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise DeskError(
            400, "bad_body", f"The body does not fit: {str(error)[:300]}.", shape
        ) from error


def _alarm(name: str, more: str = "") -> AlarmName:
    """Read an alarm's name; `more` is what else could be said.

    Raises:
        DeskError: there is no such alarm.
    """
    if name in set(AlarmName):
        return AlarmName(name)
    known = ", ".join([*AlarmName, *([more] if more else [])])
    message = f"There is no alarm {name[:80]!r}."
    raise DeskError(400, "unknown_alarm", message, f"Alarms: {known}.")


def _number(request: web.Request) -> int:
    """Read `?n=`, 1 to 1,000, 100 when it is left out.

    Raises:
        DeskError: it is not such a number.
    """
    text = request.query.get("n", str(_DEFAULT_N))
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= _MAX_N:  # noqa: PLR2004  # digits
        return int(text)
    raise DeskError(400, "bad_query", f"n is a number from 1 to {_MAX_N}.", "?n=100")


def _answer(value: object, status: int = 200) -> web.Response:
    return json_answer(value, status, enc_hook=_plain)


def _plain(value: object) -> object:
    """Turn numpy's values into Python's; anything else that is unknown into text."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    return str(value)
