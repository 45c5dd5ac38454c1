"""Derived columns: correlations that change while every column stays as it was."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

import made
from proxy.records import AlarmName, Scalar, Verdict
from proxy.stats.basis.binning import to_numbers
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.engine.conclude import Wording, conclude
from proxy.stats.reference.multivariate import (
    FITS_LEAST,
    ROWS_PER_COLUMN,
    Multivariate,
    derive,
    derived_columns,
    derived_names,
    least_fitting,
    standardise,
)
from proxy.stats.reference.profile import Profile, build_profile
from proxy.stats.watches.drift import ProfileWatch

NAMES = tuple(f"x{i}" for i in range(6))


def draw(rng: np.random.Generator, n: int, correlation: float = 0.7) -> dict[str, list[Scalar]]:
    """Give rows in which x0 and x1, x2 and x3, x4 and x5 are correlated."""
    rows = rng.normal(size=(n, 6))
    for left in (0, 2, 4):
        rows[:, left + 1] *= math.sqrt(1 - correlation**2)
        rows[:, left + 1] += correlation * rows[:, left]
    return {name: rows[:, i].tolist() for i, name in enumerate(NAMES)}


def certified() -> Profile:
    """Give the profile of 5,000 rows."""
    rng = np.random.default_rng(1)
    return build_profile(draw(rng, 5000), rng, ordered=False)


PROFILE = certified()


def watch() -> ProfileWatch:
    """Give a watch on the profile."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    return ProfileWatch(PROFILE, rule, Certainty(run_length_ticks=1e6))


def show(watched: ProfileWatch, columns: dict[str, list[Scalar]]) -> None:
    """Show rows in ticks of 50."""
    n = len(columns["x0"])
    for start in range(0, n, 50):
        watched.count(made.rows({name: columns[name][start : start + 50] for name in NAMES}))
        watched.tick()


def test_the_correlated_pairs_and_the_plane_are_found() -> None:
    """Three pairs are watched, and the error of the main directions."""
    assert PROFILE.multivariate is not None
    assert set(derived_names(PROFILE.multivariate)) == {
        "x0 with x1",
        "x2 with x3",
        "x4 with x5",
        "all columns together",
        "column that fits least",
    }


def test_a_correlation_that_vanishes_is_found_and_named() -> None:
    """No column changed, but x2 and x3 came apart."""
    watched = watch()
    rng = np.random.default_rng(2)
    rows = draw(rng, 3000)
    rows["x3"] = rng.normal(size=3000).tolist()
    show(watched, rows)
    assert watched.watch.breach is not None
    blamed = {watched.watch.streams[stream].name for stream in watched.watch.blamed()}
    assert "x2 with x3" in blamed
    assert not blamed & set(NAMES)


def test_unchanged_correlations_are_quiet() -> None:
    """Rows as certified do not breach."""
    watched = watch()
    show(watched, draw(np.random.default_rng(2), 20_000))
    assert watched.watch.breach is None


def test_a_shifted_column_is_blamed_itself_and_not_its_products() -> None:
    """People are told the column, not everything that is computed from it."""
    watched = watch()
    rows = draw(np.random.default_rng(2), 2000)
    rows["x2"] = [float(x or 0) + 3 for x in rows["x2"]]
    show(watched, rows)
    blamed = [watched.watch.streams[stream].name for stream in watched.watch.blamed()]
    assert blamed == ["x2"]


@given(
    st.lists(
        st.one_of(st.none(), st.floats(), st.text(max_size=2), st.just(10**400)),
        min_size=6,
        max_size=6,
    )
)
def test_odd_values_become_missing_products(values: list[Scalar]) -> None:
    """Whatever a row holds, products are finite or missing, and the error is finite."""
    assert PROFILE.multivariate is not None
    standard = standardise(PROFILE.multivariate, [to_numbers([value]) for value in values])
    found = derive(PROFILE.multivariate, standard)
    assert all(np.isfinite(column).all() or np.isnan(column).all() for column in found[:-1])
    assert np.isfinite(found[-1]).all()


@pytest.mark.parametrize("n", [0, 1, 50])
def test_small_references_have_no_derived_columns(n: int) -> None:
    """Correlations of fifty rows are chance."""
    rng = np.random.default_rng(1)
    assert build_profile(draw(rng, n), rng, ordered=True).multivariate is None


