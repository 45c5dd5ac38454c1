"""Features of what is not a table: which strings are text, and columns that describe them.

The reference's vocabularies and main directions come from the benchmark; without them those columns
are simply not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from proxy.payload import tensor, text
from proxy.payload.learning import Learned, Pupil
from proxy.payload.tensor import Axes
from proxy.records import Scalar

_MANY_WORDS: Final = 4
"""Spaces in a string from which on it is free text rather than a category."""
_MAX_REMEMBERED: Final = 1024


class Text(str):
    """A string that its protocol declares to be free text, whatever its length."""

    __slots__ = ()


class Features:
    """Describes texts and tensors, and remembers which columns hold text.

    The memory keeps the columns of a table the same from body to body: a column that held text once
    is text for good. But a column that was certified with categories stays one of categories, so
    that one odd string from anyone does not take it away from those who watch it.
    """

    def __init__(
        self,
        max_category_chars: int,
        text_columns: Iterable[str] = (),
        learned: Learned | None = None,
        pupil: Pupil | None = None,
        category_columns: Iterable[str] = (),
    ) -> None:
        """Make one; `learned` is the benchmark's, `pupil` learns from what is described.

        `category_columns` are those of which the benchmark knows categories.
        """
        known = learned or Learned()
        self._max_category_chars = max_category_chars
        self._text_columns = {*text_columns, *known.text_columns}
        self._category_columns = frozenset(category_columns) - self._text_columns
        self._vocabularies = {name: frozenset(one) for name, one in known.vocabularies.items()}
        self._axes = {name: Axes(basis) for name, basis in known.bases.items()}
        self._pupil = pupil

    @property
    def text_columns(self) -> frozenset[str]:
        """The columns that held text so far."""
        return frozenset(self._text_columns)

    def is_text(self, name: str, values: Iterable[object]) -> bool:
        """Tell whether column `name` holds free text, judged by its past and by `values`."""
        if name in self._text_columns:
            return True
        if name in self._category_columns:
            return False
        found = any(isinstance(value, str) and self._looks_free(value) for value in values)
        if found and len(self._text_columns) < _MAX_REMEMBERED:
            self._text_columns.add(name)
        return found

    def is_stray(self, name: str, value: str) -> bool:
        """Tell whether `value` is free text in a column of certified categories."""
        return name in self._category_columns and self._looks_free(value)

    def _looks_free(self, value: str) -> bool:
        return (
            isinstance(value, Text)
            or len(value) > self._max_category_chars
            or value.count(" ") >= _MANY_WORDS
        )

    def texts(self, name: str, values: Sequence[str | None]) -> dict[str, list[Scalar]]:
        """Describe a column of texts: one column per measure, missing where the text is."""
        if self._pupil is not None:
            self._pupil.texts(name, values)
        vocabulary = self._vocabularies.get(name)
        rows = [{} if value is None else text.describe(value, vocabulary) for value in values]
        measures = text.MEASURES if vocabulary is None else (*text.MEASURES, "novelty")
        return {measure: [row.get(measure) for row in rows] for measure in measures}

    def tensors(self, name: str, arrays: Sequence[tensor.Array]) -> dict[str, list[Scalar]]:
        """Describe a column of tensors: one column per measure."""
        if self._pupil is not None:
            self._pupil.tensors(name, arrays)
        axes = self._axes.get(name)
        rows = [tensor.describe(array) for array in arrays]
        measures = list(tensor.MEASURES)
        if axes is not None:
            rows = [row | axes.project(array) for row, array in zip(rows, arrays, strict=True)]
            measures += axes.measures
        return {measure: [row.get(measure) for row in rows] for measure in measures}
