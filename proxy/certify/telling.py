"""What the self-test found, told to people: what will be seen, and how often it will be wrong."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.stats.promise.resampling import Replayed
from proxy.stats.promise.self_test import Detectable, SelfTest
from proxy.telemetry.report import visible

MAX_SEEN: Final = 12
"""Columns that are shown, those that need most rows first; all of them stand in the file."""


def plain(text: str) -> Text:
    """Give text as it is: names of models, columns and categories may hold anything."""
    return Text(visible(text))


def show_self_test(found: SelfTest, console: Console) -> None:
    """Tell people what a benchmark can see and how often it alarms falsely."""
    if found.detectable:
        console.print(_table(found.detectable))
        hidden = len(found.detectable) - MAX_SEEN
        if hidden > 0:
            console.print(f"and {hidden} more columns, which need fewer rows, in the file")
    if found.replayed is not None:
        console.print(plain(tell_replayed(found.replayed)), soft_wrap=True)
    if found.halves_ticks:
        console.print(
            f"Halves of the reference against each other: {found.halves_alarms} alarms in "
            f"{found.halves_ticks:,} ticks",
            highlight=False,
        )


def tell_replayed(replayed: Replayed) -> str:
    """Say what came of the replay, and how much that proves.

    Twenty thousand ticks cannot prove a budget of millions: the bound is said, not the hope.
    """
    bound = 1 / replayed.most_alarms_per_tick()
    drawn = (
        f"blocks of {replayed.block_rows:,} rows"
        if replayed.block_rows > 1
        else "rows in random order"
    )
    return (
        f"False alarms: {replayed.alarms} in {replayed.ticks:,} replayed ticks of "
        f"{replayed.rows_per_tick} rows ({drawn}): fewer than 1 in {bound:,.0f} ticks with 95 % "
        f"certainty; the budget is 1 in {replayed.budget_ticks:,.0f}; the closest, "
        f"{replayed.closest or 'none'}, reached {replayed.closest_share:.0%} of the threshold"
    )


def _table(found: tuple[Detectable, ...]) -> Table:
    """Give one line for each column, those that see least first."""
    table = Table(title="This monitor can see", title_justify="left")
    table.add_column("column")
    table.add_column("noted shift")
    table.add_column("rows", justify="right")
    table.add_column("within 1,000 rows", justify="right")
    table.add_column("within 10,000 rows", justify="right")
    ranked = sorted(found, key=lambda one: -(one.rows or float("inf")))
    for one in ranked[:MAX_SEEN]:
        what = f"+{one.shift:g} sd" if one.unit == "sd" else f"{one.shift:.0%} new category"
        table.add_row(
            plain(one.column),
            what,
            "never" if one.rows is None else f"{one.rows:,}",
            _shift(one.within_1000_rows, one.unit),
            _shift(one.within_10000_rows, one.unit),
        )
    return table


def _shift(smallest: float | None, unit: str) -> str:
    if smallest is None:
        return "nothing"
    return f"+{smallest:.2g} sd" if unit == "sd" else f"{smallest:.1%}"
