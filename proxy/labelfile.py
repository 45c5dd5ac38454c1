"""Files of true outcomes: CSV with a header line, or one JSON object a line.

A line names a request by `id` (an id that the client knows; `ID#k` is its row k) or by `row` (its
number in the file of recorded requests, from 0), and says what turned out to be true in `label` (or
`truth`), maybe with `at_utc`, the time when it became known. In CSV an empty cell, NA, NaN, null or
none is no outcome yet, in JSON null. Used by `stablehand labels` and by
`stablehand certify --labels`. Nothing is sent or compared here.
"""

from __future__ import annotations

import csv
import gzip
import math
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import msgspec

Scalar = bool | int | float | str | None
MAX_CHARS: Final = 1024 * 1024
"""Longest line."""
MAX_DIGITS: Final = 18
"""Of the number of a row."""
_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d+)?")
_TRUTH: Final = {"true": True, "false": False}
_MISSING: Final = frozenset({"", "na", "nan", "null", "none"})


class LabelFileError(Exception):
    """A file of labels cannot be read; the message names the line and what to do."""


@dataclass(frozen=True, slots=True)
class LabelLine:
    """One label as it stands in a file."""

    id: str
    """Empty where the request is named by its row."""
    row: int | None
    """Number of the request, from 0. `None`: it is named by its id."""
    value: Scalar | list[Scalar]
    at_utc: str | float | None
    line: int


class _Json(msgspec.Struct):
    id: str | int = ""
    row: int | None = None
    label: Scalar | list[Scalar] | msgspec.UnsetType = msgspec.UNSET
    truth: Scalar | list[Scalar] | msgspec.UnsetType = msgspec.UNSET
    at_utc: str | float | None = None


def read(path: Path) -> Iterator[LabelLine]:
    """Give the labels of a file, one after another; lines without an outcome are left out.

    Args:
        path: `.csv`, `.tsv`, `.jsonl`, `.ndjson` or `.json`, each with `.gz` too; another name is
            told apart by its first character.

    Raises:
        LabelFileError: it is missing or unreadable, or a line cannot be read.
    """
    try:
        with _opened(path) as file:
            start = file.read(1)
            file.seek(0)
            suffixes = set(path.suffixes)
            is_json = start in {"{", "["} and not suffixes & {".csv", ".tsv"}
            yield from _from_json(path, file) if is_json else _from_csv(path, file)
    except OSError as error:
        why = error.strerror or str(error)
        raise LabelFileError(f"{path}: the file of labels cannot be read: {why}") from error
    except (EOFError, zlib.error) as error:
        raise LabelFileError(f"{path}: it is not a sound gzip file: {error}") from error
    except UnicodeDecodeError as error:
        raise LabelFileError(f"{path}: the file of labels is not UTF-8 text: {error}") from error


def _opened(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _from_json(path: Path, file: TextIO) -> Iterator[LabelLine]:
    decode = msgspec.json.Decoder(_Json).decode
    number = 0
    while text := file.readline(MAX_CHARS):
        number += 1
        if not text.strip():
            continue
        try:
            found = decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise LabelFileError(f"{path}:{number}: no label: {error}") from error
        value = found.truth if isinstance(found.label, msgspec.UnsetType) else found.label
        if isinstance(value, msgspec.UnsetType) or not (found.id or found.row is not None):
            raise LabelFileError(f"{path}:{number}: `label` and `id` (or `row`) are needed")
        if value is not None:
            row = found.row if not found.id else None
            yield LabelLine(str(found.id), row, value, found.at_utc, number)


def _from_csv(path: Path, file: TextIO) -> Iterator[LabelLine]:
    delimiter = "\t" if ".tsv" in path.suffixes else ","
    reader = csv.reader(file, delimiter=delimiter, strict=True)
    try:
        places = _places(path, next(reader, []))
        for cells in reader:
            if cells:
                yield from _from_cells(path, reader.line_num, cells, places)
    except csv.Error as error:
        raise LabelFileError(f"{path}:{reader.line_num}: {error}") from error


def _places(path: Path, header: list[str]) -> dict[str, int]:
    """Give where each known column stands.

    Raises:
        LabelFileError: the header has no id (or row), or no label.
    """
    places = {name.strip().lower(): place for place, name in enumerate(header)}
    if "label" not in places and "truth" in places:
        places["label"] = places["truth"]
    if "label" not in places or not places.keys() & {"id", "row"}:
        raise LabelFileError(
            f"{path}:1: the header needs the columns `id` (or `row`) and `label`; it has: "
            f"{', '.join(header[:8]) or 'nothing'}"
        )
    return places


def _from_cells(
    path: Path, number: int, cells: list[str], places: dict[str, int]
) -> Iterator[LabelLine]:
    if len(cells) <= max(places.values()):
        raise LabelFileError(f"{path}:{number}: {len(cells)} cells, the header has more")
    text = cells[places["label"]].strip()
    if text.lower() in _MISSING:
        return
    name = cells[places["id"]].strip() if "id" in places else ""
    row = cells[places["row"]].strip() if not name and "row" in places else ""
    if not name and not (row.isascii() and row.isdigit() and len(row) <= MAX_DIGITS):
        raise LabelFileError(f"{path}:{number}: neither an id nor a row, which counts from 0")
    at_utc = cells[places["at_utc"]].strip() if "at_utc" in places else ""
    yield LabelLine(name, int(row) if row else None, cell(text), _moment(at_utc), number)


def _moment(text: str) -> str | float | None:
    """Give a time as it is sent: seconds since 1970, or text; `None` when there is none."""
    value = cell(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text or None
    return float(value)


def cell(text: str) -> Scalar:
    """Give the value of a CSV cell: a number in its usual form, a truth value, or text.

    `007` is a code and stays text, and so does a number that is too long for any.
    """
    if text.lower() in _TRUTH:
        return _TRUTH[text.lower()]
    if not _NUMBER.fullmatch(text):
        return text
    number = float(text)
    if not math.isfinite(number):
        return text
    return int(text) if text.lstrip("-").isdigit() else number
