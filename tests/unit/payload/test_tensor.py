"""Descriptors of tensors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from proxy.payload import tensor
from proxy.payload.reasons import Unreadable


@given(
    arrays.arrays(
        np.float64, arrays.array_shapes(max_dims=3, max_side=5), elements=st.floats(width=64)
    )
)
def test_any_tensor_is_described_by_finite_numbers(array: tensor.Array) -> None:
    """NaN, infinities and the largest floats never come out."""
    for name, value in tensor.describe(array).items():
        assert name in tensor.MEASURES
        assert value is None or np.isfinite(value)


def test_known_tensors_have_known_measures() -> None:
    """A vector of 3 and 4 has norm 5; half of its cells missing is said."""
    found = tensor.describe(np.array([3.0, 4.0]))
    assert found["norm"] == pytest.approx(5.0)
    assert found["mean"] == pytest.approx(3.5)
    assert found["sd"] == pytest.approx(0.5)
    assert found["zeros"] == 0
    assert tensor.describe(np.array([3.0, np.nan]))["missing"] == pytest.approx(0.5)
    assert tensor.describe(np.array([np.nan])) == {"size": 1, "missing": 1.0}


@given(st.integers(0, 20), st.lists(st.sampled_from([0.0, 1.5, -2.0, 4.0, np.nan, np.inf])))
def test_a_sparse_tensor_has_the_measures_of_the_same_written_out(
    n_implied: int, values: list[float]
) -> None:
    """But for the sharpness: its neighbours are not known."""
    dense = np.array([*values, *[0.0] * n_implied])
    if not dense.size:
        return
    sparse = tensor.describe_sparse(np.array(values, np.float64), dense.size)
    expected = tensor.describe(dense)
    assert sparse.keys() == expected.keys()
    for name in sparse.keys() - {"sharpness"}:
        assert sparse[name] == pytest.approx(expected[name])
    assert sparse.get("sharpness") is None


def test_blur_lowers_and_noise_raises_the_sharpness() -> None:
    """White noise has about 6, as its second difference has 6 times its variance; ramps none."""
    noise = np.random.default_rng(7).normal(size=(64, 64))
    assert tensor.describe(noise)["sharpness"] == pytest.approx(6, rel=0.1)
    blurred = (noise[:, :-2] + noise[:, 1:-1] + noise[:, 2:]) / 3
    assert tensor.describe(blurred)["sharpness"] < 5
    assert tensor.describe(np.arange(20.0))["sharpness"] == pytest.approx(0, abs=1e-12)
    assert tensor.describe(np.ones(20))["sharpness"] is None


def test_the_main_directions_explain_the_reference() -> None:
    """A sample on a plane has no residual there; a point off the plane has its distance."""
    rng = np.random.default_rng(3)
    plane = rng.normal(size=(50, 2)) @ np.array([[1.0, 0, 0, 0], [0, 1, 0, 0]])
    basis = tensor.fit(list(plane), n_directions=2)
    assert basis is not None
    axes = tensor.Axes(basis)
    on = axes.project(plane[0])
    assert on["residual"] == pytest.approx(0, abs=1e-4)
    off = axes.project(plane[0] + np.array([0, 0, 3.0, 4.0]))
    assert off["residual"] == pytest.approx(5.0)
    assert off["pc0"] == pytest.approx(on["pc0"])
    assert set(axes.project(np.ones(3)).values()) == {None}


def test_too_small_or_unequal_samples_have_no_directions() -> None:
    """Directions of three points or of vectors of different width mean nothing."""
    assert tensor.fit([np.ones(4)] * 3, n_directions=2) is None
    assert tensor.fit([np.ones(4)] * 10 + [np.ones(5)], n_directions=2) is None


@pytest.mark.parametrize("value", [[[1], [1, 2]], ["a"], [10**400], [{}]])
def test_what_is_no_tensor_is_refused(value: object) -> None:
    """Ragged lists and strings are a reason, not a crash."""
    with pytest.raises(Unreadable):
        tensor.of(value)
