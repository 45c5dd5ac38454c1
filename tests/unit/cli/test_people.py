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

    because = "ann chose candidate"
    caution = ""

    def do_POST(self) -> None:
        """Say what a sidecar says of its routing."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        told = {"serving": "candidate", "because": self.because, "caution": self.caution}
        body = json.dumps(told).encode()
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


def test_a_route_to_a_model_that_is_not_ready_is_warned_of(typed: Callable[..., Answer]) -> None:
    """It is done all the same: who says so may know more than a probe."""
    door_of_a_lost_model = type("Lost", (Agreeing,), {"caution": "The model is not ready: refused"})
    with socketserver.TCPServer(("127.0.0.1", 0), door_of_a_lost_model) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        answer = typed("route", "auto", "--admin", f"http://127.0.0.1:{door.server_address[1]}")
        door.shutdown()
    assert answer.stdout.splitlines()[1] == "caution: The model is not ready: refused"


def test_no_name_that_is_told_steers_the_terminal(typed: Callable[..., Answer]) -> None:
    """What the sidecar says may hold names of the traffic: signs stand for what would act.

    Neither markup nor the code of an emoji is taken for more than text.
    """
    hostile = "\x1b]0;owned\x07 \x9b2J \u202e [bold]x[/] [/y] :fire:"
    door_of_eve = type("Eve", (Agreeing,), {"because": hostile})
    with socketserver.TCPServer(("127.0.0.1", 0), door_of_eve) as door:
        threading.Thread(target=door.serve_forever, daemon=True).start()
        answer = typed("route", "auto", "--admin", f"http://127.0.0.1:{door.server_address[1]}")
        door.shutdown()
    shown = "\u241b]0;owned\u2407 \ufffd2J \ufffd [bold]x[/] [/y] :fire:"
    assert answer.stdout == f"serving: candidate; {shown}\n"


def test_no_refusal_steers_the_terminal(refused: Refused, nobody: str) -> None:
    """The same holds on standard error, for the words that were typed, too."""
    line = refused("route", "\x1b[2J", code=2)
    assert line == "route: '\\x1b[2J' is not one of candidate, stable, auto"
    line = refused("status", "--admin", f"{nobody}/\x1b[2J", code=1)
    assert line.startswith(f"{nobody}/\u241b[2J does not answer")


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
