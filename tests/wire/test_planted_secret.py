"""A secret planted in every place of traffic appears in nothing that the sidecar keeps or says.

The whole sidecar runs, with a model that repeats the secret in its answers and fails often enough
that an alarm fires. Afterwards every admin answer, metric, log line, alert, event of the capture
sink and state file is searched.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import made
from proxy import benchmark
from proxy.payload.schema import infer
from proxy.records import Model as CertifiedModel
from proxy.records import Side
from proxy.stats.reference.floors import ErrorFloor
from proxy.stats.reference.profile import build_profile

ROOT = Path(__file__).resolve().parents[2]
SECRET = "sk-planted-9f8e7d6c5b4a3210"  # noqa: S105 - planted to be looked for
WORD = "Lovelacemarker"
"""A secret of no known shape: only the rule that nothing uncertified is kept can catch it."""
PATIENCE_S = 30.0
NAMES = ("name", "columns", "id")
V1 = "/v1/models/m:predict"
V2 = "/v2/models/m/infer"
CHAT = "/v1/chat/completions"
MULTIPART = 'multipart/form-data; boundary="b"'
PAGES = (
    "/",
    "/metrics",
    *(
        f"/api/v1/{name}"
        for name in (
            *("status", "alarms", "drift", "agreement", "latency", "routing", "journal"),
            *("samples", "config", "verdict"),
            *(f"report?alarm={alarm}" for alarm in ("schema", "input_drift", "output_drift")),
            "report?alarm=schema&format=json",
        )
    ),
)


class Model(BaseHTTPRequestHandler):
    """Answers with the secret, in the form that the path asks for; failures in every fifth."""

    protocol_version = "HTTP/1.1"
    n_asked = 0

    def do_GET(self) -> None:
        """Be healthy."""
        self._send(200, "application/json", b'{"ready": true}')

    def do_POST(self) -> None:
        """Answer a prediction, a stream, or an error."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        type(self).n_asked += 1
        if self.n_asked % 5 == 0:
            self._send(500, "application/json", json.dumps({"error": SECRET + WORD}).encode())
        elif self.path.startswith(CHAT):
            delta = {"choices": [{"index": 0, "delta": {"content": f"{SECRET} {WORD}"}}]}
            body = f"event: {WORD}\ndata: {json.dumps(delta)}\n\ndata: [DONE]\n\n".encode()
            self._send(200, "text/event-stream", body)
        else:
            rows = [{"label": WORD, "note": SECRET, f"{SECRET}x": 1}]
            self._send(200, "application/json", json.dumps({"predictions": rows}).encode())

    def _send(self, status: int, media: str, body: bytes) -> None:
        """Send one answer, with the secret in a field too."""
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Set-Cookie", SECRET)
        self.send_header("X-Model-Note", SECRET)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Receiver(BaseHTTPRequestHandler):
    """Takes alerts, and events of the sink."""

    protocol_version = "HTTP/1.1"
    taken: dict[str, list[bytes]]

    def do_POST(self) -> None:
        """Keep head and body."""
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        taken = self.taken[self.path]
        taken.append(self.headers.as_bytes() + body)
        # Every seventh event is asked for once more.
        is_refused = self.path == "/events" and len(taken) % 7 == 0
        self.send_response(503 if is_refused else 204)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    """Serve `handler` on a free port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join(10)


def free_port() -> int:
    """Give a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(data: int, admin: int, model: int, receiver: int) -> dict[str, Any]:
    """Give a configuration under which everything is sampled and mirrored."""
    return {
        "listen": {"host": "127.0.0.1", "port": data, "lame_duck_s": 0, "grace_s": 5},
        "admin": {"host": "127.0.0.1", "port": admin},
        "models": {
            "candidate": {"name": "new", "url": f"http://127.0.0.1:{model}"},
            "stable": {"name": "old", "url": f"http://127.0.0.1:{model}"},
        },
        "mirror": {"fraction": 1},
        "monitors": {"tick_s": 1},
        "alarms": {"hold_s": 0, "bad_ticks": 1, "of_ticks": 1},
        "benchmark": "benchmark.json",
        "payload": {"paths": {"^/own/": "json"}},
        "capture": {
            "sink": {
                "url": f"http://127.0.0.1:{receiver}/events",
                "allow_http": True,
                "allow_private": True,
            }
        },
        "alerts": {
            "receivers": [
                {
                    "name": "operator",
                    "type": "webhook",
                    "url": f"http://127.0.0.1:{receiver}/alerts",
                    "allow_http": True,
                    "allow_private": True,
                }
            ]
        },
        "state": {"dir": "state", "snapshot_s": 1},
    }


