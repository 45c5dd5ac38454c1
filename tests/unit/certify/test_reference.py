"""References: which files, of which form, in which order, and their hash."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from proxy.certify.files import CertifyError
from proxy.certify.reference import Reference, find_files

ROWS = {"a": [1.0, 2.0], "b": ["x", "y"]}


def write_parquet(path: Path) -> None:
    """Write the rows as Parquet."""
    pq.write_table(pa.table(ROWS), path)


def write_npz(path: Path) -> None:
    """Write the rows as a NumPy archive."""
    with path.open("wb") as file:
        np.savez(file, a=np.array(ROWS["a"]), b=np.array(ROWS["b"]))


def write_npy(path: Path) -> None:
    """Write the rows as a structured array."""
    rows = list(zip(ROWS["a"], ROWS["b"], strict=True))
    with path.open("wb") as file:
        np.save(file, np.array(rows, dtype=[("a", "f8"), ("b", "U1")]))


CSV = b"a,b\n1,x\n2,y\n"
LINES = b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n'


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("r.csv", lambda path: path.write_bytes(CSV)),
        ("r.csv.gz", lambda path: path.write_bytes(gzip.compress(CSV))),
        ("r.tsv", lambda path: path.write_bytes(CSV.replace(b",", b"\t"))),
        ("r.jsonl", lambda path: path.write_bytes(LINES)),
        ("r.json.gz", lambda path: path.write_bytes(gzip.compress(LINES))),
        ("r.parquet", write_parquet),
        ("r.pq", write_parquet),
        ("r.npy", write_npy),
        ("r.npz", write_npz),
        ("unnamed-csv", lambda path: path.write_bytes(CSV)),
        ("unnamed-json", lambda path: path.write_bytes(b"\xef\xbb\xbf" + LINES)),
        ("unnamed-parquet", write_parquet),
        ("unnamed-npy", write_npy),
        ("unnamed-npz", write_npz),
    ],
)
def test_every_form_gives_the_same_rows(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    """By its ending, or by how it begins; and as often as it is read."""
    path = tmp_path / name
    write(path)
    reference = Reference(files=(path,), kinds={})
    assert list(reference.chunks()) == list(reference.chunks()) == [ROWS]
    assert reference.sha256() == sha256(path.read_bytes()).hexdigest()


def test_files_folders_and_patterns_are_found_in_order(tmp_path: Path) -> None:
    """Files of other kinds in a folder are passed over."""
    for name in ("b.csv", "a.csv.gz", "c.parquet", "notes.txt"):
        (tmp_path / name).touch()
    a, b, c = tmp_path / "a.csv.gz", tmp_path / "b.csv", tmp_path / "c.parquet"
    assert find_files([tmp_path]) == (a, b, c)
    assert find_files([tmp_path / "?.csv*"]) == (a, b)
    assert find_files([c, b]) == (c, b)
    (tmp_path / "odd[1].csv").touch()
    assert find_files([tmp_path / "odd[1].csv"]) == (tmp_path / "odd[1].csv",)


def test_paths_that_mean_no_file_are_refused(tmp_path: Path) -> None:
    """An empty folder and a pattern without a match say so."""
    with pytest.raises(CertifyError, match="the folder has no file of rows"):
        find_files([tmp_path])
    with pytest.raises(CertifyError, match="no file matches"):
        find_files([tmp_path / "part-*.csv"])
    with pytest.raises(CertifyError, match="0 files"):
        find_files([])
    missing = Reference(files=(tmp_path / "gone.csv",), kinds={})
    with pytest.raises(CertifyError, match=r"gone\.csv: .* cannot be read"):
        list(missing.chunks())


def test_several_files_are_one_reference_with_one_hash(tmp_path: Path) -> None:
    """The hash changes with their content and their order."""
    paths = [tmp_path / "1.csv", tmp_path / "2.csv"]
    for path in paths:
        path.write_bytes(CSV)
    both = Reference(files=tuple(paths), kinds={})
    assert list(both.chunks()) == [ROWS, ROWS]
    first = both.sha256()
    paths[1].write_bytes(CSV + b"3,z\n")
    assert len({first, both.sha256(), Reference(files=tuple(paths[::-1]), kinds={}).sha256()}) == 3
