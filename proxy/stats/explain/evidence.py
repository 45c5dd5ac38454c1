"""What a watch knows about a column, as one value that can be sent to who explains it.

The watch keeps arrays that change with every tick; here they are taken out, so that an explanation
can be computed elsewhere and later. Nothing is computed here that the watch does not know.
"""

from __future__ import annotations

import math
from typing import Final

from msgspec import Struct

from proxy.stats.basis.functionals import Form
from proxy.stats.engine.conclude import Wording, blame_of
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile

MAX_COLUMNS: Final = 12
"""Columns that are explained: the blamed ones, then those with most evidence."""
MAX_PROFILES: Final = 80
"""Columns that are looked at row by row: the cost grows with their square."""


class ColumnEvidence(Struct, frozen=True, kw_only=True):
    """One column of a watch at one moment."""

    column: ColumnProfile
    masses: tuple[float, ...]
    """Reference share of each bin."""
    counts: tuple[float, ...]
    """Current rows in each bin: since the breach began, else of the last ticks."""
    blamed: bool
    members: tuple[str, ...]
    """Columns that a derived column is made of; empty for a column of the rows."""
    carrier: str
    """Name of the functional with most evidence, such as `location`."""
    carrier_values: tuple[float, ...]
    """That functional's value in each bin, 0 to 1."""
    is_share: bool
    """The functional is a share of rows, not a mean."""
    scores: tuple[float, ...]
    """Evidence that a row in each bin adds to the bets that have won most."""
    effect: float
    interval: tuple[float, float] | None
    unit: str
    summary: str


class SideEvidence(Struct, frozen=True, kw_only=True):
    """What the watch of one side knows."""

    columns: tuple[ColumnEvidence, ...]
    """The columns to blame first, then those with most evidence; at most 12."""
    profiles: tuple[ColumnProfile, ...]
    """Watched columns of the rows themselves, at most 80, those to blame first: what is looked at
    row by row. What the operator ignores is not among them."""


def evidence_of(watch: Watch, wording: Wording) -> SideEvidence:
    """Take out what a watch knows now.

    A stream that is blamed under the name of a column stands for that column.
    """
    places = {stream.name: place for place, stream in enumerate(watch.streams)}
    blamed = list(dict.fromkeys(places[watch.subject(stream)] for stream in watch.blamed()))
    rest = [stream for stream in range(len(watch.streams)) if stream not in blamed]
    rest.sort(key=lambda stream: -watch.stream_evidence(stream))
    chosen = (blamed + rest)[:MAX_COLUMNS]
    found = [_evidence(watch, wording, stream, blamed=stream in blamed) for stream in chosen]
    in_order = [*blamed, *(stream for stream in range(len(watch.streams)) if stream not in blamed)]
    plain = [watch.streams[stream] for stream in in_order if not watch.streams[stream].members]
    profiles = [watched.column for watched in plain if watched.column is not None]
    return SideEvidence(
        columns=tuple(one for one in found if one is not None),
        profiles=tuple(profiles[:MAX_PROFILES]),
    )


def _evidence(
    watch: Watch, wording: Wording, stream: int, *, blamed: bool
) -> ColumnEvidence | None:
    watched = watch.seen(stream)
    if watched.column is None:
        return None
    blame = blame_of(watch, wording, stream)
    functional = watched.functionals[watch.carrier(stream)]
    return ColumnEvidence(
        column=watched.column,
        masses=tuple(map(float, watched.masses)),
        counts=tuple(map(float, watch.current(stream))),
        blamed=blamed,
        members=tuple(sorted(watched.members)),
        carrier=functional.name,
        carrier_values=tuple(map(float, functional.values)),
        is_share=functional.form is Form.SHARE,
        scores=tuple(map(float, watch.score(stream))),
        effect=blame.effect if math.isfinite(blame.effect) else 0.0,
        interval=finite(blame.interval),
        unit=blame.unit,
        summary=blame.summary,
    )


def finite(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Give an interval that says something; `None` for one that is open."""
    if interval is None or not all(map(math.isfinite, interval)):
        return None
    return interval
