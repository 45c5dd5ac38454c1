"""The schema of a side: which columns, of which kind, range and categories; and breaks of it.

Certification infers it and stores it in the benchmark. Later rows are checked against it one
exchange at a time; a monitor weighs how often they break it. A drift of values within the schema is
not a break: that is the detectors' business.

Of answers less counts than of requests: a regression beyond its certified range is drift, and so is
whatever a descriptor of a text or a tensor shows. What counts is said at `_of_answers`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from math import isfinite
from typing import Final

import msgspec

from proxy.payload import llm, tensor, text
from proxy.records import Rows, Scalar, Side

VERSION: Final = 1
MAX_CATEGORIES: Final = 200
MIN_CATEGORY_ROWS: Final = 5
"""Rarer strings stand in no benchmark: fewer rows could point at a person."""
_LISTED: Final = 0.9
"""Share of a column's strings that the listed categories must cover. Below it is a column of names
or ids, in which a new string is no news."""
_MARGIN: Final = 0.5
"""How far beyond the certified range, in widths of it, a value may lie before it breaks the schema.
A range is seen on a sample; the next sample exceeds it a little as a matter of course."""
_ELEMENT: Final = re.compile(r"(?P<vector>.+)\[(?P<i>\d{1,6})\]|(?P<letter>[xp])(?P<j>\d{1,6})")
_SIZE: Final = ".size"
"""Ends the name of the column that counts the numbers of a tensor."""
MAX_CLASSES: Final = 20
"""Different whole numbers in a column of answers up to which they are taken for classes."""
_NEAR_END: Final = 0.05
"""How near to 0 and to 1 the certified answers of a column must come to be taken for shares."""
_ROUNDING: Final = 1e-6
"""How far a share may lie beside 0 to 1: what single precision does to it."""
_MEASURES: Final = frozenset(
    (*text.MEASURES, *tensor.MEASURES, "novelty", "residual", "items", "bytes", "width")
)
_OWN: Final = llm.ANSWER_COLUMNS | {"bytes"}
_DIRECTION: Final = re.compile(r"pc\d{1,3}")
_SUMMED_UP: Final = frozenset({"class", "confidence", "entropy"})
"""What the decoder makes of a distribution (`probabilities.py`): its width says all of its form."""


class Kind(StrEnum):
    """What a column holds."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    CATEGORY = "category"
    EMPTY = "empty"
    """Nothing but missing cells: any value is allowed."""


