"""The whole sidecar as users run it: `python -m proxy run`, real model servers, real clients."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml

PATIENCE_S = 60.0
PREDICT = "/v1/models/m:predict"
BODY = json.dumps({"instances": [{"x": 1.0}]}).encode()


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until `holds`, with patience for a loaded machine."""
    end_s = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > end_s:
            pytest.fail(f"waited {PATIENCE_S:g} s in vain: {what}")
        time.sleep(0.02)


class _Listening(ThreadingHTTPServer):
    """A server whose backlog takes every connection that a test makes at once."""

    request_queue_size = 256


class ModelServer:
    """A model server that says its name, and can be told what to answer, to be slow, to fail."""

    def __init__(self, name: str) -> None:
        """Serve on a free port."""
        self.name = name
        self.pause_s = 0.0
        self.status = 200
        self.prediction: object = 0.5
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", 0))
                body = self.rfile.read(length)
                time.sleep(server.pause_s)
                answer = json.dumps(
                    {"predictions": [server.prediction], "by": server.name}
                ).encode()
                if not body.startswith(b"{"):
                    answer = body
                self.send_response(server.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # base class
                """Say nothing."""

        self._server = _Listening(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def free_port() -> int:
    """Give a port nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def _mapping(settings: dict[str, object], key: str) -> dict[str, object]:
    """Give what a test sets under one key."""
    found = settings.get(key, {})
    return found if isinstance(found, dict) else {}


class Sidecar:
    """A running sidecar and the ways to talk to it."""

    def __init__(self, folder: Path, settings: dict[str, object]) -> None:
        self.port, self.admin_port = free_port(), free_port()
        self.config = folder / "stablehand.yaml"
        self.state = folder / "state"
        listen = {"host": "127.0.0.1", "port": self.port, "lame_duck_s": 0.3, "grace_s": 10}
        self.settings = {
            "monitors": {"tick_s": 0.2},
            "mirror": {"fraction": 0.2},
            "state": {"dir": str(self.state), "snapshot_s": 0.2},
            **settings,
            "listen": {**listen, **_mapping(settings, "listen")},
            "admin": {"port": self.admin_port, **_mapping(settings, "admin")},
        }
        self.write(self.settings)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy", "run", str(self.config)], stderr=log
            )

    def write(self, settings: dict[str, object]) -> None:
        """Write the configuration."""
        self.config.write_text(yaml.safe_dump(settings), encoding="utf-8")

    def admin(self, path: str, body: dict[str, object] | None = None) -> tuple[int, bytes]:
        """Ask the admin door."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=10)
        try:
            raw = None if body is None else json.dumps(body)
            fields = {} if body is None else {"content-type": "application/json"}
            connection.request("GET" if body is None else "POST", path, raw, fields)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def json(self, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        """Ask for JSON, and insist on an answer that is no error."""
        status, raw = self.admin(path, body)
        assert status < 400, raw
        found: dict[str, object] = json.loads(raw)
        return found

    def is_ready(self) -> bool:
        """Tell whether traffic may come and the watcher answers."""
        if self.process.poll() is not None:
            pytest.fail(f"the sidecar ended:\n{self.log.read_text()}")
        try:
            return self.admin("/readyz")[0] == 200 and self.watcher_is_up()
        except OSError:
            return False

    def watcher_is_up(self) -> bool:
        """Tell whether the watcher answers."""
        return self.admin("/api/v1/routing")[0] == 200

    def metric(self, name: str, **labels: str) -> float:
        """Give the sum of the series of `stablehand_NAME` that have these labels."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in self.admin("/metrics")[1].decode().splitlines()
            if re.match(rf"stablehand_{name}[ {{]", line) and all(one in line for one in wanted)
        )

    def predict(self, body: bytes = BODY) -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("POST", PREDICT, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def pid_of(self, module: str) -> int:
        """Give the child that runs `module`."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for pid in children.read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if module.encode() in command:
                return int(pid)
        return 0

    def new_pid_of(self, module: str, old: int) -> int:
        """Wait for the successor of a child."""
        until(lambda: self.pid_of(module) not in {0, old}, f"a new {module}")
        return self.pid_of(module)

    def stop(self) -> int:
        """End it in order; give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Load:
    """Clients that ask without end, and note every request that fails."""

    def __init__(self, sidecar: Sidecar, n_clients: int = 4) -> None:
        self._sidecar = sidecar
        self._ending = threading.Event()
        self.answers: dict[str, int] = {}
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(n_clients)]
        for thread in self._threads:
            thread.start()

    @property
    def n(self) -> int:
        """Requests answered."""
        return sum(self.answers.values())

    def _ask(self) -> None:
        while not self._ending.is_set():
            try:
                status, body = self._sidecar.predict()
                by = json.loads(body)["by"] if status == 200 else f"status {status}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.failures.append(repr(error))
                continue
            if status != 200:
                self.failures.append(by)
            self.answers[by] = self.answers.get(by, 0) + 1

    def more(self, n: int = 50) -> None:
        """Wait for `n` more answers."""
        before = self.n
        until(lambda: self.n >= before + n, f"{n} more answers")

    def end(self) -> None:
        """Ask no more."""
        self._ending.set()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def models() -> Iterator[tuple[ModelServer, ModelServer]]:
    """Give a candidate and a stable model."""
    pair = ModelServer("candidate"), ModelServer("stable")
    yield pair
    for one in pair:
        one.close()


@pytest.fixture
def start(
    tmp_path: Path, models: tuple[ModelServer, ModelServer]
) -> Iterator[Callable[..., Sidecar]]:
    """Give a way to start a sidecar before the two models; it is ended after the test."""
    started: list[Sidecar] = []

    def begin(folder: Path = tmp_path, **settings: object) -> Sidecar:
        candidate, stable = models
        both = {"candidate": {"url": candidate.url}, "stable": {"url": stable.url}}
        sidecar = Sidecar(folder, {"models": both, **settings})
        started.append(sidecar)
        until(sidecar.is_ready, "ready at the start")
        return sidecar

    yield begin
    for one in started:
        one.stop()


@pytest.fixture
def load() -> Iterator[Callable[[Sidecar], Load]]:
    """Give a way to start clients; they are ended after the test."""
    started: list[Load] = []

    def begin(sidecar: Sidecar) -> Load:
        started.append(Load(sidecar))
        return started[-1]

    yield begin
    for one in started:
        one.end()


@pytest.fixture
def wait() -> Callable[[Callable[[], bool], str], None]:
    """Give the way to wait for something."""
    return until


@pytest.fixture
def is_gone() -> Callable[[int], bool]:
    """Give a way to tell whether a process has ended."""

    def gone(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"

    return gone
