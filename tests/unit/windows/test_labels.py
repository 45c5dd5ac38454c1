"""What waits for its truth is bounded, fair, and found under every id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.records import Fate, Model, Truth
from proxy.stats.quality.target import Answer
from proxy.windows.asked import Asked
from proxy.windows.labels import MAX_EARLY, SAVED_BYTES, SAVED_REQUESTS, LabelStore, Room

ROOM = Room(max_rows=1000, max_bytes=10_000_000, horizon_s=3600.0, early_s=60.0)


def put(store: LabelStore, key: int, at_s: float, *ids: str, n: int = 1) -> Asked | None:
    """Let the candidate answer a request."""
    asked = store.ask(key, at_s)
    if asked is not None:
        asked.n = asked.n or n
        store.name(asked, ids)
        store.answer(asked, Model.CANDIDATE, [Answer(0.5)] * n, 2.0)
    return asked


def truth(name: str, value: object = 1, row: int | None = None, at_s: float = 0.0) -> Truth:
    """Give a truth."""
    return Truth(id=name, value=value, row=row, at_s=at_s)  # type: ignore[arg-type]  # any value


def test_a_request_is_found_under_every_id_and_its_own() -> None:
    """Header ids, trace ids, and the 16 hexadecimal digits of the exchange."""
    store = LabelStore(ROOM)
    asked = put(store, 0xABC, 0.0, "order-1", "4bf92f3577b34da6a3ce929d0e0e4736")
    for name in ("order-1", "4bf92f3577b34da6a3ce929d0e0e4736", "0000000000000abc"):
        assert store.find(name) is asked
    assert store.find("order-2") is Fate.UNKNOWN
    assert store.find("not-hexadecimal!") is Fate.UNKNOWN


def test_an_id_of_several_requests_is_ambiguous_until_they_are_gone() -> None:
    """Nobody can say which of them is meant; each still has an id of its own."""
    store = LabelStore(ROOM)
    for key in (1, 2):
        put(store, key, float(key), "trace")
    assert store.find("trace") is Fate.AMBIGUOUS
    assert isinstance(store.find(f"{2:016x}"), Asked)
    store.expire(3602.5)
    assert (len(store), store.n_rows, store.n_bytes) == (0, 0, 0)
    assert store.find("trace") is Fate.UNKNOWN
    assert isinstance(put(store, 3, 3700.0, "trace"), Asked)
    assert isinstance(store.find("trace"), Asked)


def test_what_is_older_than_the_horizon_is_let_go_and_counted() -> None:
    """Unlabelled ones count as expired; labelled ones did their work."""
    store = LabelStore(ROOM)
    for key in (1, 2):
        asked = put(store, key, 0.0, f"id-{key}")
        assert asked is not None
    store.tell(asked, {0: 1})
    store.expire(3600.0)
    assert len(store) == 2
    store.expire(3600.1)
    assert len(store) == 0
    assert store.lost.expired == 1


def test_a_flood_is_thinned_evenly_over_time_and_never_beyond_the_bound() -> None:
    """A hundred times the room: what remains is spread over all of it and weighs the more."""
    store = LabelStore(ROOM)
    n = 100_000
    for key in range(n):
        put(store, key, key / 1000, f"id-{key}")
        assert store.n_rows <= 1000
    kept = list(store)
    assert 250 <= len(kept) <= 1000
    halves = sum(one.at_s < n / 2000 for one in kept)
    assert 0.35 * len(kept) < halves < 0.65 * len(kept)
    estimate = sum(one.weight(Model.CANDIDATE) for one in kept)
    assert estimate == pytest.approx(2.0 * n, rel=0.2)
    assert store.lost.thinned == n - len(kept)
    assert len(store._by_id) == len(kept)


def test_bytes_are_bounded_too() -> None:
    """Long ids and wide probabilities take the room of many small requests."""
    room = Room(max_rows=100_000, max_bytes=100_000, horizon_s=3600.0, early_s=60.0)
    store = LabelStore(room)
    for key in range(2000):
        asked = store.ask(key, float(key))
        if asked is not None:
            asked.n = 1
            store.name(asked, ("x" * 100 + str(key),))
            store.answer(asked, Model.STABLE, [Answer("a", 0.5, b"\0" * 256)], 1.0)
        assert store.n_bytes <= 100_000
    assert len(store) > 20
    small = LabelStore(Room(max_rows=10, max_bytes=100, horizon_s=9.0, early_s=9.0))
    put(small, 1, 0.0, "too-large")
    assert len(small) == 0


def test_texts_count_in_the_bytes_whether_predicted_or_told() -> None:
    """Long answers and long labels take the room of many short ones; the books stay right."""
    room = Room(max_rows=100_000, max_bytes=100_000, horizon_s=3600.0, early_s=60.0)
    for predicted, told in (
        ("x" * 5000, "a"),
        ("a", "x" * 5000),
        ("a", "\N{GREEK SMALL LETTER MU}" * 2500),
    ):
        store = LabelStore(room)
        for key in range(500):
            asked = store.ask(key, float(key))
            if asked is None:
                continue
            asked.n = 1
            store.answer(asked, Model.CANDIDATE, [Answer(predicted)], 1.0)
            store.tell(asked, {0: told})
            assert store.n_bytes == sum(one.size() for one in store) <= 100_000
        assert 4 < len(store) < 20
        store.expire(1e6)
        assert (len(store), store.n_bytes) == (0, 0)


def test_a_truth_that_is_told_of_a_request_that_was_let_go_costs_nothing() -> None:
    """Its request may have gone to make room for it; the books must not follow it."""
    store = LabelStore(ROOM)
    asked = put(store, 1, 0.0, "a")
    assert asked is not None
    store.expire(1e6)
    store.tell(asked, {0: "x" * 1000})
    assert (len(store), store.n_bytes) == (0, 0)


def test_truths_that_wait_are_bounded_in_bytes_too() -> None:
    """A quarter of the room beside it: a flood of long texts is not kept, and leaves nothing."""
    store = LabelStore(Room(max_rows=10, max_bytes=100_000, horizon_s=9.0, early_s=60.0))
    fates = [store.wait(truth(f"id-{i}", "x" * 5000), 0.0) for i in range(100)]
    assert fates.count(Fate.WAITING) == 4
    assert 20_000 < store.early_bytes <= 25_000
    store.early(("id-0",))
    assert store.wait(truth("id-5", "x" * 5000), 0.0) is Fate.WAITING
    store.expire(100.0)
    assert (store.n_early, store.early_bytes) == (0, 0)


def test_what_is_saved_is_bounded_in_bytes() -> None:
    """Few requests with long texts fill a state file, too, and it is written every few seconds."""
    store = LabelStore(ROOM)
    for key in range(1, 500):
        asked = store.ask(key, float(key))
        assert asked is not None
        asked.n = 1
        store.answer(asked, Model.CANDIDATE, [Answer("x" * 15_000)], 1.0)
    assert len(store) == 499
    assert len(store.save(0.0)) <= SAVED_BYTES


def test_the_room_is_used_again_when_the_flood_is_over() -> None:
    """As requests expire, new ones are taken whole again."""
    store = LabelStore(ROOM)
    for key in range(20_000):
        put(store, key, 0.0, f"id-{key}")
    assert store.level > 0
    for second in range(20):
        store.expire(3601.0 + second)
    assert store.level == 0
    store.use(0.1)
    for key in range(1000):
        put(store, key, 4000.0, f"new-{key}")
    assert store.n_rows <= 100


def test_a_truth_that_comes_first_waits_for_its_prediction() -> None:
    """For a minute; told twice it counts once; what never meets a prediction is counted."""
    store = LabelStore(ROOM)
    assert store.wait(truth("a"), 10.0) is Fate.WAITING
    assert store.wait(truth("a"), 11.0) is Fate.DUPLICATE
    assert store.wait(truth("a", "1"), 11.0) is Fate.DUPLICATE
    assert store.wait(truth("a", 2), 11.0) is Fate.CONTRADICTORY
    assert store.wait(truth("a", [1, 1]), 11.0) is Fate.CONTRADICTORY
    assert store.wait(truth("a", row=1), 11.0) is Fate.WAITING
    assert store.wait(truth("b"), 11.0) is Fate.WAITING
    assert [one.row for one in store.early(("z", "a"))] == [None, 1]
    assert store.early(("a",)) == []
    assert store.expire(71.0) == 0
    assert store.expire(71.1) == 1
    assert store.n_early == 0


def test_truths_of_the_past_do_not_wait_and_waiting_ones_are_bounded() -> None:
    """A truth known for long has no prediction on its way; a flood of them finds no room."""
    store = LabelStore(ROOM)
    assert store.wait(truth("old", at_s=0.0), 61.0) is Fate.UNKNOWN
    big = truth("big", [1] * MAX_EARLY, at_s=0.0)
    assert store.wait(big, 0.0) is Fate.WAITING
    assert store.wait(truth("more"), 0.0) is Fate.UNKNOWN
    assert store.early(("big",)) == [big]
    assert store.n_early == 0


def test_coverage_looks_only_at_what_is_old_enough_for_a_label() -> None:
    """Half of the old requests are labelled; young ones do not spoil the figure."""
    store = LabelStore(ROOM)
    assert store.coverage(0.0) is None
    for key in range(20):
        asked = put(store, key, float(key), f"id-{key}")
        assert asked is not None
        if key < 10 and key % 2:
            store.tell(asked, {0: 1})
    for delay_s in (5.0, 10.0, 15.0):
        store.joined(delay_s)
    assert store.delays_s() == pytest.approx((10.0, 14.0))
    assert store.coverage(19.5) == 0.5
    assert store.coverage(5.0) is None


def test_what_waits_outlives_a_restart_on_another_clock() -> None:
    """Ids, truths, weights and the order of time survive; the clock may begin anew."""
    store = LabelStore(ROOM)
    for key in range(3):
        asked = put(store, key, 100.0 + key, f"id-{key}", "shared")
        assert asked is not None
    store.tell(asked, {0: "x"})
    store.joined(30.0)
    raw = store.save(5000.0)
    other = LabelStore(ROOM)
    assert other.load(raw, 5100.0)
    found = other.find("id-2")
    assert isinstance(found, Asked)
    assert (found.at_s, found.told, found.weight(Model.CANDIDATE)) == (2.0, {0: "x"}, 2.0)
    assert other.find("shared") is Fate.AMBIGUOUS
    assert other.n_bytes == store.n_bytes
    assert other.delays_s() == (30.0, 30.0)
    assert not other.load(b"nonsense", 0.0)


def test_a_saved_answer_of_other_rows_than_the_request_is_left_out() -> None:
    """As an earlier version kept them: what stands at a place must be the same row in both."""
    store = LabelStore(ROOM)
    asked = put(store, 1, 0.0, "a", n=2)
    assert asked is not None
    store.answer(asked, Model.STABLE, [Answer(0.5)], 1.0)
    store.tell(asked, {1: 1, 2: 0})
    other = LabelStore(ROOM)
    assert other.load(store.save(0.0), 0.0)
    found = other.find("a")
    assert isinstance(found, Asked)
    assert (set(found.answers), found.told) == ({Model.CANDIDATE}, {1: 1})


def test_of_many_a_fair_part_outlives_a_restart() -> None:
    """So few that they can be written every few seconds; those that are lost are counted."""
    room = Room(max_rows=50_000, max_bytes=10**9, horizon_s=3600.0, early_s=60.0)
    store = LabelStore(room)
    for key in range(20_000):
        put(store, key, float(key), f"id-{key}")
    raw = store.save(0.0)
    assert len(raw) < 500_000
    other = LabelStore(room)
    assert other.load(raw, 0.0)
    assert SAVED_REQUESTS / 4 < len(other) <= SAVED_REQUESTS
    assert other.lost.at_restart == 20_000 - len(other)
    assert sum(one.weight(Model.CANDIDATE) for one in other) == pytest.approx(40_000, rel=0.2)


def test_the_second_answer_of_a_model_is_not_taken() -> None:
    """What was counted once stays; the other model's answer joins it."""
    store = LabelStore(ROOM)
    asked = put(store, 1, 0.0, "a")
    assert asked is not None
    store.answer(asked, Model.CANDIDATE, [Answer(9.0)], 1.0)
    store.answer(asked, Model.STABLE, [Answer(7.0)], 4.0)
    assert asked.answers == {Model.CANDIDATE: [Answer(0.5)], Model.STABLE: [Answer(7.0)]}
    assert (asked.weight(Model.STABLE), store.n_rows) == (4.0, 1)
    assert store.shown()["requests"] == 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 60), st.sampled_from("abcdef"), st.integers(1, 5)),
        st.tuples(st.just("expire"), st.integers(0, 400), st.just(""), st.just(0)),
        st.tuples(st.just("use"), st.integers(1, 10), st.just(""), st.just(0)),
        st.tuples(st.just("wait"), st.integers(0, 9), st.sampled_from("abcdef"), st.integers(1, 9)),
        st.tuples(st.just("tell"), st.integers(1, 60), st.text("x", max_size=99), st.just(0)),
        st.tuples(st.just("early"), st.just(0), st.sampled_from("abcdef"), st.just(0)),
    ),
    max_size=80,
)


