"""The command line as people use it: real processes, their exit codes and their words."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

Answer = subprocess.CompletedProcess[str]


def run(*words: object, given: str = "") -> Answer:
    """Run `python -m proxy` with some words and some input."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *map(str, words)],
        cwd=ROOT,
        input=given,
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )


@pytest.fixture
def typed() -> Callable[..., Answer]:
    """Give what runs `python -m proxy` with some words and some input."""
    return run


@pytest.fixture
def refused() -> Callable[..., str]:
    """Give what runs a command that must be refused with an exit code, and gives its one line."""

    def line(*words: object, code: int, given: str = "") -> str:
        answer = run(*words, given=given)
        assert answer.returncode == code, answer.stderr
        (only,) = answer.stderr.splitlines()
        assert answer.stdout == ""
        return only

    return line


@pytest.fixture
def nobody() -> str:
    """Give an address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return f"http://127.0.0.1:{one.getsockname()[1]}"


@pytest.fixture
def taken() -> Iterator[int]:
    """Give a port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]
