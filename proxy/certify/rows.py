"""From reference cells to the columns of live rows: flattened, described and redacted alike.

The rows pass through the same `Table` as those of requests. Vectors become `name[0]`, `name[1]`,
..., tensors and texts their descriptors, names are checked, strings are masked, and columns are
treated as the pointers of `capture.redact` ask. So nothing enters a benchmark that would not be
kept in service, and a hash here is the hash there.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final

from proxy.certify.answers import certifying
from proxy.certify.files import CertifyError
from proxy.certify.redaction import Treatments
from proxy.certify.tables import Cell
from proxy.payload.features import Features
from proxy.payload.kit import Kit
from proxy.payload.learning import Learned
from proxy.payload.parse import Json
from proxy.payload.reasons import Unreadable
from proxy.payload.redact import MASKED, Redactor
from proxy.payload.settings import Payload, Redact, Treatment
from proxy.payload.table import Table
from proxy.records import Scalar, Side

MAX_REMEMBERED: Final = 50_000
"""Strings whose redaction is remembered: four searches for patterns cost 3 us each time."""
SPREAD: Final = 4
"""A reference may have this many times the columns of a body: it may hold more, such as labels."""
_ROOT: Final = re.compile(r"[.\[]")


class _Redactor(Redactor):
    """A redactor that remembers what became of repeated strings."""

    def __init__(self, settings: Redact) -> None:
        """Begin with nothing remembered."""
        super().__init__(settings)
        self._remembered: dict[tuple[str, str], str] = {}

    def category(self, column: str, value: str) -> str:
        """Give what is kept of one string of `column`."""
        found = self._remembered.get((column, value))
        if found is None:
            found = super().category(column, value)
            if len(self._remembered) < MAX_REMEMBERED:
                self._remembered[column, value] = found
        return found


class RowMaker:
    """Makes the columns of live rows of reference cells."""

    def __init__(
        self,
        payload: Payload,
        redact: Redact,
        learned: Learned | None,
        treatments: Treatments,
        asked: Collection[str],
    ) -> None:
        """Make one.

        Args:
            payload: how bodies become rows.
            redact: what of them may be kept.
            learned: vocabularies and main directions.
            treatments: what the pointers of `redact` do to columns.
            asked: columns of the requests; they are read first when there are too many.
        """
        self._asked = frozenset({*asked, *(_ROOT.split(name)[0] for name in asked)})
        self._room = payload.max_columns
        self._others: dict[str, bool] = {}
        self._treatments = treatments
        self._redactor = _Redactor(certifying(redact))
        self._features = Features(redact.max_category_chars, payload.text_columns, learned)
        settings = replace(payload, max_rows=2**31, max_columns=SPREAD * payload.max_columns)
        self._kit = Kit(settings, self._redactor, self._features)
        self.n_left_out = 0
        """Columns that are not read, because there are too many."""

    @property
    def text_columns(self) -> frozenset[str]:
        """Columns that held free text so far: from then on they are described."""
        return self._features.text_columns

    def accepts(self, name: str) -> bool:
        """Tell whether a raw column is read: those of requests, and as many others at most."""
        if name in self._asked or self._treatments.of(name) is Treatment.DROP:
            return name in self._asked
        known = self._others.get(name)
        if known is None:
            known = sum(self._others.values()) < self._room
            self._others[name] = known
            self.n_left_out += not known
        return known

    def rows(self, chunk: Mapping[str, Sequence[Cell]]) -> dict[str, list[Scalar]]:
        """Give the columns of some rows.

        Raises:
            CertifyError: a tensor is ragged, or the rows have too many columns.
        """
        table = Table(Side.INPUT, self._kit)
        for raw_name, raw_cells in chunk.items():
            for name, cells in self._parts(raw_name, raw_cells):
                treated = self._treated(name, cells)
                if treated is not None:
                    self._add(table, name, treated)
        return table.columns

    def _add(self, table: Table, name: str, cells: Sequence[Cell]) -> None:
        try:
            table.add(name, cells)
        except Unreadable as error:
            shown = self._redactor.name(name)
            raise CertifyError(f"reference, column {shown!r}: {error.detail}") from error

    def _parts(self, name: str, cells: Sequence[Cell]) -> Iterator[tuple[str, Sequence[Cell]]]:
        """Give a column of objects or vectors as one for each part, where parts are treated."""
        if self._treatments.of(name) is not None or not self._treatments.touch_below(name):
            yield name, cells
            return
        kinds = set(map(type, cells))
        if dict in kinds:
            rows = [cell if isinstance(cell, dict) else {} for cell in cells]
            for key in dict.fromkeys(key for row in rows for key in row):
                part = f"{name}.{key}" if name else key
                yield from self._parts(part, [row.get(key) for row in rows])
        elif list in kinds:
            vectors = [cell if isinstance(cell, list) else [] for cell in cells]
            for i, element in enumerate(zip_longest(*vectors)):
                yield self._element(name, i), element
        else:
            yield name, cells

    def _element(self, name: str, i: int) -> str:
        """Give the name that the table gives to an element of a vector."""
        if name:
            return f"{name}[{i}]"
        named = self._kit.settings.columns
        return named[i] if i < len(named) else f"x{i}"

    def _treated(self, name: str, cells: Sequence[Cell]) -> Sequence[Cell] | None:
        """Apply what the pointers do; `None`: nothing of the column is kept."""
        treatment = self._treatments.of(name)
        if treatment is None:
            return cells
        if treatment is Treatment.DROP:
            return None
        if treatment is Treatment.MASK:
            return [None if cell is None else MASKED for cell in cells]
        return [self._redactor.hashed_value(_json(cell)) for cell in cells]


def _json(cell: Cell) -> Json:
    return cell if isinstance(cell, bool | int | float | str | list | dict) else None
