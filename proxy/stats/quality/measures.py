"""How good predictions were, once their truth is known: losses row by row, and figures of many.

Sources: accuracy and balanced accuracy (Brodersen et al., 2010, "The balanced accuracy and its
posterior distribution", ICPR, section 2); the area under the ROC curve as the Mann-Whitney
statistic with ties counted half, its variance by DeLong, DeLong and Clarke-Pearson (1988),
Biometrics 44(3), in the form of Sun and Xu (2014), IEEE Signal Processing Letters 21(11); with more
than two classes the measure of Hand and Till (`ranking`); Brier (1950), Monthly Weather Review
78(1); logarithmic loss (Good, 1952, JRSS-B 14(1)); the expected calibration error with ten equal
bins (Naeini, Cooper and Hauskrecht, 2015, AAAI, section 2).
Rows are weighted by 1 / sampling probability (Horvitz and Thompson, 1952); an interval counts
(sum w)^2 / sum w^2 of them (Kish, 1965, "Survey sampling", section 8.2). Intervals stay true
however often one looks, as far as their window begins where it began (`intervals`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct, structs
from scipy.stats import rankdata

from proxy.records import Scalar
from proxy.stats.basis.functionals import Floats, Mask
from proxy.stats.basis.intervals import mean_interval, share_interval
from proxy.stats.quality.ranking import hand_till
from proxy.stats.quality.target import (
    UNSAID,
    Answer,
    Target,
    TargetKind,
    class_of,
    number_of,
    predicted_of,
    truth_of,
)

LEAST_SHARE: Final = 1e-6
"""A probability below this counts as this: one sure mistake must not make the mean infinite."""
CALIBRATION_BINS: Final = 10
BINARY: Final = 2
NOT_SAID: Final = math.nan
POSITIVE: Final = (0.0, math.inf)


class Scored(Struct, frozen=True, array_like=True, gc=False):
    """One prediction beside its truth."""

    at_s: float
    """When it was predicted."""
    weight: float
    truth: str | float
    predicted: str | float
    error: float
    """Classes and probabilities: 1 when wrong, else 0. Numbers: |residual|."""
    loss: float
    """Brier score, 0 to 1; |residual| for numbers. NaN: the model gave no probability."""
    surprise: float
    """-ln of the probability that the truth was given. NaN: the model gave none."""
    score: float
    """Probability of the positive class. NaN: there is none."""
    confidence: float
    """Probability that the model gave its own answer. NaN: it said none."""
    expected: float = NOT_SAID
    """Error that was expected before the truth was known. NaN: nothing was expected."""
    shares: bytes = b""
    """float32 array [classes]: probabilities of more than two classes. Empty: there are none."""
    place: int = -1
    """Place of the true class among them. -1: its name does not say."""


class Measure(Struct, frozen=True, kw_only=True):
    """One figure of quality."""

    value: float
    interval: tuple[float, float] | None
    """`None`: no interval is known for this figure."""
    n: int
    """Labelled rows that it rests on."""


class CalibrationBin(Struct, frozen=True, kw_only=True):
    """Rows of about the same confidence: how sure the model was, and how often it was right."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def score_row(target: Target, answer: Answer, truth: Scalar, at_s: float, weight: float) -> Scored:
    """Give one prediction beside its truth.

    Raises:
        MisfitError: truth or prediction cannot be read.
    """
    known, said = truth_of(target, truth), predicted_of(target, answer)
    if isinstance(known, str) or isinstance(said, str):
        return _score_class(target, answer, (str(known), str(said)), (at_s, weight))
    if target.kind is TargetKind.NUMBER:
        residual = abs(known - said)
        return Scored(at_s, weight, known, said, residual, residual, NOT_SAID, NOT_SAID, NOT_SAID)
    chance = said if known == 1 else 1 - said
    return Scored(
        at_s,
        weight,
        known,
        said,
        float((said >= target.threshold) != (known == 1)),
        (1 - chance) ** 2,
        -math.log(max(chance, LEAST_SHARE)),
        said,
        target.sure(said),
    )


