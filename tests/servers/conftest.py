"""What the tests against real model servers share: the servers, a relay in front, a tap between.

    client ──► relay ──► tap ──► model server
                 │ link
                 └──► decoder

Each server lives in a virtual environment of its own under `.servers/`, made at its first use and
kept. It is started in a session of its own and its whole group is killed at the end: some servers
leave their workers behind. The tap notes what the server really sent, so that an answer can be
compared byte for byte although servers put times and random ids into it.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from proxy.link.receiver import LinkReceiver
from proxy.payload.decode import Decoder
from proxy.payload.protocols import routes
from proxy.payload.settings import Payload, Redact
from proxy.records import Capture, Model, Routing, Rows, Side, Undecodable
from proxy.relay.settings import Listen, Models, RelaySettings, Upstream

ROOT = Path(__file__).resolve().parents[2]
APPS = Path(__file__).with_name("apps")
START_TIMEOUT_S = 120.0
Found = dict[str, list[Any]] | str | None
HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "proxy-connection",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything below this folder: it runs only when asked for."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.servers)
            item.add_marker(pytest.mark.timeout(900))


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(name: str, *packages: str, python: str = sys.executable) -> Path:
    """Give the folder with the programs of a virtual environment that has `packages`."""
    folder = ROOT / ".servers" / name
    wanted = hashlib.sha256("\n".join(packages).encode()).hexdigest()
    stamp = folder / ".packages"
    if not stamp.is_file() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", str(folder)], check=True)
        command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *packages]
        subprocess.run(command, check=True, timeout=900)
        stamp.write_text(wanted)
    return folder / "bin"


@dataclass
class Process:
    """A program in a session of its own; `close` ends the whole group."""

    popen: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, command: list[str], folder: Path, **more: Any) -> Process:
        """Start `command` in `folder` with its output in a file there."""
        log = folder / "output.log"
        with log.open("wb") as output:
            popen = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **more,
            )
        return cls(popen, log)

    def wait_ready(self, port: int, path: str) -> None:
        """Wait until `path` answers with success."""
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s:
            if self.popen.poll() is not None:
                break
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                contextlib.closing(connection),
            ):
                connection.request("GET", path)
                if connection.getresponse().status < http.client.BAD_REQUEST:
                    return
            time.sleep(0.2)
        tail = self.log.read_text(errors="replace")[-2000:]
        pytest.fail(f"the server did not become ready:\n{tail}")

    def wait_listening(self, port: int) -> None:
        """Wait until the port takes connections."""
        end_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < end_s and self.popen.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
                return
            time.sleep(0.05)
        pytest.fail(f"nothing listens:\n{self.log.read_text(errors='replace')[-2000:]}")

    def close(self) -> None:
        """End the group, gently first."""
        for number, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.popen.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(patience_s)
        # Workers that outlive their parent are still in its group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)


class Tap:
    """Passes bytes on to a server and notes all that the server sends."""

    def __init__(self, port: int) -> None:
        """Listen on a free port in front of the server at `port`."""
        self._server_port = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        self.sent = bytearray()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        """Pair each connection with one to the server."""
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def _join(self, client: socket.socket) -> None:
        """Pass on both ways until one end closes."""
        with client, contextlib.suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self._server_port))
            with server:
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answers = threading.Thread(target=self._pump, args=(server, client, True))
                answers.start()
                self._pump(client, server, False)
                answers.join()

    def _pump(self, source: socket.socket, sink: socket.socket, note: bool) -> None:
        """Pass on until one end closes, then end both."""
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                if note:
                    self.sent += piece
                sink.sendall(piece)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Stop listening."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join(10)


class _Bytes:
    """Bytes that `http.client` takes for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        """Give the bytes to read."""
        return io.BytesIO(self._data)


@dataclass
class Answer:
    """An answer as a client has it."""

    status: int
    reason: str
    fields: list[tuple[str, str]]
    body: bytes

    @classmethod
    def of(cls, response: http.client.HTTPResponse) -> Answer:
        """Read all of a response; fields that end at a hop are left out."""
        fields = [
            (name.lower(), value)
            for name, value in response.getheaders()
            if name.lower() not in HOP_BY_HOP
        ]
        return cls(response.status, response.reason, fields, response.read())


def exchange(
    port: int, tap: Tap, asked: tuple[str, str], body: bytes, fields: dict[str, str]
) -> Answer:
    """Ask (method, path) at `port`; the answer must be what the server behind the tap sent."""
    already = len(tap.sent)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.putrequest(*asked, skip_accept_encoding=True)
    for name, value in fields.items():
        connection.putheader(name, value)
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = Answer.of(connection.getresponse())
    connection.close()
    raw = http.client.HTTPResponse(_Bytes(bytes(tap.sent[already:])), method=asked[0])  # type: ignore[arg-type]  # all that it does with a socket
    raw.begin()
    assert answer == Answer.of(raw)
    return answer


