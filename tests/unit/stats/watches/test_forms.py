"""Streams of the form of one side."""

from __future__ import annotations

import pytest

import made
from proxy.payload.schema import Schema, infer
from proxy.records import Rows, Scalar, Side
from proxy.stats.basis.demands import Certainty
from proxy.stats.engine.watch import Watch
from proxy.stats.watches.forms import FORMS, LARGEST_SHARE, FormRule, FormWatch

CERTAINTY = Certainty(run_length_ticks=1000.0)
GIVEN: dict[str, list[Scalar]] = {"age": [1.0, 2.0] * 50, "note": [None, 1.0, 1.0, 1.0] * 25}


def schema_of() -> Schema:
    """Give a schema of a full column and one that lacks a quarter of its values."""
    found = infer(Side.INPUT, GIVEN, [])
    assert found is not None
    return found


def form(label: str = "", max_names: int = 9, schema: Schema | None = None) -> FormWatch:
    """Give a form."""
    rule = FormRule(tolerance=0.1, max_names=max_names, label=label)
    return FormWatch(schema or schema_of(), (), rule)


def rows(**columns: list[Scalar]) -> Rows:
    """Give one exchange."""
    return made.rows(columns)


def counted(one: FormWatch, watch: Watch) -> dict[str, tuple[float, float]]:
    """Give what is pending of each stream of a form: in order, and broken."""
    return {
        stream.name: tuple(watch.pending[place].tolist())
        for stream, place in zip(watch.streams, watch.layout.bins, strict=True)
        if one.has(stream.name)
    }


def test_two_forms_in_one_watch_count_apart() -> None:
    """Each finds its own streams, by its label."""
    plain, labelled = form(), form("output: ")
    watch = Watch((*plain.streams, *labelled.streams), CERTAINTY)
    plain.join(watch)
    labelled.join(watch)
    plain.look(rows(age=[1.0], note=[1.0]))
    labelled.look(rows(age=["x", 1.0], note=[None, 1.0]))
    labelled.unreadable("not_json")
    own = counted(plain, watch)
    assert set(own.values()) == {(1.0, 0.0)}
    found = counted(labelled, watch)
    assert found["output: value of wrong type"] == (0.5, 0.5)
    assert found["output: null rate of note"] == (0.5, 0.5)
    assert found["output: body unreadable"] == (1.0, 1.0)
    assert not plain.has("output: null rate of note")
    assert labelled.named("output: body unreadable") == ["not_json"]
    assert labelled.named("output: value of wrong type") == ["age"]
    assert labelled.named("output: null rate of note") == ["note"]


def test_names_are_told_by_frequency_and_forgotten() -> None:
    """The column that breaks most often comes first, and ties by name; old ones fade."""
    one = form(max_names=4)
    one.join(Watch(one.streams, CERTAINTY))
    for name in ("b", "a", "c", "c", "d", "e"):
        one.look(rows(age=[1.0], note=[1.0], **{name: [1.0]}))
    assert one.named("column unknown") == ["c", "a", "b"]
    assert one.names()["column unknown"] == ["a", "b", "c", "d"]
    for _ in range(200):
        one.fade()
    assert one.named("column unknown") == []
    one.look(rows(age=[1.0]))
    one.reset()
    assert one.names() == {name: [] for name in FORMS}


def test_what_was_certified_is_tolerated() -> None:
    """A form that was certified with broken bodies tolerates as many, and no more is claimed."""
    bodies = [rows(**{name: [cells[at]] for name, cells in GIVEN.items()}) for at in range(100)]
    shares = []
    for n_unreadable in (0, 20, 99_900):
        schema = infer(Side.INPUT, {}, bodies, n_unreadable)
        (unreadable,) = (it for it in form(schema=schema).streams if it.name == "body unreadable")
        shares.append(unreadable.masses[1])
    assert shares[0] < 0.1 < 20 / 120 < shares[1] < 0.4
    assert shares[2] == pytest.approx(LARGEST_SHARE)


def test_null_rates_together_weigh_as_much_as_one_form() -> None:
    """A wide table does not make the forms slower to be found."""
    wide = infer(Side.INPUT, {f"c{i}": [None, 1.0] * 9 for i in range(150)}, [])
    assert wide is not None
    rates = [one for one in form(schema=wide).streams if one.name.startswith("null rate of")]
    assert len(rates) == 100
    assert sum(one.weight for one in rates) == pytest.approx(1.0)


def test_a_form_that_joined_no_watch_counts_nothing() -> None:
    """It has nowhere to count to."""
    one = form()
    one.look(rows(age=[None]))
    assert not one.has("value missing")
