"""What all commands share: mistakes told at once, exit codes, a sidecar that is not there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from proxy.cli import app
from proxy.cli.common import OUTPUT

Typed = Callable[..., subprocess.CompletedProcess[str]]


def test_all_mistakes_are_told_and_the_exit_code_is_two(tmp_path: Path, typed: Typed) -> None:
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
    "command", [("status",), ("drain",), ("ack", "all"), ("explain", "errors")]
)
def test_a_sidecar_that_is_not_there_ends_with_one(command: tuple[str, ...], typed: Typed) -> None:
    """The command failed, though it was typed well: which door, and what to do."""
    answer = typed(*command, "--admin", "http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "http://127.0.0.1:1 does not answer" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("command", [("run", "/nowhere.yaml"), ("route", "somewhere")])
def test_bad_usage_ends_with_two(command: tuple[str, ...], typed: Typed) -> None:
    """A file that is not there, a model that is none: one line, and nothing was started."""
    answer = typed(*command)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_every_file_that_a_command_writes_is_named_in_the_same_way() -> None:
    """Who knows one command knows them all: `-o`, `--out`, `--output`."""
    commands = typer.main.get_group(app).commands
    outputs = {
        name: tuple(option.opts)
        for name, command in commands.items()
        for option in command.params
        if option.name == "output"
    }
    assert outputs == dict.fromkeys(("certify", "learn", "init", "report", "samples"), OUTPUT)
