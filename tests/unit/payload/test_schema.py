"""Schemas and their breaks."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import made
from proxy.payload.schema import Break, BreakKind, Check, Kind, Schema, infer
from proxy.records import Rows, Side


def rows(**columns: list[Any]) -> Rows:
    """Make rows of the given columns."""
    return made.rows(columns)


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


def answered(n_unreadable: int = 0, **columns: list[Any]) -> Schema:
    """Infer the schema of answers, one answer of all rows."""
    found = infer(Side.OUTPUT, {}, [rows(**columns)], n_unreadable)
    assert found is not None
    return found


def test_a_regression_beyond_its_range_is_drift_and_not_form() -> None:
    """Its type, its presence and its gaps are form."""
    schema = answered(prediction=[1.5 * i for i in range(50)])
    assert breaks(schema, rows(prediction=[-9e9])) == ()
    for cells, kind in (
        (["high"], BreakKind.WRONG_KIND),
        ([True], BreakKind.WRONG_KIND),
        ([None], BreakKind.MISSING_VALUE),
    ):
        (found,) = breaks(schema, rows(prediction=cells))
        assert (found.kind, found.column) == (kind, "prediction")


@pytest.mark.parametrize("whole", [int, float])
def test_few_whole_numbers_are_classes(whole: type[float]) -> None:
    """Another one is a new class; a column of requests has a range instead."""
    labels: list[Any] = [whole(i % 3) for i in range(30)]
    schema = answered(prediction=labels)
    assert breaks(schema, rows(prediction=[2, 0.0])) == ()
    for label in (3, -1, 0.5):
        (found,) = breaks(schema, rows(prediction=[0, label]))
        assert (found.kind, found.n) == (BreakKind.NEW_CATEGORY, 1)
    assert breaks(inferred(prediction=labels), rows(prediction=[2.5])) == ()


def test_many_or_rare_whole_numbers_are_no_classes() -> None:
    """Counts and prices in whole units may take values that were not seen yet."""
    many = answered(prediction=[i % 21 for i in range(300)])
    rare = answered(prediction=list(range(15)))
    for schema in (many, rare):
        assert breaks(schema, rows(prediction=[99])) == ()


def test_a_rare_class_is_as_rare_as_certified() -> None:
    """A class of fewer than five rows is not listed, and its share is certified as a break."""
    schema = answered(prediction=[0, 1] * 98 + [7] * 4)
    assert schema.shares == {BreakKind.NEW_CATEGORY: 0.02}


def test_probabilities_stay_between_zero_and_one() -> None:
    """Where the certified numbers fill that range; scores that only lie in it may leave it."""
    filled = answered(score=[i / 100 for i in range(101)])
    assert breaks(filled, rows(score=[0.0, 1.0 + 1e-7, 0.5])) == ()
    for cell in (1.01, -0.2, 3.7):
        (found,) = breaks(filled, rows(score=[cell]))
        assert (found.kind, found.column) == (BreakKind.OUT_OF_RANGE, "score")
    some = answered(score=[0.3 + i / 1000 for i in range(101)])
    assert breaks(some, rows(score=[1.2])) == ()


def test_a_distribution_of_another_width_is_told_once() -> None:
    """Its class, confidence and entropy are the decoder's own: no class of it is new."""
    three = {"p0": [0.2], "p1": [0.3], "p2": [0.5]}
    summed = {"class": ["2"], "confidence": [0.5], "entropy": [1.48]}
    schema = answered(**{name: cells * 20 for name, cells in (three | summed).items()})
    assert breaks(schema, rows(**(three | summed | {"class": ["0"]}))) == ()
    (found,) = breaks(schema, rows(**(three | summed | {"p3": [0.0]})))
    assert (found.kind, found.column) == (BreakKind.WRONG_WIDTH, "p")
    raw = rows(**{f"prediction[{i}]": [4.0 * i] for i in range(3)})
    kinds = {one.kind for one in breaks(schema, raw)}
    assert kinds == {BreakKind.MISSING_COLUMN, BreakKind.EXTRA_COLUMN}


def test_labels_of_the_model_itself_are_categories() -> None:
    """A column called `class` that no distribution goes with is the model's."""
    schema = answered(**{"class": ["setosa", "virginica"] * 10})
    (found,) = breaks(schema, rows(**{"class": ["(other)"]}))
    assert (found.kind, found.column) == (BreakKind.NEW_CATEGORY, "class")


def test_of_descriptors_only_their_presence_is_form() -> None:
    """What a text holds is drift; a tensor of another size is another form."""
    given = {
        "answer.chars": [20], "answer.digits": [0.0], "finish_reason": ["stop"],
        "tool_calls": [0], "mean_logprob": [None], "x.size": [384], "x.norm": [1.0], "x.pc0": [0.1],
    }  # fmt: skip
    schema = answered(**{name: cells * 20 for name, cells in given.items()})
    other = {
        "answer.chars": [None], "answer.digits": [0.7], "finish_reason": ["length"],
        "tool_calls": [3], "mean_logprob": [-0.5], "x.norm": [9.0], "x.pc0": [None],
    }  # fmt: skip
    assert breaks(schema, rows(**(given | other))) == ()
    (found,) = breaks(schema, rows(**(given | {"x.size": [768]})))
    assert (found.kind, found.column) == (BreakKind.WRONG_WIDTH, "x.size")
    gone = {name: cells for name, cells in given.items() if name != "finish_reason"}
    (found,) = breaks(schema, rows(**gone))
    assert (found.kind, found.column) == (BreakKind.MISSING_COLUMN, "finish_reason")


def test_a_rare_string_of_an_answer_stands_in_no_benchmark() -> None:
    """Fewer than five rows could point at a person, whichever side they come from."""
    secret = "sk-planted-9f8e7d6c5b4a3210"  # noqa: S105 - planted to be looked for
    schema = answered(label=["yes", "no"] * 40 + [secret] * 4)
    assert "yes" in msgspec.json.encode(schema).decode()
    assert secret not in msgspec.json.encode(schema).decode()


def test_answers_that_could_not_be_read_are_part_of_what_was_certified() -> None:
    """One in four was an image, say."""
    assert answered(1, prediction=[1.5]).unreadable == 0.5
    assert inferred(a=[1.0]).unreadable == 0.0