def test_constant_columns_are_left_out() -> None:
    """A column that never varies has no correlation."""
    rng = np.random.default_rng(1)
    rows = draw(rng, 1000) | {"c": [1.0] * 1000}
    together = build_profile(rows, rng, ordered=True).multivariate
    assert together is not None
    assert "c" not in together.columns


def twins(rng: np.random.Generator, n: int) -> dict[str, list[Scalar]]:
    """Give three columns that are almost the same, and one of its own."""
    common = rng.normal(size=n)
    three = {name: (common + rng.normal(size=n) / 7).tolist() for name in ("a", "b", "c")}
    return {**three, "d": rng.normal(size=n).tolist()}


TWINS = build_profile(
    twins(np.random.default_rng(3), 5000), np.random.default_rng(3), ordered=False
)


def places(columns: dict[str, list[Scalar]]) -> list[str]:
    """Give the column that each row names."""
    return [str(name) for name in derived_columns(multivariate(), columns)[FITS_LEAST]]


def multivariate() -> Multivariate:
    """Give the derived columns of the twins."""
    assert TWINS.multivariate is not None
    return TWINS.multivariate


def test_each_column_fits_least_about_as_often_in_the_reference() -> None:
    """No column is named in most of the certified rows, and every one in some."""
    shares = TWINS.multivariate.derived[-1].masses[:4] if TWINS.multivariate else ()
    assert multivariate().derived[-1].categories == ("a", "b", "c", "d")
    assert min(shares) > 0.05
    assert max(shares) < 0.5


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
@pytest.mark.parametrize("shift", [-3.0, 3.0])
def test_the_column_that_moved_is_named_although_its_twins_deviate_too(
    name: str, shift: float
) -> None:
    """One of three columns that are almost the same moves by 3 sd: nearly all rows name it."""
    rows = twins(np.random.default_rng(4), 500)
    rows[name] = [float(value) + shift for value in rows[name]]  # type: ignore[arg-type]  # numbers
    assert places(rows).count(name) >= (450 if name != "d" else 350)


def test_a_column_without_a_number_is_not_named_and_a_row_without_any_names_nobody() -> None:
    """Missing values never fit least; a row of nothing but them is missing itself."""
    rows: dict[str, list[Scalar]] = {"a": [None, None], "b": [9.0, None], "c": [0.0, None]}
    rows["d"] = [0.0, None]
    assert derived_columns(multivariate(), rows)[FITS_LEAST] == ["b", None]
    standard = standardise(multivariate(), [to_numbers(rows[name]) for name in "abcd"])
    binner = multivariate().derived[-1].binner()
    assert least_fitting(multivariate(), standard).tolist() == binner.bins(["b", None]).tolist()


def test_a_missing_number_accuses_none_of_the_columns_that_it_belongs_to() -> None:
    """Rows whose a is 2 sd from the mean are named no more often for b and c when a is missing."""
    rng = np.random.default_rng(7)
    rows = twins(rng, 5000)
    far = [i for i, value in enumerate(rows["a"]) if abs(float(value)) > 2]  # type: ignore[arg-type]  # numbers
    before = Counter(places({name: [values[i] for i in far] for name, values in rows.items()}))
    rows["a"] = [None] * 5000
    after = Counter(places({name: [values[i] for i in far] for name, values in rows.items()}))
    assert after["a"] == 0
    assert after["d"] > before["d"]
    assert max(after["b"], after["c"]) < len(far) / 2
    rows["c"] = [None] * 5000
    both = Counter(places({name: [values[i] for i in far] for name, values in rows.items()}))
    assert both["b"] < len(far) / 2, "with a and c missing nothing speaks against b"


