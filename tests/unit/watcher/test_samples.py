"""Rows kept for people: fair, bounded, told with their chance; and the extremes of exchanges."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

import made
from proxy import clock
from proxy.records import Case, Exchange, Failure, Model, Pair, Rows, Scalar, Side
from proxy.telemetry.report.chronicle import unix_s
from proxy.watcher.samples import MAX_BYTES, N_EXTREMES, Samples, Wish


def rows(number: int, n: int = 1, *, side: Side = Side.INPUT, weight: float = 1.0) -> Rows:
    """Give a body of `n` rows at second `number`."""
    return made.rows(
        {"x": [number + at for at in range(n)], "name": ["a"] * n},
        exchange_id=number,
        at_s=float(number),
        side=side,
        weight=weight,
        correlation=("id-1",),
    )


def exchange(
    number: int, took_s: float = 0.1, status: int = 200, failure: Failure | None = None
) -> Exchange:
    """Give an exchange that ended at second `number`."""
    return made.exchange(
        id=number,
        started_s=number - took_s,
        finished_s=float(number),
        status=status,
        failure=failure,
    )


def samples() -> Samples:
    """Give an empty memory with seeded dice."""
    return Samples(np.random.default_rng(3))


def test_few_rows_are_all_there_newest_first() -> None:
    """Each with its exchange, its side, its ids, and the chance it had to be sampled."""
    memory = samples()
    for number in (1, 2, 3):
        memory.keep(rows(number, weight=4.0))
    found = memory.last(10)
    assert [one["row"] for one in found] == [{"x": x, "name": "a"} for x in (3, 2, 1)]
    assert found[0]["exchange"] == "0000000000000003"
    assert (found[0]["side"], found[0]["model"]) == ("input", "candidate")
    assert found[0]["ids"] == ["id-1"]
    assert found[0]["inclusion_probability"] == pytest.approx(0.25)


def test_no_more_are_given_than_asked_for() -> None:
    """Of a batch too, and from both sides by time."""
    memory = samples()
    memory.keep(rows(1, 50))
    memory.keep(rows(2, 50, side=Side.OUTPUT))
    assert len(memory.last(7)) == 7
    assert {one["side"] for one in memory.last(7)} == {"output"}
    assert samples().last(5) == []


def test_memory_is_bounded_whatever_passes() -> None:
    """Of very many rows some are kept, and the chance that each had says so."""
    memory = samples()
    for number in range(60):
        memory.keep(rows(number, 1000))
    assert 0 < memory._rings[Side.INPUT].n_bytes() <= MAX_BYTES
    found = memory.last(1000)
    assert len(found) >= 50
    chances = [float(str(one["inclusion_probability"])) for one in found]
    assert min(chances) > 0
    assert max(chances) < 1


def test_the_slowest_and_the_failed_are_kept() -> None:
    """The slowest first; a client that left is not the model's failure, a 500 is."""
    memory = samples()
    for number in range(1, 101):
        memory.observe(exchange(number, took_s=number / 100))
    memory.observe(exchange(101, status=500))
    memory.observe(exchange(102, status=404))
    memory.observe(exchange(103, status=0, failure=Failure.REFUSED))
    memory.observe(exchange(104, status=0, failure=Failure.CLIENT_GONE))
    found = memory.extremes(105.0)
    slowest, failed = found["slowest"], found["failed"]
    assert isinstance(slowest, list)
    assert isinstance(failed, list)
    assert len(slowest) == N_EXTREMES
    assert slowest[0]["exchange"] == f"{100:016x}"
    assert slowest[0]["took_s"] == pytest.approx(1.0)
    assert sorted(one["exchange"] for one in failed) == [f"{n:016x}" for n in (101, 103)]


def test_the_extremes_of_yesterday_are_forgotten() -> None:
    """After an hour they say nothing about now."""
    memory = samples()
    memory.observe(exchange(1, status=500))
    found = memory.extremes(4000.0)
    assert found == {"slowest": [], "failed": []}


def test_rows_and_exchanges_are_told_with_wall_time() -> None:
    """Nobody reads the clock of the host; it is told beside it, since records are joined by it."""
    memory = samples()
    memory.keep(rows(5))
    memory.observe(exchange(5, status=500))
    (row,) = memory.last(1)
    (failed,) = memory.extremes(6.0)["failed"]  # type: ignore[misc]  # a list of one
    for told, at_s in ((row, 5.0), (failed, 4.9)):
        off_s = unix_s(str(told["at_utc"])) - clock.utc_offset_s() - at_s
        assert told["at_s"] == at_s
        assert abs(off_s) < 1


