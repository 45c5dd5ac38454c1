"""The rows that show a drift best, told without giving their cells away."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Example, Scalar
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.examples import MAX_TEXT, MAX_VALUES, examples
from proxy.stats.explain.samples import SampledRow, SampledRows
from proxy.stats.reference.column import ColumnProfile, build_column

X = build_column("x", list(map(float, range(1000))), ordered=False)
C = build_column("c", ["a", "b"] * 500, ordered=False)


def evidence(column: ColumnProfile, telling: dict[int, float]) -> ColumnEvidence:
    """Give a blamed column with the score of some bins; the others speak against."""
    scores = np.full(len(column.masses), -0.1)
    for place, score in telling.items():
        scores[place] = score
    functional = column.functionals()[0]
    return ColumnEvidence(
        column=column,
        masses=column.masses,
        counts=column.masses,
        blamed=True,
        members=(),
        carrier=functional.name,
        carrier_values=tuple(map(float, functional.values)),
        is_share=False,
        scores=tuple(map(float, scores)),
        effect=0.0,
        interval=None,
        unit="sd",
        summary="",
    )


def kept(*cells: tuple[Scalar, Scalar], exchange: int | None = None) -> SampledRows:
    """Give rows of `x` and `c`, each in an exchange of its own unless one is named."""
    rows = tuple(
        SampledRow(number if exchange is None else exchange, float(number), 1.0, 0, values)
        for number, values in enumerate(cells)
    )
    return SampledRows((("x", "c"),), rows)


def chosen(rows: SampledRows, n: int = 5, *, show_values: bool = False) -> tuple[Example, ...]:
    """Choose among rows where values below the reference and unknown categories tell."""
    blamed = (evidence(X, {0: 3.0, -2: 2.0, -1: 1.5}), evidence(C, {2: 1.0, 0: 0.5}))
    return examples(blamed, (X, C), rows, n, show_values=show_values)


def test_the_most_telling_rows_come_first_with_what_is_telling_about_them() -> None:
    """Words for below the reference, missing, another type, unknown, and for a common value."""
    rows = kept((500.0, "a"), (500.0, "z"), (None, "b"), ("text", "b"), (-5.0, "b"), (400.0, "b"))
    found = chosen(rows)
    assert [one.why for one in found] == [
        "x lies below everything in the reference (0)",
        "x is missing",
        "x is of another type",
        "c is not in the reference",
        "c is a: 49.9% of the current rows, 49.9% of the reference",
    ]
    assert [one.exchange for one in found[:2]] == [f"{4:016x}", f"{2:016x}"]
    assert found[0].at_s == 4.0


def test_cells_are_shown_as_bins_unless_they_are_wanted() -> None:
    """A person's number does not leave the sample by default."""
    rows = kept((-5.25, "secret"))
    assert chosen(rows)[0].values == {"x": "below 0", "c": "other"}
    assert chosen(rows, show_values=True)[0].values == {"x": -5.25, "c": "secret"}


def test_shown_cells_are_bounded_and_finite() -> None:
    """Long texts are cut, infinity is told as text, as JSON has none."""
    found = chosen(kept((float("-inf"), "y" * 500)), show_values=True)
    assert found[0].values["x"] == "-inf"
    assert len(str(found[0].values["c"])) == MAX_TEXT
    many = [build_column(f"c{n}", ["a"] * 100, ordered=False) for n in range(30)]
    wide = examples(
        (evidence(X, {0: 1.0}),), many, kept((-1.0, "a")), 5, show_values=True
    )  # fmt: skip
    assert len(wide[0].values) == MAX_VALUES


def test_one_row_of_each_exchange_and_few_that_tell_the_same() -> None:
    """Five copies of one trouble teach less than one each of two."""
    same = kept(*[(-1.0, "b")] * 6, (None, "b"))
    assert [one.why for one in chosen(same)] == [
        "x lies below everything in the reference (0)",
        "x lies below everything in the reference (0)",
        "x is missing",
    ]
    assert len(chosen(kept(*[(-1.0, "b"), (None, "z")], exchange=9))) == 1


@pytest.mark.parametrize("rows", [SampledRows(), kept((500.0, "b"))])
def test_rows_that_tell_nothing_are_no_examples(rows: SampledRows) -> None:
    """No row, or none that speaks for the breach."""
    assert chosen(rows) == ()


def test_none_are_given_when_none_are_wanted_or_none_can_be_found() -> None:
    """Zero examples asked for; a blamed column that no row has."""
    assert chosen(kept((-1.0, "b")), 0) == ()
    foreign = build_column("x with y", list(map(float, range(1000))), ordered=False)
    given = examples((evidence(foreign, {0: 1.0}),), (X,), kept((-1.0, "b")), 5, show_values=False)
    assert given == ()
