"""The API: values of the desk as JSON, bodies checked before anything is done."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from proxy.records import AlarmName, Model
from proxy.telemetry.answers import serve_unix
from proxy.telemetry.api import MAX_REPORTS, Api
from proxy.telemetry.desk import Desk

Talk = Callable[[aiohttp.ClientSession], Awaitable[None]]


def talk(desk: Desk, folder: Path, what: Talk, now_s: Callable[[], float] = lambda: 0.0) -> None:
    """Serve the API of `desk` on a real unix socket and run `what` against it."""

    async def run() -> None:
        socket = folder / "watcher.sock"
        runner = await serve_unix(Api(desk, now_s).application(), socket)
        connector = aiohttp.UnixConnector(str(socket))
        try:
            async with aiohttp.ClientSession("http://watcher", connector=connector) as session:
                await what(session)
        finally:
            await runner.cleanup()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("status", "headline"),
        ("alarms", "alarms"),
        ("drift", "input"),
        ("agreement", "monitor"),
        ("latency", "monitor"),
        ("labels", "monitor"),
        ("routing", "serving"),
        ("journal", "entries"),
        ("samples", "samples"),
        ("samples", "disagreements"),
        ("config", "admin"),
        ("verdict", "go"),
    ],
)
def test_every_read_answers_json(desk: Desk, tmp_path: Path, path: str, key: str) -> None:
    """Each path gives an object of its own, uncached, with a type that cannot be sniffed."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get(f"/api/v1/{path}") as answer:
            assert answer.status == 200
            assert answer.content_type == "application/json"
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert key in await answer.json()

    talk(desk, tmp_path, what)


def test_numbers_of_numpy_are_numbers(desk: Desk, tmp_path: Path) -> None:
    """Arrays become lists, NaN becomes null."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/drift") as answer:
            sides = await answer.json()
        assert sides["input"] == {
            "monitor": "input_drift", "effect": 0.5, "counts": [0, 1, 2], "nan": None,
        }  # fmt: skip
        assert sides["output"]["monitor"] == "output_drift"

    talk(desk, tmp_path, what)


def test_the_verdict_gates_by_its_status(desk: Desk, tmp_path: Path) -> None:
    """200 for go, 503 for stop with the reasons: what a rollout controller looks at."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/verdict") as answer:
            assert answer.status == 200
        desk.go = False  # type: ignore[attr-defined]  # a switch of the fake
        async with session.get("/api/v1/verdict") as answer:
            assert answer.status == 503
            assert await answer.json() == {"go": False, "reasons": ["disagreement fires"]}

    talk(desk, tmp_path, what)


def test_a_collection_is_told_and_given_in_parts(desk: Desk, tmp_path: Path) -> None:
    """How far it is, one part, a part that is not there, and what is no number."""

    async def what(session: aiohttp.ClientSession) -> None:
        for query, status in (("", 200), ("?part=0", 200), ("?part=9", 404), ("?part=-1", 400)):
            async with session.get(f"/api/v1/reference{query}") as answer:
                assert answer.status == status

    talk(desk, tmp_path, what)


