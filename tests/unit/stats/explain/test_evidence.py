"""What a watch knows, taken out as plain values."""

from __future__ import annotations

import msgspec
import numpy as np

import made
from proxy.records import AlarmName, Scalar
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.conclude import Wording
from proxy.stats.explain.evidence import MAX_COLUMNS, ColumnEvidence, evidence_of, finite
from proxy.stats.reference.profile import build_profile
from proxy.stats.watches.drift import ProfileWatch

WORDING = Wording(name=AlarmName.INPUT_DRIFT, rows="rows", min_rows=10, tick_s=1.0)


def watch_of(n_columns: int, shift: float) -> ProfileWatch:
    """Give a watch that saw 20 ticks in which the last column is shifted."""
    rng = np.random.default_rng(4)
    names = [f"x{place}" for place in range(n_columns)]
    reference: dict[str, list[Scalar]] = {name: rng.normal(size=2000).tolist() for name in names}
    profile = build_profile(reference, rng, ordered=False)
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    for _ in range(20):
        values = rng.normal(size=(n_columns, 50))
        values[-1] += shift
        watch.count(made.rows(dict(zip(names, values.tolist(), strict=True))))
        watch.tick()
    return watch


def test_the_column_to_blame_comes_first_with_all_that_is_known_of_it() -> None:
    """Bins, masses, counts, the functional that carries it, and the score of each bin."""
    found = evidence_of(watch_of(3, 2.0).watch, WORDING)
    first = found.columns[0]
    assert (first.column.name, first.blamed, first.unit) == ("x2", True, "sd")
    assert len(first.masses) == len(first.counts) == len(first.scores) == len(first.carrier_values)
    assert first.scores[-3] > 0 > first.scores[0], "rows beyond the reference speak for the shift"
    assert [profile.name for profile in found.profiles] == ["x2", "x0", "x1"]


def test_it_survives_the_way_to_another_process() -> None:
    """Nothing in it is an array or a function."""
    first = evidence_of(watch_of(2, 2.0).watch, WORDING).columns[0]
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(first), type=ColumnEvidence)
    assert again == first


def test_of_many_columns_only_the_most_telling_are_explained() -> None:
    """The bound holds, and the blamed column is within it although it is the last."""
    found = evidence_of(watch_of(30, 2.0).watch, WORDING)
    assert len(found.columns) == MAX_COLUMNS
    assert found.columns[0].column.name == "x29"


def test_without_a_breach_nothing_is_blamed() -> None:
    """The columns with most evidence are shown all the same."""
    found = evidence_of(watch_of(3, 0.0).watch, WORDING)
    assert [one.blamed for one in found.columns] == [False] * 3


def test_an_open_interval_says_nothing() -> None:
    """JSON has no infinity, and a person nothing from it."""
    assert finite((-np.inf, 1.0)) is None
    assert finite((0.0, 1.0)) == (0.0, 1.0)


def test_a_column_that_rows_name_stands_for_itself() -> None:
    """A column that fits nothing any more is blamed: its own histogram comes first."""
    rng = np.random.default_rng(6)

    def alike(n: int) -> dict[str, list[Scalar]]:
        common = rng.normal(size=n)
        return {name: (common + rng.normal(size=n) / 7).tolist() for name in ("a", "b", "c")}

    profile = build_profile(alike(5000), rng, ordered=False)
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watch = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    for _ in range(20):
        rows = alike(50)
        rows["b"] = rng.permutation(np.array(rows["b"])).tolist()
        watch.count(made.rows(rows))
        watch.tick()
    found = evidence_of(watch.watch, WORDING)
    assert [one.column.name for one in found.columns if one.blamed] == ["b"]
    assert found.profiles[0].name == "b"
