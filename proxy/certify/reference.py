"""The reference: rows of training or of accepted traffic, from files of any size.

CSV, JSON lines, Parquet and NumPy files, one or several, are read in chunks of some thousand rows,
as often as asked for. A damaged row is an error with its line, not something to skip: a reference
that silently lost rows certifies something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from proxy.certify.arrays import npy_chunks, npz_chunks
from proxy.certify.columnar import parquet_chunks
from proxy.certify.files import CertifyError, hash_file
from proxy.certify.tables import Cell, CellKind, csv_chunks, json_chunks

WHAT: Final = "reference sample"
MAX_FILES: Final = 10_000
_ENDINGS: Final = frozenset(
    {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".npy", ".npz"}
)
_ARRAYS: Final[Mapping[bytes, str]] = {
    b"PAR1": ".parquet",
    b"\x93NUMPY": ".npy",
    b"PK\x03\x04": ".npz",
}
"""How files begin whose name does not tell what they are."""
_WILD: Final = frozenset("*?[")

Chunk: TypeAlias = dict[str, Sequence[Cell]]
"""Some rows, column by column; the name is empty where rows come without one."""


def _all(name: str) -> bool:
    del name
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Files of reference rows, in the order in which their rows count."""

    files: tuple[Path, ...]
    kinds: Mapping[str, CellKind]
    """How recorded requests carry a column, by name. It decides how CSV cells are read (`01234` may
    be a number or a code); columns that are not named are guessed."""
    accepts: Callable[[str], bool] = _all
    """Tells which columns are read."""

    def chunks(self) -> Iterator[Chunk]:
        """Read all rows, file by file, from the beginning.

        Raises:
            CertifyError: a file cannot be read, or has damaged rows.
        """
        for path in self.files:
            yield from self._read(path)

    def _read(self, path: Path) -> Iterator[Chunk]:
        ending = _ending(path)
        if ending == ".parquet":
            return parquet_chunks(path, self.accepts)
        if ending == ".npy":
            return npy_chunks(path, self.accepts)
        if ending == ".npz":
            return npz_chunks(path, self.accepts)
        if ending == ".json":
            return json_chunks(path, self.accepts)
        return csv_chunks(path, self.kinds, self.accepts, "\t" if ending == ".tsv" else ",")

    def sha256(self) -> str:
        """Give the hash of the file; of several files, that of their names and hashes.

        Raises:
            CertifyError: a file cannot be read.
        """
        hashes = [hash_file(path, WHAT) for path in self.files]
        if len(hashes) == 1:
            return hashes[0]
        lines = zip(self.files, hashes, strict=True)
        together = "".join(f"{path.name}\0{digest}\n" for path, digest in lines)
        return hashlib.sha256(together.encode()).hexdigest()


def find_files(given: Sequence[Path]) -> tuple[Path, ...]:
    """Give the files that paths mean: files, folders of files, and patterns such as `part-*.csv`.

    Raises:
        CertifyError: a path means no file, or there are too many.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(one for one in path.iterdir() if _is_known(one))
            if not inside:
                raise CertifyError(f"{path}: the folder has no file of rows ({_known()})")
            found += inside
        elif _WILD & set(path.name) and not path.exists():
            matching = sorted(path.parent.glob(path.name))
            if not matching:
                raise CertifyError(f"{path}: no file matches")
            found += matching
        else:
            found.append(path)
    if not 0 < len(found) <= MAX_FILES:
        raise CertifyError(f"{len(found)} files of reference rows; 1 to {MAX_FILES} can be read")
    return tuple(found)


def _known() -> str:
    return ", ".join(sorted(_ENDINGS))


def _is_known(path: Path) -> bool:
    bare = path.with_suffix("") if path.suffix == ".gz" else path
    return path.is_file() and bare.suffix in _ENDINGS


def _ending(path: Path) -> str:
    """Give what a file is: by its name, else by how it begins.

    Raises:
        CertifyError: it cannot be read.
    """
    named = set(path.suffixes) & _ENDINGS
    if named & {".parquet", ".pq"}:
        return ".parquet"
    if named & {".jsonl", ".ndjson", ".json"}:
        return ".json"
    if named:
        return min(named)
    try:
        with path.open("rb") as file:
            begin = file.read(256)
    except OSError as error:
        raise CertifyError(f"{path}: the {WHAT} cannot be read: {error.strerror}") from error
    for magic, ending in _ARRAYS.items():
        if begin.startswith(magic):
            return ending
    return ".json" if begin.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"{", b"[")) else ".csv"
