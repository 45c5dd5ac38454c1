"""A file of labels is sent in calls of a fair size, and what came of it is added up."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from proxy.commands.console import AdminError
from proxy.commands.labelling import MAX_BYTES, MAX_LABELS, Sent, batches, send
from proxy.labelfile import LabelFileError

ANSWER = {
    "received": 2, "joined": 1, "waiting": 0, "unknown": 0, "duplicate": 0, "contradictory": 0,
    "ambiguous": 0, "wrong_type": 1, "accepted": 1, "problems": ["a: a number is expected"],
}  # fmt: skip


def written(folder: Path, n: int, pad: int = 0) -> Path:
    """Write a file of `n` labels."""
    path = folder / "labels.csv"
    body = "".join(f"{'x' * pad}{i},1\n" for i in range(n))
    path.write_text(f"id,label\n{body}", encoding="utf-8")
    return path


def test_calls_hold_no_more_than_the_door_takes(tmp_path: Path) -> None:
    """Neither more labels nor more bytes; nothing is lost between two calls."""
    sizes = [len(one.splitlines()) for one in batches(written(tmp_path, 25_000))]
    assert sizes == [MAX_LABELS, MAX_LABELS, 5000]
    bodies = list(batches(written(tmp_path, 9000, pad=150)))
    assert len(bodies) > 1
    assert max(map(len, bodies)) <= MAX_BYTES
    assert sum(len(one.splitlines()) for one in bodies) == 9000
    assert json.loads(bodies[0].splitlines()[0]) == {"id": "x" * 150 + "0", "label": 1}


def test_the_door_gets_one_object_a_line_and_its_answers_are_added_up(tmp_path: Path) -> None:
    """Two calls, a token, and one sentence for each kind of trouble."""
    asked: list[tuple[str, str, str | None]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.path, request.content_type, request.headers.get("Authorization")))
        assert await request.read()
        return web.json_response(ANSWER)

    async def scenario() -> Sent:
        app = web.Application(client_max_size=2 * MAX_BYTES)
        app.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            admin = f"http://127.0.0.1:{runner.addresses[0][1]}"
            return await send(written(tmp_path, MAX_LABELS + 1), admin, "t0ken")
        finally:
            await runner.cleanup()

    sent = asyncio.run(scenario())
    assert asked == [("/api/v1/labels", "application/x-ndjson", "Bearer t0ken")] * 2
    assert sent.words() == ["4 received, 2 joined, 2 wrong type", "a: a number is expected"]


def test_a_row_names_nothing_to_a_running_sidecar(tmp_path: Path) -> None:
    """Rows are numbers in the file of recorded requests; a sidecar knows ids."""
    path = tmp_path / "labels.csv"
    path.write_text("row,label\n0,1\n", encoding="utf-8")
    with pytest.raises(LabelFileError, match="`id`, not by `row`"):
        list(batches(path))


def test_an_answer_of_something_else_is_told() -> None:
    """Another program at that address."""
    with pytest.raises(AdminError, match="not that of a stablehand"):
        Sent().add(b'{"ok": true}')
