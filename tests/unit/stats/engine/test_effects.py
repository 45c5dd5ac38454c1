"""Effects: what people are told is right on known distributions."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Tolerance
from proxy.stats.engine.effects import (
    absolute_share,
    distances,
    effect_of,
    quantile_text,
    spread_ratio,
)
from proxy.stats.engine.streams import watch_columns, watch_shares
from proxy.stats.reference.column import build_column

RNG = np.random.default_rng(1)
COLUMN = build_column("age", list(RNG.normal(40, 10, 20_000)), ordered=False)
(STREAM,) = watch_columns((COLUMN,), {}, Tolerance(effect=0.1))


def counts(values: list[float | None]) -> np.ndarray:
    """Count values in the bins of the column."""
    bins = COLUMN.binner().bins(values)
    return np.bincount(bins, minlength=len(COLUMN.masses)).astype(np.float64)


@pytest.mark.parametrize("shift", [-2.0, -0.3, 0.0, 0.5, 3.0])
def test_location_is_the_shift_in_standard_deviations(shift: float) -> None:
    """A normal moved by d standard deviations has the effect d, and the interval covers it."""
    effect = effect_of(STREAM, 0, counts(list(RNG.normal(40 + 10 * shift, 10, 5000))))
    assert effect.unit == "sd"
    assert effect.value == pytest.approx(shift, abs=0.12)
    assert effect.interval[0] <= shift <= effect.interval[1]


@pytest.mark.parametrize("ratio", [0.5, 1.0, 2.0])
def test_spread_is_the_ratio_of_standard_deviations(ratio: float) -> None:
    """A normal with another spread has the ratio as its effect."""
    effect = effect_of(STREAM, 1, counts(list(RNG.normal(40, 10 * ratio, 5000))))
    assert effect.unit == "ratio"
    assert effect.value == pytest.approx(ratio, rel=0.08)
    assert effect.interval[0] <= ratio <= effect.interval[1]
    assert spread_ratio(0.5) == pytest.approx(1.0)


def test_missing_share_is_a_difference_of_shares() -> None:
    """A tenth of the rows missing is an effect of 0.1, told in percent."""
    names = [functional.name for functional in STREAM.functionals]
    values = [None] * 100 + list(RNG.normal(40, 10, 900))
    effect = effect_of(STREAM, names.index("missing"), counts(values))
    assert effect.value == pytest.approx(0.1, abs=0.001)
    assert effect.interval[0] < 0.1 < effect.interval[1]
    assert "-> 10.00% of rows" in effect.summary


def test_nothing_seen_has_no_effect() -> None:
    """Without rows the effect is zero and the interval wide."""
    effect = effect_of(STREAM, 0, counts([]))
    assert effect.n == 0
    assert effect.value == pytest.approx(0.0, abs=0.01)
    assert effect.interval[1] > 1


def test_distances_of_the_reference_from_itself() -> None:
    """As many rows as certified: PSI near its mean under no change, an AUC of one half."""
    shown = distances(np.array(COLUMN.masses), counts(list(RNG.normal(40, 10, 20_000))))
    assert shown["auc"] == pytest.approx(0.5, abs=0.01)
    assert shown["psi"] < 3 * shown["psi_if_unchanged"]
    assert 0 <= shown["js"] < 0.01
    assert distances(np.array(COLUMN.masses), counts([])) == {}


def test_quantiles_as_text() -> None:
    """The median is interpolated; outside the reference only the side is known."""
    assert float(quantile_text(COLUMN, np.array(COLUMN.masses))) == pytest.approx(40, abs=0.5)
    assert quantile_text(COLUMN, counts([-500.0])).startswith("below")
    assert quantile_text(COLUMN, counts([500.0])).startswith("above")
    assert quantile_text(COLUMN, counts([])) == "none"


def test_absolute_share_is_the_share_itself() -> None:
    """Failures and disagreement are told as they are, beside what was certified."""
    (stream,) = watch_shares("", {"server": 0.01}, 1000, Tolerance(effect=0.05), 1.0)
    effect = absolute_share(stream, 0, np.array([70.0, 30.0]))
    assert effect.value == pytest.approx(0.3)
    assert effect.interval[0] < 0.3 < effect.interval[1]
    assert "certified at most 1.00%" in effect.summary
