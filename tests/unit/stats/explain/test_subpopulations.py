"""Which part of the traffic carries a drift: the planted part is named, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from proxy.records import Scalar, SubPopulation
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.explain.samples import TwoSamples, equal_sample
from proxy.stats.explain.subpopulations import sub_populations
from proxy.stats.reference.column import build_column

Columns = dict[str, list[Scalar]]
CARRIERS = np.array(["UA", "AA", "DL", "B6", "EV"])


def rows(rng: np.random.Generator, n: int, shares: tuple[float, ...] = (0.2,) * 5) -> Columns:
    """Give rows in which one carrier is warmer than the others."""
    carrier = rng.choice(CARRIERS, n, p=shares)
    return {
        "temperature": (rng.normal(60, 15, n) + 10 * (carrier == "UA")).tolist(),
        "carrier": carrier.tolist(),
        "origin": np.where(
            carrier == "UA", "EWR", rng.choice(["EWR", "JFK", "LGA"], n, p=[0.1, 0.45, 0.45])
        ).tolist(),
        "distance": rng.gamma(2, 400, n).tolist(),
        "hour": rng.integers(5, 23, n).tolist(),
    }


def shifted(columns: Columns, by: float, where: np.ndarray) -> Columns:
    """Move the temperature of some rows."""
    moved = np.array(columns["temperature"]) + by * where
    return columns | {"temperature": moved.tolist()}


def named(
    reference: Columns,
    current: Columns,
    blamed: str = "temperature",
    carrier: str = "location",
    weights: np.ndarray | None = None,
) -> tuple[SubPopulation, ...]:
    """Look for the parts that carry the drift of one column."""
    profiles = tuple(
        build_column(name, values, ordered=False) for name, values in reference.items()
    )
    column = next(profile for profile in profiles if profile.name == blamed)
    functional = next(one for one in column.functionals() if one.name == carrier)
    evidence = ColumnEvidence(
        column=column,
        masses=column.masses,
        counts=column.masses,
        blamed=True,
        members=(),
        carrier=carrier,
        carrier_values=tuple(map(float, functional.values)),
        is_share=functional.form == "share",
        scores=(0.0,) * len(column.masses),
        effect=0.0,
        interval=None,
        unit="sd",
        summary="",
    )
    samples = TwoSamples(
        profiles=profiles,
        reference=equal_sample(reference, len(reference["hour"])),
        current=equal_sample(current, len(current["hour"])),
    )
    if weights is not None:
        samples = replace(samples, current=replace(samples.current, weights=weights))
    return sub_populations(evidence, samples)


def test_the_planted_part_is_named_and_what_goes_with_it_is_not() -> None:
    """Only one carrier drifts; its airport seems to drift with it, and is left out."""
    rng = np.random.default_rng(1)
    reference, current = rows(rng, 1000), rows(rng, 1000)
    where = np.array(current["carrier"]) == "UA"
    found = named(reference, shifted(current, -30, where))
    assert [part.condition for part in found] == ["carrier = UA"]
    assert found[0].share > 0.9
    assert found[0].unit == "sd"
    assert found[0].effect == pytest.approx(-30 / np.std(reference["temperature"]), abs=0.3)
    assert found[0].n == np.count_nonzero(where)
    assert "comes from carrier = UA (18% of the rows)" in found[0].summary


def test_a_part_that_only_two_columns_together_make_is_named_as_a_pair() -> None:
    """One carrier, early in the day."""
    rng = np.random.default_rng(2)
    reference, current = rows(rng, 2000), rows(rng, 2000)
    where = (np.array(current["carrier"]) == "AA") & (np.array(current["hour"]) < 10)
    found = named(reference, shifted(current, -45, where))
    assert "carrier = AA" in found[0].condition
    assert "hour < " in found[0].condition


def test_a_range_of_a_number_can_be_the_part() -> None:
    """The longest quarter of the flights, told by its border."""
    rng = np.random.default_rng(3)
    reference, current = rows(rng, 1000), rows(rng, 1000)
    border = float(np.quantile(current["distance"], 0.75))
    found = named(reference, shifted(current, 30, np.array(current["distance"]) > border))
    assert found[0].condition.startswith("distance ≥ ")


def test_a_part_that_grew_explains_what_no_row_did() -> None:
    """No row is warmer; the warmer carrier has three times its share."""
    rng = np.random.default_rng(4)
    found = named(rows(rng, 1500), rows(rng, 1500, (0.6, 0.1, 0.1, 0.1, 0.1)))
    assert found[0].condition in {"carrier = UA", "origin = EWR"}
    assert found[0].share > 0.6
    assert "makes up" in found[0].summary


def test_rows_count_by_what_they_stand_for() -> None:
    """Shifted rows that stand for next to nothing carry nothing."""
    rng = np.random.default_rng(9)
    reference, current = rows(rng, 1000), rows(rng, 1000)
    shifted_rows = (np.array(current["carrier"]) == "UA") & (np.arange(1000) % 2 == 0)
    weights = np.where(shifted_rows, 1e-6, 1.0)
    assert named(reference, shifted(current, -60, shifted_rows), weights=weights) == ()
    assert named(reference, shifted(current, -60, shifted_rows))[0].condition == "carrier = UA"


@pytest.mark.parametrize("by", [0.0, -10.0])
def test_no_part_is_named_where_all_move_alike_or_none(by: float) -> None:
    """30 times over hundreds of parts: at most one is named by chance."""
    n_named = 0
    for seed in range(30):
        rng = np.random.default_rng(100 + seed)
        reference, current = rows(rng, 600), rows(rng, 600)
        n_named += bool(named(reference, shifted(current, by, np.ones(600))))
    assert n_named <= 1


def test_missing_values_of_one_part_are_told_as_shares() -> None:
    """The unit is the share of rows, in the sentence in per cent."""
    rng = np.random.default_rng(5)
    reference, current = rows(rng, 1000), rows(rng, 1000)
    gone = np.array(current["carrier"]) == "DL"
    values = [None if out else value
              for out, value in zip(gone, current["temperature"], strict=True)]  # fmt: skip
    found = named(reference, current | {"temperature": values}, carrier="missing")
    assert (found[0].condition, found[0].unit) == ("carrier = DL", "share")
    assert found[0].effect == pytest.approx(1.0, abs=0.01)
    assert "+100% there" in found[0].summary


def test_a_blamed_category_is_cut_by_the_other_columns() -> None:
    """A carrier renamed at one airport only."""
    rng = np.random.default_rng(6)
    reference, current = rows(rng, 1500), rows(rng, 1500)
    carriers = [
        "ua" if (carrier, hour) == ("UA", hour) and int(str(hour)) > 15 else carrier
        for carrier, hour in zip(current["carrier"], current["hour"], strict=True)
    ]
    found = named(reference, current | {"carrier": carriers}, "carrier", "category other")
    assert "hour" in found[0].condition or "origin" in found[0].condition


@pytest.mark.parametrize(
    "columns",
    [
        {"temperature": [], "carrier": [], "hour": []},
        {"temperature": [1.0], "carrier": ["UA"], "hour": [3]},
        {"temperature": [None] * 100, "carrier": [None] * 100, "hour": [float("nan")] * 100},
        {"temperature": [5.0] * 100, "carrier": ["UA"] * 100, "hour": [1e308, -1e308] * 50},
        {"temperature": ["x"] * 100, "carrier": [3, None] * 50, "hour": [float("inf")] * 100},
    ],
)
def test_odd_rows_name_nothing_and_break_nothing(columns: Columns) -> None:
    """Empty, single, missing, constant, infinite, of another type."""
    rng = np.random.default_rng(7)
    reference = {name: values for name, values in rows(rng, 500).items() if name in columns}
    found = named(reference, columns)
    assert all(np.isfinite([part.share, part.effect]).all() for part in found)


def test_a_blamed_column_that_rows_do_not_have_has_no_parts() -> None:
    """Derived columns are made of others; no row holds them."""
    rng = np.random.default_rng(8)
    whole, part = rows(rng, 100), rows(rng, 100)
    del part["temperature"]
    assert named(whole, part) == ()
