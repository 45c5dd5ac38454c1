"""Reference rows as text: CSV with a header line, and JSON lines with one object for each row.

Both are read line by line. A key that a JSON row does not have, and an empty CSV cell, is a missing
value. Nested objects and lists are given as they are: the rows of requests have them, too.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from proxy.certify.files import CertifyError, Damage, text_lines
from proxy.payload.parse import Json, loads
from proxy.payload.reasons import Unreadable

CHUNK_ROWS: Final = 8192
CHUNK_CELLS: Final = 400_000
"""Wide rows come in smaller chunks: about 30 MB of Python objects at a time."""
MAX_DEPTH: Final = 32
_TRUTH: Final[Mapping[str, bool]] = {"true": True, "false": False}
_MISSING: Final = frozenset({"", "na", "nan", "null", "none"})

Cell: TypeAlias = "Json | npt.NDArray[np.float64]"
Accepts: TypeAlias = Callable[[str], bool]


class CellKind(StrEnum):
    """What the cells of a CSV column are read as."""

    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"


def chunk_rows(n_columns: int) -> int:
    """Give the rows of a chunk for a width."""
    return max(16, min(CHUNK_ROWS, CHUNK_CELLS // max(n_columns, 1)))


def csv_chunks(
    path: Path, kinds: Mapping[str, CellKind], accepts: Accepts, delimiter: str
) -> Iterator[dict[str, Sequence[Cell]]]:
    """Read CSV with a header line; a column whose kind is not told is guessed by its first chunk.

    Raises:
        CertifyError: at the end, with the lines whose cells do not fit the header.
    """
    damage = Damage(path)
    reader = csv.reader(text_lines(path, "reference sample"), delimiter=delimiter, strict=True)
    known = dict(kinds)
    try:
        header = next((row for row in reader if any(cell.strip() for cell in row)), None)
        if header is None:
            raise CertifyError(f"{path}: the reference sample is empty")
        names = [name.strip() for name in header]
        if len(set(names)) < len(names) or not all(names):
            damage.add(reader.line_num, "the header has an empty name, or one name twice")
        places = {name: place for place, name in enumerate(names) if name and accepts(name)}
        for rows in _batches(_sound(reader, len(names), damage), chunk_rows(len(names))):
            columns = list(zip(*rows, strict=True))
            yield {name: _read_cells(columns[place], name, known) for name, place in places.items()}
    except csv.Error as error:
        damage.add(reader.line_num, str(error))
    damage.check()


class _Reader(Protocol):
    """What `csv.reader` gives, whose type has no public name."""

    @property
    def line_num(self) -> int:
        """Lines read so far."""

    def __iter__(self) -> Iterator[list[str]]:
        """Give the rows."""


def _sound(reader: _Reader, width: int, damage: Damage) -> Iterator[list[str]]:
    """Give the rows that fit the header, and note the others."""
    for row in reader:
        if len(row) == width:
            yield row
        elif row:
            damage.add(reader.line_num, f"{len(row)} cells, but the header has {width}")


def _batches(rows: Iterator[list[str]], n: int) -> Iterator[list[list[str]]]:
    batch: list[list[str]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == n:
            yield batch
            batch = []
    if batch:
        yield batch


def _read_cells(cells: Sequence[str], name: str, kinds: dict[str, CellKind]) -> list[Json]:
    kind = kinds.get(name)
    if kind is None:
        kind = kinds[name] = _guess(cells)
    if kind is CellKind.NUMBER:
        try:
            numbers = list(map(float, cells))
        except ValueError:
            pass  # empty cells, or text among numbers: cell by cell
        else:
            return [None if math.isnan(value) else value for value in numbers]
    return [_read_cell(cell.strip(), kind) for cell in cells]


def _guess(cells: Sequence[str]) -> CellKind:
    """Give what all cells that are not missing can be read as."""
    present = [cell.strip() for cell in cells if cell.strip().lower() not in _MISSING]
    if present and all(cell.lower() in _TRUTH for cell in present):
        return CellKind.TRUTH
    if all(_number(cell) is not None for cell in present):
        return CellKind.NUMBER
    return CellKind.TEXT


def _read_cell(cell: str, kind: CellKind) -> Json:
    """Give the value of one cell; text in a column of numbers stays text, which is a finding."""
    if cell == "" or (kind is not CellKind.TEXT and cell.lower() in _MISSING):
        return None
    if kind is CellKind.TRUTH:
        return _TRUTH.get(cell.lower(), cell)
    if kind is CellKind.NUMBER:
        number = _number(cell)
        return cell if number is None else number
    return cell


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def json_chunks(path: Path, accepts: Accepts) -> Iterator[dict[str, Sequence[Cell]]]:
    """Read JSON lines; `NaN` and `Infinity`, which are not JSON but are written, are missing.

    Raises:
        CertifyError: at the end, with the lines that are no JSON object.
    """
    damage = Damage(path)
    rows: list[dict[str, Json]] = []
    n_seen = 0
    for number, line in enumerate(text_lines(path, "reference sample"), start=1):
        if not line.strip():
            continue
        n_seen += 1
        try:
            rows.append(_row(line))
        except ValueError as error:
            damage.add(number, f"no JSON object of one row: {error}")
        if len(rows) >= CHUNK_ROWS or (rows and len(rows) >= chunk_rows(len(rows[0]))):
            yield _columns(rows, accepts)
            rows = []
    if not n_seen:
        raise CertifyError(f"{path}: the reference sample is empty")
    damage.check()
    if rows:
        yield _columns(rows, accepts)


def _row(line: str) -> dict[str, Json]:
    """Read one row.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        row: Json = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        try:
            row = loads(line.encode(), MAX_DEPTH)
        except Unreadable:
            raise ValueError(str(error)) from None
    if not isinstance(row, dict):
        raise ValueError(f"Expected `object`, got `{type(row).__name__}`")  # noqa: TRY004 - told to the reader of the file
    return row


def _columns(rows: Sequence[dict[str, Json]], accepts: Accepts) -> dict[str, Sequence[Cell]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names if accepts(name)}
