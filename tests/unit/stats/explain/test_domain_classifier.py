"""The domain classifier: a coin without a change, the known area under a shift, honest when odd."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from proxy.records import Separation
from proxy.stats.explain.design_matrix import DesignMatrix
from proxy.stats.explain.domain_classifier import logistic, separate, weighted_auc


def matrix_of(reference: np.ndarray, current: np.ndarray) -> DesignMatrix:
    """Give two samples of numbers as they are coded."""
    values = np.concatenate([reference, current])
    n_features = values.shape[1]
    return DesignMatrix(
        values=(values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9),
        n_reference=len(reference),
        owners=tuple(f"x{place}" for place in range(n_features)),
        numbers=tuple(range(n_features)),
        n_left_out=0,
    )


def told(reference: np.ndarray, current: np.ndarray, seed: int = 0) -> Separation:
    """Let the classifier tell two samples apart."""
    n = len(reference) + len(current)
    rng = np.random.default_rng(seed)
    found = separate(matrix_of(reference, current), np.ones(n), np.arange(n), rng)
    assert isinstance(found, Separation)
    return found


def test_without_a_change_it_is_a_coin_within_its_interval() -> None:
    """40 pairs of unchanged samples: the mean area is 1/2, and nearly all intervals hold it."""
    rng = np.random.default_rng(1)
    found = [told(*rng.normal(size=(2, 150, 4)), seed=seed) for seed in range(40)]
    assert np.mean([one.auc for one in found]) == pytest.approx(0.5, abs=0.02)
    covered = sum(one.interval[0] <= 0.5 <= one.interval[1] for one in found)
    assert covered >= 36
    unsure = [one for one in found if one.interval[0] <= 0.5]
    assert all(one.carriers == () for one in unsure)
    assert "cannot tell" in unsure[0].summary


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_a_shift_gives_the_area_that_theory_says(shift: float) -> None:
    """Two normals d apart have an area of Phi(d / sqrt 2); the shifted column carries it."""
    rng = np.random.default_rng(2)
    reference, current = rng.normal(size=(2, 1000, 3))
    current[:, 1] += shift
    found = told(reference, current)
    expected = float(ndtr(shift / np.sqrt(2)))
    assert found.auc == pytest.approx(expected, abs=0.04)
    assert found.interval[0] < expected < found.interval[1]
    assert found.carriers[0][0] == "x1"
    assert "x1 carries most" in found.summary


def test_a_changed_spread_is_seen_by_the_squares() -> None:
    """Means stay where they were; the column is named all the same."""
    rng = np.random.default_rng(3)
    reference, current = rng.normal(size=(2, 800, 3))
    current[:, 2] *= 2
    found = told(reference, current)
    assert found.interval[0] > 0.6
    assert found.carriers[0][0] == "x2"


def test_a_changed_correlation_is_seen_by_the_products() -> None:
    """No single column moved; the pair is named."""
    rng = np.random.default_rng(4)
    reference, current = rng.normal(size=(2, 800, 3))
    current[:, 1] = 0.9 * current[:, 0] + np.sqrt(1 - 0.81) * current[:, 1]
    found = told(reference, current)
    assert found.interval[0] > 0.55
    assert found.carriers[0][0] == "x0 with x1"


def test_two_columns_that_say_the_same_share_what_they_say() -> None:
    """Leaving one out loses nothing, and still both are named."""
    rng = np.random.default_rng(5)
    reference, current = rng.normal(size=(2, 600, 1))
    twice = [np.repeat(part, 2, axis=1) for part in (reference, current + 1.0)]
    found = told(*twice)
    assert {name for name, _ in found.carriers[:2]} == {"x0", "x1"}


def test_rows_of_one_exchange_never_teach_about_each_other() -> None:
    """Copies of few rows would be recognised; kept in one fold they are a coin."""
    rng = np.random.default_rng(6)
    few = rng.normal(size=(40, 6))
    current = np.repeat(few, 10, axis=0)
    reference = rng.normal(size=(400, 6))
    groups = np.concatenate([np.arange(400), 400 + np.repeat(np.arange(40), 10)])
    found = separate(matrix_of(reference, current), np.ones(800), groups, rng)
    assert isinstance(found, Separation)
    assert found.interval[0] < 0.5 < found.interval[1]


def test_weights_say_how_much_traffic_a_row_stands_for() -> None:
    """Shifted rows that stand for nothing do not count."""
    rng = np.random.default_rng(7)
    reference, current = rng.normal(size=(2, 600, 2))
    current[:300, 0] += 3
    weights = np.ones(1200)
    weights[600:900] = 1e-6
    found = separate(matrix_of(reference, current), weights, np.arange(1200), rng)
    assert isinstance(found, Separation)
    assert found.auc < 0.6


def test_the_same_dice_give_the_same_answer() -> None:
    """An explanation can be computed again."""
    rng = np.random.default_rng(8)
    reference, current = rng.normal(size=(2, 100, 2))
    assert told(reference, current) == told(reference, current)


def test_complete_separation_is_no_trouble() -> None:
    """Without the penalty the coefficients would have no end."""
    rng = np.random.default_rng(9)
    reference, current = rng.normal(size=(2, 200, 2))
    assert told(reference, current + 50).auc == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("n_reference", "n_current", "n_features", "what"),
    [(1, 1, 2, "needs"), (1000, 0, 2, "needs"), (0, 0, 0, "needs"), (100, 100, 0, "no column")],
)
def test_too_little_is_said_with_its_reason(
    n_reference: int, n_current: int, n_features: int, what: str
) -> None:
    """One row, no row, no feature: text instead of a figure."""
    rng = np.random.default_rng(10)
    n = n_reference + n_current
    matrix = DesignMatrix(
        values=rng.normal(size=(n, n_features)),
        n_reference=n_reference,
        owners=("x",) * n_features,
        numbers=(),
        n_left_out=0,
    )
    found = separate(matrix, np.ones(n), np.arange(n), rng)
    assert isinstance(found, str)
    assert what in found


def test_a_single_exchange_is_not_enough() -> None:
    """Its rows cannot be dealt into five parts."""
    rng = np.random.default_rng(11)
    groups = np.concatenate([np.arange(100), np.full(100, 100)])
    found = separate(matrix_of(*rng.normal(size=(2, 100, 2))), np.ones(200), groups, rng)
    assert isinstance(found, str)
    assert "1 exchange(s)" in found


def test_the_area_counts_ties_half_and_rows_by_weight() -> None:
    """By hand: scores 1 (reference, weight 3), 2 (reference), 2 and 0 (current)."""
    scores = np.array([1.0, 2.0, 2.0, 0.0])
    is_current = np.array([False, False, True, True])
    area = weighted_auc(scores, is_current, np.array([3.0, 1.0, 1.0, 1.0]))
    assert area == pytest.approx(((3 + 0.5) + 0) / (4 * 2))


def test_the_regression_finds_the_coefficients_it_was_made_with() -> None:
    """Golden: rows drawn from a logistic model with known coefficients."""
    rng = np.random.default_rng(12)
    design = rng.normal(size=(20_000, 2))
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.3 + design @ [1.0, -0.5])))
    found = logistic(design, truth, np.ones(20_000), np.full(2, 1.0))
    np.testing.assert_allclose(found, [1.0, -0.5], atol=0.06)
