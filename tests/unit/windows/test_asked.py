"""A waiting request knows its rows, and which of them a truth is about."""

from __future__ import annotations

import pytest

from proxy.records import Model, Truth
from proxy.stats.quality.target import Answer
from proxy.windows.asked import Asked, is_same, values_of


def truth(name: str, value: object = 1, row: int | None = None) -> Truth:
    """Give a truth."""
    return Truth(id=name, value=value, row=row, at_s=0.0)  # type: ignore[arg-type]  # any value


@pytest.mark.parametrize(
    ("places", "given", "expected"),
    [
        (None, truth("a", [1, 2, 3, 4]), {0: 1, 1: 2, 2: 3, 3: 4}),
        (None, truth("a", 9, row=3), {3: 9}),
        ([0, 2], truth("a", [1, 2, 3, 4]), {0: 1, 1: 3}),
        ([0, 2], truth("a", 9, row=2), {1: 9}),
        ([0, 2], truth("a", 9, row=3), {}),
    ],
)
def test_truths_find_the_rows_that_were_kept(
    places: list[int] | None, given: Truth, expected: dict[int, object]
) -> None:
    """Rows keep the number they had in the request, even when the batch was thinned."""
    answers = {Model.CANDIDATE: [Answer(0)] * 4}
    assert values_of(Asked(1, 0.0, 0, n=4, places=places, answers=answers), given) == expected


@pytest.mark.parametrize("given", [truth("a"), truth("a", [1]), truth("a", 1, row=4)])
def test_truths_that_do_not_fit_the_rows_are_refused(given: Truth) -> None:
    """The message says how many rows there are."""
    with pytest.raises(ValueError, match="4"):
        values_of(Asked(1, 0.0, 0, n=4), given)


def test_a_value_of_a_list_that_is_missing_says_nothing_of_its_row() -> None:
    """As an empty cell in a file of labels; a list without any value is refused."""
    asked = Asked(1, 0.0, 0, n=3)
    assert values_of(asked, truth("a", [1, None, 0])) == {0: 1, 2: 0}
    with pytest.raises(ValueError, match="all are missing"):
        values_of(asked, truth("a", [None] * 3))


def test_texts_count_in_its_size_in_any_alphabet() -> None:
    """Predicted or told; a number costs as much as any other."""
    plain = Asked(1, 0.0, 0, n=1, answers={Model.CANDIDATE: [Answer(1.0)]}, told={0: 1})
    for text in ("x" * 1000, "\N{GREEK SMALL LETTER MU}" * 500):
        predicted = Asked(1, 0.0, 0, n=1, answers={Model.CANDIDATE: [Answer(text)]}, told={0: 1})
        told = Asked(1, 0.0, 0, n=1, answers={Model.CANDIDATE: [Answer(1.0)]}, told={0: text})
        assert predicted.size() == told.size()
        assert 1000 <= told.size() - plain.size() < 1100


def test_labels_that_say_the_same_in_other_words_are_the_same() -> None:
    """A file that is sent again as JSON, with numbers as text, contradicts nothing."""
    for one, other in ((1, "1"), (1.0, 1), (True, "true"), (True, 1), ("a", "a")):
        assert is_same(one, other)
        assert is_same(other, one)
    for one, other in ((1, 2), ("1", "01"), ("true", 0), ("a", None)):
        assert not is_same(one, other)