@pytest.mark.parametrize(
    ("path", "body", "told"),
    [
        ("routing", {"serving": "stable"}, ("route", Model.STABLE, "unknown", "")),
        ("routing", {"serving": "auto", "by": "ann", "why": "ok"}, ("route", None, "ann", "ok")),
        ("ack", {"alarm": "errors", "by": "ann"}, ("ack", AlarmName.ERRORS, "ann", "")),
        ("ack", {"alarm": "all"}, ("ack", None, "unknown", "")),
        ("reload", {"by": "ann"}, ("reload", "ann")),
        ("reference", {"rows": 500, "by": "ann"}, ("collect", 500, False, "ann", "")),
        ("reference", {"rows": 0, "force": True, "why": "x"}, ("collect", 0, True, "unknown", "x")),
        (
            "labels",
            {"labels": [{"id": "a", "label": 1}, {"id": "b#2", "truth": "x"}]},
            ("label", ("a", None, 1), ("b", 2, "x")),
        ),
    ],
)
def test_changes_reach_the_desk(
    desk: Desk, tmp_path: Path, path: str, body: object, told: tuple[object, ...]
) -> None:
    """What was ordered, by whom and why arrives as values."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.post(f"/api/v1/{path}", json=body) as answer:
            assert answer.status == 200, await answer.text()
        assert desk.told == [told]  # type: ignore[attr-defined]  # memory of the fake

    talk(desk, tmp_path, what)


@pytest.mark.parametrize(
    ("path", "raw"),
    [
        ("routing", b""),
        ("routing", b"{"),
        ("routing", b"[]"),
        ("routing", b"\xff\xfe"),
        ("routing", b'{"serving": "main"}'),
        ("routing", b'{"serving": "stable", "force": true}'),
        ("routing", b'{"serving": "stable", "by": ""}'),
        ("routing", b'{"serving": "stable", "by": 7}'),
        ("routing", b'{"serving": "stable", "why": "' + b"x" * 501 + b'"}'),
        ("routing", b"[" * 100_000),
        ("ack", b'{"alarm": "everything"}'),
        ("ack", b"{}"),
        ("reload", b"[]"),
        ("labels", b'{"labels": []}'),
        ("labels", b'{"labels": [{"id": "", "label": 1}]}'),
        ("labels", b'{"labels": [{"id": "a", "label": {}}]}'),
        ("labels", b'{"labels": [{"id": "a"}]}'),
    ],
)
def test_a_body_that_does_not_fit_changes_nothing(
    desk: Desk, tmp_path: Path, path: str, raw: bytes
) -> None:
    """The answer is a 400 that names the place and shows the shape; the desk hears nothing."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.post(f"/api/v1/{path}", data=raw) as answer:
            assert answer.status == 400
            error = (await answer.json())["error"]
            assert set(error) == {"code", "message", "hint"}
            assert error["hint"]
            assert len(error["message"]) < 500
        assert desk.told == []  # type: ignore[attr-defined]  # memory of the fake

    talk(desk, tmp_path, what)


def test_a_body_that_is_too_long_is_413(desk: Desk, tmp_path: Path) -> None:
    """More than a megabyte is refused as JSON, too."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.post("/api/v1/labels", data=io.BytesIO(b"x" * 1_100_000)) as answer:
            assert answer.status == 413
            assert (await answer.json())["error"]["code"]

    talk(desk, tmp_path, what)


def test_errors_are_json_whatever_their_kind(desk: Desk, tmp_path: Path) -> None:
    """Unknown paths, wrong methods, a desk's refusal: one shape; bugs show nothing inside."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/nothing") as answer:
            assert answer.status == 404
            assert (await answer.json())["error"]["code"] == "not_found"
        async with session.delete("/api/v1/routing") as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET,HEAD,POST"
            assert (await answer.json())["error"]["code"] == "method_not_allowed"
        desk.broken = True  # type: ignore[attr-defined]  # a switch of the fake
        async with session.post("/api/v1/routing", json={"serving": "stable"}) as answer:
            assert answer.status == 409
            assert (await answer.json())["error"] == {
                "code": "no_stable",
                "message": "There is no stable model.",
                "hint": "Add models.stable.",
            }
        async with session.get("/api/v1/status") as answer:
            assert answer.status == 500
            text = await answer.text()
            assert "secret" not in text
            assert '"code":"internal"' in text

    talk(desk, tmp_path, what)


