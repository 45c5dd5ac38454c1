"""A probe tells whether a model server is ready, and never raises."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import pytest

from proxy.probe import Probe
from proxy.records import Health, Model
from proxy.relay.settings import Upstream

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def answering(raw: bytes) -> Talk:
    """Give a server that reads a head and answers."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return talk


async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept, and say nothing until the client leaves."""
    assert not writer.is_closing()
    await reader.read()


def asked(talk: Talk, health: str | None) -> Health:
    """Probe a server that talks so."""
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            ended.set()

    async def scenario() -> Health:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        probe = Probe(Model.STABLE, Upstream(url=f"http://127.0.0.1:{port}", health=health))
        async with server:
            found = await probe.ask()
            await probe.close()
            await ended.wait()
        return found

    return asyncio.run(scenario())


def test_without_a_path_a_connection_must_do() -> None:
    """A server that accepts is ready, whatever it would answer."""
    found = asked(hold, None)
    assert (found.model, found.ready, found.reason) == (Model.STABLE, True, "")


@pytest.mark.parametrize(
    ("status", "is_ready"),
    [
        (b"200 OK", True),
        (b"204 No Content", True),
        (b"302 Found\r\nLocation: http://127.0.0.1:1/", False),
        (b"503 Service Unavailable", False),
    ],
)
def test_with_a_path_the_answer_decides(status: bytes, *, is_ready: bool) -> None:
    """2xx is ready; a redirect is not followed; everything else is told with its status."""
    raw = b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"
    found = asked(answering(raw), "/v2/health/ready")
    assert found.ready is is_ready
    if not is_ready:
        assert found.reason == f"/v2/health/ready answered {status[:3].decode()}"


def test_nonsense_is_not_ready() -> None:
    """An answer that is not HTTP is a reason like any other."""
    found = asked(answering(b"hello\r\n\r\n"), "/health")
    assert not found.ready
    assert found.reason


@pytest.mark.parametrize("health", [None, "/health"])
def test_a_refused_connection_is_not_ready(health: str | None) -> None:
    """Nobody listens: told at once, with the system's words."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        probe = Probe(Model.CANDIDATE, Upstream(url=f"http://127.0.0.1:{port}", health=health))

        async def scenario() -> Health:
            found = await probe.ask()
            await probe.close()
            return found

        found = asyncio.run(scenario())
    assert not found.ready
    assert str(port) in found.reason


def test_a_probe_that_was_held_up_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it did not hear, because it had no processor time, is not the model's silence."""
    monkeypatch.setattr("proxy.probe.TIMEOUT_S", 0.2)
    n_asked = 0

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 1:
            time.sleep(1.0)  # noqa: ASYNC251  # the whole process is held up
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")(reader, writer)

    assert asked(slow, "/ready").ready
    assert n_asked == 2


@pytest.mark.parametrize("health", [None, "/ready"])
def test_what_is_no_host_name_is_not_ready(health: str | None) -> None:
    """A slip in the url is told, and does not end who probes."""

    async def scenario() -> Health:
        probe = Probe(Model.CANDIDATE, Upstream(url="http://model..svc:80", health=health))
        found = await probe.ask()
        await probe.close()
        return found

    found = asyncio.run(scenario())
    assert (found.ready, found.reason) == (False, "model..svc is no host name: check the url")


def test_silence_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts and never answers is given up after the timeout."""
    monkeypatch.setattr("proxy.probe.TIMEOUT_S", 0.05)
    found = asked(hold, "/health")
    assert (found.ready, found.reason) == (False, "no answer within 0.05 s")
