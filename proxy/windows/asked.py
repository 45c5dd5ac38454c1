"""One sampled request that waits for its truth: what was answered, which rows, and what was told.

How many of them wait, and which are let go, is `labels`; what a truth comes to is `scoring`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from proxy.records import Model, Scalar, Truth
from proxy.stats.basis.binning import category_text
from proxy.stats.quality.target import Answer

ENTRY_BYTES: Final = 700
"""What a request costs beside its ids and rows: objects, tables and their places, as measured."""
ID_BYTES: Final = 150
ROW_BYTES: Final = 100
TRUTH_BYTES: Final = 50
"""What a told truth costs beside its text."""


class Asked(Struct):
    """One sampled request with what both models answered to it."""

    key: int
    """Id of the serving exchange."""
    at_s: float
    level: int
    """It had a chance of 1 in 2^level to be kept."""
    n: int = 0
    """Rows of the request. 0: no answer has been seen yet."""
    places: list[int] | None = None
    """Which of them were kept. `None`: all."""
    ids: tuple[str, ...] = ()
    answers: dict[Model, list[Answer]] = {}
    candidate_weight: float = 1.0
    """1 / probability with which the candidate's answer was sampled."""
    stable_weight: float = 1.0
    """The same of the stable's."""
    told: dict[int, Scalar] = {}
    """Truths by place in the answers."""

    @property
    def n_kept(self) -> int:
        """Give the kept rows."""
        return self.n if self.places is None else len(self.places)

    def weight(self, model: Model) -> float:
        """Give how many requests of the traffic this one stands for."""
        own = self.candidate_weight if model is Model.CANDIDATE else self.stable_weight
        return own * 2.0**self.level

    def row(self, place: int) -> int:
        """Give the row of the request that stands at a place of the answers."""
        return place if self.places is None else self.places[place]

    def place(self, row: int) -> int | None:
        """Give where a row of the request stands in the answers; `None`: it was not kept."""
        if self.places is None:
            return row if 0 <= row < self.n else None
        return self.places.index(row) if row in self.places else None

    def size(self) -> int:
        """Give about how many bytes this takes."""
        rows = [one for answers in self.answers.values() for one in answers]
        return (
            ENTRY_BYTES
            + sum(ID_BYTES + len(one) for one in self.ids)
            + sum(ROW_BYTES + len(one.shares) + text_bytes(one.value) for one in rows)
            + truths_size(self.told.values())
        )


def is_same(one: Scalar, other: Scalar) -> bool:
    """Tell whether two labels say the same: 1, 1.0 and "1" do, as numbers and as names."""
    return one == other or category_text(one) == category_text(other)


def truths_size(values: Iterable[Scalar]) -> int:
    """Give about how many bytes truths take."""
    return sum(TRUTH_BYTES + text_bytes(one) for one in values)


def text_bytes(value: Scalar) -> int:
    """Give how many bytes a text takes; 0 for what is none."""
    return sys.getsizeof(value) if isinstance(value, str) else 0


def values_of(asked: Asked, truth: Truth) -> Mapping[int, Scalar]:
    """Give what a truth says of each kept row, by place in the answers.

    Empty: it is about rows that a thinned batch has lost. A value of a list that is missing says
    nothing of its row, as in a file of labels.

    Raises:
        ValueError: it does not fit the rows of the request; the message says what is expected.
    """
    n = asked.n
    if isinstance(truth.value, list):
        if truth.row is not None or len(truth.value) != n:
            raise ValueError(f"a list of {n} labels is expected, one for each row of the request")
        given = {place: truth.value[asked.row(place)] for place in range(asked.n_kept)}
        if all(one is None for one in truth.value):
            raise ValueError("a list of labels is expected; in this one all are missing")
        return {place: one for place, one in given.items() if one is not None}
    if truth.row is None and n != 1:
        raise ValueError(
            f"the request has {n} rows: send ID#0 to ID#{n - 1}, or a list of {n} labels"
        )
    row = truth.row or 0
    if row >= n:
        raise ValueError(f"the request has {n} rows, numbered from 0")
    place = asked.place(row)
    return {} if place is None else {place: truth.value}
