"""Probability vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.payload.probabilities import are_probabilities, sum_up


@given(st.integers(2, 8), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_a_softmax_is_known_whatever_its_rounding(width: int, n: int, seed: int) -> None:
    """Distributions rounded to three digits are still told from other vectors."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, width)) * 3
    rows = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert are_probabilities(rows.tolist()) is not None
    if width <= 4:
        assert are_probabilities(rows.round(3).tolist()) is not None


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 0], [0, 1]],
        [[0.5]],
        [[0.5, 0.6]],
        [[1.5, -0.5]],
        [[0.5, 0.5], [0.5, 0.4]],
        [[0.5, 0.5], [1.0]],
        [[0.5, None]],
        [[True, 0.0]],
        [["0.5", "0.5"]],
        [[0.5, 10**400]],
        [],
    ],
)
def test_other_vectors_are_not(rows: list[list[Any]]) -> None:
    """One-hot labels, flags, sums off 1, negative parts, ragged or missing cells."""
    assert are_probabilities(rows) is None


def test_entropy_is_in_bits() -> None:
    """Certainty has 0 bits, a fair choice of four has 2."""
    found = sum_up(np.array([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]]))
    assert found["entropy"] == pytest.approx([0.0, 2.0])
    assert found["class"] == ["0", "0"]
    assert found["confidence"] == [1.0, 0.25]