@given(STEPS)
def test_whatever_comes_the_books_are_right(steps: list[tuple[str, int, str, int]]) -> None:
    """Rows, bytes and ids are those of what waits; nothing is left behind by what was let go."""
    room = Room(max_rows=20, max_bytes=20_000, horizon_s=300.0, early_s=60.0)
    store = LabelStore(room)
    now_s = 0.0
    for step, number, name, n in steps:
        match step:
            case "put":
                put(store, number * 7919, now_s, name, f"own-{number}", n=n)
            case "expire":
                now_s += number
                store.expire(now_s)
            case "use":
                store.use(number / 10)
            case "tell":
                found = store.find(f"own-{number}")
                if isinstance(found, Asked):
                    new = {place: name for place in range(found.n) if place not in found.told}
                    store.tell(found, new)
            case "wait":
                store.wait(truth(name, [1] * n, row=number, at_s=now_s), now_s)
            case _:
                store.early((name,))
        waiting = list(store)
        assert store.n_rows == sum(one.n_kept for one in waiting) <= 20
        assert store.n_bytes == sum(one.size() for one in waiting) <= 20_000
        assert set(store._by_id) == {one for asked in waiting for one in asked.ids}
        assert set(store._shared) <= set(store._by_id)
        early = [truth for kept in store._early.values() for _, truth in kept.values()]
        assert store.n_early == sum(len(one.value) for one in early)  # type: ignore[arg-type]  # lists
        assert (store.early_bytes > 0) == bool(early)
    store.expire(now_s + 1000.0)
    assert (store.n_rows, store.n_bytes, store.n_early) == (0, 0, 0)
    assert (store._by_id, store._shared) == ({}, {})
