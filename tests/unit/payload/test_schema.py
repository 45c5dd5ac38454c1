"""Schemas and their breaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.schema import BreakKind, Kind, Schema, breaks, categories, infer
from proxy.records import Model, Rows, Side


def rows(side: Side = Side.INPUT, **columns: list[Any]) -> Rows:
    """Make rows of the given columns."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=side,
        columns=tuple(columns),
        values=tuple(columns.values()),
        n=len(next(iter(columns.values()))),
    )


REFERENCE = [
    rows(age=[20, 60], kind=["a", "b"], flag=[True, False], note=[None, 1.5]),
    rows(age=[30], kind=["b"], flag=[True], note=[2.5], rare=[1]),
]
SCHEMA = infer(Side.INPUT, REFERENCE)


def test_a_schema_says_what_was_seen() -> None:
    """Kinds, ranges, categories, missing shares, and which columns are always there."""
    found = {column.name: column for column in SCHEMA.columns}
    assert (found["age"].kind, found["age"].low, found["age"].high) == (Kind.NUMBER, 20, 60)
    assert found["kind"].categories == ("a", "b")
    assert found["flag"].kind is Kind.BOOLEAN
    assert found["note"].missing_share == pytest.approx(1 / 3)
    assert found["age"].required
    assert not found["rare"].required
    assert SCHEMA.n == 3
    assert categories([SCHEMA]) == {"kind": frozenset({"a", "b"})}


def test_it_can_be_stored() -> None:
    """The benchmark keeps it as JSON."""
    assert msgspec.json.decode(msgspec.json.encode(SCHEMA), type=Schema) == SCHEMA


def test_the_other_side_is_skipped() -> None:
    """A mixed sample of rows gives the schema of the side that is asked for."""
    assert infer(Side.OUTPUT, REFERENCE).columns == ()


GOOD = {"age": [25], "kind": ["a"], "flag": [True], "note": [1.0]}


@pytest.mark.parametrize(
    ("changes", "kind", "column"),
    [
        ({"age": None}, BreakKind.MISSING_COLUMN, "age"),
        ({"new": [1]}, BreakKind.EXTRA_COLUMN, "new"),
        ({"age": ["old"]}, BreakKind.WRONG_KIND, "age"),
        ({"age": [True]}, BreakKind.WRONG_KIND, "age"),
        ({"kind": [3]}, BreakKind.WRONG_KIND, "kind"),
        ({"age": [81]}, BreakKind.OUT_OF_RANGE, "age"),
        ({"age": [-1]}, BreakKind.OUT_OF_RANGE, "age"),
        ({"kind": ["c"]}, BreakKind.NEW_CATEGORY, "kind"),
        ({"age": [None]}, BreakKind.MISSING_VALUE, "age"),
    ],
)
def test_each_break_is_told_with_its_column(
    changes: dict[str, Any], kind: BreakKind, column: str
) -> None:
    """One change, one break, of its own kind."""
    given = {name: cells for name, cells in (GOOD | changes).items() if cells is not None}
    (found,) = breaks(SCHEMA, rows(**given))
    assert (found.kind, found.column, found.n) == (kind, column, 1)


def test_what_is_within_the_schema_breaks_nothing() -> None:
    """A little beyond the range, a known gap and an absent rare column are no breaks."""
    assert breaks(SCHEMA, rows(**(GOOD | {"age": [75], "note": [None]}))) == ()


def test_a_column_without_certified_values_accepts_any() -> None:
    """A column that was always empty, or had too many categories, says nothing."""
    many = [rows(id=[str(i)], empty=[None]) for i in range(300)]
    schema = infer(Side.INPUT, many)
    assert breaks(schema, rows(id=["unseen"], empty=[5])) == ()


def test_a_constant_column_allows_its_own_size() -> None:
    """A range of width zero is not a law."""
    schema = infer(Side.INPUT, [rows(a=[10, 10])])
    assert breaks(schema, rows(a=[14])) == ()
    assert breaks(schema, rows(a=[16]))[0].kind is BreakKind.OUT_OF_RANGE


cells = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=8))
def test_the_reference_never_breaks_its_own_schema(reference: list[list[Any]]) -> None:
    """Whatever was certified is within what was certified."""
    bodies = [rows(a=[row[0]], b=[row[1]]) for row in reference]
    schema = infer(Side.INPUT, bodies)
    assert all(breaks(schema, body) == () for body in bodies)