def wish(since_s: float, max_rows: int = 1000, *, side: Side = Side.INPUT) -> Wish:
    """Ask for the column `x` of the candidate's rows."""
    return Wish(
        side=side,
        model=Model.CANDIDATE,
        since_s=since_s,
        until_s=1e6,
        max_rows=max_rows,
        names=frozenset({"x", "unknown"}),
    )


def test_rows_of_a_time_come_with_what_each_stands_for() -> None:
    """Only the wanted columns, since the wanted moment, weighted by both steps of sampling."""
    memory = samples()
    for number in range(8):
        memory.keep(rows(number, weight=3.0))
    found = memory.between(wish(5.0))
    assert found.forms == (("x",),)
    assert [(row.exchange_id, row.values, row.weight) for row in found.rows] == [
        (5, (5,), 3.0),
        (6, (6,), 3.0),
        (7, (7,), 3.0),
    ]
    assert memory.between(wish(0.0, side=Side.OUTPUT)).rows == ()


def test_more_rows_than_wanted_are_drawn_by_what_they_stand_for() -> None:
    """A busy minute has its share, and all drawn rows then stand for equally much."""
    memory = samples()
    for number in range(400):
        memory.keep(rows(0, weight=9.0 if number % 4 == 0 else 1.0))
    found = memory.between(wish(0.0, 40)).rows
    assert len(found) == 40
    assert len({row.weight for row in found}) == 1
    total = sum(row.weight for row in found)
    assert total == pytest.approx(100 * 9 + 300, rel=0.35), "150 of 400 rows are kept"


def test_answers_are_kept_beside_what_was_asked() -> None:
    """Only the candidate's; a name that both sides have is the answer's."""
    memory = samples()
    asked = rows(1, 2)
    for model in (Model.STABLE, Model.CANDIDATE):
        answered = made.rows(
            {"y": [0.5, 0.6], "name": ["p", "q"]}, at_s=1.0, model=model, side=Side.OUTPUT
        )
        memory.keep_case(Case(input=asked, output=answered))
    found = memory.between(
        Wish(
            side=Side.OUTPUT,
            model=Model.CANDIDATE,
            since_s=0.0,
            until_s=9.0,
            max_rows=10,
            names=frozenset({"x", "y", "name"}),
            with_question=True,
        )
    )
    assert found.forms == (("y", "name", "x"),)
    assert [row.values for row in found.rows] == [(0.5, "p", 1), (0.6, "q", 2)]


def test_a_flood_is_sampled_without_making_every_row() -> None:
    """What passes unseen counts all the same: each kept row knows how many it stands for."""
    memory = samples()
    for _ in range(40):
        memory.keep(rows(0, 100))
    found = memory.between(wish(0.0)).rows
    assert len(found) == 150
    assert sum(row.weight for row in found) == pytest.approx(4000)


def answers(number: int, candidate: float, stable: float) -> Pair:
    """Give a pair of batches of three rows, whose second rows may differ."""

    def of(model: Model, value: float) -> Rows:
        given: dict[str, list[Scalar]] = {"prediction": [1.0, value, 3.0]}
        if model is Model.STABLE:
            given["why"] = ["a", "b", "c"]
        return made.rows(
            given, exchange_id=number, at_s=float(number), model=model, side=Side.OUTPUT
        )

    return Pair(
        pair_id=number,
        at_s=float(number),
        candidate=of(Model.CANDIDATE, candidate),
        stable=of(Model.STABLE, stable),
    )


def test_the_strongest_disagreements_are_kept_with_the_row_that_differs() -> None:
    """The strongest first; answers are shown to who may see samples, and only to them."""
    memory = samples()
    for number in range(1, 101):
        memory.keep_pair(answers(number, float(number), 0.0), apart=float(number))
    found = memory.disagreements(101.0, with_answers=True)
    assert len(found) == N_EXTREMES
    assert found[0]["exchange"] == f"{100:016x}"
    assert found[0]["apart"] == 100.0
    assert found[0]["candidate"] == {"prediction": 1.0, "why": None}
    assert found[0]["stable"] == {"prediction": 1.0, "why": "a"}
    public = memory.disagreements(101.0, with_answers=False)
    assert {name for one in public for name in one} == {"exchange", "at_utc", "apart"}
    assert memory.disagreements(101.0 + 3600, with_answers=True) == []


def test_a_longer_answer_differs_where_the_other_ends() -> None:
    """A row that one model did not give is missing."""
    memory = samples()
    pair = answers(1, 2.0, 2.0)
    short = structs.replace(pair.stable, columns=("prediction",), values=([1.0],), n=1)
    memory.keep_pair(structs.replace(pair, stable=short), apart=1.0)
    (found,) = memory.disagreements(1.0, with_answers=True)
    assert found["candidate"] == {"prediction": 2.0}
    assert found["stable"] == {"prediction": None}
