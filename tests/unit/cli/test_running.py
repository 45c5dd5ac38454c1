"""The commands that run something, through the real command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MINIMAL = "models: {candidate: {url: 'http://127.0.0.1:8080'}}\n"
Typed = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


def test_a_good_configuration_is_told_with_what_it_lacks(tmp_path: Path, typed: Typed) -> None:
    """Exit 0, and a newcomer learns that there is no way back and nothing to compare with."""
    path = tmp_path / "c.yaml"
    path.write_text(MINIMAL, "utf-8")
    answer = typed("check", path)
    assert answer.returncode == 0
    assert f"{path}: ok, candidate http://127.0.0.1:8080" in answer.stdout
    assert "no stable model" in answer.stdout
    assert "no benchmark" in answer.stdout


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such"), ("{", "benchmark"), ('{"version": 99}', "benchmark")]
)
def test_a_bad_benchmark_is_one_clear_line(
    tmp_path: Path, content: str | None, words: str, typed: Typed
) -> None:
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


def test_who_starts_it_by_hand_is_told_both_doors(tmp_path: Path, taken: int) -> None:
    """A terminal is not left without a word; what programs read stays what they know."""
    path = tmp_path / "c.yaml"
    path.write_text(
        "models: {candidate: {url: 'http://127.0.0.1:1'}}\n"
        f"listen: {{host: 127.0.0.1, port: {taken}}}\nadmin: {{host: 127.0.0.1, port: 8199}}\n",
        "utf-8",
    )
    leader, terminal = os.openpty()
    with os.fdopen(leader, "rb", buffering=0) as screen:
        ended = subprocess.run(
            [sys.executable, "-m", "proxy", "run", str(path)],
            stderr=terminal, check=False, timeout=60,
        )  # fmt: skip
        os.close(terminal)
        told = screen.read(4096).decode()
    assert ended.returncode == 1
    assert f"clients use 127.0.0.1:{taken} instead of the model" in told
    assert "people use http://127.0.0.1:8199/" in told


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_port_in_use_is_one_line(tmp_path: Path, taken: int, key: str, refused: Refused) -> None:
    """`run` ends with 1 and says which port, and what to do; nothing is left running."""
    path = tmp_path / "c.yaml"
    other = "admin" if key == "listen" else "listen"
    path.write_text(
        "models: {candidate: {url: 'http://127.0.0.1:1'}}\n"
        f"{key}: {{host: 127.0.0.1, port: {taken}}}\n{other}: {{host: 127.0.0.1, port: 0}}\n",
        "utf-8",
    )
    line = refused("run", path, code=1)
    assert line.startswith(f"{key}: 127.0.0.1:{taken} cannot be listened on: Address already in")
