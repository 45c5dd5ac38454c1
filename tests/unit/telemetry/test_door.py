"""The door: answers for the supervisor, passes the rest, and stands when the watcher falls."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from proxy.telemetry import door
from proxy.telemetry.answers import serve_tcp, serve_unix
from proxy.telemetry.api import Api
from proxy.telemetry.desk import Desk, Vitals
from proxy.telemetry.settings import Admin

TOKEN = "0123456789abcdef0123456789abcdef"  # noqa: S105  # a token of these tests
Talk = Callable[[aiohttp.ClientSession], Awaitable[None]]


def talk(
    vitals: Vitals,
    folder: Path,
    what: Talk,
    watcher: web.Application | None = None,
    admin: Admin | None = None,
) -> None:
    """Serve a door on loopback TCP, with or without a watcher behind it, and run `what`."""

    async def run() -> None:
        socket = folder / "watcher.sock"
        behind = await serve_unix(watcher, socket) if watcher is not None else None
        one = door.Door(vitals, admin or Admin(), socket)
        runner, port = await serve_tcp(one.application(), "127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
                await what(session)
        finally:
            await runner.cleanup()
            if behind is not None:
                await behind.cleanup()

    asyncio.run(run())


def test_health_speaks_for_the_supervisor_without_a_watcher(vitals: Vitals, tmp_path: Path) -> None:
    """The watcher's death does not touch the probes; trouble is told with its reasons."""

    async def what(session: aiohttp.ClientSession) -> None:
        for path in ("/healthz", "/readyz"):
            async with session.get(path) as answer:
                assert answer.status == 200
                assert await answer.json() == {"ok": True, "reasons": []}
        vitals.ok = False  # type: ignore[attr-defined]  # a switch of the fake
        async with session.get("/healthz") as answer:
            assert answer.status == 503
            assert (await answer.json())["reasons"] == ["no relay listens"]

    talk(vitals, tmp_path, what)


def test_a_drain_needs_no_watcher_and_takes_readiness_away(vitals: Vitals, tmp_path: Path) -> None:
    """`POST /api/v1/drain` works with or without a body and is remembered with its person."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.post("/api/v1/drain", json={"by": "ann"}) as answer:
            assert answer.status == 202
            assert await answer.json() == {"draining": True}
        async with session.post(
            "/api/v1/drain", headers={"Content-Type": "application/json"}
        ) as answer:
            assert answer.status == 202
        assert vitals.drained_by == ["ann", "unknown"]  # type: ignore[attr-defined]  # fake
        async with session.post("/api/v1/drain", json={"who": 1}) as answer:
            assert answer.status == 400
        async with session.get("/readyz") as answer:
            assert answer.status == 503

    talk(vitals, tmp_path, what)


def test_a_reload_is_the_supervisors_business(vitals: Vitals, desk: Desk, tmp_path: Path) -> None:
    """`POST /api/v1/reload` never reaches the watcher; a refusal says what stands in the way."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.post("/api/v1/reload", json={"by": "ann"}) as answer:
            assert answer.status == 200
            assert await answer.json() == {"by": "ann"}
        async with session.post("/api/v1/reload", json={"by": "bob"}) as answer:
            assert answer.status == 422
            assert (await answer.json())["error"]["message"] == "line 3: no such key"
        assert desk.told == []  # type: ignore[attr-defined]  # memory of the fake

    talk(vitals, tmp_path, what, Api(desk).application())


def test_calls_are_passed_both_ways_unchanged(vitals: Vitals, desk: Desk, tmp_path: Path) -> None:
    """Status, type, policy, query and body survive the way through the door."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/") as answer:
            assert answer.content_type == "text/html"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        async with session.get("/api/v1/journal?n=3") as answer:
            assert len((await answer.json())["entries"]) == 3
        async with session.get("/api/v1/nothing%2F..%2Fhere") as answer:
            assert answer.status == 404
        async with session.post("/api/v1/ack", json={"alarm": "all", "by": "ann"}) as answer:
            assert answer.status == 200
        assert desk.told == [("ack", None, "ann", "")]  # type: ignore[attr-defined]  # fake
        async with session.post("/api/v1/ack", json={"alarm": 1}) as answer:
            assert answer.status == 400
        async with session.head("/api/v1/status") as answer:
            assert answer.status == 200
            assert await answer.read() == b""

    talk(vitals, tmp_path, what, Api(desk).application())


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text;version=1.0.0"])
def test_metrics_carry_both_the_watchers_and_the_supervisors(
    vitals: Vitals, desk: Desk, tmp_path: Path, accept: str
) -> None:
    """One exposition, valid in both formats, with the processes behind the watcher's series."""
    parse = parse_open if accept else parse_classic

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/metrics", headers={"Accept": accept}) as answer:
            text = await answer.text()
        samples = {
            (sample.name, sample.labels.get("process")): sample.value
            for family in parse(text)
            for sample in family.samples
        }
        assert samples["stablehand_watcher_up", None] == 1
        assert samples["stablehand_process_up", "watcher"] == 0
        assert samples["stablehand_process_up", "relay-0"] == 1
        assert samples["stablehand_process_restarts_total", "watcher"] == 2
        assert samples["stablehand_config_reload_success", None] == 1

    talk(vitals, tmp_path, what, Api(desk).application())


