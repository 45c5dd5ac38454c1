"""The schema of a side: which columns, of which kind, range and categories; and breaks of it.

Certification infers it from many `Rows` and stores it in the benchmark. Later rows are checked
against it one exchange at a time; a monitor weighs how often it breaks. A drift of values within
the schema is not a break: that is the detectors' business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from proxy.records import Rows, Scalar, Side

VERSION: Final = 1
_MAX_CATEGORIES: Final = 200
_MARGIN: Final = 0.5
"""How far beyond the certified range, in widths of it, a value may lie before it breaks the schema.
A range is seen on a sample; the next sample exceeds it a little as a matter of course."""


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    EMPTY = "empty"
    """Nothing but missing cells."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What was certified of one column."""

    name: str
    kind: Kind
    required: bool
    """It was in every body."""
    low: float | None = None
    high: float | None = None
    """Range of the numbers. `None`: the column has none."""
    categories: tuple[str, ...] | None = None
    """Strings seen. `None`: more than 200, or no strings: any is allowed."""
    missing_share: float = 0.0


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What was certified of one side."""

    side: Side
    columns: tuple[Column, ...]
    n: int
    """Rows it was inferred from."""
    version: int = VERSION


class BreakKind(StrEnum):
    """In which way rows break a schema."""

    MISSING_COLUMN = "missing_column"
    EXTRA_COLUMN = "extra_column"
    WRONG_KIND = "wrong_kind"
    OUT_OF_RANGE = "out_of_range"
    NEW_CATEGORY = "new_category"
    MISSING_VALUE = "missing_value"
    """A cell is missing in a column that never had one missing."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the rows of one exchange break the schema."""

    kind: BreakKind
    column: str
    n: int
    """Rows of the exchange it concerns."""


class _Seen:
    """What was seen of one column so far."""

    def __init__(self) -> None:
        self.kinds: set[Kind] = set()
        self.low: float | None = None
        self.high: float | None = None
        self.categories: set[str] = set()
        self.n_bodies = 0
        self.n = 0
        self.n_missing = 0

    def add(self, values: Iterable[Scalar]) -> None:
        """Add the cells of one body."""
        self.n_bodies += 1
        for value in values:
            self.n += 1
            kind = kind_of(value)
            if kind is Kind.EMPTY:
                self.n_missing += 1
                continue
            self.kinds.add(kind)
            if isinstance(value, str):
                if len(self.categories) <= _MAX_CATEGORIES:
                    self.categories.add(value)
            elif kind is Kind.NUMBER and value is not None:
                self.low = value if self.low is None else min(self.low, value)
                self.high = value if self.high is None else max(self.high, value)

    def column(self, name: str, n_bodies: int) -> Column:
        """Give what was seen; a column of mixed kinds is one of categories."""
        if not self.kinds:
            kind = Kind.EMPTY
        else:
            kind = next(iter(self.kinds)) if len(self.kinds) == 1 else Kind.CATEGORY
        listed = kind is Kind.CATEGORY and 0 < len(self.categories) <= _MAX_CATEGORIES
        is_number = kind is Kind.NUMBER
        return Column(
            name=name,
            kind=kind,
            required=self.n_bodies == n_bodies,
            low=self.low if is_number else None,
            high=self.high if is_number else None,
            categories=tuple(sorted(self.categories)) if listed and len(self.kinds) == 1 else None,
            missing_share=self.n_missing / self.n if self.n else 0.0,
        )


def kind_of(value: Scalar) -> Kind:
    """Give the kind of one cell."""
    if value is None:
        return Kind.EMPTY
    if isinstance(value, bool):
        return Kind.BOOLEAN
    return Kind.CATEGORY if isinstance(value, str) else Kind.NUMBER


def infer(side: Side, bodies: Iterable[Rows]) -> Schema:
    """Infer the schema of `side` from a reference; rows of the other side are skipped."""
    seen: dict[str, _Seen] = {}
    n_bodies = n = 0
    for rows in bodies:
        if rows.side is not side:
            continue
        n_bodies += 1
        n += rows.n
        for name, values in zip(rows.columns, rows.values, strict=True):
            seen.setdefault(name, _Seen()).add(values)
    columns = tuple(found.column(name, n_bodies) for name, found in seen.items())
    return Schema(side=side, columns=columns, n=n)


def categories(schemas: Iterable[Schema]) -> dict[str, frozenset[str]]:
    """Give the certified strings by column, as the decoder's redaction wants them."""
    return {
        column.name: frozenset(column.categories)
        for schema in schemas
        for column in schema.columns
        if column.categories is not None
    }


def breaks(schema: Schema, rows: Rows) -> tuple[Break, ...]:
    """Give how `rows` break `schema`; empty when they do not. O(cells)."""
    given: Mapping[str, list[Scalar]] = dict(zip(rows.columns, rows.values, strict=True))
    certified = {column.name: column for column in schema.columns}
    found = [
        Break(kind=BreakKind.MISSING_COLUMN, column=name, n=rows.n)
        for name, column in certified.items()
        if column.required and name not in given
    ]
    for name, values in given.items():
        known = certified.get(name)
        if known is None:
            found.append(Break(kind=BreakKind.EXTRA_COLUMN, column=name, n=rows.n))
        elif known.kind is not Kind.EMPTY:
            found += _broken_cells(known, values)
    return tuple(found)


def _broken_cells(column: Column, values: Iterable[Scalar]) -> list[Break]:
    """Count the cells of one column that break its schema, by kind of break."""
    counts: dict[BreakKind, int] = {}
    for value in values:
        kind = _break_of(column, value)
        if kind is not None:
            counts[kind] = counts.get(kind, 0) + 1
    return [Break(kind=kind, column=column.name, n=n) for kind, n in counts.items()]


def _break_of(column: Column, value: Scalar) -> BreakKind | None:
    """Give how one cell breaks its column's schema; `None` when it does not."""
    if value is None:
        return BreakKind.MISSING_VALUE if column.missing_share == 0 else None
    if isinstance(value, str):
        if column.kind is not Kind.CATEGORY:
            return BreakKind.WRONG_KIND
        is_known = column.categories is None or value in column.categories
        return None if is_known else BreakKind.NEW_CATEGORY
    if column.kind is Kind.CATEGORY and column.categories is None:
        return None
    if kind_of(value) is not column.kind:
        return BreakKind.WRONG_KIND
    return BreakKind.OUT_OF_RANGE if _is_out_of_range(column, value) else None


def _is_out_of_range(column: Column, value: float) -> bool:
    if column.low is None or column.high is None:
        return False
    margin = _MARGIN * (column.high - column.low)
    # A column that was constant has no width to measure by: only its own size can be one.
    margin = margin or _MARGIN * max(abs(column.high), 1.0)
    return not column.low - margin <= value <= column.high + margin