@dataclass
class Sidecar:
    """A relay in front of a server, and a decoder behind the relay."""

    port: int
    tap: Tap
    captures: list[Capture] = field(default_factory=list)
    decoder: Decoder = field(default_factory=lambda: Decoder(Payload(), Redact(categories="clear")))
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def took(self, reports: list[Any]) -> None:
        """Keep the captures that the relay sends."""
        with self.arrived:
            self.captures += [one for one in reports if isinstance(one, Capture)]
            self.arrived.notify_all()

    def post(self, path: str, body: object, **fields: str) -> Answer:
        """Post JSON, or bytes as they are; `_` in a field's name stands for `-`."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
            named = {"content-type": "application/json"} | named
        return exchange(self.port, self.tap, ("POST", path), body, named)

    def bare(self, method: str, path: str) -> tuple[int, bytes]:
        """Send a request without a body, on the relay's own terms; gives status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path)
            response = connection.getresponse()
            return response.status, response.read()

    def all(self, n: int) -> list[Capture]:
        """Give the captures of the last `n` exchanges, in order, and forget them."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.captures) >= n, 10)
            found = self.captures[-n:]
            self.captures.clear()
            return found

    def last(self) -> Capture:
        """Give the capture of the newest exchange, and forget it."""
        return self.all(1)[0]

    def columns(self, capture: Capture) -> tuple[Found, Found]:
        """Give what is decoded of a capture: columns, a reason or nothing, for each side."""
        found: dict[Side, Found] = {}
        for value in self.decoder.decode(capture):
            match value:
                case Rows():
                    columns = dict(zip(value.columns, value.values, strict=True))
                    found[value.side] = columns | value.timings
                case Undecodable():
                    found[value.side] = value.reason
        return found.get(Side.INPUT), found.get(Side.OUTPUT)

    def decoded(self) -> tuple[Found, Found]:
        """Give what is decoded of the newest exchange."""
        return self.columns(self.last())


@contextlib.contextmanager
def _link(path: str, took: Callable[[list[Any]], None]) -> Iterator[None]:
    """Receive what a relay reports, on a loop in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    receiver = LinkReceiver(path, took, Routing())
    asyncio.run_coroutine_threadsafe(receiver.start(), loop).result(10)
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(receiver.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def sidecar(server_port: int, folder: Path, *paths: str) -> Iterator[Sidecar]:
    """Run a relay in front of the server at `server_port`; `paths` are sampled beside the known."""
    tap = Tap(server_port)
    made = Sidecar(free_port(), tap)
    upstream = Upstream(name="candidate", url=f"http://127.0.0.1:{tap.port}")
    settings = RelaySettings(
        models=Models(candidate=upstream),
        listen=Listen(host="127.0.0.1", port=made.port),
        routes=routes(paths),
        link_path=str(folder / "link.sock"),
    )
    reading, writing = os.pipe()
    os.write(writing, msgspec.json.encode(settings))
    os.close(writing)
    command = [sys.executable, "-m", "proxy.relay", "--settings-fd", str(reading)]
    (folder / "relay").mkdir()
    with _link(settings.link_path, made.took):
        relay = Process.start(
            command,
            folder / "relay",
            pass_fds=[reading],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        os.close(reading)
        try:
            relay.wait_listening(made.port)
            yield made
        finally:
            relay.close()
            tap.close()


@contextlib.contextmanager
def served(
    command: list[str], port: int, ready: str, folder: Path, **variables: str
) -> Iterator[int]:
    """Run a model server; gives its port when it is ready."""
    (folder / "server").mkdir(parents=True)
    for app in APPS.iterdir():
        if app.is_file():
            shutil.copy(app, folder / "server")
    server = Process.start(command, folder / "server", env=os.environ | variables)
    try:
        server.wait_ready(port, ready)
        yield port
    finally:
        server.close()


@dataclass(frozen=True)
class Harness:
    """The tools above, for tests that cannot import this file."""

    environment: Callable[..., Path] = environment
    free_port: Callable[[], int] = free_port
    served: Callable[..., contextlib.AbstractContextManager[int]] = served
    sidecar: Callable[..., contextlib.AbstractContextManager[Sidecar]] = sidecar
    tap: type[Tap] = Tap
    exchange: Callable[..., Answer] = exchange
    model: Model = Model.CANDIDATE


@pytest.fixture(scope="session")
def harness() -> Harness:
    """Give the tools."""
    return Harness()
