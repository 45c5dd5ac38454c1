"""Schemas and their breaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.schema import Break, BreakKind, Check, Kind, Schema, infer
from proxy.records import Model, Rows, Side


def rows(**columns: list[Any]) -> Rows:
    """Make rows of the given columns."""
    return Rows(
        exchange_id=1,
        at_s=0.0,
        model=Model.CANDIDATE,
        side=Side.INPUT,
        columns=tuple(columns),
        values=tuple(columns.values()),
        n=len(next(iter(columns.values()))),
    )


def inferred(*bodies: Rows, **sample: list[Any]) -> Schema:
    """Give the schema of these requests and reference rows."""
    schema = infer(Side.INPUT, sample, bodies)
    assert schema is not None
    return schema


def breaks(schema: Schema, found: Rows) -> tuple[Break, ...]:
    """Give how rows break a schema."""
    return Check(schema).breaks(found)


REFERENCE = [
    rows(age=[20, 60], kind=["a", "b"], flag=[True, False], note=[None, 1.5]),
    rows(age=[30], kind=["b"], flag=[True], note=[2.5], rare=[1]),
] * 5
SCHEMA = inferred(*REFERENCE)


def test_a_schema_says_what_was_seen() -> None:
    """Kinds, ranges, categories, missing shares, and which columns are always there."""
    found = {column.name: column for column in SCHEMA.columns}
    assert (found["age"].kind, found["age"].low, found["age"].high) == (Kind.NUMBER, 20, 60)
    assert found["kind"].categories == ("a", "b")
    assert found["flag"].kind is Kind.BOOLEAN
    assert found["note"].missing_share == pytest.approx(1 / 3)
    assert found["age"].required
    assert not found["rare"].required
    assert (SCHEMA.n, SCHEMA.side, SCHEMA.shares) == (15, Side.INPUT, {})


def test_it_can_be_stored() -> None:
    """The benchmark keeps it as JSON."""
    schema = inferred(a=["x"] * 99 + ["y"])
    assert schema.shares
    assert msgspec.json.decode(msgspec.json.encode(schema), type=Schema) == schema


def test_nothing_gives_no_schema() -> None:
    """Without a row there is no form to keep to."""
    assert infer(Side.INPUT, {}, []) is None


def test_reference_rows_widen_what_requests_tell() -> None:
    """The range is that of both; a column that no request has, such as the truth, is not asked."""
    schema = inferred(rows(age=[40]), age=[1, 90], truth=[0.0, 1.0])
    assert breaks(schema, rows(age=[85])) == ()
    assert [one.column for one in breaks(schema, rows(truth=[1.0]))] == ["age"]


def test_without_readable_requests_the_reference_says_what_must_be_there() -> None:
    """Its columns are all that is known."""
    (found,) = breaks(inferred(a=[1.0], b=[2.0]), rows(a=[1.0]))
    assert (found.kind, found.column) == (BreakKind.MISSING_COLUMN, "b")


GOOD = {"age": [25], "kind": ["a"], "flag": [True], "note": [1.0]}


@pytest.mark.parametrize(
    ("changes", "kind", "column"),
    [
        ({"age": None}, BreakKind.MISSING_COLUMN, "age"),
        ({"new": [1]}, BreakKind.EXTRA_COLUMN, "new"),
        ({"age": ["old"]}, BreakKind.WRONG_KIND, "age"),
        ({"age": [True]}, BreakKind.WRONG_KIND, "age"),
        ({"kind": [3]}, BreakKind.WRONG_KIND, "kind"),
        ({"flag": [1]}, BreakKind.WRONG_KIND, "flag"),
        ({"age": [81]}, BreakKind.OUT_OF_RANGE, "age"),
        ({"age": [-1]}, BreakKind.OUT_OF_RANGE, "age"),
        ({"kind": ["c"]}, BreakKind.NEW_CATEGORY, "kind"),
        ({"age": [None]}, BreakKind.MISSING_VALUE, "age"),
        ({"age": [float("nan")]}, BreakKind.MISSING_VALUE, "age"),
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


@pytest.mark.parametrize("width", [2, 4])
@pytest.mark.parametrize("name", ["x{}", "image[{}]"])
def test_a_vector_of_another_width_is_told_once(name: str, width: int) -> None:
    """Not as columns that are missing or unknown, but as what happened to the vector."""
    schema = inferred(rows(**{name.format(i): [0.5] for i in range(3)}))
    (found,) = breaks(schema, rows(**{name.format(i): [0.5] for i in range(width)}))
    assert (found.kind, found.column) == (BreakKind.WRONG_WIDTH, name.partition("{")[0].strip("["))


def test_a_gap_in_a_vector_is_a_missing_column() -> None:
    """Numbered columns that lose one from the middle did not change their width."""
    schema = inferred(rows(x0=[1.0], x1=[1.0], x2=[1.0]))
    (found,) = breaks(schema, rows(x0=[1.0], x2=[1.0]))
    assert (found.kind, found.column) == (BreakKind.MISSING_COLUMN, "x1")


def test_a_tensor_of_another_size_is_told() -> None:
    """Even by one number, when all certified ones had the same."""
    schema = inferred(rows(**{"image.size": [784, 784]}))
    (found,) = breaks(schema, rows(**{"image.size": [785]}))
    assert (found.kind, found.column) == (BreakKind.WRONG_WIDTH, "image.size")


def test_a_column_without_certified_values_accepts_any() -> None:
    """A column that was always empty, or had too many categories, says nothing."""
    schema = inferred(*[rows(id=[str(i)], empty=[None]) for i in range(300)])
    assert breaks(schema, rows(id=["unseen"], empty=[5])) == ()
    assert breaks(inferred(code=[str(i) for i in range(20)]), rows(code=["unseen"])) == ()


def test_rare_strings_are_not_stored_but_known_to_occur() -> None:
    """What could point at a person is only a share of the certified rows."""
    schema = inferred(city=["york"] * 99 + ["elsewhere"])
    assert schema.columns[0].categories == ("york",)
    assert schema.shares == {BreakKind.NEW_CATEGORY: 0.01}


def test_odd_cells_do_not_change_the_kind() -> None:
    """Most cells decide; the others are known to occur."""
    schema = inferred(a=[1.0] * 9 + ["one"])
    assert schema.columns[0].kind is Kind.NUMBER
    assert schema.shares == {BreakKind.WRONG_KIND: 0.1}


def test_a_constant_column_allows_its_own_size() -> None:
    """A range of width zero is not a law."""
    schema = inferred(rows(a=[10, 10]))
    assert breaks(schema, rows(a=[14])) == ()
    assert breaks(schema, rows(a=[16]))[0].kind is BreakKind.OUT_OF_RANGE


cells = st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=2)


@given(st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=8))
def test_the_reference_breaks_its_schema_as_often_as_it_says(reference: list[list[Any]]) -> None:
    """The stored shares are those of the certified rows themselves."""
    bodies = [rows(a=[row[0]], b=[row[1]]) for row in reference]
    schema = inferred(*bodies)
    found = [one.kind for body in bodies for one in breaks(schema, body)]
    for kind in BreakKind:
        share = found.count(kind) / len(bodies)
        assert schema.shares.get(kind, 0.0) == pytest.approx(min(share, 1.0))
