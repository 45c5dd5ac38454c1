"""Processes of the demonstration: started, killed, started again where they were."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import aiohttp
import pytest

from proxy.demo.flights import DemoError
from proxy.demo.processes import ModelServer, Program, Sidecar, free_port, memory_of


def test_a_killed_server_comes_back_on_its_port(model_file: Path, tmp_path: Path) -> None:
    """The sidecar's configuration stays true over the candidate's death."""

    async def scenario() -> None:
        server = ModelServer("candidate", model_file, tmp_path)
        try:
            await server.serve()
            url, pid = server.url, server.pid
            await server.kill()
            assert server.pid is None
            assert server.ended() == -9
            await server.serve()
            assert server.url == url
            assert server.pid not in (None, pid)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"{url}/v2/health/ready") as response:
                    assert response.status == 200
                await server.hot_fix(session, applied=True)
        finally:
            await server.stop()
        assert server.ended() == 0

    asyncio.run(scenario())


def test_a_server_that_cannot_start_is_told_with_its_log(tmp_path: Path) -> None:
    """The last lines of the log are the reason."""

    async def scenario() -> None:
        await ModelServer("stable", tmp_path / "absent.npz", tmp_path).serve()

    with pytest.raises(DemoError, match=r"stable does not start:\n.*absent\.npz"):
        asyncio.run(scenario())


def test_a_sidecar_that_ends_is_told_with_its_log(tmp_path: Path) -> None:
    """A configuration that it refuses is shown, not waited for."""

    async def scenario() -> None:
        sidecar = Sidecar(tmp_path / "absent.yaml", "http://127.0.0.1:1", tmp_path)
        try:
            async with aiohttp.ClientSession() as session:
                await sidecar.serve(session)
        finally:
            await sidecar.stop()

    with pytest.raises(DemoError, match="the sidecar ended with"):
        asyncio.run(scenario())


def test_a_program_without_a_process_can_be_stopped_and_signalled(tmp_path: Path) -> None:
    """The end of a failed set-up stops what was never started."""

    async def scenario() -> Program:
        program = Program("nobody", tmp_path)
        await program.kill()
        await program.stop()
        return program

    program = asyncio.run(scenario())
    assert program.pid is None
    assert program.ended() is None
    assert program.tail() == "(no log)"


def test_a_free_port_can_be_bound() -> None:
    """It is a port of this moment."""
    assert 1024 < free_port() < 65536


def test_memory_is_read_of_a_process_and_its_children() -> None:
    """This process holds something; one that is gone holds nothing."""
    held = memory_of(os.getpid())
    assert held[0].name == "supervisor"
    assert held[0].resident_mib > 5
    assert memory_of(2**22 - 1) == []
