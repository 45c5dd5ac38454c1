"""The command line as people meet it first: its version, its help, a word it does not know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from proxy import __version__

Typed = Callable[..., subprocess.CompletedProcess[str]]


def test_it_knows_its_version(typed: Typed) -> None:
    """`--version` is one line, for people and scripts."""
    answer = typed("--version")
    assert (answer.returncode, answer.stdout) == (0, f"stablehand {__version__}\n")


def test_help_names_every_command(typed: Typed) -> None:
    """What the documentation promises is there."""
    answer = typed("--help")
    assert answer.returncode == 0
    for command in (
        *("run", "check", "certify", "demo", "status", "route", "ack", "drain", "explain"),
        *("schema", "init", "inject", "report", "replay", "samples"),
    ):
        assert f"  {command} " in answer.stdout


def test_an_unknown_command_is_bad_usage(typed: Typed) -> None:
    """Exit 2, and no stack trace."""
    answer = typed("rnu")
    assert answer.returncode == 2
    assert "rnu" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_help_needs_none_of_the_heavy_packages() -> None:
    """`--help` and completion answer at once: what a command needs is imported when it runs."""
    code = "import proxy.cli, sys; print(*{m.split('.')[0] for m in sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=60
    )
    loaded = set(answer.stdout.split())
    assert "typer" in loaded
    assert not loaded & {"numpy", "scipy", "aiohttp", "pydantic", "prometheus_client", "uvloop"}
