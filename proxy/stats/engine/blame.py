"""Whom to blame for a breach: streams that an error rate holds for, traced back to real columns.

A shifted column also shifts whatever is derived from it, often with more evidence. So a derived
stream is left out when a column that it is made of is to blame itself, and the stream in which rows
name the column that fits the others least speaks for that column.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.stats.engine.streams import WatchedStream

CLEAR: Final = 0.5
"""A column that this part of the rows names beyond its usual share is the culprit of every product:
of two columns each has half of the votes by nature."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Suspect:
    """A stream that may be to blame, with the column that it speaks for."""

    stream: int
    watched: WatchedStream
    subject: str
    """The column that it speaks for: its own name, or the column that its rows name."""
    share: float
    """The share of its rows that name the column, of those that do not by nature; 1 for a stream
    that speaks for itself."""

    @property
    def is_clear(self) -> bool:
        """Whether most rows name its column."""
        return self.share >= CLEAR


def e_bh(weighted: NDArray[np.float64], threshold: float) -> list[int]:
    """Give the streams to blame, the strongest first, and never none.

    The k strongest are blamed, for the largest k with k * weighted wealth of the k-th >= A.
    Source: Wang and Ramdas (2022), "False discovery rate control with e-values", JRSS-B 84(3),
    section 4; for e-detectors: Dandapanthula and Ramdas (2025), arXiv 2501.04130.

    Args:
        weighted: float array [streams], weighted wealth.
        threshold: log A, the log evidence of an alarm.
    """
    order = np.argsort(-weighted)
    needed = math.exp(threshold) / np.arange(1, len(order) + 1)
    rejected = np.flatnonzero(weighted[order] >= needed)
    n_blamed = int(rejected[-1]) + 1 if len(rejected) else 1
    return [int(stream) for stream in order[:n_blamed]]


def with_members(
    rejected: Sequence[Suspect], others: Sequence[Suspect], likely: Collection[int]
) -> list[Suspect]:
    """Give what was rejected and, after it, what unexplained derived streams trace back to.

    A derived stream that no rejected column explains was moved by a column whose own evidence is
    not enough yet: the column that most rows name, else those that are likely.

    Args:
        rejected: the streams that e-BH rejects, the strongest first.
        others: streams that the rejected ones are made of, the strongest first.
        likely: streams whose own log evidence is half of what an alarm needs.
    """
    columns = {one.subject for one in rejected if not one.watched.members}
    open_ones = [one for one in rejected if not one.watched.members & columns]
    members = {name for one in open_ones for name in one.watched.members}
    beside = [one for one in others if one.watched.name in members]
    clear = [one for one in (*open_ones, *beside) if one.watched.spokesmen and one.is_clear]
    if clear:
        named = {one.subject for one in clear}
        own = [one for one in beside if one.watched.name in named and one.stream in likely]
        return [*rejected, *(one for one in clear if one in beside), *own]
    return [*rejected, *(one for one in beside if one.stream in likely)]


def explained(suspects: Sequence[Suspect]) -> set[int]:
    """Give the streams among suspects that another one explains better.

    A column explains what is derived from it. A vote for a column is explained by that column
    itself. Unless it is a clear one it is explained by a product of the column, and by any column
    that is to blame: one that stops coming leaves its votes to the others. A clear vote explains
    the product.
    """
    columns = {one.subject for one in suspects if not one.watched.members}
    votes = [one for one in suspects if one.watched.spokesmen]
    clear = {one.subject for one in votes if one.is_clear}
    derived = [one for one in suspects if one.watched.members and not one.watched.spokesmen]
    found: set[int] = set()
    for one in derived:
        is_voted = any(vote.watched.name in one.watched.members for vote in votes)
        if is_voted or one.watched.members & (columns | clear):
            found.add(one.stream)
    paired = {name for one in derived if one.stream not in found for name in one.watched.members}
    for one in votes:
        is_theirs = bool(one.watched.members & columns) and not one.is_clear
        if one.subject in columns | paired or is_theirs:
            found.add(one.stream)
    return found