@pytest.mark.parametrize("n", ["0", "-1", "1001", "x", "1e3", "²", "9" * 5000, ""])
def test_a_number_out_of_range_is_refused(desk: Desk, tmp_path: Path, n: str) -> None:
    """`?n=` is 1 to 1,000."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/journal", params={"n": n}) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]["code"] == "bad_query"
        async with session.get("/api/v1/journal", params={"n": "7"}) as answer:
            assert len((await answer.json())["entries"]) == 7

    talk(desk, tmp_path, what)


def test_many_scrapes_cost_one_render(desk: Desk, tmp_path: Path) -> None:
    """Within a quarter of a second the same exposition is given again; later it is made anew."""
    now_s = [50.0]

    async def what(session: aiohttp.ClientSession) -> None:
        async def scrape() -> str:
            async with session.get("/metrics") as answer:
                assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
                return await answer.text()

        texts = await asyncio.gather(*(scrape() for _ in range(20)))
        assert desk.n_scrapes == 1  # type: ignore[attr-defined]  # counter of the fake
        assert any(
            family.name == "stablehand_watcher_up"
            for family in text_string_to_metric_families(texts[0])
        )
        now_s[0] += 0.3
        await scrape()
        assert desk.n_scrapes == 2  # type: ignore[attr-defined]  # counter of the fake

    talk(desk, tmp_path, what, lambda: now_s[0])


def test_the_page_is_served_with_its_policy(desk: Desk, tmp_path: Path) -> None:
    """The page arrives as HTML under a policy that lets nothing else run."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/") as answer:
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
            assert (await answer.text()).startswith("<!doctype html>")

    talk(desk, tmp_path, what)


def test_a_report_is_one_page_with_its_policy_or_json(desk: Desk, tmp_path: Path) -> None:
    """The page may not run or fetch anything, wherever it is opened; programs ask for JSON."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get("/api/v1/report?alarm=latency") as answer:
            assert answer.status == 200
            assert answer.content_type == "text/html"
            policy = answer.headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "script-src" not in policy
            assert "Latency is quiet" in await answer.text()
        async with session.get("/api/v1/report?alarm=latency&format=json") as answer:
            assert answer.content_type == "application/json"
            assert (await answer.json())["state"] == "quiet"

    talk(desk, tmp_path, what)


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("", 404, "nothing_to_report"),
        ("?alarm=lateness", 400, "unknown_alarm"),
        ("?alarm=latency&format=pdf", 400, "bad_query"),
    ],
)
def test_a_report_that_cannot_be_given_says_what_there_is(
    desk: Desk, tmp_path: Path, query: str, status: int, code: str
) -> None:
    """No incident, an alarm that there is not, a format that there is not: JSON with a hint."""

    async def what(session: aiohttp.ClientSession) -> None:
        async with session.get(f"/api/v1/report{query}") as answer:
            assert answer.status == status
            error = (await answer.json())["error"]
            assert error["code"] == code
            assert error["hint"]

    talk(desk, tmp_path, what)


def test_few_reports_are_made_at_once(desk: Desk, tmp_path: Path) -> None:
    """Each reads all of the journal: those beyond the bound are told to come again."""

    async def what(session: aiohttp.ClientSession) -> None:
        async def ask() -> int:
            async with session.get("/api/v1/report?alarm=latency") as answer:
                return answer.status

        desk.may_report.clear()  # type: ignore[attr-defined]  # of the fake
        asked = [asyncio.ensure_future(ask()) for _ in range(MAX_REPORTS + 2)]
        while sum(one.done() for one in asked) < 2:
            await asyncio.sleep(0.01)
        desk.may_report.set()  # type: ignore[attr-defined]  # of the fake
        assert sorted(await asyncio.gather(*asked)) == [200] * MAX_REPORTS + [503, 503]
        assert await ask() == 200

    talk(desk, tmp_path, what)


def test_every_path_is_documented(desk: Desk) -> None:
    """Who is told that a path does not exist is sent to the list of those that do."""
    page = (Path(__file__).parents[3] / "docs" / "operations.md").read_text("utf-8")
    paths = {one.canonical for one in Api(desk).application().router.resources()}
    assert paths > {"/", "/api/v1/status"}
    assert not [path for path in paths if f"{path}`" not in page and f"{path}?" not in page]
