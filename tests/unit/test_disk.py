"""Small files, whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.disk import replace_file


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    """The content is new, and only its owner may read it."""
    path = tmp_path / "cell"
    replace_file(path, b"one")
    replace_file(path, b"two")
    assert path.read_bytes() == b"two"
    assert [it.name for it in tmp_path.iterdir()] == ["cell"]
    assert path.stat().st_mode & 0o077 == 0


def test_a_failed_write_leaves_the_old_content(tmp_path: Path) -> None:
    """A target that cannot be replaced raises, and the file written aside goes."""
    path = tmp_path / "cell"
    path.mkdir()
    (path / "inside").write_text("x")
    with pytest.raises(OSError, match="cell"):
        replace_file(path, b"new")
    assert [it.name for it in tmp_path.iterdir()] == ["cell"]
