"""A small Redis for tests: real sockets, few commands, and every bad habit on demand.

The same tests run against the real server with `make slow`, so that both behave alike.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

Reply = bytes


class SmallRedis:
    """Answers the commands of `proxy.fleet.store` from dictionaries."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self.hashes: dict[bytes, dict[bytes, bytes]] = {}
        self.sets: dict[bytes, dict[bytes, float]] = {}
        self.expiries: dict[bytes, int] = {}
        self.password = b""
        self.is_silent = False
        self.is_full = False
        self.knows_sizes = True
        self.ahead_s = 0.0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self, port: int = 0) -> int:
        """Listen on the loopback interface; give the port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
        await self._server.wait_closed()

    def forget_callers(self) -> None:
        """Hang up on who is connected, so that passwords are asked for again."""
        for writer in list(self._open):
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        is_known = not self.password
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                words = await _words(reader)
                if self.is_silent:
                    continue
                if words[0].upper() == b"AUTH":
                    is_known = words[-1] == self.password
                    answer = b"+OK\r\n" if is_known else b"-WRONGPASS invalid password\r\n"
                elif not is_known:
                    answer = b"-NOAUTH Authentication required.\r\n"
                else:
                    answer = self._answer(words)
                writer.write(answer)
                await writer.drain()
        self._open.discard(writer)
        writer.close()

    def _answer(self, words: list[bytes]) -> Reply:
        name = words[0].upper()
        if self.is_full and name in {b"HSETNX", b"ZADD"}:
            return b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
        if name in {b"HSETNX", b"HLEN", b"HGETALL", b"MEMORY"}:
            return self._of_hash(name, words)
        if name in {b"ZADD", b"ZREMRANGEBYSCORE", b"ZCOUNT"}:
            return self._of_set(name, words)
        if name == b"PEXPIRE":
            self.expiries[words[1]] = int(words[2])
            return b":1\r\n"
        if name == b"TIME":
            now = time.time() + self.ahead_s
            return _array([str(int(now)).encode(), str(int(now % 1 * 1e6)).encode()])
        return b"+OK\r\n"

    def _of_hash(self, name: bytes, words: list[bytes]) -> Reply:
        found = self.hashes.setdefault(words[2] if name == b"MEMORY" else words[1], {})
        if name == b"HSETNX":
            is_new = words[2] not in found
            found.setdefault(words[2], words[3])
            return b":%d\r\n" % is_new
        if name == b"HLEN":
            return b":%d\r\n" % len(found)
        if name == b"HGETALL":
            return _array([part for pair in found.items() for part in pair])
        if not self.knows_sizes:
            return b"-NOPERM this user has no permissions\r\n"
        return b":%d\r\n" % sum(len(key) + len(value) + 64 for key, value in found.items())

    def _of_set(self, name: bytes, words: list[bytes]) -> Reply:
        found = self.sets.setdefault(words[1], {})
        if name == b"ZADD":
            found[words[3]] = float(words[2])
            return b":1\r\n"
        low, high = float(words[2]), float(words[3])
        inside = [member for member, score in found.items() if low <= score <= high]
        if name == b"ZREMRANGEBYSCORE":
            for member in inside:
                del found[member]
        return b":%d\r\n" % len(inside)


async def _words(reader: asyncio.StreamReader) -> list[bytes]:
    n = int((await reader.readuntil(b"\r\n"))[1:])
    words = []
    for _ in range(n):
        size = int((await reader.readuntil(b"\r\n"))[1:])
        words.append((await reader.readexactly(size + 2))[:-2])
    return words


def _array(parts: list[bytes]) -> Reply:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


@pytest.fixture
def small() -> type[SmallRedis]:
    """Give the class of small servers."""
    return SmallRedis


@pytest.fixture
def real_redis(tmp_path: Path) -> Iterator[int]:
    """Start the real server on a free port, without a disk; give the port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed; `make slow` installs it")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    settings = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(
        [program, *settings, "--dir", str(tmp_path), "--maxmemory", "64mb"],
        stdout=subprocess.DEVNULL,
    ) as server:
        try:
            _await_port(port)
            yield port
        finally:
            server.terminate()


def _await_port(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail("redis-server did not start")
