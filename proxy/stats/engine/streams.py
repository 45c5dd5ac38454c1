"""One watched stream: its reference, its functionals and the bets on them, kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.stats.basis.bets import BetTable, bet_table
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats, Form, Functional
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.season import ColumnSeason

NOT_WORSE: Final = frozenset(
    {"spread", "skew", "shape", "below the reference", "lowest 0.1 %", "lowest 1 %"}
)
"""What may grow while everything gets better: not bet on where only growth is bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedStream:
    """Everything that is known about a stream before the first row of traffic."""

    name: str
    weight: float
    masses: Floats
    """float array [bins]: the reference."""
    n_reference: int
    functionals: tuple[Functional, ...]
    table: BetTable
    design_effects: tuple[float, ...]
    """By functional: how many rows count as one."""
    bin_names: tuple[str, ...]
    column: ColumnProfile | None = None
    """The certified column; `None` for streams that are no columns."""
    members: frozenset[str] = frozenset()
    """Streams that this one is made of. When one of them is to blame, this one is not."""
    spokesmen: tuple[str, ...] = ()
    """By functional: the column that it speaks for, empty for none. Only where rows name columns;
    there no functional but these can be to blame."""
    season: ColumnSeason | None = None
    """`None`: it is compared with the same reference at every hour."""
    by_day: float | None = None
    """It is a clock: whole days of it are counted, each as so many rows at most. `None`: it is
    counted by ticks."""


def watch_columns(
    columns: Sequence[ColumnProfile], weights: dict[str, float], tolerance: Tolerance
) -> tuple[WatchedStream, ...]:
    """Give the streams of certified columns. Columns with equal masses share their bets."""
    tables: dict[tuple[object, ...], BetTable] = {}
    streams: list[WatchedStream] = []
    for column in columns:
        masses = np.asarray(column.masses)
        functionals = column.functionals()
        if tolerance.worse_only:
            functionals = tuple(f for f in functionals if f.name not in NOT_WORSE)
        effects = column.design_effects
        key = (
            column.kind,
            len(column.edges),
            column.masses,
            column.n,
            tuple(sorted((effects or {}).items())),
        )
        table = tables.get(key)
        if table is None:
            table = bet_table(functionals, masses, column.n, effects, tolerance)
            tables[key] = table
        streams.append(
            WatchedStream(
                name=column.name,
                weight=weights.get(column.name, 1.0),
                masses=masses,
                n_reference=column.n,
                functionals=functionals,
                table=table,
                design_effects=design_effects_of(functionals, effects, tolerance),
                bin_names=tuple(column.bin_names()),
                column=column,
            )
        )
    return tuple(streams)


def watch_shares(
    name: str,
    shares: dict[str, float],
    n_reference: int,
    tolerance: Tolerance,
    design_effect: float,
) -> tuple[WatchedStream, ...]:
    """Give one stream per share, with two bins: 0 for the usual case, 1 for the watched one.

    Args:
        name: put before the name of each share where not empty.
        shares: tolerated share (bounds of the reference included) by name.
        n_reference: answers that the shares were certified with.
        tolerance: its effect comes on top of each share.
        design_effect: how many answers count as one.
    """
    streams: list[WatchedStream] = []
    for label, share in shares.items():
        members = np.array([0.0, 1.0])
        functional = Functional(
            name=f"{name} {label}".strip(),
            form=Form.SHARE,
            values=members,
            applies=np.ones(2, dtype=np.bool_),
        )
        masses = np.array([1 - share, share])
        # The share is an upper bound already: no error of the reference comes on top.
        table = bet_table((functional,), masses, 1e18, {functional.name: design_effect}, tolerance)
        streams.append(
            WatchedStream(
                name=functional.name,
                weight=1.0,
                masses=masses,
                n_reference=n_reference,
                functionals=(functional,),
                table=table,
                design_effects=(design_effect,),
                bin_names=("other", label),
            )
        )
    return tuple(streams)


def design_effects_of(
    functionals: Sequence[Functional], measured: dict[str, float] | None, tolerance: Tolerance
) -> tuple[float, ...]:
    """Give how many rows count as one, by functional."""
    if measured is None:
        return tuple(tolerance.unmeasured_design_effect for _ in functionals)
    return tuple(measured.get(functional.name, 1.0) for functional in functionals)
