"""Questions and answers become cases: at once when serving, by the copied exchange when shadow."""

from __future__ import annotations

import msgspec

import made
from proxy.records import Exchange, Model, Position, Rows, Side
from proxy.windows.cases import CaseJoiner


def rows(number: int, side: Side, n: int = 2, at_s: float = 0.0, columns: int = 1) -> Rows:
    """Give rows of one exchange."""
    return made.rows(
        {f"x{i}": [float(row) for row in range(n)] for i in range(columns)},
        exchange_id=number,
        at_s=at_s,
        side=side,
    )


def exchange(number: int, pair_id: int | None = None) -> Exchange:
    """Give an exchange; with `pair_id` it is a shadow's."""
    return made.exchange(
        id=number,
        pair_id=pair_id,
        model=Model.CANDIDATE if pair_id is None else Model.STABLE,
        position=Position.SERVING if pair_id is None else Position.SHADOW,
    )


def test_one_capture_holds_both_sides() -> None:
    """The serving model's question and answer are one case."""
    asked, answered = rows(1, Side.INPUT), rows(1, Side.OUTPUT)
    case = CaseJoiner(8, 100, 60.0).answer(answered, exchange(1), asked)
    assert case is not None
    assert (case.input, case.output) == (asked, answered)


def test_a_shadow_answers_the_question_of_the_exchange_it_copies_once() -> None:
    """The shadow's answer finds its question by `pair_id`; a second copy of it finds none."""
    joiner = CaseJoiner(8, 100, 60.0)
    asked = rows(1, Side.INPUT)
    joiner.ask(asked)
    case = joiner.answer(rows(2, Side.OUTPUT), exchange(2, pair_id=1), None)
    assert case is not None
    assert case.input is asked
    assert joiner.answer(rows(2, Side.OUTPUT), exchange(2, pair_id=1), None) is None
    assert joiner.n_cells == 0


def test_unequal_rows_are_no_case() -> None:
    """A batch of which one side was thinned cannot be told apart row by row."""
    joiner = CaseJoiner(8, 100, 60.0)
    assert joiner.answer(rows(1, Side.OUTPUT, n=1), exchange(1), rows(1, Side.INPUT)) is None
    assert joiner.answer(rows(1, Side.OUTPUT), exchange(1), None) is None
    thinned = msgspec.structs.replace(rows(1, Side.INPUT), share=0.5)
    assert joiner.answer(rows(1, Side.OUTPUT), exchange(1), thinned) is None
    both = msgspec.structs.replace(rows(1, Side.OUTPUT), share=0.5)
    assert joiner.answer(both, exchange(1), thinned) is not None


def test_memory_is_bounded_by_count_cells_and_age() -> None:
    """The oldest questions go first, whichever bound they meet."""
    joiner = CaseJoiner(3, 20, 60.0)
    for number in range(5):
        joiner.ask(rows(number, Side.INPUT))
    assert len(joiner) == 3
    joiner.ask(rows(9, Side.INPUT, n=9, columns=2))
    assert (len(joiner), joiner.n_cells) == (2, 20)
    joiner.ask(rows(10, Side.INPUT, at_s=100.0))
    assert (len(joiner), joiner.n_cells) == (1, 2)


def test_a_question_asked_twice_is_held_once() -> None:
    """A repeated report of the same exchange takes the place of the first."""
    joiner = CaseJoiner(8, 100, 60.0)
    joiner.ask(rows(1, Side.INPUT))
    joiner.ask(rows(1, Side.INPUT))
    assert (len(joiner), joiner.n_cells) == (1, 2)
