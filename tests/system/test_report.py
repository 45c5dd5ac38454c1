"""A fault that really happened can be read: as a page, as lines, and from the journal alone."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

Fixture = Any
"""Classes of the conftest, which cannot be imported."""

RULES = {
    "alarms": {"hold_s": 0.5, "resolve_after_s": 0.5},
    "policy": {"switch_hold_s": 0.5, "min_pairs": 1},
}


class Words(HTMLParser):
    """Collects what a page says."""

    def __init__(self, page: str) -> None:
        """Read the page."""
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the element."""
        del attrs
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text += f"{data} "


def typed(*words: object) -> str:
    """Run `stablehand` with some words; give what it prints."""
    command = [sys.executable, "-m", "proxy", *map(str, words)]
    done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_candidate_that_fails_can_be_explained_afterwards(
    start: Fixture, models: Fixture, load: Fixture, wait: Fixture, tmp_path: Path
) -> None:
    """Errors, switch, report: from the door while it lasts, from the file when all is gone."""
    candidate, _ = models
    sidecar = start(mirror={"fraction": 1.0}, **RULES)
    clients = load(sidecar)
    clients.more(100)
    assert sidecar.admin("/api/v1/report")[0] == 404, "nothing has happened yet"
    candidate.status = 500
    wait(lambda: "stable" in clients.answers, "the traffic is led to the stable model")
    clients.end()
    door = f"http://127.0.0.1:{sidecar.admin_port}"
    told = sidecar.json("/api/v1/report?alarm=errors&format=json")
    assert (told["alarm"], told["cause"]) == ("errors", "model")
    assert "Traffic was led to the stable model at " in str(told["done"])
    assert told["undo"] == "stablehand route candidate"
    page = Words(sidecar.admin("/api/v1/report")[1].decode())
    assert "Model: the candidate alone goes wrong" in page.text
    assert "Evidence over time: " in page.text
    assert "script" not in page.tags
    lines = typed("explain", "switch", "--admin", door)
    assert "Cause: model. " in lines
    assert "yes  the stable model is ready" in lines
    assert "NO " not in lines
    assert sidecar.stop() == 0
    journal = sidecar.state / "journal.jsonl"
    report = tmp_path / "incident.html"
    typed("report", "errors", "--journal", journal, "-o", report)
    page = Words(report.read_text("utf-8"))
    assert "hash chain" in page.text
    assert "whole" in page.text
    assert "Traffic was led to the stable model at " in page.text
    assert json.loads(typed("explain", "switch", "--json", "--journal", journal))["rung"] == 1