def test_a_column_that_lost_its_relation_is_blamed_by_its_name() -> None:
    """The rows of b are shuffled: no column changed, and the alarm says b and nothing else."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watched = ProfileWatch(TWINS, rule, Certainty(run_length_ticks=1e6))
    rng = np.random.default_rng(5)
    rows = twins(rng, 2000)
    rows["b"] = rng.permutation(np.array(rows["b"])).tolist()
    for start in range(0, 2000, 50):
        watched.count(
            made.rows({name: values[start : start + 50] for name, values in rows.items()})
        )
        watched.tick()
    assert watched.watch.breach is not None
    assert [watched.watch.subject(stream) for stream in watched.watch.blamed()] == ["b"]
    wording = Wording(name=AlarmName.INPUT_DRIFT, rows="rows", min_rows=100, tick_s=1.0)
    finding = conclude(watched.watch, wording, 0.0, Verdict.OK)
    assert finding.subject == "b"
    assert finding.reason.startswith("b: fits the other columns least in ")


def blamed_by(
    reference: dict[str, list[Scalar]], shown: dict[str, list[Scalar]], per_tick: int = 50
) -> list[list[str]]:
    """Give whom each tick of a breach blames."""
    profile = build_profile(reference, np.random.default_rng(9), ordered=False)
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watched = ProfileWatch(profile, rule, Certainty(run_length_ticks=1e6))
    found: list[list[str]] = []
    n = len(next(iter(shown.values())))
    for start in range(0, n, per_tick):
        rows = {name: values[start : start + per_tick] for name, values in shown.items()}
        watched.count(made.rows(rows))
        watched.tick()
        if watched.watch.breach is not None:
            found.append([watched.watch.subject(stream) for stream in watched.watch.blamed()])
    return found


def test_of_two_columns_that_came_apart_neither_is_accused() -> None:
    """Each has half of the votes by nature; nobody can tell which of them it is."""
    rng = np.random.default_rng(8)

    def pair(n: int, correlation: float) -> dict[str, list[Scalar]]:
        first, other = rng.normal(size=(2, n))
        second = correlation * first + math.sqrt(1 - correlation**2) * other
        return {"x0": first.tolist(), "x1": second.tolist()}

    found = blamed_by(pair(5000, 0.9), pair(2000, 0.0))
    assert found
    assert all("x0 with x1" in names and not {"x0", "x1"} & set(names) for names in found[3:])


@pytest.mark.parametrize("width", [3, 4, 12])
def test_a_column_that_stops_coming_leaves_the_others_innocent(width: int) -> None:
    """It gave votes, which now go to the others: only what is missing is blamed."""
    rng = np.random.default_rng(8)

    def alike(n: int) -> dict[str, list[Scalar]]:
        common = rng.normal(size=n)
        return {f"x{i}": (common + rng.normal(size=n)).tolist() for i in range(width)}

    shown = alike(3000)
    shown["x0"] = [None] * 3000
    found = blamed_by(alike(5000), shown)
    assert found
    assert all(names[0] == "x0" for names in found)
    assert not {name for names in found for name in names} & {f"x{i}" for i in range(1, width)}
    assert not any(FITS_LEAST in names for names in found)


def test_with_few_rows_a_tick_more_ticks_vote_and_too_few_name_nobody() -> None:
    """One row a tick: five rows name nobody; twenty do, over more ticks than are looked at else."""
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    watched = ProfileWatch(TWINS, rule, Certainty(run_length_ticks=1e6)).watch
    place = [stream.name for stream in watched.streams].index(FITS_LEAST)
    subjects = []
    for _ in range(24):
        watched.add(place, np.array([0]))
        watched.tick()
        subjects.append(watched.subject(place))
    assert set(subjects[:19]) == {FITS_LEAST}
    assert set(subjects[19:]) == {"a"}


def test_too_few_rows_name_nobody() -> None:
    """What a column should be given 3 others takes 40 rows and more."""
    few = twins(np.random.default_rng(6), 100)
    many = {f"{name}{i}": values for i in range(4) for name, values in few.items()}
    assert len(many) * ROWS_PER_COLUMN > 100
    profile = build_profile(many, np.random.default_rng(6), ordered=False)
    assert profile.multivariate is not None
    assert profile.multivariate.contrasts == ()
    assert FITS_LEAST not in derived_names(profile.multivariate)


def test_contrasts_that_do_not_fit_are_refused() -> None:
    """A file with a row of contrasts too few, or votes for other columns, is told so."""
    good = multivariate()
    assert good.trouble() == ""
    short = structs.replace(good, contrasts=good.contrasts[:-1])
    assert "not equally many" in short.trouble()
    votes = structs.replace(good.derived[-1], categories=("a", "b", "c", "e"))
    other = structs.replace(good, derived=(*good.derived[:-1], votes))
    assert "fit least" in other.trouble()
