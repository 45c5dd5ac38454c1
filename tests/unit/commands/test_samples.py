"""Sampled rows reach a file as JSON lines or Parquet, or one line says why not."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from aiohttp import web

from proxy.commands.console import AdminError
from proxy.commands.samples import fetch, write

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


def sampled(side: str, **cells: object) -> dict[str, object]:
    """Make a row as the door gives it."""
    return {
        "exchange": "000000000000000a",
        "at_s": 1.5,
        "at_utc": "2026-01-02T03:04:05.000Z",
        "model": "candidate",
        "side": side,
        "inclusion_probability": 0.25,
        "ids": ["e-1"],
        "row": cells,
    }


def test_a_table_holds_chances_ids_and_cells_of_both_sides(tmp_path: Path) -> None:
    """Numbers stay numbers, booleans booleans, what is mixed is text, what is not there is null."""
    rows: list[object] = [
        sampled("input", temp=1, ok=True, mixed="a\u2028", empty=None),
        sampled("input", temp=2.5, ok=None, mixed=[1]),
        sampled("output", prediction=2**70, ids="shadowed"),
    ]
    path = tmp_path / "rows.parquet"
    write(rows, path)
    assert path.stat().st_mode & 0o077 == 0
    table = pq.read_table(path).to_pydict()
    assert table["inclusion_probability"] == [0.25] * 3
    assert table["ids"] == [["e-1"]] * 3
    assert table["exchange"] == ["000000000000000a"] * 3
    assert table["side"] == ["input", "input", "output"]
    assert table["input.temp"] == [1.0, 2.5, None]
    assert table["input.ok"] == [True, None, None]
    assert table["input.mixed"] == ["a\u2028", "[1]", None]
    assert table["output.prediction"] == [None, None, float(2**70)]
    assert table["output.ids"] == [None, None, "shadowed"]


def test_a_table_without_rows_can_be_read(tmp_path: Path) -> None:
    """A sidecar that has sampled nothing yet gives a file all the same."""
    write([], tmp_path / "rows.parquet")
    assert pq.read_table(tmp_path / "rows.parquet").num_rows == 0


def test_without_its_extra_parquet_is_refused_in_words(tmp_path: Path) -> None:
    """The message says what to install, and no empty file is left behind."""
    path = tmp_path / "rows.parquet"
    script = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from pathlib import Path; from proxy.commands.samples import write\n"
        f"write([], Path({str(path)!r}))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=False, text=True
    )
    assert "AdminError: Parquet needs pyarrow: install stablehand[parquet]" in answer.stderr
    assert not path.exists()
