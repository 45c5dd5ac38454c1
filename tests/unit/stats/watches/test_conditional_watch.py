"""A watch on columns within classes: what is counted where, and what it finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from msgspec import structs

import made
from proxy.records import Case, Scalar, Side
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.reference.conditional import Answered, build_conditional
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.conditional_watch import ConditionalWatch, conditional_watch, split

CERTAINTY = Certainty(run_length_ticks=1e4)
RULE = DriftRule(tolerance=Tolerance(effect=0.1))


def draw(
    rng: np.random.Generator, n: int, *, swapped: bool = False
) -> tuple[dict[str, list[Scalar]], dict[str, list[Scalar]]]:
    """Give a model whose answer is the sign of x; swapped, it is the other one in one city."""
    x = rng.normal(size=n)
    city = rng.choice(["bonn", "ulm", "jena", "kiel"], n)
    positive = (x > 0) ^ (swapped & (city == "ulm"))
    return (
        {"x": x.tolist(), "city": city.tolist()},
        {"class": ["1" if one else "0" for one in positive]},
    )


def certified() -> Profile:
    """Give the certified answers of that model."""
    rng = np.random.default_rng(1)
    inputs, outputs = draw(rng, 10_000)
    profile = build_profile(outputs, rng, ordered=True)
    rows = Answered(
        inputs=inputs,
        outputs=outputs,
        input_columns=build_profile(inputs, rng, ordered=True).columns,
        output_columns=profile.columns,
    )
    return structs.replace(profile, conditional=build_conditional(rows, ordered=True))


PROFILE = certified()


def new_watch() -> ConditionalWatch:
    """Give a watch without evidence."""
    watch = conditional_watch(PROFILE, RULE, CERTAINTY, 16)
    assert watch is not None
    return watch


def case(inputs: dict[str, list[Scalar]], outputs: dict[str, list[Scalar]]) -> Case:
    """Give the case of these columns."""
    sides = [
        made.rows(columns, side=side)
        for side, columns in ((Side.INPUT, inputs), (Side.OUTPUT, outputs))
    ]
    return Case(input=sides[0], output=sides[1])


def counts(watch: ConditionalWatch) -> dict[str, int]:
    """Give the rows counted in each stream by the last tick."""
    watch.tick()
    return {
        stream.name: int(watch.watch.history.last(1, bins).sum())
        for stream, bins in zip(watch.watch.streams, watch.watch.layout.bins, strict=True)
    }


def test_a_row_is_counted_in_the_streams_of_its_class_only() -> None:
    """A row of another class is not counted, a row of no class nowhere."""
    watch = new_watch()
    watch.count_case(case({"x": [1.0, 2.0, -1.0, 0.5]}, {"class": ["1", "1", "0", "other"]}))
    found = counts(watch)
    assert found["x | class = 1"] == 2
    assert found["x | class = 0"] == 1


def test_a_missing_column_counts_as_missing_within_the_class() -> None:
    """A question without a certified column is missing there, as it is in the marginal column."""
    watch = new_watch()
    watch.count_case(case({"y": [1.0]}, {"class": ["1"]}))
    watch.tick()
    place = [stream.name for stream in watch.watch.streams].index("x | class = 1")
    assert watch.watch.history.last(1, watch.watch.layout.bins[place])[-2] == 1


@pytest.mark.parametrize(
    "odd",
    [
        case({"x": [1.0, 2.0]}, {"class": ["1"]}),
        case({"x": [1.0]}, {"answer": ["1"]}),
        case({"x": []}, {"class": []}),
    ],
)
def test_cases_that_do_not_fit_are_not_counted(odd: Case) -> None:
    """Unequal rows, answers without the class column and empty ones count nothing."""
    watch = new_watch()
    watch.count_case(odd)
    assert not any(counts(watch).values())


def test_long_batches_are_thinned() -> None:
    """One batch counts no more rows than the rule allows."""
    watch = new_watch()
    watch.count_case(case(*draw(np.random.default_rng(2), 1000)))
    assert counts(watch)["x | class = 1"] + counts(watch)["x | class = 0"] <= RULE.max_rows


def test_a_swap_that_no_marginal_shows_is_found_and_named() -> None:
    """Answers swapped in one of four cities leave every share as it was, and are found."""
    watch = new_watch()
    rng = np.random.default_rng(7)
    for _ in range(100):
        watch.count_case(case(*draw(rng, 100)))
        watch.tick()
    assert watch.watch.breach is None
    ticks = 0
    while watch.watch.breach is None and ticks < 100:
        watch.count_case(case(*draw(rng, 100, swapped=True)))
        watch.tick()
        ticks += 1
    assert ticks < 20
    assert watch.watch.streams[watch.watch.blamed()[0]].name.startswith("x | class = ")


def test_evidence_survives_a_restart_and_not_a_reset() -> None:
    """Saved evidence is taken up by a watch of the same benchmark; a reset forgets it."""
    watch, rng = new_watch(), np.random.default_rng(8)
    for _ in range(5):
        watch.count_case(case(*draw(rng, 100, swapped=True)))
        watch.tick()
    successor = new_watch()
    assert successor.load(watch.save())
    assert successor.watch.evidence == watch.watch.evidence > 0
    watch.count_case(case(*draw(rng, 100, swapped=True)))
    watch.reset()
    assert watch.watch.evidence == 0
    n_ticks = watch.watch.history.n_ticks
    watch.tick()
    assert watch.watch.history.n_ticks == n_ticks


def test_streams_can_be_fewer_or_none() -> None:
    """The bound and ignored columns take streams away; without any there is no watch."""
    fewer = conditional_watch(PROFILE, RULE, CERTAINTY, 1)
    assert fewer is not None
    assert len(fewer.watch.streams) == 1
    assert conditional_watch(PROFILE, RULE, CERTAINTY, 0) is None
    ignoring = DriftRule(tolerance=RULE.tolerance, ignore=frozenset({"x", "city"}))
    assert conditional_watch(PROFILE, ignoring, CERTAINTY, 16) is None
    plain = structs.replace(PROFILE, conditional=None)
    assert conditional_watch(plain, RULE, CERTAINTY, 16) is None
    assert conditional_watch(None, RULE, CERTAINTY, 16) is None


def test_the_bound_on_columns_is_none_on_columns_within_classes() -> None:
    """With `max_columns` below the number of streams each is still counted in its own place."""
    watch, bounded = (
        new_watch(),
        conditional_watch(PROFILE, replace(RULE, max_columns=1), CERTAINTY, 16),
    )
    assert bounded is not None
    for one in (watch, bounded):
        one.count_case(case(*draw(np.random.default_rng(2), 50)))
    assert counts(bounded) == counts(watch)


def test_the_budget_is_split_and_not_spent_twice() -> None:
    """The rates of false alarms of both watches add up to that of one."""
    rest, part = split(CERTAINTY)
    assert 1 / rest.run_length_ticks + 1 / part.run_length_ticks == pytest.approx(1e-4)
