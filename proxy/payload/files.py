"""Tables in file formats: CSV, NumPy's npy, and Parquet when switched on."""

from __future__ import annotations

import csv
import io
from itertools import islice
from math import isfinite, prod
from tokenize import TokenError
from typing import IO, Final, cast

import numpy as np

from proxy.payload.body import Body
from proxy.payload.parse import Json
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.table import Table

_MAX_CSV_ROWS: Final = 65_536
_MAX_PARQUET_BYTES: Final = 4 * 1024 * 1024


def add_csv(table: Table, body: Body) -> None:
    """Add a CSV body; whether it begins with a header is the setting's or told by its cells."""
    try:
        text = body.data.decode("utf-8-sig")
        lines = [row for row in islice(csv.reader(io.StringIO(text)), _MAX_CSV_ROWS) if row]
    except UnicodeDecodeError:
        raise Unreadable(Reason.NOT_UTF8, "The CSV body is not UTF-8.") from None
    except csv.Error:
        raise Unreadable(Reason.WRONG_SHAPE, "The body is not CSV.") from None
    if not lines:
        raise Unreadable(Reason.NO_ROWS, "The CSV body is empty.")
    header = lines.pop(0) if _has_header(lines, body.kit.settings.csv_header) else None
    if not lines:
        raise Unreadable(Reason.NO_ROWS, "The CSV body holds only a header.")
    width = len(header or lines[0])
    if any(len(row) != width for row in lines):
        raise Unreadable(Reason.WRONG_SHAPE, "The CSV lines have different numbers of cells.")
    columns = [_column(cells) for cells in zip(*lines, strict=True)]
    if header is not None:
        for name, column in zip(header, columns, strict=True):
            table.add(name.strip(), column)
    elif width == 1:
        table.add("", columns[0])
    else:
        table.add_rows([list(row) for row in zip(*columns, strict=True)])


def _has_header(lines: list[list[str]], setting: str) -> bool:
    if setting != "auto":
        return setting == "yes"
    if any(number(cell) is not None for cell in lines[0]):
        return False
    return len(lines) > 1 and any(number(cell) is not None for cell in lines[1])


def _column(cells: tuple[str, ...]) -> list[Json]:
    """Make numbers of a column when all of its cells that are not empty are numbers."""
    numbers = [number(cell) for cell in cells]
    filled = [cell.strip().lower() for cell in cells]
    missing = [cell in ("", "nan", "na", "null", "none") for cell in filled]
    if all(gone or number is not None for gone, number in zip(missing, numbers, strict=True)):
        return list(numbers)
    if set(filled) <= {"true", "false", ""}:
        return [None if cell == "" else cell == "true" for cell in filled]
    return [None if gone else cell for gone, cell in zip(missing, cells, strict=True)]


def number(cell: str) -> float | int | None:
    """Read a cell as a number; `None` when it is none or not finite."""
    if len(cell) > 64 or "_" in cell:  # noqa: PLR2004 - no number of a table has 64 characters
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if isfinite(value) else None


def add_npy(table: Table, data: bytes) -> None:
    """Add an array in NumPy's format; its header is checked against the data before reading."""
    stream = io.BytesIO(data)
    try:
        shape, is_fortran, dtype = read_npy_header(stream, 4096)
    except Exception:  # noqa: BLE001 - the header is Python text, and numpy names no set of errors
        raise Unreadable(Reason.WRONG_SHAPE, "The body is not in NumPy's format.") from None
    body = data[stream.tell() :]
    if dtype.hasobject or dtype.kind not in "biuf":
        raise Unreadable(Reason.WRONG_DATATYPE, "The array does not hold numbers.")
    if min(shape, default=1) < 1 or prod(shape) * dtype.itemsize != len(body):
        raise Unreadable(Reason.WRONG_SHAPE, "The array's shape and its data do not fit.")
    array = np.frombuffer(body, dtype).reshape(shape, order="F" if is_fortran else "C")
    table.add_rows(cast("list[Json]", _finite(array if array.ndim else array.reshape(1))))


def read_npy_header(
    file: IO[bytes], max_bytes: int
) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    """Read up to the first value of an array in NumPy's format: shape, column order, type.

    Raises:
        ValueError: it is none, or its header is longer.
    """
    version = np.lib.format.read_magic(file)
    read = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0
    )
    try:
        return read(file, max_header_size=max_bytes)
    except (SyntaxError, TokenError) as error:  # the header is Python text
        raise ValueError(f"its header is damaged: {error}") from error


def _finite(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> object:
    if array.dtype.kind != "f" or np.isfinite(array).all():
        return array.tolist()
    return np.where(np.isfinite(array), array, None).tolist()  # type: ignore[call-overload]  # numpy has no type for cells of objects


def add_parquet(table: Table, body: Body) -> None:
    """Add a Parquet body, when switched on and the extra `parquet` is installed."""
    if not body.kit.settings.parquet:
        raise Unreadable(Reason.MEDIA_UNAVAILABLE, "Reading Parquet is not switched on.")
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra, large, and rarely wanted
        import pyarrow.parquet as pq  # noqa: PLC0415 - same
    except ImportError:
        raise Unreadable(Reason.MEDIA_UNAVAILABLE, "pyarrow is not installed.") from None
    try:
        file = pq.ParquetFile(io.BytesIO(body.data))
        claimed = sum(
            file.metadata.row_group(i).total_byte_size for i in range(file.metadata.num_row_groups)
        )
        if claimed > _MAX_PARQUET_BYTES:
            raise Unreadable(Reason.TOO_LARGE, "The Parquet body unpacks to too much.")
        columns = file.read().to_pydict()
    except (pa.ArrowException, OSError, ValueError):
        raise Unreadable(Reason.WRONG_SHAPE, "The body is not Parquet.") from None
    table.add_columns(
        {str(name): [_plain(cell) for cell in cells] for name, cells in columns.items()}
    )


def _plain(cell: object) -> Json:
    """Keep what JSON could say; dates and the like become text, numbers not finite missing."""
    if isinstance(cell, float):
        return cell if isfinite(cell) else None
    if cell is None or isinstance(cell, bool | int | str | list | dict):
        return cell
    return str(cell)
