"""One question, one insight: what moved is named, and what cannot be said is said."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

import made
from proxy.records import AlarmName, Insight, Scalar
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.conclude import Wording
from proxy.stats.explain.evidence import evidence_of
from proxy.stats.explain.insight import Question, explain
from proxy.stats.explain.samples import SampledRow, SampledRows
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch

Columns = dict[str, list[Scalar]]
WORDING = Wording(name=AlarmName.INPUT_DRIFT, rows="rows", min_rows=10, tick_s=1.0)
N = 400


def draw(rng: np.random.Generator, n: int) -> Columns:
    """Give rows as certified."""
    return {
        "age": rng.normal(40, 10, n).tolist(),
        "income": rng.gamma(2, 1, n).tolist(),
        "city": rng.choice(["york", "bath", "hull"], n).tolist(),
    }


def kept(columns: Columns) -> SampledRows:
    """Give rows as the watcher keeps them, each in an exchange of its own."""
    names = tuple(columns)
    n = len(columns[names[0]])
    cells = zip(*columns.values(), strict=True)
    rows = (SampledRow(1000 + at, float(at), 1.0, 0, values) for at, values in enumerate(cells))
    return SampledRows((names,), tuple(rows)) if n else SampledRows()


def question(current: Columns, *, ticks: int = 8) -> Question:
    """Give the question about rows that a watch saw, with a sample of the reference."""
    rng = np.random.default_rng(5)
    reference = draw(rng, 4000)
    profile = build_profile(reference, rng, ordered=False)
    watch = ProfileWatch(
        profile, DriftRule(tolerance=Tolerance(effect=0.1)), Certainty(run_length_ticks=1e6)
    )
    n = len(current["age"])
    for tick in range(ticks):
        seen = slice(tick * n // ticks, (tick + 1) * n // ticks)
        part = {name: values[seen] for name, values in current.items()}
        watch.count(made.rows(part, exchange_id=tick, at_s=float(tick)))
        watch.tick()
    evidence = evidence_of(watch.watch, WORDING)
    return Question(
        alarm=AlarmName.INPUT_DRIFT,
        at_s=float(ticks),
        since_s=0.0 if evidence.columns[0].blamed else None,
        evidence=evidence.columns,
        profiles=evidence.profiles,
        cut_by=(),
        reference={name: values[:N] for name, values in reference.items()},
        n_reference=N,
        current=kept(current),
        before=SampledRows(),
        n_examples=3,
        show_values=False,
        seed=1,
    )


def damaged(n: int = N) -> Columns:
    """Give rows in which the ages of one city are lower by three sd."""
    columns = draw(np.random.default_rng(6), n)
    columns["age"] = [
        float(str(age)) - 30 * (city == "hull")
        for age, city in zip(columns["age"], columns["city"], strict=True)
    ]
    return columns


def test_a_fault_in_one_part_is_explained_from_all_sides() -> None:
    """Column, part, examples, classifier and kernel test agree; nothing is missing."""
    found = explain(question(damaged()))
    assert found.columns[0].name == "age"
    assert [part.condition for part in found.sub_populations] == ["city = hull"]
    assert len(found.examples) == 3
    assert all("age" in example.why for example in found.examples)
    assert found.separation is not None
    assert found.separation.interval[0] > 0.55
    assert found.separation.carriers[0][0] == "age"
    assert found.discrepancy is not None
    assert found.discrepancy.p_value < 0.01
    assert (found.reason, found.since_s) == ("", 0.0)


def test_without_a_change_it_says_so_and_names_nothing() -> None:
    """The hourly look on a calm day."""
    found = explain(question(draw(np.random.default_rng(7), N)))
    assert (found.since_s, found.sub_populations, found.examples) == (None, (), ())
    assert found.separation is not None
    assert found.separation.interval[0] < 0.5
    assert found.separation.carriers == ()


def test_the_same_question_has_the_same_answer_elsewhere() -> None:
    """It can be sent to another process as bytes, and the dice go with it."""
    asked = question(damaged())
    sent = msgspec.msgpack.decode(msgspec.msgpack.encode(asked), type=Question)
    assert explain(sent) == explain(asked)


def test_it_can_be_written_as_json_and_read_again() -> None:
    """No NaN, no infinity, whatever went in."""
    found = explain(question(damaged()))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Insight) == found


def test_without_kept_reference_rows_those_before_the_change_stand_in() -> None:
    """The reason says so."""
    before = kept(draw(np.random.default_rng(8), N))
    asked = msgspec.structs.replace(question(damaged()), reference=None, before=before)
    found = explain(asked)
    assert found.separation is not None
    assert found.separation.interval[0] > 0.55
    assert "keeps no rows" in found.reason
    assert f"{N} from before the change" in found.reason


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"reference": None}, "only counts"),
        ({"reference": {}}, "only counts"),
        ({"current": SampledRows()}, "no row was kept"),
        ({"profiles": ()}, "only counts"),
    ],
)
def test_what_needs_rows_is_left_out_without_them(change: dict[str, object], what: str) -> None:
    """Columns are compared by their counts all the same."""
    found = explain(msgspec.structs.replace(question(damaged()), **change))
    assert found.columns[0].name == "age"
    assert (found.separation, found.discrepancy, found.sub_populations) == (None, None, ())
    assert what in found.reason.lower()


def test_a_blamed_stream_that_no_column_holds_is_said_to_have_no_examples() -> None:
    """Correlations, and columns within a class, are made of several columns."""
    asked = question(damaged())
    column = msgspec.structs.replace(asked.evidence[0].column, name="age | class = 1")
    derived = msgspec.structs.replace(asked.evidence[0], column=column, members=("age",))
    found = explain(msgspec.structs.replace(asked, evidence=(derived,)))
    assert (found.examples, found.sub_populations) == ((), ())
    assert "No single column holds age | class = 1" in found.reason


@pytest.mark.parametrize(
    "cells",
    [
        [math.inf] * N,
        [math.nan] * N,
        [None] * N,
        [1e308, -1e308] * (N // 2),
        [f"person {n}" for n in range(N)],
        [7.0] * N,
        [True, "x", None, 3] * (N // 4),
        [2**70] * N,
    ],
)
def test_hostile_cells_break_nothing(cells: list[Scalar]) -> None:
    """A column that turned into anything at all is explained, in figures that JSON can hold."""
    columns = draw(np.random.default_rng(9), N)
    columns["age"] = cells
    found = explain(question(columns))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Insight) == found
    assert found.columns[0].name == "age"


ODD: tuple[Scalar, ...] = (
    None, math.inf, -math.inf, math.nan, "", "a and b", True, 0, 5e-324, 1e308, -1e308, 10**40, 0.5,
)  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_any_mixture_of_odd_cells_breaks_nothing(seed: int) -> None:
    """Columns that mix a few kinds of oddity, in the reference and now, few rows or many."""
    rng = np.random.default_rng(seed)
    n = int(rng.choice([0, 1, 60, N]))
    asked = question({name: values[:n] for name, values in damaged().items()}, ticks=1)

    def odd(n_rows: int) -> Columns:
        kinds = {name: rng.integers(0, len(ODD), 3) for name in ("age", "income", "city")}
        return {name: [ODD[place] for place in rng.choice(of, n_rows)]
                for name, of in kinds.items()}  # fmt: skip

    found = explain(msgspec.structs.replace(asked, current=kept(odd(n)), reference=odd(N)))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Insight) == found
