"""What each process loads: the relay stays small, the supervisor knows no numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def loaded_by(module: str) -> set[str]:
    """Give the top-level packages that a fresh interpreter holds after importing `module`."""
    script = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    answer = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return set(answer.stdout.split())


def test_the_relay_loads_nothing_heavy() -> None:
    """The process on the hot path holds uvloop, httptools and msgspec, and no numbers."""
    heavy = {"numpy", "scipy", "aiohttp", "pydantic", "prometheus_client", "yaml", "typer", "rich"}
    assert not loaded_by("proxy.relay.__main__") & heavy


def test_the_supervisor_loads_no_numbers() -> None:
    """PID 1 starts fast and stays small: numpy and scipy belong to the watcher."""
    assert not loaded_by("proxy.supervisor") & {"numpy", "scipy", "prometheus_client", "sklearn"}
