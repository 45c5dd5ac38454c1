"""Answers: one shape of error, sockets that only their owner reaches."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from proxy.telemetry.answers import error_answer, json_answer, serve_tcp, serve_unix


def test_a_json_answer_is_json_even_for_what_json_lacks() -> None:
    """Infinity becomes null, an unknown value becomes text."""
    answer = json_answer({"far": float("inf"), "path": Path("/x")})
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {"far": None, "path": "/x"}


def test_an_error_answer_has_three_parts_and_its_own_fields() -> None:
    """Code, message and hint are always there."""
    answer = error_answer(429, "too_many", "Too many.", fields={"Retry-After": "1"})
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "error": {"code": "too_many", "message": "Too many.", "hint": ""}
    }
    assert answer.headers["Retry-After"] == "1"
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_unix_socket_replaces_a_stale_one_and_is_private(tmp_path: Path) -> None:
    """What a killed process left behind does not matter; others cannot connect."""
    path = tmp_path / "s"
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(str(path))
    stale.close()

    async def run() -> None:
        runner = await serve_unix(web.Application(), path)
        assert path.stat().st_mode & 0o077 == 0
        connector = aiohttp.UnixConnector(str(path))
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get("http://x/") as answer,
        ):
            assert answer.status == 404
        await runner.cleanup()

    asyncio.run(run())


def test_a_port_in_use_is_an_os_error() -> None:
    """The port that was bound is told; a second server on it fails cleanly."""

    async def run() -> None:
        runner, port = await serve_tcp(web.Application(), "127.0.0.1", 0)
        assert port > 0
        with pytest.raises(OSError, match="address already in use"):
            await serve_tcp(web.Application(), "127.0.0.1", port)
        await runner.cleanup()

    asyncio.run(run())