def _score_class(
    target: Target, answer: Answer, sides: tuple[str, str], place: tuple[float, float]
) -> Scored:
    """Score a class; Brier is half the sum of squared differences, so that it lies in 0 to 1."""
    known, said = sides
    confidence = NOT_SAID if answer.confidence == UNSAID else answer.confidence
    error = float(known != said)
    index = _index(target, known)
    shares = np.frombuffer(answer.shares, dtype=np.float32).astype(np.float64)
    if not len(shares):
        loss = NOT_SAID if math.isnan(confidence) else (confidence - (1 - error)) ** 2
        return Scored(*place, known, said, error, loss, NOT_SAID, NOT_SAID, confidence)
    chance = float(shares[index]) if index is not None and index < len(shares) else 0.0
    loss = (1 - 2 * chance + float(shares @ shares)) / 2
    score = NOT_SAID
    if len(shares) == BINARY:
        positive = _index(target, target.positive) if target.positive else 1
        score = float(shares[1 if positive is None else min(positive, 1)])
    surprise = -math.log(max(chance, LEAST_SHARE))
    scored = Scored(*place, known, said, error, loss, surprise, score, confidence)
    if len(shares) <= BINARY or index is None or index >= len(shares):
        return scored
    return structs.replace(scored, shares=answer.shares, place=index)


def _index(target: Target, name: str) -> int | None:
    """Give the place of a class in the probabilities; `None` when its name does not say."""
    if name in target.classes:
        return target.classes.index(name)
    return number_of(name)


def positive_of(target: Target) -> str:
    """Give the class whose probability is the score of two classes."""
    if target.positive:
        return class_of(target, target.positive)
    return target.classes[1] if len(target.classes) == BINARY else "1"


def figures(target: Target, rows: Sequence[Scored]) -> dict[str, Measure]:
    """Give all figures that these rows allow, by name; empty without rows."""
    if not rows:
        return {}
    weights = np.array([row.weight for row in rows])
    errors = np.array([row.error for row in rows])
    if target.kind is TargetKind.NUMBER:
        residuals = np.array([float(row.predicted) - float(row.truth) for row in rows])
        return {
            "mae": weighted_mean(errors, weights, POSITIVE),
            "rmse": _root(weighted_mean(errors**2, weights, POSITIVE)),
            "bias": weighted_mean(residuals, weights),
        }
    found = {"accuracy": weighted_share(1 - errors, weights)}
    truths = np.array([str(row.truth) for row in rows])
    balanced = balanced_accuracy(truths, errors)
    if balanced is not None:
        found["balanced_accuracy"] = balanced
    scores = np.array([row.score for row in rows])
    if not np.isnan(scores).any():
        positive = "1.0" if target.kind is TargetKind.PROBABILITY else positive_of(target)
        area = roc_auc(scores, truths == positive)
    else:
        area = multiclass_auc(rows)
    found |= {} if area is None else {"auc": area}
    found |= _probability_figures(rows, errors, weights)
    return found


def _probability_figures(
    rows: Sequence[Scored], errors: Floats, weights: Floats
) -> dict[str, Measure]:
    found: dict[str, Measure] = {}
    columns = (
        ("brier", np.array([row.loss for row in rows]), (0.0, 1.0)),
        ("log_loss", np.array([row.surprise for row in rows]), POSITIVE),
    )
    for name, values, within in columns:
        given = ~np.isnan(values)
        if given.any():
            found[name] = weighted_mean(values[given], weights[given], within)
    confidences = np.array([row.confidence for row in rows])
    sure = ~np.isnan(confidences)
    if sure.any():
        bins = calibration(confidences[sure], errors[sure])
        gap = confidences[sure] - (1 - errors[sure])
        found["calibration_error"] = Measure(
            value=calibration_error(bins), interval=None, n=int(sure.sum())
        )
        found["overconfidence"] = weighted_mean(gap, weights[sure], (-1.0, 1.0))
    return found


def effective(weights: Floats) -> float:
    """Give how many equally weighted rows these are worth: (sum w)^2 / sum w^2."""
    total = float(weights.sum())
    return total * total / float(weights @ weights) if total > 0 else 0.0


def weighted_mean(
    values: Floats, weights: Floats, within: tuple[float, float] = (-math.inf, math.inf)
) -> Measure:
    """Give the weighted mean with its interval, which cannot leave `within`."""
    mean = float(weights @ values / weights.sum())
    variance = float(weights @ (values - mean) ** 2 / weights.sum())
    low, high = mean_interval(mean, variance, effective(weights))
    return Measure(value=mean, interval=(max(within[0], low), min(within[1], high)), n=len(values))


