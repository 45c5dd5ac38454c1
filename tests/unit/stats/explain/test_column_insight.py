"""How far a column moved, against what the figures show without any change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

from proxy.records import Scalar
from proxy.stats.engine.effects import distances
from proxy.stats.explain.column_insight import column_insight, null_means, wasserstein_sd
from proxy.stats.explain.evidence import ColumnEvidence
from proxy.stats.reference.column import ColumnProfile, Kind, build_column

RNG = np.random.default_rng(11)


def counts_of(column: ColumnProfile, values: list[Scalar]) -> np.ndarray:
    """Give the number of values in each bin."""
    binner = column.binner()
    return np.bincount(binner.bins(values), minlength=binner.n_bins).astype(np.float64)


def evidence(column: ColumnProfile, values: list[Scalar]) -> ColumnEvidence:
    """Give the evidence of rows with these values, blamed for its first functional."""
    functional = column.functionals()[0]
    n_bins = len(column.masses)
    return ColumnEvidence(
        column=column,
        masses=column.masses,
        counts=tuple(map(float, counts_of(column, values))),
        blamed=True,
        members=(),
        carrier=functional.name,
        carrier_values=tuple(map(float, functional.values)),
        is_share=functional.form == "share",
        scores=(0.0,) * n_bins,
        effect=1.0,
        interval=(0.9, 1.1),
        unit="sd",
        summary=f"{column.name} moved",
    )


def normal(n: int, mean: float = 0.0, sd: float = 1.0) -> list[Scalar]:
    """Give normal values."""
    values: list[Scalar] = RNG.normal(mean, sd, n).tolist()
    return values


def test_a_shifted_normal_has_the_known_figures() -> None:
    """A shift of one sd: AUC = Phi(1 / sqrt 2) = 0.760, and 1 sd of Wasserstein distance."""
    column = build_column("x", normal(50_000), ordered=False)
    found = column_insight(evidence(column, normal(20_000, 1.0)), RNG)
    assert found.auc == pytest.approx(0.760, abs=0.01)
    assert found.shift_sd == pytest.approx(1.0, abs=0.05)
    assert found.wasserstein_sd == pytest.approx(1.0, abs=0.05)
    assert found.psi > 20 * found.psi_null
    assert found.interval == (0.9, 1.1)
    assert "76% of the time" in found.summary


def test_wasserstein_agrees_with_scipy_where_nothing_lies_outside() -> None:
    """Golden value: scipy.stats.wasserstein_distance on the same values, continuous and tied."""
    for values, moved in (
        (RNG.uniform(0, 1, 20_000), RNG.beta(2, 2, 20_000)),
        (RNG.integers(0, 10, 20_000).astype(float), RNG.binomial(9, 0.4, 20_000).astype(float)),
    ):
        column = build_column("x", values.tolist(), ordered=False)
        counts = counts_of(column, moved.tolist())[None, :]
        found = wasserstein_sd(column, np.array(column.masses), counts)
        assert found is not None
        expected = wasserstein_distance(values, moved) / values.std()
        assert found[0] == pytest.approx(expected, rel=0.03)


def test_the_null_mean_of_psi_is_the_known_one_for_filled_bins() -> None:
    """(bins - 1) (1/n + 1/m) for ten bins of equal mass; and it is what real samples show."""
    values: list[Scalar] = [place % 10 for place in range(100_000)]
    column = build_column("x", values, ordered=False)
    mean, _ = null_means(column, np.array(column.masses), 1000, RNG)
    # Four more bins are empty; each adds a little, as it does to what is shown.
    assert mean == pytest.approx(9 * (1 / 1000 + 1 / 100_000), rel=0.1)


def test_the_null_mean_of_psi_is_what_unchanged_samples_show() -> None:
    """With a small reference the empty bins weigh more: the prediction has that, too."""
    shown = []
    column = build_column("x", [0], ordered=False)
    for _ in range(100):
        column = build_column("x", RNG.integers(0, 10, 4000).tolist(), ordered=False)
        counts = counts_of(column, RNG.integers(0, 10, 1000).tolist())
        shown.append(distances(np.array(column.masses), counts)["psi"])
    mean, _ = null_means(column, np.array(column.masses), 1000, RNG)
    assert np.mean(shown) == pytest.approx(mean, rel=0.15)


def test_the_null_mean_of_wasserstein_is_what_unchanged_samples_show() -> None:
    """Two samples of the same normal lie as far apart as predicted, not at zero."""
    reference, shown, predicted = normal(5000), [], 0.0
    for _ in range(40):
        column = build_column("x", normal(5000), ordered=False)
        _, predicted = null_means(column, np.array(column.masses), 500, RNG)
        found = wasserstein_sd(column, np.array(column.masses),
                               counts_of(column, normal(500))[None, :])  # fmt: skip
        assert found is not None
        shown.append(float(found[0]))
    assert len(reference) == 5000
    assert np.mean(shown) == pytest.approx(predicted, rel=0.2)


def test_new_categories_and_missing_values_are_shares_of_the_rows() -> None:
    """Half lower-case carriers, a fifth missing: both are told, with the reference's own."""
    column = build_column("carrier", ["UA", "AA"] * 1000, ordered=False)
    values: list[Scalar] = ["ua"] * 50 + ["AA"] * 30 + [None] * 20
    found = column_insight(evidence(column, values), RNG)
    assert (found.new_share, found.missing) == (0.5, (0.0, 0.2))
    assert (found.shift_sd, found.auc, found.wasserstein_sd) == (None, None, None)
    assert "50% of it is not in the reference" in found.summary
    assert "missing 0% -> 20%" in found.summary


@pytest.mark.parametrize(
    "reference",
    [
        [3.0] * 200,
        [None] * 200,
        [float("inf")] * 200,
        [f"id {n}" for n in range(200)],
        [1.0],
        [1e149, -1e149] * 100,
    ],
)
@pytest.mark.parametrize("current", [[], [None], [3.0], [float("inf")], ["text"], [2**80]])
def test_odd_columns_give_finite_figures(reference: list[Scalar], current: list[Scalar]) -> None:
    """Constant, empty, infinite, all distinct, single: there is an answer without NaN."""
    column = build_column("x", reference, ordered=False)
    found = column_insight(evidence(column, current), RNG)
    figures = [found.psi, found.psi_null, found.new_share, *found.missing]
    figures += [one for one in (found.auc, found.shift_sd, found.wasserstein_sd) if one is not None]
    assert np.isfinite(figures).all()
    assert found.kind in {Kind.NUMERIC.value, Kind.CATEGORICAL.value}