class BreakKind(StrEnum):
    """In which way rows break a schema, in words for people."""

    MISSING_COLUMN = "column missing"
    EXTRA_COLUMN = "column unknown"
    WRONG_WIDTH = "wrong width"
    """A vector or tensor has more or fewer numbers than certified."""
    WRONG_KIND = "value of wrong type"
    OUT_OF_RANGE = "value out of range"
    NEW_CATEGORY = "new category"
    MISSING_VALUE = "value missing"
    """A cell is missing in a column that never had one missing."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """What was certified of one column."""

    name: str
    kind: Kind
    required: bool
    """It was in every request."""
    low: float | None = None
    high: float | None = None
    """Range of the numbers. `None`: the column has none."""
    categories: tuple[str, ...] | None = None
    """The strings that occur. `None`: too many or too rare to list, or no strings: any is
    allowed."""
    missing_share: float = 0.0
    classes: tuple[float, ...] | None = None
    """Answers: the whole numbers that occur, where they are few. `None`: any number is allowed."""
    is_share: bool = False
    """Answers: numbers that fill 0 to 1 and never leave it, such as probabilities."""


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """What was certified of one side."""

    version: int = VERSION
    side: Side
    n: int
    """Rows it was inferred from."""
    columns: tuple[Column, ...]
    shares: dict[BreakKind, float] = {}
    """Share of the certified rows themselves that break it: rare strings, odd cells. A kind that is
    not named has none."""
    unreadable: float = 0.0
    """Share of the certified bodies that could not be read."""


class Break(msgspec.Struct, frozen=True, kw_only=True):
    """One way in which the rows of one exchange break the schema."""

    kind: BreakKind
    column: str
    n: int
    """Rows of the exchange it concerns."""


class _Seen:
    """What was seen of one column so far."""

    def __init__(self) -> None:
        self.kinds: Counter[Kind] = Counter()
        self.low: float | None = None
        self.high: float | None = None
        self.strings: Counter[str] = Counter()
        self.whole: Counter[float] = Counter()
        """Whole numbers; stops growing when there are too many for classes."""
        self.n_bodies = 0

    def add(self, values: Iterable[Scalar]) -> None:
        """Add cells."""
        for value in values:
            kind = kind_of(value)
            self.kinds[kind] += 1
            if isinstance(value, str):
                if value in self.strings or len(self.strings) <= MAX_CATEGORIES:
                    self.strings[value] += 1
            elif kind is Kind.NUMBER and value is not None and isfinite(value):
                self.low = value if self.low is None else min(self.low, value)
                self.high = value if self.high is None else max(self.high, value)
                if value % 1 == 0 and (value in self.whole or len(self.whole) <= MAX_CLASSES):
                    self.whole[value] += 1

    def column(self, name: str, n_bodies: int) -> Column:
        """Give what was seen; most cells decide the kind."""
        present = [(kind, n) for kind, n in self.kinds.most_common() if kind is not Kind.EMPTY]
        kind = present[0][0] if present else Kind.EMPTY
        is_number = kind is Kind.NUMBER
        n = self.kinds.total()
        return Column(
            name=name,
            kind=kind,
            required=self.n_bodies == n_bodies,
            low=self.low if is_number else None,
            high=self.high if is_number else None,
            categories=self._categories() if kind is Kind.CATEGORY else None,
            missing_share=self.kinds[Kind.EMPTY] / n if n else 0.0,
        )

    def _categories(self) -> tuple[str, ...] | None:
        if len(self.strings) > MAX_CATEGORIES:
            return None
        found = sorted(string for string, n in self.strings.items() if n >= MIN_CATEGORY_ROWS)
        covered = sum(self.strings[string] for string in found)
        return tuple(found) if found and covered >= _LISTED * self.strings.total() else None

    def classes(self) -> tuple[float, ...] | None:
        """Give the whole numbers when they are all that there is, and few."""
        n = self.kinds[Kind.NUMBER]
        if len(self.whole) > MAX_CLASSES or self.whole.total() < n:
            return None
        found = sorted(number for number, n in self.whole.items() if n >= MIN_CATEGORY_ROWS)
        covered = sum(self.whole[number] for number in found)
        return tuple(found) if found and covered >= _LISTED * n else None


def kind_of(value: Scalar) -> Kind:
    """Give the kind of one cell; NaN is a missing one."""
    if value is None or value != value:  # noqa: PLR0124 - finds NaN
        return Kind.EMPTY
    if isinstance(value, bool):
        return Kind.BOOLEAN
    return Kind.CATEGORY if isinstance(value, str) else Kind.NUMBER


def infer(
    side: Side,
    sample: Mapping[str, Sequence[Scalar]],
    bodies: Sequence[Rows],
    n_unreadable: int = 0,
) -> Schema | None:
    """Infer the schema of a side; `None` when there is nothing to infer it from.

    Args:
        side: what the schema is of.
        sample: reference rows, column by column. They tell kinds, ranges and categories.
        bodies: decoded requests or answers as they come, of any number of rows. They tell the same,
            and which columns are always there: a reference may hold more, such as the truth.
        n_unreadable: bodies beside these that could not be read.
    """
    seen: dict[str, _Seen] = {}
    for name, values in sample.items():
        seen.setdefault(name, _Seen()).add(values)
    for rows in bodies:
        for name, values in zip(rows.columns, rows.values, strict=True):
            found = seen.setdefault(name, _Seen())
            found.add(values)
            found.n_bodies += 1
    columns = tuple(found.column(name, len(bodies)) for name, found in seen.items())
    if side is Side.OUTPUT:
        columns = tuple(_of_answers(column, seen) for column in columns)
    n_sample = max(map(len, sample.values()), default=0)
    n = n_sample + sum(rows.n for rows in bodies)
    if not n:
        return None
    unreadable = n_unreadable / max(len(bodies) + n_unreadable, 1)
    schema = Schema(side=side, columns=columns, n=n, unreadable=unreadable)
    return msgspec.structs.replace(schema, shares=_own_breaks(schema, sample, n_sample, bodies))


def _of_answers(column: Column, seen: Mapping[str, _Seen]) -> Column:
    """Give what of a column of answers is form, and not a matter of drift.

    Of descriptors only that they are there, and the size of tensors. Of numbers: that they are
    numbers; whole ones that are few are classes; such as fill 0 to 1 must stay there.
    """
    if _is_measure(column.name, seen.keys()):
        if column.name.endswith(_SIZE):
            return column
        return Column(name=column.name, kind=Kind.EMPTY, required=column.required)
    if column.kind is not Kind.NUMBER or column.low is None or column.high is None:
        return column
    classes = seen[column.name].classes()
    fills = 0 <= column.low <= _NEAR_END and 1 - _NEAR_END <= column.high <= 1
    return msgspec.structs.replace(
        column, low=None, high=None, classes=classes, is_share=classes is None and bool(fills)
    )


def _is_measure(name: str, names: Collection[str]) -> bool:
    """Tell whether our decoder made a column up: a descriptor, not something that was answered."""
    if name in _OWN or (name in _SUMMED_UP and _SUMMED_UP.issubset(names)):
        return True
    _, dot, last = name.rpartition(".")
    return bool(dot) and (last in _MEASURES or _DIRECTION.fullmatch(last) is not None)


def _own_breaks(
    schema: Schema, sample: Mapping[str, Sequence[Scalar]], n_sample: int, bodies: Sequence[Rows]
) -> dict[BreakKind, float]:
    """Give how often the certified rows break their own schema: the larger of both sources."""
    check = Check(schema)
    in_sample: Counter[BreakKind] = Counter()
    for name, values in sample.items():
        for one in check.cells(name, values):
            in_sample[one.kind] += one.n
    in_bodies: Counter[BreakKind] = Counter()
    for rows in bodies:
        for one in check.breaks(rows):
            in_bodies[one.kind] += one.n
    n_bodies = sum(rows.n for rows in bodies)
    shares = {
        kind: max(in_sample[kind] / max(n_sample, 1), in_bodies[kind] / max(n_bodies, 1))
        for kind in BreakKind
    }
    return {kind: min(share, 1.0) for kind, share in shares.items() if share}


class Check:
    """A schema made ready to check rows quickly."""

    def __init__(self, schema: Schema) -> None:
        """Prepare what is looked up for each column."""
        self.columns = {column.name: column for column in schema.columns}
        self._required = frozenset(c.name for c in schema.columns if c.required)
        self._widths = _widths(self.columns)
        self._known = {
            name: frozenset(column.categories)
            for name, column in self.columns.items()
            if column.categories is not None
        }
        self._classes = {
            name: frozenset(column.classes)
            for name, column in self.columns.items()
            if column.classes is not None
        }

    def breaks(self, rows: Rows) -> tuple[Break, ...]:
        """Give how `rows` break the schema; empty when they do not.

        O(cells), at the speed of built-ins where nothing is wrong.
        """
        given = frozenset(rows.columns)
        missing, extra = self._required - given, given - self.columns.keys()
        found: list[Break] = []
        if missing or extra:
            resized = self._resized(given) if self._widths else {}
            found = [
                Break(kind=BreakKind.WRONG_WIDTH, column=name, n=rows.n)
                for name in sorted({*resized.values()})
            ]
            for names, kind in (
                (missing, BreakKind.MISSING_COLUMN),
                (extra, BreakKind.EXTRA_COLUMN),
            ):
                told = sorted(names - resized.keys())
                found += [Break(kind=kind, column=name, n=rows.n) for name in told]
        for name, values in zip(rows.columns, rows.values, strict=True):
            found += self.cells(name, values)
        return tuple(found)

    def cells(self, name: str, values: Sequence[Scalar]) -> list[Break]:
        """Count the cells of one column that break its schema, by kind of break."""
        column = self.columns.get(name)
        if not values or column is None or column.kind is Kind.EMPTY:
            return []
        if self._is_fine(column, values):
            return []
        counts = Counter(filter(None, (self._break_of(column, value) for value in values)))
        return [Break(kind=kind, column=name, n=n) for kind, n in counts.items()]

    def _is_fine(self, column: Column, values: Sequence[Scalar]) -> bool:
        """Tell quickly that no cell breaks anything; in doubt it is not."""
        types = set(map(type, values))
        if column.kind is Kind.CATEGORY:
            known = self._known.get(column.name)
            return types == {str} and (known is None or known.issuperset(values))
        if column.kind is Kind.BOOLEAN:
            return types == {bool}
        if not types <= {float, int}:
            return False
        classes = self._classes.get(column.name)
        if classes is not None:
            return classes.issuperset(values)
        low, high = min(values), max(values)  # type: ignore[type-var]  # all are numbers
        return not (_is_outside(column, low) or _is_outside(column, high))  # type: ignore[arg-type]  # same

    def _break_of(self, column: Column, value: Scalar) -> BreakKind | None:
        """Give how one cell breaks its column's schema; `None` when it does not."""
        kind = kind_of(value)
        if kind is Kind.EMPTY or value is None:
            return BreakKind.MISSING_VALUE if column.missing_share == 0 else None
        if kind is not column.kind:
            return BreakKind.WRONG_KIND
        if isinstance(value, str):
            is_known = column.categories is None or value in self._known[column.name]
            return None if is_known else BreakKind.NEW_CATEGORY
        if column.name in self._classes:
            return None if value in self._classes[column.name] else BreakKind.NEW_CATEGORY
        if not _is_outside(column, value):
            return None
        is_size = column.name.endswith(_SIZE)
        return BreakKind.WRONG_WIDTH if is_size else BreakKind.OUT_OF_RANGE

    def _resized(self, given: frozenset[str]) -> dict[str, str]:
        """Give the vector of each column that is there, or not, since the vector's width changed.

        A vector that is away altogether, or that lacks one from its middle, has lost columns.
        """
        found: dict[str, str] = {}
        now = _widths(given)
        for vector, names in self._widths.items():
            given_names = now.get(vector)
            if given_names and given_names != names:
                found |= dict.fromkeys(names ^ given_names, vector)
        return found


def _widths(names: Iterable[str]) -> dict[str, frozenset[str]]:
    """Give the names of the elements of every vector: columns numbered from 0 without a gap."""
    elements: dict[str, dict[int, str]] = {}
    for name in names:
        match = _ELEMENT.fullmatch(name)
        if match is not None:
            vector = match["vector"] or match["letter"]
            elements.setdefault(vector, {})[int(match["i"] or match["j"])] = name
    return {
        vector: frozenset(found.values())
        for vector, found in elements.items()
        if max(found) == len(found) - 1
    }


def _is_outside(column: Column, value: float) -> bool:
    if column.is_share:
        return not -_ROUNDING <= value <= 1 + _ROUNDING
    if column.low is None or column.high is None:
        return False
    if column.low == column.high and column.name.endswith(_SIZE):
        return value != column.low
    margin = _MARGIN * (column.high - column.low)
    # A column that was constant has no width to measure by: only its own size can be one.
    margin = margin or _MARGIN * max(abs(column.high), 1.0)
    return not column.low - margin <= value <= column.high + margin
