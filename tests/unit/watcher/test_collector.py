"""Rows for a reference: as many as wanted, bounded, and forgotten when nobody asks."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from typing import Any

import msgspec
import pytest

import made
from proxy.payload.decode import Decoder
from proxy.payload.learning import MAX_TEACHING, Learned, Pupil
from proxy.payload.settings import Payload, Redact
from proxy.records import AlarmName, Capture, Exchange, Failure, Message, Position, Side
from proxy.telemetry.desk import DeskError
from proxy.watcher import collector as module
from proxy.watcher.collector import BUSY_S, FORGET_S, JOURNAL_KIND, PART, Collector, Order

JSON = {"content-type": "application/json"}


def exchange(
    number: int = 1, position: Position = Position.SERVING, failure: Failure | None = None
) -> Exchange:
    """Give one exchange of a tenth of a second."""
    return made.exchange(id=number, position=position, failure=failure, in_flight=2)


def capture(number: int = 1, body: bytes | None = None) -> Capture:
    """Give a prediction about a city."""
    asked = body or json.dumps({"instances": [{"x": number, "city": "york"}] * 2}).encode()
    answered = json.dumps({"predictions": [0.5, 0.5]}).encode()
    return Capture(
        exchange=exchange(number),
        target="/v1/models/m:predict",
        request=Message(fields=JSON, body=asked, truncated=False),
        response=Message(fields=JSON, body=answered, truncated=False),
    )


def fresh(journal: list[Any] | None = None) -> Collector:
    """Give a collector beside a decoder that knows no category; it writes into `journal`."""
    reader = Decoder(Payload(), Redact())

    def write(kind: str, body: object) -> None:
        assert kind == JOURNAL_KIND
        if journal is not None:
            journal.append(body)

    def make(learned: Learned | None, pupil: Pupil | None) -> Decoder:
        return Decoder(Payload(), Redact(categories="clear"), learned=learned, pupil=pupil)

    return Collector(reader, make, write)


def test_without_an_order_nothing_is_kept_and_reading_is_the_readers() -> None:
    """The second decoding costs nothing while nobody collects."""
    one = fresh()
    (asked, _) = one.decode(capture())
    assert asked.side is Side.INPUT
    assert one.state((), 0.0)["state"] == "none"
    with pytest.raises(DeskError, match="no part 0"):
        one.part(0)


def test_the_next_rows_are_kept_with_answers_and_timings() -> None:
    """Strings stay in clear for the collection only; what comes later is not kept."""
    one = fresh()
    one.begin(Order(rows=10), 0.0)
    for number in range(8):
        (asked, _) = one.decode(capture(number))
        assert getattr(asked, "values")[1] == ["(other)"] * 2  # noqa: B009  # a union
        one.observe(exchange(number))
    one.observe(exchange(9, Position.SHADOW))
    state = one.state((), 1.0)
    assert (state["state"], state["rows"], state["parts"]) == ("complete", 10, 1)
    part = json.loads(msgspec.json.encode(one.part(0)))
    assert len(part["bodies"]) == 5 * 2
    assert part["bodies"][0]["values"] == [[0, 0], ["york", "york"]]
    # The fifth exchange completed the rows before it was timed.
    assert part["timings"] == {"candidate": [[0.1, 2, 10]] * 4}
    assert state["answers"] == {"candidate": 4}


def test_failures_and_unreadable_bodies_are_counted() -> None:
    """A client that left says nothing about the model."""
    one = fresh()
    one.begin(Order(rows=10), 0.0)
    one.decode(capture(1, b"not json"))
    for failure in (Failure.TIMEOUT, Failure.CLIENT_GONE, None):
        one.observe(exchange(1, failure=failure))
    state = one.state((), 1.0)
    assert (state["unreadable"], state["answers"]) == (1, {"candidate": 2})
    assert state["failed"] == {"candidate": {"timeout": 1}}


def test_an_alarm_refuses_a_collection_and_disturbs_one_that_runs() -> None:
    """A faulty reference would make the fault normal."""
    one = fresh()
    with pytest.raises(DeskError, match="errors fires"):
        one.begin(Order(rows=10), 0.0, [AlarmName.ERRORS])
    one.begin(Order(rows=10), 0.0)
    assert one.state([AlarmName.LATENCY], 1.0)["disturbed"] == ["latency"]
    assert one.state([], 2.0)["disturbed"] == ["latency"]


@pytest.mark.parametrize("n", [-1, 10**9])
def test_more_rows_than_fit_are_refused(n: int) -> None:
    """The bound is said."""
    with pytest.raises(DeskError, match="1 to 50000 can be kept"):
        fresh().begin(Order(rows=n), 0.0)


def test_memory_is_bounded_by_bytes_and_timings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wide rows end a collection early; timings are thinned evenly."""
    monkeypatch.setattr(module, "MAX_BYTES", 8000)
    monkeypatch.setattr(module, "MAX_TIMINGS", 100)
    one = fresh()
    one.begin(Order(rows=10_000), 0.0)
    for number in range(1000):
        one.observe(exchange(number))
    one.decode(capture())
    assert len(json.loads(msgspec.json.encode(one.part(0)))["timings"]["candidate"]) < 100
    for number in range(100):
        one.decode(capture(number))
    state = one.state((), 1.0)
    assert state["state"] == "complete"
    assert int(str(state["rows"])) < 20


