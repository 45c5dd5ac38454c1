"""Numbers that others computed: each test names the source of its figures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import beta, norm

from proxy.stats.basis import design_effect
from proxy.stats.basis.bets import bet_table, tolerated_share
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import numeric_functionals
from proxy.stats.basis.intervals import share_upper_bound
from proxy.stats.engine.effects import shift_sd, spread_ratio
from proxy.stats.explain.domain_classifier import logistic
from proxy.stats.reference.column import LEVELS, build_column


@pytest.mark.parametrize(
    ("hits", "n", "upper"),
    [(0, 20, 0.1684335), (7, 20, 0.5921885), (10, 100, 0.1762226)],
)
def test_clopper_pearson_bounds(hits: int, n: int, upper: float) -> None:
    """R 4: `binom.test(x, n)$conf.int[2]`, two-sided 95 %, so 2.5 % above."""
    assert share_upper_bound(hits, n, 0.025) == pytest.approx(upper, abs=1e-6)
    assert share_upper_bound(hits, n, 0.025) == pytest.approx(
        beta.ppf(0.975, hits + 1, n - hits), abs=1e-9
    )


def test_common_language_effect_size_of_heights() -> None:
    """McGraw and Wong (1992), p. 361: men 69.7 +- 2.8 in, women 64.3 +- 2.6 in, CL = .92."""
    common_language = norm.cdf((69.7 - 64.3) / math.hypot(2.8, 2.6))
    assert common_language == pytest.approx(0.92, abs=0.005)
    pooled = math.sqrt((2.8**2 + 2.6**2) / 2)
    assert shift_sd(common_language) == pytest.approx((69.7 - 64.3) / pooled, rel=1e-6)


def test_cohens_h() -> None:
    """Cohen (1988), section 6.2: phi(.5) = 1.571, so h = .2 above .5 is .599."""
    assert tolerated_share(0.5, 1e18, Tolerance(effect=0.2)) == pytest.approx(0.5993, abs=1e-4)


def test_spread_of_a_scaled_normal() -> None:
    """E|2 Phi(r Z) - 1| = (2 / pi) atan(r), checked by quadrature."""
    grid = np.linspace(-9, 9, 200_001)
    for ratio in (0.5, 1.0, 2.0, 5.0):
        folded = np.trapezoid(np.abs(2 * norm.cdf(ratio * grid) - 1) * norm.pdf(grid), grid)
        assert spread_ratio(float(folded)) == pytest.approx(ratio, rel=1e-3)


@pytest.mark.parametrize("phi", [0.5, 0.9])
def test_design_effect_of_an_autoregression(phi: float) -> None:
    """Variance inflation of the mean of an AR(1) series: (1 + phi) / (1 - phi).

    Bayley and Hammersley (1946), "The effective number of independent observations in an
    autocorrelated time series", J. R. Stat. Soc. Suppl. 8(2).
    """
    rng = np.random.default_rng(1)
    figures = []
    for _ in range(20):
        values = lfilter([1.0], [1.0, -phi], rng.normal(size=50_000))
        lengths = [n for n in design_effect.block_lengths(50_000) if 50_000 // n >= 100]
        figures.append(design_effect.batch_means(values, lengths))
    assert np.median(figures) == pytest.approx((1 + phi) / (1 - phi), rel=0.35)


def prototype_bets(n: int) -> np.ndarray:
    """Give the mean and tail bets of the project's first prototype: float array [66, 70]."""
    masses = np.diff(np.concatenate([[0.0], LEVELS, [1.0]]))
    outside = 1 / (n + 1)
    p0 = np.concatenate([[outside], masses * (1 - 2 * outside), [outside]])
    u = np.cumsum(p0) - p0 / 2
    shift = norm.cdf(0.1 / math.sqrt(2)) - 0.5
    columns: list[np.ndarray] = []
    for phi, delta in (
        (u, shift),
        (np.abs(2 * u - 1), 0.03),
        ((1 + np.sin(2 * np.pi * u)) / 2, shift),
        ((1 + np.cos(4 * np.pi * u)) / 2, shift),
    ):
        mu = p0 @ phi
        variance = p0 @ (phi - mu) ** 2
        tolerated = delta * math.sqrt(variance * 12) + 3 * math.sqrt(variance / n)
        for sign in (1, -1):
            gain = sign * (phi - mu) - tolerated
            for size in (0.08, 0.2, 0.5, 1.0, 1.8):
                bet = min(size * 0.0833 / variance, 0.95 / -gain.min())
                columns.append(np.log1p(bet * gain))
    return np.stack(columns, axis=1)


def test_bets_on_means_are_those_of_the_prototype() -> None:
    """The prototype whose false alarms and delays were first simulated; masses differ by 1e-4."""
    n = 10_000
    column = build_column("x", np.random.default_rng(1).normal(size=n).tolist(), ordered=False)
    masses = np.asarray(column.masses)
    table = bet_table(numeric_functionals(masses), masses, n, {}, Tolerance(effect=0.1))
    ours = table.growth[:-2, table.functional < 4]
    theirs = prototype_bets(n)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 0.01


def test_the_penalised_logistic_regression_is_that_of_scikit_learn() -> None:
    """scikit-learn 1.9.1: LogisticRegression(C=0.5, tol=1e-12), weights 1 to 3; C = 1 / penalty."""
    rows = range(1, 25)
    design = np.array([[(7 * i * j + 3 * i + 5 * j) % 11 / 11 - 0.5 for j in (1, 2, 3)]
                       for i in rows])  # fmt: skip
    truth = np.array([(i * i + i) % 5 < 2 for i in rows])
    weights = np.array([1.0 + i % 3 for i in rows])
    found = logistic(design, truth, weights, np.full(3, 2.0))
    np.testing.assert_allclose(found, [-0.00473507, -0.17799877, -0.47547341], atol=1e-6)
