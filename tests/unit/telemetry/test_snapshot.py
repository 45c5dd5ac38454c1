"""State files: whole or not at all, and never believed when damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from proxy.telemetry.snapshot import StateFile


def state(path: Path, *, kind: str = "alarms", version: int = 1) -> StateFile:
    """Make a state file under test."""
    return StateFile(path, kind=kind, version=version)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A body comes back byte for byte, newlines and NULs included."""
    body = b"line\n\0" + bytes(range(256))
    assert state(tmp_path / "s").write(body)
    assert state(tmp_path / "s").read() == body


def test_an_empty_body_is_a_body(tmp_path: Path) -> None:
    """Empty state differs from no state."""
    assert state(tmp_path / "s").write(b"")
    assert state(tmp_path / "s").read() == b""


def test_no_file_is_a_fresh_start_without_complaint(tmp_path: Path) -> None:
    """A first start has no trouble to tell of."""
    file = state(tmp_path / "s")
    assert file.read() is None
    assert file.trouble == ""


def test_a_second_write_replaces_the_first_and_leaves_nothing_beside(tmp_path: Path) -> None:
    """The temporary file is renamed, not left."""
    file = state(tmp_path / "s")
    file.write(b"first, which is longer")
    file.write(b"second")
    assert file.read() == b"second"
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_others_cannot_read_a_state_file(tmp_path: Path) -> None:
    """State may hold values seen in traffic: owner only."""
    state(tmp_path / "s").write(b"x")
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("at", range(0, 110, 3))
def test_any_flipped_byte_is_noticed(tmp_path: Path, at: int) -> None:
    """No single flipped byte passes, wherever it is."""
    path = tmp_path / "s"
    state(path).write(b"body " * 4)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] ^= 0x41
    path.write_bytes(bytes(raw))
    file = state(path)
    assert file.read() is None
    assert "was not used" in file.trouble


@pytest.mark.parametrize("length", [0, 1, 20, 90, 105])
def test_a_file_cut_short_is_put_aside(tmp_path: Path, length: int) -> None:
    """Half a file starts fresh, and people find the damaged one."""
    path = tmp_path / "s"
    state(path).write(b"0123456789" * 3)
    os.truncate(path, length)
    file = state(path)
    assert file.read() is None
    assert file.trouble
    assert (tmp_path / "s.damaged").stat().st_size == length
    assert not path.exists()


def test_another_version_or_kind_is_not_used(tmp_path: Path) -> None:
    """State of another program version starts fresh, and says which versions met."""
    path = tmp_path / "s"
    state(path, version=1).write(b"x")
    newer = state(path, version=2)
    assert newer.read() is None
    assert "version 1" in newer.trouble
    state(path, kind="windows").write(b"x")
    other = state(path)
    assert other.read() is None
    assert "'windows'" in other.trouble


def test_a_directory_that_is_gone_is_counted_and_recovers(tmp_path: Path) -> None:
    """A bad disk gives False, never an exception, and the next good write clears the trouble."""
    folder = tmp_path / "gone"
    file = state(folder / "s")
    assert not file.write(b"x")
    assert not file.write(b"x")
    assert file.n_failed == 2
    assert "cannot be written" in file.trouble
    folder.mkdir()
    assert file.write(b"x")
    assert file.trouble == ""


def test_a_failed_write_keeps_the_old_state(tmp_path: Path) -> None:
    """When the new file cannot be made, the old one stands."""
    file = state(tmp_path / "s")
    file.write(b"old")
    (tmp_path / ".s.new").mkdir()
    assert not file.write(b"new")
    assert file.read() == b"old"


def test_a_full_device_is_survived() -> None:
    """ENOSPC from the device itself is a False."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    file = StateFile(Path("/dev/full/s"), kind="alarms", version=1)
    assert not file.write(b"x")
    assert file.read() is None
    assert file.trouble
