"""Learning from a running sidecar: what is refused before and while rows come in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import StringIO
from pathlib import Path

import pytest
from aiohttp import web
from rich.console import Console

from proxy.certify.files import CertifyError
from proxy.commands.console import AdminError
from proxy.commands.live import Wish, learn

STATE = {
    "state": "collecting", "wanted": 100, "rows": 5, "unreadable": 0, "parts": 0,
    "answers": {}, "failed": {}, "disturbed": [], "names": {},
}  # fmt: skip


@asynccontextmanager
async def door(
    state: dict[str, object], refusal: int = 0
) -> AsyncIterator[tuple[str, list[object]]]:
    """Serve an admin door whose collection never moves; give its address and its orders.

    `refusal`: the status with which it refuses every order.
    """
    orders: list[object] = []

    async def told(_: web.Request) -> web.Response:
        return web.json_response(state)

    async def order(request: web.Request) -> web.Response:
        orders.append(json.loads(await request.read()))
        return web.json_response({"wanted": 0}, status=refusal or 200)

    app = web.Application()
    app.router.add_get("/api/v1/reference", told)

    async def settings(_: web.Request) -> web.Response:
        return web.json_response(
            {"monitors": {"tick_ms": 10}, "alarms": {"expected_run_length_s": 1e6}}
        )

    app.router.add_post("/api/v1/reference", order)
    app.router.add_get("/api/v1/config", settings)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", orders
    finally:
        await runner.cleanup()


def refused(folder: Path, state: dict[str, object], refusal: int = 0) -> tuple[str, list[object]]:
    """Learn from a door; give the refusal and the orders that it was given."""

    async def scenario() -> tuple[str, list[object]]:
        async with door(state, refusal) as (admin, orders):
            wish = Wish(
                admin=admin, token="", rows=100, keep_sample=0, force=False, by="ann", why="new"
            )
            with pytest.raises(AdminError) as error:
                await learn(wish, folder / "b.json", Console(file=StringIO()))
            return str(error.value), orders

    return asyncio.run(scenario())


def test_an_alarm_that_fires_meanwhile_ends_it(tmp_path: Path) -> None:
    """Nothing is written; the sidecar is told why, and forgets what it kept."""
    message, orders = refused(tmp_path, STATE | {"disturbed": ["errors"]})
    assert "errors fires" in message
    assert "--force" in message
    first, last = orders
    assert first == {"rows": 100, "force": False, "by": "ann", "why": "new"}
    assert last == {
        "rows": 0, "force": False, "by": "ann", "why": f"nothing was written: {message}"
    }  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_a_refused_order_leaves_the_collection_of_another_person_alone(tmp_path: Path) -> None:
    """Only who collects may order to forget."""
    message, orders = refused(tmp_path, STATE, refusal=409)
    assert "refused (409)" in message
    assert len(orders) == 1


def test_a_sidecar_that_was_started_again_is_noticed(tmp_path: Path) -> None:
    """Waiting for rows that nobody collects would never end."""
    message, _ = refused(tmp_path, STATE | {"wanted": 0, "state": "none"})
    assert "started again" in message


def test_bodies_that_cannot_be_read_are_told_while_one_waits(tmp_path: Path) -> None:
    """Where none can be read, rows never come: who waits must see why."""
    shown = StringIO()

    async def scenario() -> None:
        async with door(STATE | {"unreadable": 7, "disturbed": ["errors"]}) as (admin, _):
            wish = Wish(admin=admin, token="", rows=100, keep_sample=0, force=False)
            with pytest.raises(AdminError):
                await learn(wish, tmp_path / "b.json", Console(file=shown, force_terminal=True))

    asyncio.run(scenario())
    assert "7 unreadable" in shown.getvalue()


def test_another_version_is_noticed(tmp_path: Path) -> None:
    """An answer of another form is not guessed at."""
    message, _ = refused(tmp_path, {"hello": 1})
    assert "not a stablehand of this version" in message


def test_traffic_on_a_path_that_is_not_sampled_is_told(tmp_path: Path) -> None:
    """Rows that never come are not waited for: the key that lets them come is named."""
    message, _ = refused(tmp_path, STATE | {"rows": 0, "answers": {"candidate": 201}})
    assert "201 requests were answered and none of them was sampled" in message
    assert "payload.paths" in message


def test_settings_of_another_version_are_noticed(tmp_path: Path) -> None:
    """A benchmark that is tested by settings that nobody has would promise what is not kept."""
    message, orders = refused(tmp_path, STATE | {"state": "complete"})
    assert "its settings are others" in message
    assert "tick_ms" in message
    assert len(orders) == 2


def test_a_missing_folder_is_told_before_anything_is_collected(tmp_path: Path) -> None:
    """Nobody waits an hour to learn of a typing error."""
    wish = Wish(admin="http://127.0.0.1:1", token="", rows=100, keep_sample=0, force=False)
    with pytest.raises(CertifyError, match="the folder does not exist"):
        asyncio.run(learn(wish, tmp_path / "gone" / "b.json", Console(file=StringIO())))
