"""Models: arrays answer as scikit-learn does, odd rows get an answer, files are checked."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from proxy.demo.flights import NUMBERS, DemoError, Flights
from proxy.demo.models import (
    SORTED_ORDER,
    TRAINED_ORDER,
    BoostedModel,
    LogisticModel,
    read,
    train,
)
from proxy.records import Model


def test_trees_as_arrays_answer_what_scikit_learn_answers() -> None:
    """Equal to the last digits, thresholds and 32-bit numbers included."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    from proxy.demo.models import _train_trees  # noqa: PLC0415 - needs scikit-learn

    rng = np.random.default_rng(1)
    matrix = np.hstack([rng.normal(size=(3000, 9)).round(1), rng.integers(-1, 4, (3000, 3))])
    late = (matrix[:, 0] + matrix[:, 9] + rng.normal(size=3000) > 1).astype(np.int64)
    arrays = _train_trees(matrix, late)
    fitted = ensemble.GradientBoostingClassifier(
        n_estimators=100, max_depth=4, learning_rate=0.08, subsample=0.3, max_features=0.6,
        min_samples_leaf=100, random_state=0,
    ).fit(matrix, late)  # fmt: skip
    codes = {f"codes_{name}": np.array(["a", "b", "c", "d"])
             for name in ("carrier", "origin", "weekday")}  # fmt: skip
    model = BoostedModel({**arrays, **codes, "fill": np.zeros(9)})
    letters = ["a", "b", "c", "d", "?"]
    rows = [
        dict(zip(NUMBERS, numbers[:9].tolist(), strict=True))
        | {name: letters[int(code)] for name, code in
           zip(("carrier", "origin", "weekday"), numbers[9:], strict=True)}
        for numbers in matrix
    ]  # fmt: skip
    assert np.allclose(model.predict(rows), fitted.predict_proba(matrix), atol=1e-12)


def test_both_models_are_trained_once_and_learn(flights: Flights, tmp_path: Path) -> None:
    """Better than chance on what they saw; a second training takes the files of the first."""
    pytest.importorskip("sklearn")
    files = train(flights, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in (files.candidate, files.stable)}
    assert train(flights, tmp_path) == files
    assert {path: path.stat().st_mtime_ns for path in written} == written
    known = flights.where(~np.isnan(flights.late))
    rows = known.rows(0, len(known))
    for model in Model:
        classifier = read(files.of(model))
        chances = classifier.predict(rows)
        assert np.allclose(chances.sum(axis=1), 1)
        right = (chances[:, 1] > 0.5) == (known.late == 1)
        assert right.mean() > 0.8
    assert isinstance(read(files.stable), LogisticModel)
    assert isinstance(read(files.candidate), BoostedModel)


def test_other_flights_are_trained_on_again(flights: Flights, tmp_path: Path) -> None:
    """The cache is keyed by what was trained on."""
    pytest.importorskip("sklearn")
    assert train(flights, tmp_path) != train(flights.part(0, 2500), tmp_path)


def test_odd_values_get_an_answer(model_file: Path) -> None:
    """Missing, unknown and misplaced values are filled or ignored, as a service must."""
    model = read(model_file)
    rows = [{}, {"temperature": None, "carrier": "??"}, {"temperature": "hot", "hour": True}]
    assert np.allclose(model.predict(rows)[:, 1], 0.8)
    assert model.predict([]).shape == (0, 2)


def test_the_order_of_the_columns_matters(flights: Flights, tmp_path: Path) -> None:
    """The hot fix changes answers, and taking it back gives the old ones."""
    pytest.importorskip("sklearn")
    model = read(train(flights, tmp_path).candidate)
    rows = flights.rows(0, 200)
    before = model.predict(rows)
    model.order = SORTED_ORDER
    assert np.abs(model.predict(rows) - before).mean() > 0.1
    model.order = TRAINED_ORDER
    assert np.array_equal(model.predict(rows), before)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04damaged"])
def test_a_damaged_model_is_named(tmp_path: Path, content: bytes) -> None:
    """The message has the path and what to do."""
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(DemoError, match=r"model\.npz: no trained model"):
        read(path)


def test_an_archive_that_is_no_model_is_named(tmp_path: Path) -> None:
    """A sound archive of something else is refused alike."""
    path = tmp_path / "other.npz"
    np.savez(path, something=np.zeros(3))
    with pytest.raises(DemoError, match="no trained model"):
        read(path)
