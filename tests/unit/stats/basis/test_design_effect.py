"""Design effect: dependence is measured, independence is not mistaken for it."""

from __future__ import annotations

import numpy as np

from proxy.stats.basis import design_effect
from proxy.stats.reference.column import build_column


def test_independent_rows_have_none() -> None:
    """Up to chance, independent rows count fully."""
    rng = np.random.default_rng(1)
    figures = [
        design_effect.batch_means(rng.normal(size=10_000), design_effect.block_lengths(10_000))
        for _ in range(50)
    ]
    assert np.median(figures) == 1.0
    assert max(figures) < 6


def test_clusters_count_as_one_row_each() -> None:
    """Values that come in runs of 50 equal rows have a design effect of 50."""
    rng = np.random.default_rng(1)
    values = np.repeat(rng.normal(size=2000), 50)
    figure = design_effect.batch_means(values, design_effect.block_lengths(len(values)))
    assert 45 <= figure <= 120  # the largest of several noisy figures: it errs towards caution


def test_constant_and_short_columns_have_none() -> None:
    """No variance or no blocks: nothing to measure."""
    assert design_effect.batch_means(np.ones(1000), [16]) == 1.0
    assert design_effect.batch_means(np.arange(20.0), [16]) == 1.0
    assert design_effect.block_lengths(100) == []
    assert design_effect.block_lengths(300) == [16, 32]


def test_tails_that_were_never_hit_borrow_from_the_wider_tail() -> None:
    """Below the minimum nothing was seen, but the lowest 1 % came in clusters."""
    rng = np.random.default_rng(1)
    column = build_column("x", list(np.repeat(rng.normal(size=400), 50)), ordered=True)
    effects = column.design_effects
    assert effects is not None
    assert effects["lowest 1 %"] > 10
    assert effects["below the reference"] >= effects["lowest 0.1 %"] >= effects["lowest 1 %"]
    assert effects["above the reference"] >= effects["highest 1 %"] > 10


def test_missing_values_that_never_occurred_borrow_little() -> None:
    """A missing value is no property of the season, so it must not borrow the season's clusters."""
    rng = np.random.default_rng(1)
    column = build_column("x", list(np.repeat(rng.normal(size=400), 50)), ordered=True)
    assert column.design_effects is not None
    assert column.design_effects["missing"] == design_effect.UNSEEN_SPECIAL


def test_missing_values_that_come_in_clusters_are_measured() -> None:
    """Outages of fifty rows are known from the reference."""
    rng = np.random.default_rng(1)
    values = [None if gone else 1.0 for gone in np.repeat(rng.random(400) < 0.1, 50)]
    column = build_column("x", values, ordered=True)
    assert column.design_effects is not None
    assert column.design_effects["missing"] > 20


def test_what_groups_explain_makes_no_rows_alike() -> None:
    """A daily wave makes rows alike; within hours they are independent."""
    rng = np.random.default_rng(3)
    hours = np.arange(24_000) // 100 % 24
    values = rng.normal(size=24_000) + np.sin(2 * np.pi * hours / 24)
    column = build_column("x", list(values), ordered=False)
    bins = column.binner().bins(list(values))
    whole = design_effect.measure(column.functionals(), bins)
    within = design_effect.measure(column.functionals(), bins, groups=hours)
    assert whole["location"] > 50
    assert within["location"] < 2
