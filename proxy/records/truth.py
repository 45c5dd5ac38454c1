"""What turned out to be true: labels of past requests, and what became of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from proxy.records.traffic import Scalar

TruthValue: TypeAlias = Scalar | list[Scalar]
"""The true outcome of one row, or of all rows of one request in their order."""


MAX_PROBLEMS: Final = 5
"""Troubles of one call that are told in words; all are counted."""


class Truth(Struct, frozen=True, kw_only=True):
    """The true outcome of one past request, as somebody told it."""

    id: str
    """An id under which the client knows the request, or the exchange's 16 hexadecimal digits."""
    row: int | None = None
    """Row of a request of several rows, from 0. `None`: the request has one row, or `value` is a
    list with one value for each."""
    value: TruthValue
    at_s: float
    """When the truth became known, on the monotonic clock."""


class Fate(StrEnum):
    """What became of a label: the `result` of the metrics."""

    JOINED = "joined"
    """It met its prediction."""
    WAITING = "waiting"
    """No prediction is known under its id yet; it is kept for a while, in case one is on its way.
    Later it counts as joined, or as unknown."""
    UNKNOWN = "unknown"
    """No prediction under its id: the request was not sampled, or it is older than the horizon."""
    DUPLICATE = "duplicate"
    """The same label was there before."""
    CONTRADICTORY = "contradictory"
    """Another label was there before; the first one stands."""
    AMBIGUOUS = "ambiguous"
    """Several requests came under this id."""
    WRONG_TYPE = "wrong_type"
    """It cannot be compared with the prediction: another type, class or number of rows."""


class Receipt(Struct, frozen=True, kw_only=True):
    """What became of the labels of one call."""

    fates: dict[Fate, int]
    delays_s: tuple[float, ...] = ()
    """From the prediction to its truth, of the rows joined now."""
    problems: tuple[str, ...] = ()
    """The first troubles in words, without values of the labels."""

    def plus(self, other: Receipt) -> Receipt:
        """Give both receipts in one."""
        fates = {
            fate: self.fates.get(fate, 0) + other.fates.get(fate, 0)
            for fate in Fate
            if fate in self.fates or fate in other.fates
        }
        problems = tuple(dict.fromkeys((*self.problems, *other.problems)))
        return Receipt(
            fates=fates,
            delays_s=self.delays_s + other.delays_s,
            problems=problems[:MAX_PROBLEMS],
        )


class LabelNews(Struct, frozen=True, kw_only=True):
    """What is new about labels since the last tick, and the figures as they stand."""

    fates: dict[Fate, int] = {}
    """Labels whose fate became final."""
    delays_s: tuple[float, ...] = ()
    figures: tuple[tuple[str, str, str, float], ...] = ()
    """Model, measure, source (`labelled`, `estimated`, `certified`), value."""
    coverage: float | None = None
    """Labelled share of the predictions that are old enough. `None`: not known yet."""
