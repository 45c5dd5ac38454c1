"""A pupil learns words and directions, and no more than it may."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from proxy.payload.learning import (
    MAX_TENSOR_COLUMNS,
    MAX_TEXT_COLUMNS,
    MAX_VECTORS,
    MAX_WIDTH,
    MAX_WORDS,
    Learned,
    Pupil,
)
from proxy.payload.tensor import Axes
from proxy.payload.text import hash_word

RNG = np.random.default_rng(4)


def test_nothing_seen_is_nothing_learned() -> None:
    """Tables alone teach nothing."""
    pupil = Pupil()
    assert pupil.learned() == Learned()
    assert pupil.is_idle
    pupil.texts("t", ["a"])
    assert not pupil.is_idle


def test_words_are_kept_as_hashes_only() -> None:
    """The benchmark says nothing of what was written."""
    pupil = Pupil()
    pupil.texts("prompt", ["the secret", None, "The end"])
    learned = pupil.learned()
    assert set(learned.vocabularies["prompt"]) == {hash_word(w) for w in ("the", "secret", "end")}
    raw = msgspec.json.encode(learned)
    assert b"secret" not in raw
    assert msgspec.json.decode(raw, type=Learned) == learned


def test_main_directions_explain_what_was_seen() -> None:
    """Vectors on a line have one direction, and nothing is left of them."""
    pupil = Pupil()
    pupil.tensors("e", [np.array([1.0, 2.0, 2.0]) * scale for scale in RNG.normal(size=50)])
    axes = Axes(pupil.learned().bases["e"])
    assert axes.project(np.array([2.0, 4.0, 4.0]))["residual"] == pytest.approx(0.0, abs=1e-4)
    assert axes.project(np.array([2.0, -1.0, 0.0]))["pc0"] == pytest.approx(0.0, abs=0.5)


def test_vectors_of_different_widths_have_no_directions() -> None:
    """There is no one space for them."""
    pupil = Pupil()
    pupil.tensors("e", [np.ones(2 + i % 2) for i in range(50)])
    assert pupil.learned().bases == {}


def test_what_is_kept_is_bounded() -> None:
    """Columns, words, vectors and their widths."""
    pupil = Pupil()
    for i in range(20):
        pupil.texts(f"t{i}", ["a"])
        pupil.tensors(f"e{i}", [np.ones(2)] * 20)
    pupil.texts(
        "t0", [" ".join(f"w{i}" for i in range(j, j + 8000)) for j in range(0, 80_000, 8000)]
    )
    pupil.tensors("e0", [np.zeros(2)] * 10_000)
    pupil.tensors("e1", [np.ones(MAX_WIDTH + 1)] * 20)
    learned = pupil.learned()
    assert len(learned.vocabularies) == MAX_TEXT_COLUMNS
    assert len(learned.bases) == MAX_TENSOR_COLUMNS
    assert len(learned.vocabularies["t0"]) == MAX_WORDS
    assert learned.bases["e0"].mean[0] == pytest.approx(20 / MAX_VECTORS)
    assert len(learned.bases["e1"].mean) == 2
