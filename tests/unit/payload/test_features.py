"""Which strings are text, and the columns that describe texts and tensors."""

from __future__ import annotations

import numpy as np

from proxy.payload import tensor, text
from proxy.payload.features import Features, Text
from proxy.payload.learning import Learned, Pupil


def test_a_column_that_was_text_once_stays_text() -> None:
    """The columns of a table do not change from body to body."""
    features = Features(10)
    assert not features.is_text("note", ["short", None, 3])
    assert features.is_text("note", ["much longer than ten"])
    assert features.is_text("note", ["short"])
    assert not features.is_text("other", ["short"])


def test_configured_and_declared_texts_are_text() -> None:
    """The settings name columns, and protocols mark strings."""
    features = Features(64, ["comment"])
    assert features.is_text("comment", ["x"])
    assert features.is_text("prompt", [Text("x")])


def test_a_column_that_was_certified_as_text_is_text_from_the_start() -> None:
    """A first short value does not make it a category for a while."""
    assert Features(64, (), Learned(text_columns=("note",))).is_text("note", ["ok"])


def test_a_column_of_certified_categories_stays_one() -> None:
    """One odd string does not take it away; whoever configured it as text has the last word."""
    features = Features(10, ["comment"], category_columns=("city", "comment"))
    assert not features.is_text("city", ["much longer than ten"])
    assert not features.is_text("city", ["york"])
    assert features.is_stray("city", "much longer than ten")
    assert not features.is_stray("city", "york")
    assert not features.is_stray("other", "much longer than ten")
    assert features.is_text("comment", ["x"])


def test_a_pupil_sees_what_is_described() -> None:
    """Texts and tensors alike."""
    pupil = Pupil()
    features = Features(64, (), None, pupil)
    features.texts("q", ["red", None])
    features.tensors("e", [np.ones(2)] * 20)
    learned = pupil.learned()
    assert learned.text_columns == ("q",)
    assert set(learned.vocabularies["q"]) == text.vocabulary(["red"])
    assert learned.bases["e"].mean == [1.0, 1.0]


def test_the_memory_is_bounded() -> None:
    """A client that makes up names cannot grow it."""
    features = Features(1)
    for i in range(5000):
        features.is_text(str(i), ["long"])
    assert len(features._text_columns) <= 1024


def test_the_benchmark_adds_columns() -> None:
    """With a vocabulary comes novelty, with directions come coordinates and the residual."""
    basis = tensor.Basis(mean=[0.0, 0.0], directions=[[1.0, 0.0]])
    learned = Learned(vocabularies={"q": tuple(text.vocabulary(["red"]))}, bases={"e": basis})
    known = Features(64, (), learned)
    assert known.texts("q", ["red blue", None])["novelty"] == [0.5, None]
    found = known.tensors("e", [np.array([3.0, 4.0])])
    assert found["pc0"] == [3.0]
    assert found["residual"] == [4.0]
    assert "novelty" not in known.texts("other", ["x"])
    assert "pc0" not in known.tensors("other", [np.ones(2)])
