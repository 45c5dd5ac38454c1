"""Pairs: the answers of two models to the same request find each other, within bounds."""

from __future__ import annotations

import msgspec

import made
from proxy.records import Model, Rows, Side
from proxy.windows.pairs import PairJoiner


def answer(model: Model, at_s: float = 0.0, value: float = 1.0) -> Rows:
    """Give one answer."""
    return made.rows(
        {"prediction": [value]}, exchange_id=int(at_s), at_s=at_s, model=model, side=Side.OUTPUT
    )


def test_joins_in_either_order() -> None:
    """Whichever half comes first, the pair knows which model said what."""
    joiner = PairJoiner(10, 100, 30.0)
    assert joiner.offer(answer(Model.CANDIDATE, value=1.0), 7) is None
    first = joiner.offer(answer(Model.STABLE, value=2.0), 7)
    assert joiner.offer(answer(Model.STABLE, value=2.0), 8) is None
    second = joiner.offer(answer(Model.CANDIDATE, value=1.0), 8)
    for pair in (first, second):
        assert pair is not None
        assert pair.candidate.values == ([1.0],)
        assert pair.stable.values == ([2.0],)
    assert (joiner.n_joined, len(joiner)) == (2, 0)


def test_same_model_twice_is_no_pair() -> None:
    """A repeated half replaces the earlier one."""
    joiner = PairJoiner(10, 100, 30.0)
    joiner.offer(answer(Model.CANDIDATE, value=1.0), 7)
    assert joiner.offer(answer(Model.CANDIDATE, value=3.0), 7) is None
    pair = joiner.offer(answer(Model.STABLE), 7)
    assert pair is not None
    assert pair.candidate.values == ([3.0],)


def test_old_halves_expire_and_are_counted() -> None:
    """A half whose other half never comes is forgotten after its age."""
    joiner = PairJoiner(10, 100, 30.0)
    joiner.offer(answer(Model.CANDIDATE, at_s=0.0), 1)
    joiner.offer(answer(Model.CANDIDATE, at_s=20.0), 2)
    assert joiner.offer(answer(Model.STABLE, at_s=31.0), 1) is None
    assert joiner.n_expired == 1
    assert joiner.offer(answer(Model.STABLE, at_s=32.0), 2) is not None


def test_bound_evicts_the_oldest() -> None:
    """More halves than the bound push out the oldest, and are counted."""
    joiner = PairJoiner(2, 100, 30.0)
    for number in range(5):
        joiner.offer(answer(Model.CANDIDATE), number)
    assert (len(joiner), joiner.n_evicted) == (2, 3)


def test_large_answers_are_bounded_by_their_cells() -> None:
    """A few wide batches take the room of many answers; nothing is left behind by what has gone."""
    joiner = PairJoiner(100, 25, 30.0)
    wide = msgspec.structs.replace(answer(Model.CANDIDATE), values=([1.0] * 10,), n=10)
    for number in range(5):
        joiner.offer(wide, number)
    assert (len(joiner), joiner.n_cells, joiner.n_evicted) == (2, 20, 3)
    joiner.offer(wide, 4)
    assert (len(joiner), joiner.n_cells) == (2, 20)
    assert joiner.offer(answer(Model.STABLE), 4) is not None
    assert joiner.n_cells == 10
    joiner.expire(100.0)
    assert (len(joiner), joiner.n_cells) == (0, 0)
    joiner.offer(msgspec.structs.replace(wide, values=([1.0] * 99,), n=99), 9)
    assert (len(joiner), joiner.n_cells) == (0, 0)