def weighted_share(hits: Floats, weights: Floats) -> Measure:
    """Give the weighted share of ones with its interval."""
    share = min(1.0, float(weights @ hits / weights.sum()))
    n = effective(weights)
    return Measure(value=share, interval=share_interval(share * n, n), n=len(hits))


def balanced_accuracy(
    truths: np.ndarray[tuple[int], np.dtype[np.str_]], errors: Floats
) -> Measure | None:
    """Give the mean over classes of the share that was found; `None` with one class only."""
    names, place, sizes = np.unique(truths, return_inverse=True, return_counts=True)
    if len(names) < BINARY:
        return None
    recalls = 1 - np.bincount(place, errors) / sizes
    value = float(recalls.mean())
    variance = float((recalls * (1 - recalls) / sizes).sum()) / len(names) ** 2
    return _between_0_and_1(value, variance, len(errors))


def roc_auc(scores: Floats, positive: Mask) -> Measure | None:
    """Give the chance that a positive row scores above a negative one, ties counted half.

    `None` when one of the two kinds is missing.
    """
    above, below = scores[positive], scores[~positive]
    m, n = len(above), len(below)
    if not m or not n:
        return None
    together = rankdata(np.concatenate([above, below]))
    value = (float(together[:m].sum()) - m * (m + 1) / 2) / (m * n)
    # The share of negatives below each positive, and of positives above each negative.
    of_above = (together[:m] - rankdata(above)) / n
    of_below = 1 - (together[m:] - rankdata(below)) / m
    variance = float(of_above.var()) / m + float(of_below.var()) / n
    return _between_0_and_1(value, variance, m + n)


def multiclass_auc(rows: Sequence[Scored]) -> Measure | None:
    """Give how well probabilities tell more than two classes apart (`ranking.hand_till`).

    Rows whose truth is none of the model's classes are left out. `None` when answers have different
    numbers of probabilities, or too few classes have enough rows.
    """
    told = [row for row in rows if row.shares]
    if len({len(row.shares) for row in told}) != 1:
        return None
    given = np.frombuffer(b"".join(row.shares for row in told), dtype=np.float32)
    shares = given.reshape(len(told), -1).astype(np.float64)
    found = hand_till(shares, np.array([row.place for row in told], dtype=np.intp))
    return None if found is None else _between_0_and_1(*found)


def _between_0_and_1(value: float, variance: float, n: int) -> Measure:
    """Give a measure with its interval, given the variance of its estimate."""
    low, high = mean_interval(value, variance * n, n)
    return Measure(value=value, interval=(max(0.0, low), min(1.0, high)), n=n)


def calibration(confidences: Floats, errors: Floats) -> tuple[CalibrationBin, ...]:
    """Give confidence beside accuracy in ten equal bins of confidence; empty ones are left out."""
    place = np.minimum((confidences * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            low=number / CALIBRATION_BINS,
            high=(number + 1) / CALIBRATION_BINS,
            n=int(members.sum()),
            confidence=float(confidences[members].mean()),
            accuracy=1 - float(errors[members].mean()),
        )
        for number in range(CALIBRATION_BINS)
        if (members := place == number).any()
    )


def confident(rows: Sequence[Scored]) -> tuple[CalibrationBin, ...]:
    """Give the calibration of the rows whose confidence is known; empty where there are none."""
    sure = [row for row in rows if not math.isnan(row.confidence)]
    confidences = np.array([row.confidence for row in sure])
    return calibration(confidences, np.array([row.error for row in sure])) if sure else ()


def calibration_error(bins: Sequence[CalibrationBin]) -> float:
    """Give the mean distance of confidence and accuracy, weighted by rows."""
    total = sum(one.n for one in bins)
    return sum(one.n * abs(one.confidence - one.accuracy) for one in bins) / max(1, total)


def _root(square: Measure) -> Measure:
    low, high = square.interval if square.interval is not None else (0.0, math.inf)
    return Measure(
        value=math.sqrt(square.value),
        interval=(math.sqrt(max(0.0, low)), math.sqrt(max(0.0, high))),
        n=square.n,
    )
