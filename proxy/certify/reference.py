"""The reference sample: rows of training or of accepted traffic, as CSV or JSON lines.

CSV needs a header line. JSON lines hold one object for each row; a key that is not there is a
missing value. A damaged row is an error with its line, not something to skip: a reference that
silently lost rows certifies something else.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from proxy.certify.files import CertifyError, Damage, Source, read_source
from proxy.records import Scalar

_TRUTH: Final[Mapping[str, bool]] = {"true": True, "false": False}
_MISSING: Final = frozenset({"", "na", "nan", "null", "none"})


class CellKind(StrEnum):
    """What the cells of a CSV column are read as."""

    NUMBER = "number"
    TRUTH = "truth"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The reference rows, column by column."""

    columns: dict[str, list[Scalar]]
    """Each of length `n`."""
    n: int
    sha256: str


def read_reference(path: Path, kinds: Mapping[str, CellKind]) -> Reference:
    """Read a reference sample.

    Args:
        path: `.csv`, `.jsonl`, `.ndjson` or `.json`, each with `.gz` too; any other name is told
            apart by its first character.
        kinds: how recorded requests carry a column, by name. It decides how CSV cells are read
            (`01234` may be a number or a code); columns that are not named are guessed.

    Raises:
        CertifyError: the file cannot be read, or has damaged rows.
    """
    source = read_source(path, "reference sample")
    columns = _from_csv(source, kinds) if _is_csv(source) else _from_json_lines(source)
    n = max((len(values) for values in columns.values()), default=0)
    if n == 0:
        raise CertifyError(f"{path}: the reference sample has no rows")
    return Reference(columns=columns, n=n, sha256=source.sha256)


def _is_csv(source: Source) -> bool:
    suffixes = set(source.path.suffixes)
    if suffixes & {".csv", ".tsv"}:
        return True
    if suffixes & {".jsonl", ".ndjson", ".json"}:
        return False
    return not source.text.lstrip().startswith(("{", "["))


def _from_csv(source: Source, kinds: Mapping[str, CellKind]) -> dict[str, list[Scalar]]:
    """Read CSV (or TSV) with a header line.

    Raises:
        CertifyError: with the lines whose cells do not fit the header.
    """
    damage = Damage(source.path)
    delimiter = "\t" if ".tsv" in source.path.suffixes else ","
    reader = csv.reader(io.StringIO(source.text), delimiter=delimiter, strict=True)
    cells: list[list[str]] = []
    names: list[str] = []
    try:
        names = [name.strip() for name in next(reader)]
        if len(set(names)) < len(names) or not all(names):
            damage.add(1, "the header has an empty name, or one name twice")
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                damage.add(reader.line_num, f"{len(row)} cells, but the header has {len(names)}")
            else:
                cells.append(row)
    except csv.Error as error:
        damage.add(reader.line_num, str(error))
    damage.check()
    by_column = zip(*cells, strict=True) if cells else ()
    return {
        name: _read_cells(values, kinds.get(name))
        for name, values in zip(names, by_column, strict=False)
    }


def _read_cells(cells: Sequence[str], kind: CellKind | None) -> list[Scalar]:
    chosen = kind or _guess(cells)
    return [_read_cell(cell.strip(), chosen) for cell in cells]


def _guess(cells: Sequence[str]) -> CellKind:
    """Give what all cells that are not missing can be read as."""
    present = [cell.strip() for cell in cells if cell.strip().lower() not in _MISSING]
    if present and all(cell.lower() in _TRUTH for cell in present):
        return CellKind.TRUTH
    if all(_number(cell) is not None for cell in present):
        return CellKind.NUMBER
    return CellKind.TEXT


def _read_cell(cell: str, kind: CellKind) -> Scalar:
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


def _from_json_lines(source: Source) -> dict[str, list[Scalar]]:
    damage = Damage(source.path)
    decode = msgspec.json.Decoder(dict[str, float | int | str | bool | None]).decode
    rows: list[dict[str, Scalar]] = []
    for number, line in source.lines():
        try:
            rows.append(decode(line))
        except (msgspec.MsgspecError, ValueError) as error:
            damage.add(number, f"no flat JSON object: {error}")
    damage.check()
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [_present(row.get(name)) for row in rows] for name in names}


def _present(value: Scalar) -> Scalar:
    return None if isinstance(value, float) and math.isnan(value) else value
