"""Arrays on the disk: whole or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxy.demo.arrays import ArraysError, read_arrays, write_arrays


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """Types and values, text included; the folder is made; nothing else is left in it."""
    path = tmp_path / "inner" / "a.npz"
    arrays = {"numbers": np.array([1.5, np.nan]), "words": np.array(["x", "yy"])}
    write_arrays(path, arrays)
    read = read_arrays(path)
    assert np.array_equal(read["numbers"], arrays["numbers"], equal_nan=True)
    assert read["words"].tolist() == ["x", "yy"]
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04damaged"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """Whatever numpy makes of it, one kind of error comes out."""
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with pytest.raises(ArraysError):
        read_arrays(path)


def test_objects_are_refused(tmp_path: Path) -> None:
    """Unpickling could run code."""
    path = tmp_path / "a.npz"
    np.savez(path, odd=np.array([{}], dtype=object))
    with pytest.raises(ArraysError):
        read_arrays(path)


def test_a_single_array_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    """Only archives with names are a cache."""
    path = tmp_path / "a.npy"
    np.save(path, np.zeros(3))
    with pytest.raises(ArraysError, match="no archive"):
        read_arrays(path)
    with pytest.raises(ArraysError):
        read_arrays(tmp_path / "absent.npz")
