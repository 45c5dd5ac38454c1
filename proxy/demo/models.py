"""The two models of the demonstration: trained with scikit-learn, evaluated with numpy.

*stable* is a logistic regression, *candidate* gradient-boosted trees: simple and better, as a
last-known-good model and its successor usually are (area under the ROC curve on June to August
2013: 0.909 and 0.914). Both answer: probabilities of [in time, more than 15 minutes late].

scikit-learn's `predict_proba` of one row costs milliseconds of argument checks. So training stores
plain arrays (coefficients; of each tree its splits and leaf values: public attributes), and the
servers evaluate them in some 50 µs; a test proves that the answers are scikit-learn's. Arrays are
stored without pickle, so nothing in the cache can run code.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from proxy.demo import flights as flights_module
from proxy.demo.arrays import Arrays, ArraysError, read_arrays, write_arrays
from proxy.demo.flights import NUMBERS, TRAINING, WORDS, DemoError, Flights
from proxy.records import Model, Scalar

Floats: TypeAlias = NDArray[np.float64]

TRAINED_ORDER: Final = NUMBERS
"""The order in which both models were trained on the numeric columns."""
SORTED_ORDER: Final = tuple(sorted(NUMBERS))
"""The order of the "hot fix" of the demonstration: temperature goes where the model expects the
departure delay, and so on. A classic: some encoders sort their columns by name."""

_TREES: Final = {
    "n_estimators": 100,
    "max_depth": 4,
    "learning_rate": 0.08,
    "subsample": 0.3,
    "max_features": 0.6,
    "min_samples_leaf": 100,
    "random_state": 0,
}


class Classifier(Protocol):
    """A trained model as the server needs it."""

    order: tuple[str, ...]
    """The order in which the numeric columns are encoded."""

    def predict(self, rows: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Give the probabilities [n, 2] of in time and late."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """Rows to numbers: what both models share."""

    fill: Floats
    """Training mean of each numeric column: stands in for a missing value."""
    codes: dict[str, dict[str, int]]
    """By categorical column: each value of the training data with its code."""

    def numbers(self, rows: Sequence[Mapping[str, Scalar]], order: Sequence[str]) -> Floats:
        """Give the numeric columns [n, 9]; whatever is no number becomes the training mean."""
        cells = [
            [value if isinstance(value := row.get(name), int | float) else np.nan for name in order]
            for row in rows
        ]
        matrix = np.array(cells, dtype=np.float64).reshape(len(rows), len(NUMBERS))
        missing = np.isnan(matrix)
        if missing.any():
            matrix = np.where(missing, self.fill, matrix)
        return matrix

    def words(self, rows: Sequence[Mapping[str, Scalar]]) -> NDArray[np.int64]:
        """Give the codes [n, 3] of the categorical columns; -1 for a value never trained on."""
        tables = [(name, self.codes[name]) for name in WORDS]
        cells = [[table.get(str(row.get(name)), -1) for name, table in tables] for row in rows]
        return np.array(cells, dtype=np.int64).reshape(len(rows), len(WORDS))

    def one_hot(self, rows: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Give the categorical columns as indicators [n, all values]; zeros when unknown."""
        codes = self.words(rows)
        sizes = [len(self.codes[name]) for name in WORDS]
        hot = np.zeros((len(rows), sum(sizes)))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        row, column = np.nonzero(codes >= 0)
        hot[row, starts[column] + codes[row, column]] = 1.0
        return hot

    def arrays(self) -> Arrays:
        """Give what must be stored."""
        values = {f"codes_{name}": np.array(list(self.codes[name])) for name in WORDS}
        return {"fill": self.fill, **values}

    @staticmethod
    def of(arrays: Arrays) -> Encoder:
        """Give the encoder that was stored."""
        codes = {
            name: {str(value): code for code, value in enumerate(arrays[f"codes_{name}"])}
            for name in WORDS
        }
        return Encoder(arrays["fill"].astype(np.float64), codes)


