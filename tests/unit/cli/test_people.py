"""Orders to a running sidecar, through the real command."""

from __future__ import annotations

import json
import socketserver
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

Answer = subprocess.CompletedProcess[str]
Refused = Callable[..., str]


class Agreeing(BaseHTTPRequestHandler):
    """An admin door that agrees to every order."""

    def do_POST(self) -> None:
        """Say what a sidecar says of its routing."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        body = json.dumps({"serving": "candidate", "because": "ann chose candidate"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Keep the test's output empty."""


def test_routing_without_a_sidecar_is_one_line(nobody: str, refused: Refused) -> None:
    """Exit 1 with the address and what to do."""
    line = refused("route", "stable", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")


@pytest.mark.parametrize(("to", "n_lines"), [("candidate", 2), ("stable", 2), ("auto", 1)])
def test_a_route_that_holds_says_until_when(
    to: str, n_lines: int, typed: Callable[..., Answer]
) -> None:
    """Whoever restores the candidate learns that the policy may not protect it before `auto`."""
    with socketserver.TCPServer(("127.0.0.1", 0), Agreeing) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        answer = typed("route", to, "--admin", f"http://127.0.0.1:{door.server_address[1]}")
        door.shutdown()
    lines = answer.stdout.splitlines()
    assert lines[0] == "serving: candidate; ann chose candidate"
    assert len(lines) == n_lines
    assert ("stablehand route auto" in answer.stdout) is (to != "auto")


def test_labels_that_cannot_be_sent_are_one_line(
    nobody: str, refused: Refused, tmp_path: Path
) -> None:
    """Exit 2 for the file with its line, exit 1 when nobody answers."""
    path = tmp_path / "labels.csv"
    path.write_text("id,truth\na,1\n", encoding="utf-8")
    assert refused("labels", path, "--admin", nobody, code=1).startswith(
        f"{nobody} does not answer"
    )
    path.write_text("name\n", encoding="utf-8")
    assert f"{path}:1: the header needs" in refused("labels", path, code=2)
