"""Rows and columns of whatever shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.features import Features
from proxy.payload.kit import Kit
from proxy.payload.reasons import Reason, Unreadable
from proxy.payload.redact import Redactor
from proxy.payload.settings import Payload, Redact, Treatment
from proxy.payload.table import Table
from proxy.records import Side


def table(side: Side = Side.INPUT, redact: Redact | None = None, **settings: Any) -> Table:
    """Make an empty table that keeps strings in clear."""
    redactor = Redactor(redact or Redact(categories="clear"))
    return Table(side, Kit(Payload(**settings), redactor, Features(64)))


def columns_of(rows: list[Any], **more: Any) -> dict[str, list[Any]]:
    """Give the columns of `rows`."""
    made = table(**more)
    made.add_rows(rows)
    return made.columns


@given(
    st.lists(
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
    )
)
def test_transposing_loses_nothing(rows: list[list[float]]) -> None:
    """Rows of equal width come back when the columns are read across."""
    found = columns_of(rows)
    assert [list(row) for row in zip(*found.values(), strict=True)] == rows


def test_ragged_rows_have_missing_cells() -> None:
    """A row that is too short lacks its last columns."""
    assert columns_of([[1, 2], [3]]) == {"x0": [1, 3], "x1": [2, None]}


def test_configured_names_name_unnamed_columns() -> None:
    """Names are given in order, then the numbering goes on."""
    assert list(columns_of([[1, 2, 3]], columns=("age", "pay"))) == ["age", "pay", "x2"]
    assert list(columns_of([4], columns=("age",))) == ["age"]


def test_wide_rows_are_tensors() -> None:
    """From `tensor_width` numbers on, a row is described and not spread."""
    found = columns_of([[1.0] * 10, [2.0] * 10], tensor_width=9)
    assert found["x.mean"] == [1.0, 2.0]
    assert "x0" not in found


def test_nested_lists_are_tensors() -> None:
    """An image as lists of lists is described."""
    assert columns_of([[[0, 1], [1, 0]]])["x.mean"] == [0.5]


def test_lists_of_objects_are_counted() -> None:
    """A list of objects inside a row has no fixed columns: its length is what is kept."""
    assert columns_of([{"items": [{"id": 1}, {"id": 2}]}]) == {"items.items": [2]}


def test_long_strings_and_many_words_are_text() -> None:
    """Free text is described and not kept; the column stays text from then on."""
    made = table()
    made.add("note", ["short"])
    assert made.columns == {"note": ["short"]}
    made = table()
    made.add("note", ["one two three four five", None])
    assert made.columns["note.words"] == [5, None]
    assert not any(isinstance(cell, str) for cells in made.columns.values() for cell in cells)


def test_integers_beyond_64_bits_become_floats_or_missing() -> None:
    """A number of a thousand digits is missing, one of thirty is a float."""
    assert columns_of([10**30, 10**1000, 5]) == {"x0": [1e30, None, 5]}


def test_a_long_batch_is_thinned_evenly() -> None:
    """`max_rows` rows remain, the same ones of each column, and they weigh more."""
    made = table(max_rows=4)
    made.add("a", list(range(10)))
    made.add("b", list(range(10)))
    assert made.columns["a"] == made.columns["b"] == [0, 2, 5, 7]
    assert made.share == pytest.approx(0.4)


def test_dropped_columns_are_not_read() -> None:
    """A column that the settings drop leaves no trace."""
    redact = Redact(categories="clear", columns={"ssn": Treatment.DROP})
    assert columns_of([{"ssn": "x", "age": 4}], redact=redact) == {"age": [4]}


@pytest.mark.parametrize(
    ("rows", "more", "reason"),
    [
        ([], {}, Reason.NO_ROWS),
        ([[1], {"a": 1}], {}, Reason.WRONG_SHAPE),
        ([[1], 2], {}, Reason.WRONG_SHAPE),
        ([{str(i): i for i in range(300)}], {}, Reason.TOO_WIDE),
        ([{"a": {str(i): i for i in range(5)}}], {"max_columns": 4}, Reason.TOO_WIDE),
        ([[[1], [2, 3]]], {}, Reason.WRONG_SHAPE),
    ],
)
def test_impossible_rows_have_a_reason(
    rows: list[Any], more: dict[str, Any], reason: Reason
) -> None:
    """No rows, mixed rows, too many columns and ragged tensors are told apart."""
    with pytest.raises(Unreadable) as caught:
        columns_of(rows, **more)
    assert caught.value.reason is reason


def test_columns_of_different_lengths_have_a_reason() -> None:
    """Both ways of adding columns refuse it."""
    with pytest.raises(Unreadable):
        table().add_columns({"a": [1, 2], "b": [1]})
    made = table()
    made.add("a", [1, 2])
    with pytest.raises(Unreadable):
        made.add("b", [1])


def test_a_value_that_is_no_list_holds_for_all_rows() -> None:
    """Shared parameters stand beside columns."""
    made = table()
    made.add_columns({"a": [1, 2], "k": 3})
    assert made.columns == {"a": [1, 2], "k": [3, 3]}


def test_missing_rows_stay_rows() -> None:
    """A null among the rows is a row whose cells are missing."""
    assert columns_of([{"a": 1}, None]) == {"a": [1, None]}
    assert columns_of([None, None]) == {"x0": [None, None]}