class LogisticModel:
    """A logistic regression on standardised numbers and indicators."""

    def __init__(self, arrays: Arrays) -> None:
        """Take the arrays that training stored."""
        self.order: tuple[str, ...] = TRAINED_ORDER
        self._encoder = Encoder.of(arrays)
        self._weights = arrays["weights"].astype(np.float64)
        self._bias = float(arrays["bias"].astype(np.float64)[0])

    def predict(self, rows: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Give the probabilities [n, 2] of in time and late."""
        encoder = self._encoder
        matrix = np.hstack([encoder.numbers(rows, self.order), encoder.one_hot(rows)])
        return _probabilities(matrix @ self._weights + self._bias)


class BoostedModel:
    """Gradient-boosted trees as arrays [trees, nodes]; a leaf is a node that leads to itself."""

    def __init__(self, arrays: Arrays) -> None:
        """Take the arrays that training stored."""
        self.order: tuple[str, ...] = TRAINED_ORDER
        self._encoder = Encoder.of(arrays)
        self._base = float(arrays["base"].astype(np.float64)[0])
        self._depth = int(arrays["depth"].astype(np.int64)[0])
        self._feature = arrays["feature"].astype(np.int64)
        self._threshold = arrays["threshold"].astype(np.float64)
        self._left = arrays["left"].astype(np.int64)
        self._right = arrays["right"].astype(np.int64)
        self._value = arrays["value"].astype(np.float64)
        self._roots = arrays["roots"].astype(np.int64)

    def predict(self, rows: Sequence[Mapping[str, Scalar]]) -> Floats:
        """Give the probabilities [n, 2] of in time and late."""
        encoder = self._encoder
        numbers = encoder.numbers(rows, self.order)
        # Trees were grown on 32-bit numbers: comparing wider ones would differ at the thresholds.
        matrix = np.hstack([numbers, encoder.words(rows)]).astype(np.float32)
        flat, width = matrix.ravel(), matrix.shape[1]
        offsets = (np.arange(len(rows)) * width)[:, np.newaxis]
        node = np.broadcast_to(self._roots, (len(rows), len(self._roots)))
        for _ in range(self._depth):
            goes_left = flat[offsets + self._feature[node]] <= self._threshold[node]
            node = np.where(goes_left, self._left[node], self._right[node])
        return _probabilities(self._value[node].sum(axis=1) + self._base)


def _probabilities(log_odds: Floats) -> Floats:
    late = 1.0 / (1.0 + np.exp(-log_odds))
    return np.stack([1.0 - late, late], axis=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedFiles:
    """Where the trained models are, and what they were made of."""

    candidate: Path
    stable: Path

    def of(self, model: Model) -> Path:
        """Give the file of one model."""
        return self.candidate if model is Model.CANDIDATE else self.stable


def read(path: Path) -> Classifier:
    """Load a trained model.

    Raises:
        DemoError: the file is missing or damaged.
    """
    try:
        arrays = read_arrays(path)
        return BoostedModel(arrays) if "threshold" in arrays else LogisticModel(arrays)
    except (ArraysError, ValueError, KeyError) as error:
        raise DemoError(f"{path}: no trained model ({error}); delete it and start again") from error


def train(flights: Flights, folder: Path) -> TrainedFiles:
    """Train both models on the flights of `TRAINING`, or take them from the cache in `folder`.

    Takes about 6 s. The cache is keyed by the code that trains and by the number of flights.

    Raises:
        DemoError: scikit-learn is missing.
    """
    key = _key(flights)
    files = TrainedFiles(
        candidate=folder / f"candidate-{key}.npz", stable=folder / f"stable-{key}.npz"
    )
    if files.candidate.is_file() and files.stable.is_file():
        return files
    try:
        import sklearn  # noqa: F401, PLC0415 - only training needs it, and it is slow to import
    except ImportError as error:
        raise DemoError(
            f"scikit-learn is missing ({error}); pip install 'stablehand[demo]'"
        ) from error
    period = flights.between(TRAINING)
    period = period.where(~np.isnan(period.late))
    rows = period.rows(0, len(period))
    encoder = _fit_encoder(period)
    late = period.late.astype(np.int64)
    numbers = encoder.numbers(rows, TRAINED_ORDER)
    stable = _train_logistic(np.hstack([numbers, encoder.one_hot(rows)]), late)
    candidate = _train_trees(np.hstack([numbers, encoder.words(rows)]), late)
    write_arrays(files.stable, encoder.arrays() | stable)
    write_arrays(files.candidate, encoder.arrays() | candidate)
    return files


def _key(flights: Flights) -> str:
    digest = hashlib.sha256(str(len(flights)).encode())
    for source in (__file__, flights_module.__file__):
        digest.update(Path(source).read_bytes())
    return digest.hexdigest()[:12]


def _fit_encoder(flights: Flights) -> Encoder:
    fill = np.array([np.nanmean(flights.columns[name].astype(np.float64)) for name in NUMBERS])
    codes = {
        name: {str(value): code for code, value in enumerate(np.unique(flights.columns[name]))}
        for name in WORDS
    }
    return Encoder(fill, codes)


def _train_logistic(matrix: Floats, late: NDArray[np.int64]) -> Arrays:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - see `train`

    mean, scale = matrix.mean(axis=0), matrix.std(axis=0) + 1e-9
    fitted = LogisticRegression(max_iter=300).fit((matrix - mean) / scale, late)
    weights = fitted.coef_[0] / scale
    return {"weights": weights, "bias": fitted.intercept_ - mean @ weights}


def _train_trees(matrix: Floats, late: NDArray[np.int64]) -> Arrays:
    """Grow the trees, and put all their nodes into flat arrays."""
    from sklearn.ensemble import GradientBoostingClassifier  # noqa: PLC0415 - see `train`

    fitted = GradientBoostingClassifier(**_TREES).fit(matrix, late)
    prior = float(fitted.init_.class_prior_[1])
    parts: dict[str, list[NDArray[np.generic]]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "value")
    }
    roots, start = [], 0
    for tree in (estimator.tree_ for estimator in fitted.estimators_[:, 0]):
        own = start + np.arange(tree.node_count)
        leaf = tree.children_left < 0
        parts["feature"].append(np.where(leaf, 0, tree.feature))
        parts["threshold"].append(np.where(leaf, np.inf, tree.threshold))
        parts["left"].append(np.where(leaf, own, tree.children_left + start))
        parts["right"].append(np.where(leaf, own, tree.children_right + start))
        parts["value"].append(tree.value[:, 0, 0] * fitted.learning_rate)
        roots.append(start)
        start += tree.node_count
    return {
        **{name: np.concatenate(pieces) for name, pieces in parts.items()},
        "roots": np.array(roots),
        "depth": np.array([fitted.max_depth]),
        "base": np.array([np.log(prior / (1 - prior))]),
    }
