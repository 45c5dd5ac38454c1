"""The command line as people meet it: real processes, their exit codes and their words."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from proxy import __version__

ROOT = Path(__file__).resolve().parents[2]
MINIMAL = "models: {candidate: {url: 'http://127.0.0.1:8080'}}\n"


def typed(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run `python -m proxy` with some words and nobody at the keyboard."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, words)],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


def test_it_knows_its_version() -> None:
    """`--version` is one line, for people and scripts."""
    answer = typed("--version")
    assert (answer.returncode, answer.stdout) == (0, f"stablehand {__version__}\n")


def test_help_names_every_command() -> None:
    """What the documentation promises is there."""
    answer = typed("--help")
    assert answer.returncode == 0
    for command in (
        *("run", "check", "certify", "demo", "status", "route", "ack", "drain", "explain"),
        "schema",
    ):
        assert f"  {command} " in answer.stdout


def test_the_schema_is_json() -> None:
    """An editor can read what is printed, unwrapped and without colours."""
    answer = typed("schema")
    assert answer.returncode == 0
    assert json.loads(answer.stdout)["required"] == ["models"]


def test_a_good_configuration_is_told_with_what_it_lacks(tmp_path: Path) -> None:
    """Exit 0, and a newcomer learns that there is no way back and nothing to compare with."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL, "utf-8")
    answer = typed("check", path)
    assert answer.returncode == 0
    assert f"{path}: ok, candidate http://127.0.0.1:8080" in answer.stdout
    assert "no stable model" in answer.stdout
    assert "no benchmark" in answer.stdout


def test_all_mistakes_are_told_and_the_exit_code_is_two(tmp_path: Path) -> None:
    """Three mistakes, three lines on standard error, each with file and line."""
    path = tmp_path / "c.yaml"
    path.write_text("models: {}\nmirror: {fraction: 2}\nlistne: {}\n", "utf-8")
    answer = typed("check", path)
    assert answer.returncode == 2
    lines = answer.stderr.splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        [f"{path}:1", "models.candidate"],
        [f"{path}:2", "mirror.fraction"],
        [f"{path}:3", "listne"],
    ]
    assert "did you mean 'listen'?" in lines[2]


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such"), ("{", "benchmark"), ('{"version": 99}', "benchmark")]
)
def test_a_bad_benchmark_is_one_clear_line(tmp_path: Path, content: str | None, words: str) -> None:
    """Missing, damaged, or of another version: exit 2 and no stack trace."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL + "benchmark: b.json\n", "utf-8")
    if content is not None:
        (tmp_path / "b.json").write_text(content, "utf-8")
    answer = typed("check", path)
    assert answer.returncode == 2
    (line,) = answer.stderr.splitlines()
    assert words in line.lower()
    assert "b.json" in line


@pytest.mark.parametrize("command", [("run", "/nowhere.yaml"), ("route", "somewhere")])
def test_bad_usage_ends_with_two(command: tuple[str, ...]) -> None:
    """A file that is not there, a model that is none: one line, and nothing was started."""
    answer = typed(*command)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "command", [("status",), ("drain",), ("ack", "all"), ("explain", "errors")]
)
def test_a_sidecar_that_is_not_there_ends_with_one(command: tuple[str, ...]) -> None:
    """The command failed, though it was typed well: which door, and what to do."""
    answer = typed(*command, "--admin", "http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr
