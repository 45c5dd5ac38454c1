"""The kernel test: uniform p-values without a change, small ones under a shift."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.records import Discrepancy
from proxy.stats.explain.design_matrix import DesignMatrix
from proxy.stats.explain.mmd import MAX_CURRENT, MAX_REFERENCE, discrepancy, gaussian_kernel


def matrix_of(reference: np.ndarray, current: np.ndarray) -> DesignMatrix:
    """Give two samples of numbers as they are coded."""
    return DesignMatrix(
        values=np.concatenate([reference, current]),
        n_reference=len(reference),
        owners=(),
        numbers=(),
        n_left_out=0,
    )


def told(reference: np.ndarray, current: np.ndarray, seed: int = 0) -> Discrepancy:
    """Measure how far two samples lie apart."""
    n = len(reference) + len(current)
    rng = np.random.default_rng(seed)
    found = discrepancy(matrix_of(reference, current), np.ones(n), np.arange(n), rng)
    assert isinstance(found, Discrepancy)
    return found


def test_p_values_are_uniform_without_a_change() -> None:
    """60 unchanged pairs: about as many below 1/2 as above, and few below 1/20."""
    rng = np.random.default_rng(1)
    found = np.array([told(*rng.normal(size=(2, 40, 3)), seed=seed).p_value for seed in range(60)])
    assert 15 <= np.count_nonzero(found <= 0.5) <= 45
    assert np.count_nonzero(found <= 0.05) <= 8


def test_a_shift_gives_the_least_p_value_and_a_distance_beyond_zero() -> None:
    """None of 200 deals is as far apart: p = 1 / 201."""
    rng = np.random.default_rng(2)
    reference, current = rng.normal(size=(2, 200, 3))
    found = told(reference, current + np.array([0.8, 0, 0]))
    assert found.p_value == pytest.approx(1 / 201, abs=1e-6)
    assert found.mmd2 > 0.01
    assert "differ" in found.summary


def test_a_changed_correlation_is_seen_though_no_column_moved() -> None:
    """The kernel compares whole rows."""
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=(2, 300, 2))
    current[:, 1] = 0.95 * current[:, 0] + np.sqrt(1 - 0.95**2) * current[:, 1]
    assert told(reference, current).p_value <= 0.01


def test_the_estimate_is_the_formula_written_out() -> None:
    """Golden: equation 3 of Gretton et al. (2012) with plain loops."""
    rng = np.random.default_rng(4)
    reference, current = rng.normal(size=(25, 2)), rng.normal(size=(30, 2)) + 0.3
    kernel = gaussian_kernel(np.concatenate([reference, current])).astype(float)
    x, y = range(25), range(25, 55)
    within = sum(kernel[i, j] for i in x for j in x if i != j) / (25 * 24)
    others = sum(kernel[i, j] for i in y for j in y if i != j) / (30 * 29)
    between = sum(kernel[i, j] for i in x for j in y) / (25 * 30)
    assert told(reference, current).mmd2 == pytest.approx(within + others - 2 * between, abs=1e-5)


def test_rows_and_exchanges_are_bounded() -> None:
    """At most 500 by 1,000 rows, and one row of each exchange."""
    rng = np.random.default_rng(5)
    matrix = matrix_of(rng.normal(size=(700, 1)), rng.normal(size=(3000, 1)))
    groups = np.concatenate([np.arange(700), 700 + np.repeat(np.arange(1500), 2)])
    found = discrepancy(matrix, np.ones(3700), groups, rng, permutations=5)
    assert isinstance(found, Discrepancy)
    assert (found.n_reference, found.n_current) == (MAX_REFERENCE, MAX_CURRENT)


def test_rows_are_drawn_by_what_they_stand_for() -> None:
    """Shifted rows that stand for nothing are hardly drawn when there are others enough."""
    rng = np.random.default_rng(6)
    current = rng.normal(size=(3000, 1))
    current[:1500] += 5
    weights = np.ones(3500)
    weights[500:2000] = 1e-9
    matrix = matrix_of(rng.normal(size=(500, 1)), current)
    found = discrepancy(matrix, weights, np.arange(3500), rng)
    assert isinstance(found, Discrepancy)
    assert found.p_value > 0.01


@pytest.mark.parametrize(
    ("shape", "what"), [((1, 1, 2), "needs"), ((0, 0, 0), "needs"), ((50, 50, 0), "no column")]
)
def test_too_little_is_said_with_its_reason(shape: tuple[int, int, int], what: str) -> None:
    """One row, no row, no feature: text instead of a figure."""
    n, m, features = shape
    matrix = matrix_of(np.zeros((n, features)), np.zeros((m, features)))
    groups = np.arange(n + m)
    found = discrepancy(matrix, np.ones(n + m), groups, np.random.default_rng(0))
    assert isinstance(found, str)
    assert what in found


def test_equal_rows_lie_nowhere_apart() -> None:
    """All distances zero: the width of the kernel has no median, and no figure breaks."""
    found = told(np.zeros((30, 1)), np.zeros((30, 1)))
    assert (found.mmd2, found.p_value) == (pytest.approx(0, abs=1e-6), 1.0)