def test_what_nobody_fetches_is_forgotten_and_parts_are_small() -> None:
    """An hour after the last question the rows are gone."""
    one = fresh()
    one.begin(Order(rows=2 * PART), 0.0)
    for number in range(PART):
        one.decode(capture(number))
    assert one.state((), 1.0)["parts"] == 2
    assert len(json.loads(msgspec.json.encode(one.part(1)))["bodies"]) == PART
    assert one.state((), 2.0 + FORGET_S)["state"] == "none"


def test_small_answers_are_counted_at_what_they_cost() -> None:
    """Beside questions that cannot be read they go on without end: only bytes bound them."""
    tracemalloc.start()
    one = fresh()
    one.begin(Order(rows=10_000), 0.0)
    before, _ = tracemalloc.get_traced_memory()
    for number in range(500):
        one.decode(capture(number, b"not json"))
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert one.state((), 1.0)["rows"] == 0
    assert one._n_bytes >= (after - before) / 2


def test_rows_are_forgotten_while_nobody_asks() -> None:
    """Whoever ordered them may have died: the memory is given back all the same."""
    one = fresh()
    one.begin(Order(rows=2), 0.0)
    one.decode(capture())
    one.observe(exchange())
    assert len(json.loads(msgspec.json.encode(one.part(0)))["bodies"]) == 2
    one.observe(msgspec.structs.replace(exchange(), finished_s=FORGET_S + 1.0))
    with pytest.raises(DeskError, match="no part 0"):
        one.part(0)


def test_the_journal_tells_who_took_what_and_what_came_of_it() -> None:
    """Ordered, collected, ended: by whom, why, how many rows, and the words of who ended it."""
    journal: list[Any] = []
    one = fresh(journal)
    one.begin(Order(rows=4, force=True, by="ann", why="no data"), 0.0, [AlarmName.ERRORS])
    one.decode(capture(1, b"not json"))
    one.decode(capture(2))
    one.state([AlarmName.ERRORS], 1.0)
    for number in range(3):
        one.decode(capture(number))
    one.begin(Order(rows=0, by="ann", why="b.json written, SHA-256 ab"), 2.0)
    one.begin(Order(rows=0, by="eve"), 3.0)
    assert journal == [
        {
            "event": "ordered", "wanted": 4, "by": "ann", "why": "no data",
            "despite": ["errors"],
            "text": "ann takes the next 4 rows as a reference although errors fires: no data.",
        },
        {
            "event": "collected", "wanted": 4, "by": "ann", "rows": 4, "unreadable": 1,
            "disturbed": ["errors"],
            "text": "4 of 4 rows for the reference that ann takes are collected.",
        },
        {
            "event": "ended", "wanted": 4, "by": "ann", "rows": 4,
            "why": "b.json written, SHA-256 ab",
            "text": "The reference of 4 rows that ann took: b.json written, SHA-256 ab.",
        },
    ]  # fmt: skip


def test_what_is_forgotten_stands_in_the_journal() -> None:
    """Nobody reads of an order and wonders for ever what became of it."""
    journal: list[Any] = []
    one = fresh(journal)
    one.begin(Order(rows=10, by="ann"), 0.0)
    one.state((), 2.0 + FORGET_S)
    assert [entry["event"] for entry in journal] == ["ordered", "ended"]
    assert "nobody asked about it for an hour" in str(journal[-1]["text"])


