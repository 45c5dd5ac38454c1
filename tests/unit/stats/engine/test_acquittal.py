"""Who is alone: rows of the stable model must rule out that it moved as well."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Verdict
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.acquittal import LONGEST, Abreast, shared_by
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile
from proxy.stats.reference.profile import build_profile

CERTAINTY = Certainty(run_length_ticks=1e6)
MIN_ROWS = 100


def column(seed: int) -> ColumnProfile:
    """Give the certificate of a normal column, of rows of its own."""
    rng = np.random.default_rng(seed)
    profile = build_profile({"value": list(rng.normal(size=10_000))}, rng, ordered=True)
    return profile.columns[0]


def watches() -> tuple[Watch, Watch, ColumnProfile, ColumnProfile]:
    """Give the watches of candidate and stable, each with its own certificate."""
    own, other = column(1), column(2)
    tolerance = Tolerance(effect=0.1)
    candidate = Watch(watch_columns((own,), {}, tolerance), CERTAINTY)
    stable = Watch(watch_columns((other,), {}, tolerance), CERTAINTY)
    return candidate, stable, own, other


def run(shift: float, stable_shift: float, n_stable: int, ticks: int, seed: int) -> list[Verdict]:
    """Give who shares it, tick by tick: 20 healthy ticks, then the shifts; 100 rows a tick."""
    rng = np.random.default_rng(seed)
    candidate, stable, own, other = watches()
    abreast = Abreast()
    found = []
    for tick in range(20 + ticks):
        moved, moved_too = (shift, stable_shift) if tick >= 20 else (0.0, 0.0)
        candidate.add(0, own.binner().bins(list(rng.normal(moved, 1.0, 100))))
        stable.add(0, other.binner().bins(list(rng.normal(moved_too, 1.0, n_stable))))
        candidate.tick()
        stable.tick()
        abreast.note(stable, candidate)
        if candidate.breach is not None:
            found.append(shared_by(stable, candidate, MIN_ROWS, abreast))
    assert found, "the candidate's shift was not found"
    return found


@pytest.mark.parametrize("shift", [0.25, 0.4, 0.8, -0.8])
def test_a_shift_of_both_is_never_taken_for_the_candidates_own(shift: float) -> None:
    """With a twentieth of the rows the stable model alarms later; it acquits nobody meanwhile."""
    for seed in range(3):
        found = run(shift, shift, n_stable=5, ticks=120, seed=seed)
        assert Verdict.OK not in found


@pytest.mark.parametrize("shift", [0.8, -0.8, 2.0])
def test_a_candidate_that_moved_alone_is_seen_to_be_alone(shift: float) -> None:
    """Some hundred rows of an unmoved stable model say so."""
    found = run(shift, 0.0, n_stable=10, ticks=60, seed=4)
    assert found[-1] is Verdict.OK


def test_a_stable_model_in_a_breach_shares_it() -> None:
    """As soon as its own watch says so."""
    found = run(2.0, 2.0, n_stable=50, ticks=20, seed=5)
    assert found[-1] is Verdict.BREACH


def test_without_a_breach_the_stable_models_own_verdict_stands() -> None:
    """OK with enough rows, unknown with few."""
    candidate, stable, own, other = watches()
    rng = np.random.default_rng(6)
    assert shared_by(stable, candidate, MIN_ROWS, Abreast()) is Verdict.UNKNOWN
    for _ in range(5):
        candidate.add(0, own.binner().bins(list(rng.normal(size=100))))
        stable.add(0, other.binner().bins(list(rng.normal(size=100))))
        candidate.tick()
        stable.tick()
    assert shared_by(stable, candidate, MIN_ROWS, Abreast()) is Verdict.OK


def test_a_stable_model_without_the_stream_says_nothing() -> None:
    """Another name, as of a column that it does not answer, cannot acquit anybody."""
    candidate, stable, own, other = watches()
    abreast = Abreast()
    rng = np.random.default_rng(7)
    for _ in range(10):
        candidate.add(0, own.binner().bins(list(rng.normal(3.0, 1.0, 100))))
        stable.add(0, other.binner().bins(list(rng.normal(size=100))))
        candidate.tick()
        stable.tick()
        abreast.note(stable, candidate)
    assert candidate.breach is not None
    assert shared_by(stable, candidate, MIN_ROWS, abreast) is Verdict.OK
    assert shared_by(stable, candidate, MIN_ROWS, abreast, prefix="other ") is Verdict.UNKNOWN


def test_rows_of_before_the_breach_acquit_nobody_however_seldom_the_stable_is_asked() -> None:
    """It was asked 60 rows in every twelfth tick: its last ten ticks are those of two hours ago."""
    rng = np.random.default_rng(8)
    candidate, stable, own, other = watches()
    abreast = Abreast()
    found = []
    for tick in range(240 + 36):
        moved = 0.5 if tick >= 240 else 0.0
        candidate.add(0, own.binner().bins(list(rng.normal(moved, 1.0, 100))))
        if tick % 12 == 11:
            stable.add(0, other.binner().bins(list(rng.normal(moved, 1.0, 60))))
        candidate.tick()
        stable.tick()
        abreast.note(stable, candidate)
        if candidate.breach is not None and stable.breach is None:
            assert abreast.since(candidate.breach.onset) <= 1 + (tick - 240) // 12
            found.append(shared_by(stable, candidate, MIN_ROWS, abreast))
    assert len(found) > 10
    assert Verdict.OK not in found


def test_ticks_are_laid_side_by_side_as_far_as_they_are_known() -> None:
    """Since when both are seen, at most as long as a history; a new watch begins anew."""
    candidate, stable, own, _ = watches()
    abreast = Abreast()
    value = own.binner().bins([0.0])
    assert abreast.since(1) == 0
    for tick in range(LONGEST + 100):
        candidate.add(0, value)
        if tick % 4 == 0:
            stable.add(0, value)
        candidate.tick()
        stable.tick()
        abreast.note(stable, candidate)
        if tick == 40:
            assert [abreast.since(n) for n in (1, 4, 5, 1000)] == [1, 1, 2, 10]
    assert abreast.since(8) == 2
    assert abreast.since(5000) == LONGEST // 4
    successor, _, _, _ = watches()
    abreast.note(stable, successor)
    assert abreast.since(5000) == 0
