"""What people read about a decision, through the real command."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Refused = Callable[..., str]


def test_reading_samples_without_a_sidecar_is_one_line(nobody: str, refused: Refused) -> None:
    """Exit 1 with the address; standard output stays empty."""
    line = refused("samples", "--out", "-", "--admin", nobody, code=1)
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