def certified() -> bytes:
    """Give a benchmark of a model that does not fail, of which traffic is far away."""
    rng = np.random.default_rng(1)
    answer = made.rows(
        {"p": rng.normal(size=500).tolist(), "label": ["yes", "no"] * 250},
        model=CertifiedModel.CANDIDATE,
        side=Side.OUTPUT,
    )
    schema = infer(Side.OUTPUT, {}, [answer])
    assert schema is not None
    certificate = benchmark.Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=build_profile({"a": list(rng.normal(size=500))}, rng, ordered=True),
        outputs={"candidate": build_profile({"p": list(rng.normal(size=500))}, rng, ordered=True)},
        errors={"candidate": ErrorFloor(n=5000, failed={})},
        output_schemas={"candidate": schema, "stable": schema},
    )
    return benchmark.dump(certificate)


@contextlib.contextmanager
def running(folder: Path, settings: dict[str, Any]) -> Iterator[None]:
    """Run the whole sidecar until told otherwise."""
    (folder / "stablehand.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "proxy", "run", str(folder / "stablehand.yaml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    try:
        await_ready(settings["admin"]["port"], process, folder)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def await_ready(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait until the sidecar is ready and the watcher answers."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if asked(port, "/readyz")[0] == asked(port, "/api/v1/status")[0] == http.client.OK:
                return
        time.sleep(0.1)
    pytest.fail(f"the sidecar did not become ready:\n{(folder / 'log').read_text()[-2000:]}")


def asked(port: int, path: str) -> tuple[int, bytes]:
    """Give status and body of a page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def planted(value: Any, key: str = "") -> list[Any]:
    """Give copies of `value` with a secret in place of one leaf or as a key each.

    Names of columns and ids are kept in clear, for people and for labels, when they look like such:
    a bare word in their place is taken for one.
    """
    if isinstance(value, dict):
        found = [{**value, name: one} for name, old in value.items() for one in planted(old, name)]
        return [*found, {**value, f"{SECRET}x": 1}]
    if isinstance(value, list):
        return [[one, *value[1:]] for one in planted(value[0], key)]
    sentence = f"before {WORD} and {SECRET} and a good deal of text behind them"
    return [SECRET, sentence] if key in NAMES else [SECRET, sentence, WORD]


def requests() -> list[tuple[str, bytes, dict[str, str]]]:
    """Give requests with a secret in every place of one."""
    tensor = {"name": "x", "shape": [1], "datatype": "BYTES", "data": ["a"]}
    bodies = [
        (V1, {"instances": [{"a": "x", "b": {"c": 1}}], "signature_name": "s"}),
        (V2, {"inputs": [tensor], "id": "1", "parameters": {"p": "q"}}),
        (CHAT, {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}),
        ("/predict", {"rows": [{"a": "x"}]}),
        ("/invocations", {"dataframe_split": {"columns": ["a"], "data": [["x"]]}}),
        ("/own/thing", {"a": "x", "b": ["y"]}),
    ]
    kind = {"content-type": "application/json"}
    found = [
        (path, json.dumps(one).encode(), kind) for path, body in bodies for one in planted(body)
    ]
    good = json.dumps({"instances": [{"a": 1}]}).encode()
    # The name of a part is a column's; see `planted` for bare words in such places.
    part = f'--b\r\nContent-Disposition: form-data; name="{SECRET}"\r\n\r\n{WORD}\r\n--b--\r\n'
    file = part.replace(f'"{SECRET}"', f'"a"; filename="{WORD}{SECRET}"')
    names = ("authorization", "cookie", "x-api-key", "x-note", "user-agent", "x-request-id")
    return [
        *found,
        *((V1, good, kind | {name: SECRET}) for name in names),
        (f"/v1/models/{SECRET}:predict?key={WORD}", good, kind),
        (f"/own/{WORD}?token={SECRET}", good, kind),
        (f"/{SECRET}/{WORD}", good, kind),
        (V1, good, {"content-type": SECRET}),
        (V1, f'{{"broken": "{SECRET}{WORD}'.encode(), kind),
        (V1, f"a,{SECRET}\n1,{WORD}\n".encode(), {"content-type": "text/csv"}),
        ("/invocations", f"a,{SECRET}\n1,{WORD}\n".encode(), {"content-type": "text/csv"}),
        ("/predict", part.encode(), {"content-type": MULTIPART}),
        ("/predict", file.encode(), {"content-type": MULTIPART}),
        ("/invocations", recordio(), {"content-type": "application/x-recordio-protobuf"}),
    ]


def field(number: int, data: bytes) -> bytes:
    """Write a field of protobuf."""
    return bytes([number << 3 | 2, len(data)]) + data


def recordio() -> bytes:
    """Give a record with a secret as a name, as bytes, as id, metadata and configuration."""
    number = field(2, field(1, b"\0\0\x80\x3f"))
    secret = SECRET.encode()
    named = field(1, field(1, secret) + field(2, number))
    opaque = field(1, field(1, b"photo") + field(2, field(9, field(1, WORD.encode()))))
    texts = field(3, secret) + field(4, WORD.encode()) + field(5, secret)
    record = named + opaque + texts
    padding = b"\0" * (-len(record) % 4)
    return b"\x0a\x23\xd7\xce" + len(record).to_bytes(4, "little") + record + padding


def traffic(port: int) -> None:
    """Send every request once."""
    for path, body, fields in requests():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        with contextlib.closing(connection):
            connection.request("POST", path, body, fields)
            connection.getresponse().read()


def test_a_planted_secret_is_kept_and_said_nowhere(tmp_path: Path) -> None:
    """Admin answers, metrics, logs, alerts, events and state files hold neither secret."""
    taken: dict[str, list[bytes]] = {"/alerts": [], "/events": []}
    receiver = type("Taking", (Receiver,), {"taken": taken})
    (tmp_path / "benchmark.json").write_bytes(certified())
    with serving(Model) as model, serving(receiver) as door:
        data, admin = free_port(), free_port()
        said: dict[str, bytes] = {}
        with running(tmp_path, configuration(data, admin, model, door)):
            end_s = time.monotonic() + PATIENCE_S
            for n in range(20):
                traffic(data)
                time.sleep(1.5)
                if n > 1 and (taken["/alerts"] or time.monotonic() > end_s):
                    break
            for page in PAGES:
                status, said[page] = asked(admin, page)
                assert status in (200, 503), page
        for file in sorted(path for path in tmp_path.rglob("*") if path.is_file()):
            if file.name != "stablehand.yaml":
                said[str(file.relative_to(tmp_path))] = file.read_bytes()
    said |= {f"{path} {i}": one for path, all_ in taken.items() for i, one in enumerate(all_)}
    # The search means something only if the traffic did arrive where it is looked for.
    assert b'captures_total{result="decoded",side="input"}' in said["/metrics"], said["/metrics"]
    assert b'sink_events_total{result="undecodable",type="request"}' in said["/metrics"]
    assert b'sink_events_total{result="retried",type="request"}' in said["/metrics"]
    assert b"output: column unknown" in said["/api/v1/alarms"]
    assert any(name.startswith("state/") for name in said)
    assert taken["/alerts"], said["/api/v1/alarms"]
    kinds = {b"inference.request", b"inference.response"}
    assert all(any(kind in one for one in taken["/events"]) for kind in kinds)
    found = [
        f"{name}: {text[max(0, at - 60) : at + 60]!r}"
        for name, text in said.items()
        for secret in (SECRET, WORD)
        if (at := text.find(secret.encode())) >= 0
    ]
    assert not found, found
