"""The profile of one side: all columns, and what the certificate warns about."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.reference.profile import build_profile

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ([None] * 2000, "has no value;"),
        ([f"id{i}" for i in range(2000)], "no value that repeats"),
        ([7] * 2000, "always the same value"),
        (["x"] * 2000, "always the same value"),
    ],
)
def test_columns_that_cannot_be_compared_are_warned_about(values: list[object], word: str) -> None:
    """The certificate says in words what it cannot see."""
    profile = build_profile({"a": values}, RNG, ordered=False)
    assert any(word in text for text in profile.warnings)


def test_small_and_dependent_references_are_warned_about() -> None:
    """One row is not enough, and clusters make small shifts invisible."""
    assert "only 1 reference rows" in build_profile({"a": [1.0]}, RNG, ordered=True).warnings[0]
    runs = np.repeat(RNG.normal(size=100), 200).tolist()
    assert any("depend" in text for text in build_profile({"a": runs}, RNG, ordered=True).warnings)


def test_very_many_rows_are_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound on the rows keeps certification of any source within memory."""
    monkeypatch.setattr("proxy.stats.reference.profile.MAX_ROWS", 100)
    profile = build_profile({"a": list(range(1000))}, RNG, ordered=True)
    assert profile.n == 100
    assert profile.columns[0].n == 100


def test_correlated_columns_are_looked_at_together() -> None:
    """Two correlated columns have derived ones; a single column has none."""
    left = RNG.normal(size=1000)
    both = {"a": left.tolist(), "b": (left + RNG.normal(size=1000)).tolist()}
    together = build_profile(both, RNG, ordered=True).multivariate
    assert together is not None
    assert next(column.name for column in together.derived) == "a with b"
    assert build_profile({"a": left.tolist()}, RNG, ordered=True).multivariate is None


def test_ten_thousand_columns_have_a_profile() -> None:
    """A very wide reference is certified, and only its first columns are looked at together."""
    wide = {f"c{i}": [0.5, 1.5, 2.5] for i in range(10_000)}
    profile = build_profile(wide, RNG, ordered=True)
    assert len(profile.columns) == 10_000
