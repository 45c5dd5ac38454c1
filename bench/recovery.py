"""How long it takes until what was killed is back, and what clients notice of it.

Run `python -m bench.recovery`. A model server, a sidecar and four clients on this machine; in each
round the watcher and then the relay is killed with SIGKILL under load. Printed are the times until
the watcher answers again, until a relay of another process takes a new connection, and how many
requests failed meanwhile. A killed relay takes the requests with it that are running inside it.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BODY = json.dumps({"instances": [{"x": 1.0}]}).encode()
ANSWER = json.dumps({"predictions": [0.5]}).encode()
PATH = "/v1/models/m:predict"
LIMIT_S = 60.0
STEADY_S = 6.0
"""After this the supervisor takes a process for healthy, and starts it again at once."""


class Model(BaseHTTPRequestHandler):
    """Answers every prediction alike."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Takes every connection."""

    request_queue_size = 256
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a killed relay breaks its connections, that is what is measured."""


class Clients:
    """Four clients on connections of their own, one request after the other."""

    def __init__(self, port: int) -> None:
        """Begin to ask."""
        self._port = port
        self._ending = threading.Event()
        self.n_ok = self.n_failed = 0
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._ending.is_set():
            try:
                predict(self._port)
                self.n_ok += 1
            except (OSError, http.client.HTTPException):
                self.n_failed += 1

    def end(self) -> None:
        """Ask no more."""
        self._ending.set()
        for thread in self._threads:
            thread.join()


def predict(port: int) -> None:
    """Send one request on a new connection; raises when it fails."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    with contextlib.closing(connection):
        connection.request("POST", PATH, BODY, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise http.client.HTTPException(f"status {answer.status}")


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def is_up(port: int, path: str) -> bool:
    """Tell whether the admin door answers `path` with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    return False


def until(holds: Callable[[], bool]) -> float:
    """Wait until `holds`; give how long it took, in seconds."""
    began_s = time.monotonic()
    while not holds():
        if time.monotonic() - began_s > LIMIT_S:
            raise SystemExit(f"nothing came back within {LIMIT_S:g} s")
        time.sleep(0.005)
    return time.monotonic() - began_s


@contextlib.contextmanager
def sidecar(folder: Path) -> Iterator[tuple[int, int, int]]:
    """Run a sidecar before a model; give its process, its data port and its admin port."""
    model = Server(("127.0.0.1", 0), Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    port, admin = free_port(), free_port()
    url = f"http://127.0.0.1:{model.server_port}"
    config = folder / "config.yaml"
    settings = {
        "models": {"candidate": {"url": url}, "stable": {"url": url}},
        "listen": {"host": "127.0.0.1", "port": port, "lame_duck_s": 0, "grace_s": 5},
        "admin": {"port": admin},
        "state": {"dir": str(folder / "state")},
    }
    config.write_text(json.dumps(settings), encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "run", str(config)], stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: is_up(admin, "/readyz") and is_up(admin, "/api/v1/routing"))
        yield process.pid, port, admin
    finally:
        process.terminate()
        process.wait()
        model.shutdown()


def child_of(pid: int, module: str) -> int:
    """Give the child that runs `module`; 0 when there is none."""
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        with contextlib.suppress(OSError):
            if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    return 0


def kill(pid: int, module: str) -> int:
    """Kill the child that runs `module`; give its pid."""
    old = child_of(pid, module)
    os.kill(old, signal.SIGKILL)
    return old


def one_round(pid: int, port: int, admin: int) -> dict[str, float]:
    """Kill the watcher, then the relay, under load."""
    time.sleep(STEADY_S)
    clients = Clients(port)
    time.sleep(0.5)
    began_s = time.monotonic()
    old = kill(pid, "proxy.watcher")
    until(lambda: child_of(pid, "proxy.watcher") not in {0, old})
    until(lambda: is_up(admin, "/api/v1/routing"))
    watcher_s = time.monotonic() - began_s
    watcher_failed = clients.n_failed
    clients.end()
    began_s = time.monotonic()
    kill(pid, "proxy.relay")
    predict(port)
    relay_s = time.monotonic() - began_s
    time.sleep(STEADY_S)
    clients = Clients(port)
    time.sleep(0.5)
    kill(pid, "proxy.relay")
    time.sleep(1.0)
    clients.end()
    return {
        "watcher answers again, s": watcher_s,
        "requests failed with the watcher": float(watcher_failed),
        "relay answers again, s": relay_s,
        "requests failed with the relay, of 4 running": float(clients.n_failed),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, sidecar(Path(folder)) as (pid, port, admin):
        found = [one_round(pid, port, admin) for _ in range(rounds)]
    print(f"| of {rounds} kills each | median | worst |\n|---|---|---|")
    for name in found[0]:
        values = [one[name] for one in found]
        print(f"| {name} | {statistics.median(values):.2f} | {max(values):.2f} |")


if __name__ == "__main__":
    main()
