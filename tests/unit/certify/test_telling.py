"""What people are told of the self-test."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from proxy.certify.telling import MAX_SEEN, show_self_test, tell_replayed
from proxy.stats.promise.resampling import Replayed
from proxy.stats.promise.self_test import Detectable, SelfTest

REPLAYED = Replayed(
    ticks=20_000,
    rows_per_tick=100,
    block_rows=400,
    alarms=0,
    closest="age",
    closest_share=0.25,
    budget_ticks=3_153_600.0,
)


def seen(name: str, rows: int | None, unit: str = "sd") -> Detectable:
    """Give what will be seen of a column."""
    return Detectable(
        column=name,
        unit=unit,
        within_1000_rows=None if rows is None else 0.4,
        within_10000_rows=None if rows is None else 0.2,
        shift=0.25 if unit == "sd" else 0.05,
        rows=rows,
    )


def told(*detectable: Detectable, replayed: Replayed | None = REPLAYED) -> str:
    """Give what stands on the screen."""
    console = Console(file=StringIO(), width=100)
    found = SelfTest(
        detectable=detectable,
        halves_ticks=200,
        halves_alarms=1,
        halves_blamed=("age",),
        replayed=replayed,
        warnings=(),
    )
    show_self_test(found, console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_each_column_says_what_it_can_see() -> None:
    """Those that see least stand first; blind ones say so."""
    text = told(seen("age", 2900), seen("city", 120, "share"), seen("blind", None))
    lines = [line.split() for line in text.splitlines()]
    order = [line[1] for line in lines if len(line) > 1 and line[1] in {"age", "city", "blind"}]
    assert order == ["blind", "age", "city"]
    for part in ("+0.25 sd", "2,900", "5% new category", "never", "nothing", "+0.2 sd", "20.0%"):
        assert part in text
    assert "1 alarms in 200 ticks" in text


def test_a_column_is_shown_as_it_is_called() -> None:
    """What looks like markup is text, and an escape is a sign."""
    assert "a[/b]\u241b[2J" in told(seen("a[/b]\x1b[2J", 100))


def test_a_replay_says_how_much_it_proves() -> None:
    """No alarm in twenty thousand ticks is no proof of one in three million, and that is said."""
    text = tell_replayed(REPLAYED)
    assert "0 in 20,000 replayed ticks of 100 rows (blocks of 400 rows)" in text
    assert "fewer than 1 in 6,676 ticks with 95 % certainty" in text
    assert "the budget is 1 in 3,153,600" in text
    assert "age, reached 25% of the threshold" in text


def test_many_columns_are_cut_and_counted() -> None:
    """All of them stand in the file."""
    text = told(*(seen(f"x{i}", 100 + i) for i in range(MAX_SEEN + 3)), replayed=None)
    assert "and 3 more columns" in text
    assert "False alarms" not in text
