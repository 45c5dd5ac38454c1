"""What people read about a decision, through the real command."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.telemetry.journal import Journal

Book = Any
Typed = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


@pytest.fixture
def journal(tmp_path: Path, incident: Book) -> Path:
    """Give the file of a journal of one incident."""
    path = tmp_path / "journal.jsonl"
    kept = Journal(path)
    for entry in incident.entries:
        kept.append(entry.kind, entry.body, entry.at_utc)
    kept.close()
    return path


@pytest.mark.parametrize("option", ["-o", "--out", "--output"])
def test_reading_samples_without_a_sidecar_is_one_line(
    option: str, nobody: str, refused: Refused
) -> None:
    """Exit 1 with the address; standard output stays empty."""
    line = refused("samples", option, "-", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")


def test_replaying_a_journal_that_is_not_there_is_one_line(
    tmp_path: Path, refused: Refused
) -> None:
    """Exit 2 with the path and where a journal is found."""
    line = refused("replay", tmp_path / "none.jsonl", code=2)
    assert (
        line
        == f"{tmp_path / 'none.jsonl'}: there is no such journal; it is journal.jsonl in state.dir"
    )


def test_a_journal_that_was_changed_is_told_beside_what_it_says(
    typed: Typed, journal: Path
) -> None:
    """By every command that reads it; what is on standard output stays what was asked for."""
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join([*lines[:2], *lines[3:]]), "utf-8")
    for words in (("explain", "input_drift", "--journal", journal), ("replay", journal)):
        answer = typed(*words)
        assert answer.stderr.startswith("note: the journal's chain is broken: journal.jsonl line 3")
        assert "chain" not in answer.stdout


def test_a_journal_alone_gives_a_report(tmp_path: Path, typed: Typed, journal: Path) -> None:
    """No sidecar is asked; the file is whole, and only the owner reads it."""
    page = tmp_path / "incident.html"
    answer = typed("report", "input_drift", "--journal", journal, "-o", page)
    assert answer.returncode == 0, answer.stderr
    assert answer.stderr == f"written: {page}; open it in a browser\n"
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")
    assert page.stat().st_mode & 0o077 == 0
    answer = typed("report", "input_drift", "--journal", journal, "-o", "-")
    assert answer.stdout.startswith("<!doctype html>")
    assert answer.stderr == ""


def test_an_alarm_and_a_decision_are_explained_from_a_journal(typed: Typed, journal: Path) -> None:
    """In lines for people, as one JSON object for machines."""
    answer = typed("explain", "input_drift", "--journal", journal)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("Input drift: firing (incident input_drift#1)\n")
    answer = typed("explain", "input_drift", "--json", "--journal", journal)
    assert json.loads(answer.stdout)["incident"] == "input_drift#1"


def test_json_of_a_hostile_name_is_the_same_value_without_what_steers(
    tmp_path: Path, typed: Typed, incident: Book
) -> None:
    """A program gets the name as it was; a terminal that shows it gets escapes."""
    hostile = "\x1b[2J \x9b2J \u202e eve"
    incident.add(15, "ack", {"by": hostile, "why": "", "alarms": []})
    kept = Journal(tmp_path / "journal.jsonl")
    for entry in incident.entries:
        kept.append(entry.kind, entry.body, entry.at_utc)
    kept.close()
    answer = typed("explain", "input_drift", "--json", "--journal", tmp_path / "journal.jsonl")
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.isascii()
    assert answer.stdout.replace("\n", "").isprintable()
    assert any(hostile in one["text"] for one in json.loads(answer.stdout)["timeline"])


def test_what_cannot_be_explained_is_answered_with_what_can(
    refused: Refused, journal: Path, nobody: str
) -> None:
    """Alarms and decisions are listed; a name that is none is bad usage of `report`."""
    line = refused("explain", "everything", "--journal", journal, code=1)
    assert "no decision was taken in this journal; alarms: input_drift, output_drift" in line
    line = refused("explain", "latency", "--journal", journal, code=1)
    assert "latency never began" in line
    line = refused("report", "everything", code=2)
    assert line.startswith("report: 'everything' is no alarm; there are: input_drift")
    line = refused("report", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")
    assert line.endswith("; --journal FILE reads the journal.jsonl of its state.dir instead")
    line = refused("explain", "last", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")
