"""Orders to a running sidecar, through the real command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Refused = Callable[..., str]


def test_routing_without_a_sidecar_is_one_line(nobody: str, refused: Refused) -> None:
    """Exit 1 with the address and what to do."""
    line = refused("route", "stable", "--admin", nobody, code=1)
    assert line.startswith(f"{nobody} does not answer (")


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
