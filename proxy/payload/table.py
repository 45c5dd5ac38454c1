"""Rows and columns made of whatever shape a protocol gives them.

A decoder finds the values of the rows; here they become named columns of scalars: objects are
flattened, vectors spread, probability vectors summed up, tensors and texts described. The names are
part of the product: `x0`, `name[3]`, `prediction`, `p0`, `class`, `confidence`, `entropy`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final, TypeAlias, TypeVar, cast

import numpy as np

from proxy.payload import tensor
from proxy.payload.features import Text
from proxy.payload.kit import Kit
from proxy.payload.parse import Json
from proxy.payload.probabilities import are_probabilities, sum_up
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.redact import OTHER
from proxy.records import Scalar, Side

_LARGEST_INT: Final = 2**63 - 1
_PLAIN: Final = frozenset({float, bool, type(None)})

Cell: TypeAlias = "Json | Text | tensor.Array"
Value = TypeVar("Value")


class Table:
    """Columns under construction, for one side of one exchange.

    All `add_*` raise `Unreadable` when lengths disagree or there are more than `max_columns`.
    """

    def __init__(self, side: Side, kit: Kit) -> None:
        """Make an empty table."""
        self.side = side
        self.n: int | None = None
        """Rows kept. `None`: no column yet."""
        self.share = 1.0
        """Rows kept per row of the body; below 1 when a long batch was thinned."""
        self.columns: dict[str, list[Scalar]] = {}
        self.timings: dict[str, list[Scalar]] = {}
        """How a stream arrived, as in the record."""
        self.id: str | None = None
        """The id that the body names itself by. `None`: it names none."""
        self._settings = kit.settings
        self._redactor = kit.redactor
        self._features = kit.features

    def add_rows(self, rows: Sequence[Json], name: str = "") -> None:
        """Add one row per element: an object, a vector or a scalar each.

        `name` stands before the column names that the rows do not give themselves.
        """
        if not rows:
            raise Unreadable(Reason.NO_ROWS, "The body holds no row.")
        kinds = {
            dict if isinstance(row, dict) else list if isinstance(row, list) else None
            for row in rows
            if row is not None
        }
        if len(kinds) > 1:
            raise Unreadable(Reason.WRONG_SHAPE, "The body mixes rows of different kinds.")
        self.add(name, rows)

    def add_columns(self, columns: Mapping[str, Json]) -> None:
        """Add columns given as lists of equal length; a value that is no list holds for all."""
        lengths = {len(values) for values in columns.values() if isinstance(values, list)}
        if len(lengths) > 1:
            raise Unreadable(Reason.WRONG_SHAPE, "The columns have different lengths.")
        n = lengths.pop() if lengths else 1
        for name, values in columns.items():
            self.add(name, values if isinstance(values, list) else [values] * n)

    def add(self, name: str, values: Sequence[Cell]) -> None:
        """Add what one field holds in each row, as one or several columns.

        Empty `name`: unnamed, and the columns are called by the side's custom.
        """
        values = self.thin(values)
        kinds = set(map(type, values))
        if np.ndarray in kinds:
            self._describe(name, values)
        elif list in kinds:
            self._add_vectors(name, values)
        elif dict in kinds:
            self._add_objects(name, values)
        else:
            self._add_scalars(name or self._unnamed(), values)

    def add_texts(self, name: str, values: Sequence[str | None]) -> None:
        """Add a field that its protocol declares to be free text, as its descriptors."""
        kept = [value if isinstance(value, str) else None for value in self.thin(values)]
        for measure, column in self._features.texts(name, kept).items():
            self.put(f"{name}.{measure}", column)

    def add_described(self, name: str, rows: Sequence[Mapping[str, Scalar]]) -> None:
        """Add a field of tensors that were described one by one, by `tensor.MEASURES`."""
        prefix = self._name(name or self._tensor())
        for measure in tensor.MEASURES:
            self.put(f"{prefix}.{measure}", [row.get(measure) for row in rows])

    def put(self, name: str, values: list[Scalar]) -> None:
        """Add a finished column: its name and its strings are ours, not the body's."""
        self._count(len(values))
        if name not in self.columns and len(self.columns) >= self._settings.max_columns:
            detail = f"The body has more than {self._settings.max_columns} columns."
            raise Unreadable(Reason.TOO_WIDE, detail)
        self.columns[name] = values

    def thin(self, values: Sequence[Value]) -> Sequence[Value]:
        """Keep `max_rows` of a longer batch, evenly, so that two answers to it stay comparable."""
        most = self._settings.max_rows
        if len(values) <= most:
            return values
        self.share = most / len(values)
        return [values[i * len(values) // most] for i in range(most)]

    def _count(self, n: int) -> None:
        if self.n is None:
            self.n = n
        elif n != self.n:
            raise Unreadable(Reason.WRONG_SHAPE, "The columns have different lengths.")

    def _unnamed(self) -> str:
        if self.side is Side.OUTPUT:
            return "prediction"
        return self._settings.columns[0] if self._settings.columns else "x0"

    def _tensor(self) -> str:
        return "prediction" if self.side is Side.OUTPUT else "x"

    def _element(self, name: str, i: int) -> str:
        """Give the name of element `i` of a vector field."""
        if name:
            return f"{name}[{i}]"
        if self.side is Side.OUTPUT:
            return f"prediction[{i}]"
        named = self._settings.columns
        return named[i] if i < len(named) else f"x{i}"

    def _add_objects(self, name: str, values: Sequence[Cell]) -> None:
        """Add one field per key, `outer.inner` when nested; bytes are told by their size."""
        rows = [value if isinstance(value, dict) else {} for value in values]
        keys = dict.fromkeys(key for row in rows for key in row)
        if len(keys) > self._settings.max_columns:
            detail = f"The body has more than {self._settings.max_columns} columns."
            raise Unreadable(Reason.TOO_WIDE, detail)
        if keys.keys() == {"b64"}:
            sizes = [
                len(b64) * 3 // 4 if isinstance(b64 := row.get("b64"), str) else None
                for row in rows
            ]
            self.put(self._name(name or "b64") + ".bytes", list(sizes))
            return
        for key in keys:
            self.add(f"{name}.{key}" if name else key, [row.get(key) for row in rows])

    def _add_vectors(self, name: str, values: Sequence[Cell]) -> None:
        """Add a field of lists: a distribution, a few numbers, or a tensor."""
        rows = [value if isinstance(value, list) else [] for value in values]
        width = max(map(len, rows))
        is_flat = not any(type(cell) in (list, dict) for row in rows for cell in row)
        if is_flat and self.side is Side.OUTPUT and self._add_probabilities(rows):
            return
        if is_flat and width <= self._settings.tensor_width:
            for i, column in enumerate(zip_longest(*rows)):
                self._add_scalars(self._element(name, i), column)
            return
        if not is_flat and any(type(cell) is dict for row in rows for cell in row):
            self._add_lists_of_objects(name, rows)
            return
        self._describe(name, [tensor.of(row) for row in rows])

    def _add_lists_of_objects(self, name: str, rows: Sequence[list[Json]]) -> None:
        """Keep only how many there are: a list of objects inside a row has no fixed columns."""
        self.put(self._name(name or "list") + ".items", [len(row) for row in rows])

    def _add_probabilities(self, rows: Sequence[list[Json]]) -> bool:
        """Add `p0`, `p1`, ... with class, confidence, entropy, when each row is a distribution."""
        if "confidence" in self.columns:
            return False
        matrix = are_probabilities(rows)
        if matrix is None:
            return False
        if matrix.shape[1] <= self._settings.tensor_width:
            for i, column in enumerate(matrix.T):
                self.put(f"p{i}", column.tolist())
        for name, column in sum_up(matrix).items():
            self.put(name, column)
        return True

    def _describe(self, name: str, values: Sequence[Cell]) -> None:
        """Add the descriptors of one tensor per row."""
        prefix = self._name(name or self._tensor())
        arrays = [value if isinstance(value, np.ndarray) else tensor.of(value) for value in values]
        for measure, column in self._features.tensors(prefix, arrays).items():
            self.put(f"{prefix}.{measure}", column)

    def _name(self, name: str) -> str:
        return self._redactor.name(name)

    def _add_scalars(self, raw_name: str, values: Sequence[Cell]) -> None:
        if self._redactor.is_dropped(raw_name):
            return
        name = self._name(raw_name)
        kinds = set(map(type, values))
        if str in kinds or Text in kinds:
            self._add_strings(raw_name, name, values)
        elif kinds <= _PLAIN:
            # Floats come from a parser that knows no NaN: nothing to look at cell by cell.
            self.put(name, cast("list[Scalar]", list(values)))
        elif int in kinds or float in kinds:
            self.put(name, [_number(value) for value in values])
        else:
            self.put(name, [value if isinstance(value, bool) else None for value in values])

    def _add_strings(self, raw_name: str, name: str, values: Sequence[Cell]) -> None:
        """Add a column with strings: free text as descriptors, categories as redacted."""
        if self._features.is_text(name, values):
            strings = [value if isinstance(value, str) else None for value in values]
            for measure, column in self._features.texts(name, strings).items():
                self.put(f"{name}.{measure}", column)
            return
        self.put(
            name,
            [
                self._category(raw_name, name, value) if isinstance(value, str) else _number(value)
                for value in values
            ],
        )

    def _category(self, raw_name: str, name: str, value: str) -> str:
        if self._features.is_stray(name, value):
            return OTHER
        return self._redactor.category(raw_name, value)


def _number(value: Cell) -> Scalar:
    """Keep a number or a boolean; an integer beyond 64 bits becomes a float, or is missing."""
    if isinstance(value, float | bool):
        return value
    if not isinstance(value, int):
        return None
    if -_LARGEST_INT <= value <= _LARGEST_INT:
        return value
    try:
        return float(value)
    except OverflowError:
        return None
