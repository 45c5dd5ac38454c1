"""Labels as values: what is told of the past, and what became of it."""

from __future__ import annotations

import msgspec

from proxy.records import Fate, Receipt, Truth


def test_a_truth_is_one_value_or_one_for_each_row() -> None:
    """Both forms survive the wire, and a boolean stays a boolean."""
    for value in (True, 1, 0.5, "cat", None, [1, "x", False]):
        truth = Truth(id="a", value=value, at_s=1.0)
        again = msgspec.json.decode(msgspec.json.encode(truth), type=Truth)
        assert again == truth
        assert type(again.value) is type(value)


def test_the_fates_are_the_results_of_the_metrics() -> None:
    """The words are a contract with dashboards."""
    assert [fate.value for fate in Fate] == [
        "joined",
        "waiting",
        "unknown",
        "duplicate",
        "contradictory",
        "ambiguous",
        "wrong_type",
    ]
    assert Receipt(fates={Fate.JOINED: 2}).problems == ()


def test_the_receipts_of_two_parts_add_up() -> None:
    """Fates and delays are added, troubles told once and not without end."""
    one = Receipt(fates={Fate.JOINED: 2}, delays_s=(1.0,), problems=("a", "b"))
    two = Receipt(fates={Fate.JOINED: 1, Fate.UNKNOWN: 3}, problems=("b", "c", "d", "e", "f"))
    both = one.plus(two)
    assert both.fates == {Fate.JOINED: 3, Fate.UNKNOWN: 3}
    assert both.delays_s == (1.0,)
    assert both.problems == ("a", "b", "c", "d", "e")
