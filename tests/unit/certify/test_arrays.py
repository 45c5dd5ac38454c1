"""NumPy files: read in chunks, named as the columns of requests, and never unpickled."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from proxy.certify.arrays import MAX_FORTRAN_BYTES, npy_chunks, npz_chunks
from proxy.certify.files import CertifyError
from proxy.certify.tables import CHUNK_ROWS, Cell


def everything(_: str) -> bool:
    """Read every column."""
    return True


def whole(tmp_path: Path, array: npt.NDArray[np.generic]) -> dict[str, list[Cell]]:
    """Save an array and read it, its chunks put together."""
    np.save(tmp_path / "rows.npy", array)
    columns: dict[str, list[Cell]] = {}
    for chunk in npy_chunks(tmp_path / "rows.npy", everything):
        for name, cells in chunk.items():
            columns.setdefault(name, []).extend(cells)
    return columns


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_keep_their_order_in_chunks(tmp_path: Path, order: str) -> None:
    """Row by row or column by column on the disk, in memory it is rows."""
    array = np.arange(3.0 * (CHUNK_ROWS + 5)).reshape(-1, 3)
    kept = np.asarray(array, order="F" if order == "F" else "C")
    assert whole(tmp_path, kept) == {"": array.tolist()}


def test_fields_of_a_structured_array_are_columns(tmp_path: Path) -> None:
    """With text, truth values, dates, spans, vectors and gaps as JSON could say them."""
    dtype = [("n", "i4"), ("t", "U3"), ("b", "?"), ("s", "S2"), ("d", "M8[s]"), ("p", "m8[ms]"),
             ("v", "f4", (2,))]  # fmt: skip
    day = np.datetime64("2013-01-02T03:04:05")
    rows = [
        (1, "abc", True, b"\xc3\xa4", day, np.timedelta64(1500, "ms"), (1, 2)),
        (2, "", False, b"x", np.datetime64("NaT"), np.timedelta64("NaT"), (np.nan, np.inf)),
    ]
    assert whole(tmp_path, np.array(rows, dtype=dtype)) == {
        "n": [1, 2],
        "t": ["abc", ""],
        "b": [True, False],
        "s": ["ä", "x"],
        "d": ["2013-01-02T03:04:05", None],
        "p": [1.5, None],
        "v": [[1.0, 2.0], [None, np.inf]],
    }


@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning")  # numpy tries Python 2 first
@pytest.mark.parametrize("damage", [b"(4*,", b"(4,(", b"'4,)"])
def test_a_damaged_header_is_refused_with_its_place(tmp_path: Path, damage: bytes) -> None:
    """A header is Python text: whatever its reader trips over, people are told which file it is."""
    path = tmp_path / "rows.npy"
    np.save(path, np.ones(4))
    path.write_bytes(path.read_bytes().replace(b"(4,)", damage))
    with pytest.raises(CertifyError, match=r"rows\.npy is not in NumPy's format"):
        list(npy_chunks(path, everything))


def test_arrays_of_an_archive_stand_side_by_side(tmp_path: Path) -> None:
    """Wide and narrow ones in the same chunks; a lone unnamed one has no name."""
    path = tmp_path / "rows.npz"
    np.savez_compressed(path, age=np.arange(9000.0), pixels=np.zeros((9000, 100)))
    chunks = list(npz_chunks(path, everything))
    assert len(chunks) > 1
    assert all(len(chunk["age"]) == len(chunk["pixels"]) for chunk in chunks)
    assert [cell for chunk in chunks for cell in chunk["age"]] == list(range(9000))
    np.savez(path, np.arange(3))
    assert list(npz_chunks(path, everything)) == [{"": [0, 1, 2]}]
    np.savez(path, a=np.arange(2), b=np.arange(2))
    assert list(npz_chunks(path, "b".__eq__)) == [{"b": [0, 1]}]


def test_pickles_are_refused(tmp_path: Path) -> None:
    """A pickle runs code: it is not even begun."""
    np.save(tmp_path / "p.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    with pytest.raises(CertifyError, match="nothing is unpickled"):
        list(npy_chunks(tmp_path / "p.npy", everything))


def test_damaged_arrays_are_refused_in_words(tmp_path: Path) -> None:
    """No format, no rows, too few rows, unequal rows, a broken archive, and what is too large."""
    path = tmp_path / "rows.npy"
    np.save(path, np.arange(100.0))
    sound = path.read_bytes()
    for content, complaint in (
        (b"hello", "not in NumPy's format"),
        (sound[:40], "not in NumPy's format"),
        (sound[:-8], "ends in the middle"),
    ):
        path.write_bytes(content)
        with pytest.raises(CertifyError, match=complaint):
            list(npy_chunks(path, everything))
    np.save(path, np.float64(3))
    with pytest.raises(CertifyError, match="single value"):
        list(npy_chunks(path, everything))
    with pytest.raises(CertifyError, match="cannot be read"):
        list(npy_chunks(tmp_path / "gone.npy", everything))
    archive = tmp_path / "rows.npz"
    np.savez(archive, a=np.arange(3), b=np.arange(4))
    with pytest.raises(CertifyError, match=r"different numbers of rows \(a: 3, b: 4\)"):
        list(npz_chunks(archive, everything))
    archive.write_bytes(b"PK\x03\x04")
    with pytest.raises(CertifyError, match="no sound npz"):
        list(npz_chunks(archive, everything))


def test_a_huge_array_in_columns_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """It would have to be held whole; the head tells its size."""
    path = tmp_path / "rows.npy"
    shape = (MAX_FORTRAN_BYTES // 8, 2)
    head = {"descr": "<f8", "fortran_order": True, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, head)
    with pytest.raises(CertifyError, match=r"Fortran order.*ascontiguousarray"):
        list(npy_chunks(path, everything))


def test_other_members_of_an_archive_are_passed_over(tmp_path: Path) -> None:
    """Only arrays are rows."""
    path = tmp_path / "rows.npz"
    np.savez(path, a=np.arange(2))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("readme.txt", "hello")
    assert list(npz_chunks(path, everything)) == [{"a": [0, 1]}]