def test_who_waits_for_rows_keeps_them() -> None:
    """A second order is refused while the first one asks; a dead one does not block for ever."""
    one = fresh()
    one.begin(Order(rows=10, by="ann"), 0.0)
    one.state((), 5.0)
    with pytest.raises(DeskError, match="ann collects 10 rows already"):
        one.begin(Order(rows=20, by="bob"), 5.0 + BUSY_S / 2)
    one.begin(Order(rows=20, by="bob"), 6.0 + BUSY_S)
    assert one.state((), 60.0)["wanted"] == 20


WORDS = ("no", "bags", "came", "with", "us", "from", "york", "to", "bath")


def letter(dice: random.Random, words: tuple[str, ...] = WORDS) -> bytes:
    """Give a question with a free text, a wide row and a number."""
    text = " ".join(dice.choices(words, k=8))
    wide = [dice.gauss(0, 1) for _ in range(80)]
    return json.dumps(
        {"instances": [{"text": text, "image": wide, "x": dice.gauss(0, 1)}]}
    ).encode()


def test_the_first_quarter_teaches_words_and_directions_and_is_not_kept() -> None:
    """As at certification: what was learned from is never new, so it is not measured."""
    one, dice = fresh(), random.Random(3)
    one.begin(Order(rows=100), 0.0)

    async def scenario() -> None:
        for number in range(25):
            one.decode(capture(number, letter(dice)))
        await one.study()

    asyncio.run(scenario())
    state = one.state((), 1.0)
    assert (state["state"], state["rows"], state["taught"]) == ("collecting", 0, 25)
    for number in range(25, 125):
        one.decode(capture(number, letter(dice, (*WORDS, "nowhere"))))
    assert one.state((), 2.0)["state"] == "complete"
    part = json.loads(msgspec.json.encode(one.part(0)))
    learned = msgspec.convert(part["learned"], Learned)
    assert (learned.text_columns, set(learned.bases)) == (("text",), {"image"})
    columns = part["bodies"][0]["columns"]
    assert {"text.novelty", "image.pc0", "image.residual", "x"} <= set(columns)
    novel = [body["values"][columns.index("text.novelty")] for body in part["bodies"][::2]]
    assert any(value > 0 for (value,) in novel)
    assert any(value == 0 for (value,) in novel)


def test_rows_that_teach_nothing_all_stay() -> None:
    """A table has neither words nor directions: not one row more has to come."""
    one = fresh()
    one.begin(Order(rows=100), 0.0)
    for number in range(50):
        one.decode(capture(number))
    state = one.state((), 1.0)
    assert (state["state"], state["rows"], state["taught"]) == ("complete", 100, 0)
    assert json.loads(msgspec.json.encode(one.part(0)))["learned"] is None


def test_rows_wait_for_what_is_learned_of_them() -> None:
    """However fast they come, none is complete before the lesson was studied."""
    journal: list[Any] = []
    one, dice = fresh(journal), random.Random(4)

    async def scenario() -> None:
        one.begin(Order(rows=100), 0.0)
        for number in range(300):
            one.decode(capture(number, letter(dice)))
        assert one.state((), 1.0)["state"] == "collecting"
        await one.study()
        assert one.state((), 1.0)["rows"] == 0

    asyncio.run(scenario())
    assert [entry["event"] for entry in journal] == ["ordered"]


def test_a_lesson_ends_where_no_question_can_be_read() -> None:
    """Answers alone teach, too; a lesson without end would keep the pupil for ever."""
    one = fresh()
    one.begin(Order(rows=10_000), 0.0)
    for number in range(MAX_TEACHING + 1):
        one.decode(capture(number, b"not json"))
    assert one.state((), 1.0)["taught"] == 0
    assert one.state((), 1.0)["unread"] == {"input": MAX_TEACHING + 1}


def test_a_lesson_of_an_order_that_ended_changes_nothing() -> None:
    """What was studied belongs to the rows that were asked for then."""
    one, dice = fresh(), random.Random(5)

    async def scenario() -> None:
        one.begin(Order(rows=100), 0.0)
        for number in range(25):
            one.decode(capture(number, letter(dice)))
        one.begin(Order(rows=0), 1.0)
        await one.study()

    asyncio.run(scenario())
    assert one.state((), 1.0)["state"] == "none"
    assert one.state((), 1.0)["taught"] == 0
