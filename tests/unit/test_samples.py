"""Sampled rows reach a file as JSON lines, or one line says why not."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from aiohttp import web

from proxy.console import AdminError
from proxy.samples import fetch, write

ROWS = [{"exchange": "0a", "row": {"temp": 1.5, "name": "é\u2028\ud800"}}, {"exchange": "0b"}]


def fetched(body: bytes, status: int = 200, asked: list[str] | None = None) -> list[object]:
    """Give what is fetched from a door with one answer."""

    async def scenario() -> list[object]:
        async def answer(request: web.Request) -> web.Response:
            if asked is not None:
                asked.append(f"{request.path_qs} {request.headers.get('Authorization')}")
            return web.Response(status=status, body=body)

        app = web.Application()
        app.router.add_get("/{path:.*}", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            return await fetch(f"http://127.0.0.1:{runner.addresses[0][1]}", "t0ken", 7)
        finally:
            await runner.cleanup()

    return asyncio.run(scenario())


def test_rows_are_asked_for_with_number_and_token() -> None:
    """The door gives them to who may see them, as many as asked for."""
    asked: list[str] = []
    assert fetched(json.dumps({"samples": ROWS}).encode(), asked=asked) == ROWS
    assert asked == ["/api/v1/samples?n=7 Bearer t0ken"]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"samples": 1}', b"\xff", b"[" * 99999])
def test_an_answer_that_is_not_ours_is_told(body: bytes) -> None:
    """Another program at that address is no reason for a stack trace."""
    with pytest.raises(AdminError, match="is not a stablehand of this version"):
        fetched(body)


def test_a_refusal_is_told_in_the_words_of_the_door() -> None:
    """Samples need the token: the hint says so."""
    body = b'{"error": {"code": "no_token", "message": "Needs a token.", "hint": "Send it."}}'
    with pytest.raises(AdminError, match=r"refused \(401\): Needs a token. Send it."):
        fetched(body, 401)


def test_each_row_is_one_line_for_the_owner_only(tmp_path: Path) -> None:
    """Whatever characters a row holds, a line reader gets it back; others may not read it."""
    path = tmp_path / "rows.jsonl"
    path.write_text("an older and longer content\n" * 9, "utf-8")
    path.unlink()
    write(list(ROWS), path)
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == ROWS
    assert path.stat().st_mode & 0o077 == 0
    write([], path)
    assert path.read_bytes() == b""


def test_standard_output_is_a_file_too(capsys: pytest.CaptureFixture[str]) -> None:
    """`-` lets rows be piped on."""
    write([{"a": 1}], Path("-"))
    assert capsys.readouterr().out == '{"a": 1}\n'


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Its name and the reason."""
    with pytest.raises(AdminError, match=r"none/rows cannot be written: No such file"):
        write([], tmp_path / "none" / "rows")
