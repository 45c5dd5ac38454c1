"""Reference rows as NumPy arrays: npy and npz, read in chunks and never unpickled.

The first axis is that of the rows. A structured array has a column for each field; the columns of
any other array are named as those of requests without names (`x0`, `x1`, ...), and rows wider than
`payload.tensor_width` are tensors. In an npz every array is a column, or several, of its name.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from math import prod
from pathlib import Path
from typing import IO, Any, Final, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from proxy.certify.files import CertifyError
from proxy.certify.tables import Accepts, Cell, chunk_rows
from proxy.payload.files import read_npy_header

MAX_HEADER: Final = 65_536
MAX_FORTRAN_BYTES: Final = 128 * 1024**2
"""Arrays stored column by column are read whole: larger ones would not fit."""
UNNAMED: Final = "arr_0"
"""What NumPy calls an array that was saved without a name."""

Array: TypeAlias = npt.NDArray[Any]
"""Of whatever dtype the file has."""


def npy_chunks(path: Path, accepts: Accepts) -> Iterator[dict[str, Sequence[Cell]]]:
    """Read an npy file.

    Raises:
        CertifyError: it cannot be read, is no npy file, or holds Python objects.
    """
    try:
        with path.open("rb") as file:
            for block in _Stored(path, "", file).blocks():
                yield _columns("", block, accepts)
    except OSError as error:
        raise CertifyError(
            f"{path}: the reference sample cannot be read: {error.strerror}"
        ) from error


def npz_chunks(path: Path, accepts: Accepts) -> Iterator[dict[str, Sequence[Cell]]]:
    """Read an npz file, all of its arrays side by side.

    Raises:
        CertifyError: it cannot be read, an array is no array of values, or their lengths differ.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            members = [name for name in packed.namelist() if name.endswith(".npy")]
            stored = [
                _Stored(path, _named(name, members), packed.open(name))
                for name in members
                if accepts(_named(name, members)) or len(members) == 1
            ]
            yield from _side_by_side(path, stored, accepts)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise CertifyError(f"{path}: the reference sample is no sound npz file: {error}") from error
    except OSError as error:
        raise CertifyError(
            f"{path}: the reference sample cannot be read: {error.strerror}"
        ) from error


def _named(member: str, members: Sequence[str]) -> str:
    name = member.removesuffix(".npy")
    return "" if name == UNNAMED and len(members) == 1 else name


def _side_by_side(
    path: Path, stored: Sequence[_Stored], accepts: Accepts
) -> Iterator[dict[str, Sequence[Cell]]]:
    lengths = {one.name: one.n for one in stored}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {n}" for name, n in list(lengths.items())[:8])
        raise CertifyError(f"{path}: its arrays have different numbers of rows ({told})")
    size = min((one.chunk for one in stored), default=1)
    for blocks in zip(*(one.blocks(size) for one in stored), strict=True):
        chunk: dict[str, Sequence[Cell]] = {}
        for one, block in zip(stored, blocks, strict=True):
            chunk |= _columns(one.name, block, accepts)
        yield chunk


class _Stored:
    """One array in NumPy's format, not read yet but for its head."""

    def __init__(self, path: Path, name: str, file: IO[bytes]) -> None:
        """Read the head.

        Raises:
            CertifyError: it is no array of numbers, truth values, text or times.
        """
        self.name = name
        self._place = f"{path}: array {name!r}" if name else f"{path}"
        self._file = file
        try:
            self._shape, self._is_fortran, self._dtype = read_npy_header(file, MAX_HEADER)
        except ValueError as error:
            raise CertifyError(f"{self._place} is not in NumPy's format: {error}") from error
        if self._dtype.hasobject:
            raise CertifyError(
                f"{self._place} holds Python objects, which are pickled, and nothing is unpickled "
                "here: save it with a plain dtype, or as Parquet"
            )
        if not self._shape:
            raise CertifyError(f"{self._place} is a single value, not an array of rows")
        self.n = self._shape[0]
        fields = len(self._dtype.names or ()) or 1
        self.chunk = chunk_rows(prod(self._shape[1:]) * fields)

    def blocks(self, size: int = 0) -> Iterator[Array]:
        """Give the rows, `size` at a time.

        Raises:
            CertifyError: the file ends before its head says so.
        """
        size = size or self.chunk
        if self._is_fortran and len(self._shape) > 1:
            yield from self._transposed(size)
            return
        row_bytes = prod(self._shape[1:]) * self._dtype.itemsize
        for first in range(0, self.n, size):
            n = min(size, self.n - first)
            yield self._array(n * row_bytes).reshape(n, *self._shape[1:])

    def _transposed(self, size: int) -> Iterator[Array]:
        n_bytes = prod(self._shape) * self._dtype.itemsize
        if n_bytes > MAX_FORTRAN_BYTES:
            raise CertifyError(
                f"{self._place} is stored column by column (Fortran order) with {n_bytes} bytes: "
                "save numpy.ascontiguousarray of it"
            )
        whole = self._array(n_bytes).reshape(self._shape, order="F")
        for first in range(0, self.n, size):
            yield whole[first : first + size]

    def _array(self, n_bytes: int) -> Array:
        data = self._file.read(n_bytes)
        if len(data) != n_bytes:
            raise CertifyError(f"{self._place} ends in the middle of its rows")
        return np.frombuffer(data, self._dtype)


def _columns(name: str, block: Array, accepts: Accepts) -> dict[str, Sequence[Cell]]:
    """Give the columns of a block of rows."""
    if block.dtype.names:
        prefix = f"{name}." if name else ""
        return {
            prefix + field: _cells(block[field])
            for field in block.dtype.names
            if accepts(prefix + field)
        }
    return {name: _cells(block)}


def _cells(block: Array) -> list[Cell]:
    """Give values as JSON could say them: text for bytes and times, missing for NaN and NaT."""
    kind = block.dtype.kind
    if kind == "M":
        texts = np.datetime_as_string(block).tolist()
        return [None if text == "NaT" else text for text in texts]
    if kind == "m":
        block = block / np.timedelta64(1, "s")
    elif kind == "S":
        block = np.char.decode(block, "utf-8", "replace")
    if block.dtype.kind == "f" and not np.isfinite(block).all():
        return cast("list[Cell]", np.where(np.isnan(block), None, block).tolist())  # type: ignore[call-overload]  # numpy has no type for cells of objects
    return cast("list[Cell]", block.tolist())