def test_without_a_watcher_metrics_still_answer(vitals: Vitals, tmp_path: Path) -> None:
    """`stablehand_watcher_up 0` and the processes, with status 200, so that an alert can fire."""

    async def what(session: aiohttp.ClientSession) -> None:
        headers = {"Accept": "application/openmetrics-text"}
        async with session.get("/metrics", headers=headers) as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text = await answer.text()
        assert "stablehand_watcher_up 0.0\n" in text
        assert {family.name for family in parse_classic(text)} == {
            "stablehand_watcher_up", "stablehand_process_up", "stablehand_process_restarts",
            "stablehand_config_reload_success",
        }  # fmt: skip

    talk(vitals, tmp_path, what)


def test_without_a_watcher_programs_get_json_and_people_a_page(
    vitals: Vitals, tmp_path: Path
) -> None:
    """503 with a hint and a time to come back; a browser gets words and looks again by itself."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/status") as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "2"
            error = (await answer.json())["error"]
            assert error["code"] == "watcher_down"
            assert "readyz" in error["hint"]
        async with session.get("/", headers={"Accept": "text/html,*/*"}) as answer:
            assert answer.status == 503
            assert answer.content_type == "text/html"
            assert "Traffic goes on" in await answer.text()

    talk(vitals, tmp_path, what)


def test_a_watcher_that_hangs_is_given_up_in_time(vitals: Vitals, tmp_path: Path) -> None:
    """A stuck watcher costs the timeout, then 503; metrics say that it is not up."""

    async def hang(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        return web.Response()

    stuck = web.Application()
    stuck.router.add_route("*", "/{rest:.*}", hang)

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/status") as answer:
            assert answer.status == 503
            assert (await answer.json())["error"]["code"] == "watcher_slow"
        async with session.get("/metrics") as answer:
            assert "stablehand_watcher_up 0.0" in await answer.text()

    talk(vitals, tmp_path, what, stuck, Admin(watcher_timeout_s=0.2))


def test_an_answer_cut_in_half_is_cut_for_the_caller(vitals: Vitals, tmp_path: Path) -> None:
    """When the watcher dies in mid-answer, the caller's connection breaks instead of lying."""

    async def half(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "1000"})
        await answer.prepare(request)
        await answer.write(b"x" * 100)
        assert request.transport is not None
        request.transport.abort()
        return answer

    dying = web.Application()
    dying.router.add_get("/api/v1/status", half)

    async def what(session: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.ClientError):
            async with session.get("/api/v1/status") as answer:
                await answer.read()
        async with session.get("/healthz") as answer:
            assert answer.status == 200

    talk(vitals, tmp_path, what, dying)


def test_a_long_answer_streams_through(vitals: Vitals, tmp_path: Path) -> None:
    """An answer longer than any buffer arrives whole."""
    body = bytes(range(256)) * 20_000

    async def long(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        for start in range(0, len(body), 100_000):
            await answer.write(body[start : start + 100_000])
        return answer

    app = web.Application()
    app.router.add_get("/api/v1/journal", long)

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/journal") as answer:
            assert await answer.read() == body

    talk(vitals, tmp_path, what, app)


def test_the_gate_stands_before_the_watcher(vitals: Vitals, desk: Desk, tmp_path: Path) -> None:
    """What the gate refuses never reaches the desk, and is refused in JSON."""
    refused = (
        ({"Host": "evil.example"}, 403, "foreign_host"),
        ({"Origin": "http://evil.example"}, 403, "foreign_origin"),
        ({"Content-Type": "text/plain"}, 415, "not_json"),
        ({"Authorization": "Bearer wrong"}, 401, "wrong_token"),
        ({"X-Forwarded-For": "8.8.8.8"}, 401, "no_token"),
    )

    async def what(session: aiohttp.ClientSession) -> None:
        for fields, status, code in refused:
            headers = {"Content-Type": "application/json"} | fields
            data = b'{"serving": "stable"}'
            async with session.post("/api/v1/routing", data=data, headers=headers) as answer:
                assert answer.status == status, fields
                assert (await answer.json())["error"]["code"] == code
                assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        async with session.put("/api/v1/routing", json={}) as answer:
            assert answer.status == 405
        async with session.options("/api/v1/routing") as answer:
            assert answer.status == 405
            assert "Access-Control-Allow-Origin" not in answer.headers
        assert desk.told == []  # type: ignore[attr-defined]  # memory of the fake
        async with session.post(
            "/api/v1/routing",
            json={"serving": "stable"},
            headers={"Authorization": f"Bearer {TOKEN}", "X-Forwarded-For": "8.8.8.8"},
        ) as answer:
            assert answer.status == 200
        assert len(desk.told) == 1  # type: ignore[attr-defined]  # memory of the fake

    talk(vitals, tmp_path, what, Api(desk).application(), Admin(token=TOKEN))


def test_too_many_calls_at_once_get_503(vitals: Vitals, tmp_path: Path) -> None:
    """A scraper gone wild holds a bounded number of places, and they are given back."""
    release = asyncio.Event()
    waiting = asyncio.Semaphore(0)

    async def wait(_: web.Request) -> web.Response:
        waiting.release()
        await release.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v1/status", wait)

    async def what(session: aiohttp.ClientSession) -> None:
        async def ask() -> int:
            async with session.get("/api/v1/status") as answer:
                return answer.status

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask()) for _ in range(door.MAX_RUNNING)]
            for _ in tasks:
                await waiting.acquire()
            assert await ask() == 503
            release.set()
        assert {task.result() for task in tasks} == {200}
        assert await ask() == 200

    talk(vitals, tmp_path, what, app)


def test_the_door_is_light() -> None:
    """The supervisor can load the door without numpy, scipy or prometheus_client."""
    program = (
        "import sys, proxy.telemetry.door\n"
        "heavy = {'numpy', 'scipy', 'prometheus_client', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
