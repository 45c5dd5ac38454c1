"""How good predictions are likely to be before anybody knows the truth, and whether that held.

A classifier that says how sure it is tells its own accuracy: the mean of its confidence, once
confidence has been set right against certified truths (confidence-based performance estimation:
Guillory et al., 2021, "Predicting with confidence on unseen distributions", ICCV; Garg et al.,
2022, ICLR; calibration by isotonic regression: Zadrozny and Elkan, 2002, KDD). A regression's error
is expected to be what it was at certification for predictions of that size. Both hold while the
inputs move, as long as what a prediction *means* stays: when the truth behaves differently for the
same inputs, the estimate does not notice. So it never alarms, and every label that comes checks it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.stats.basis.functionals import Floats
from proxy.stats.basis.intervals import NORMAL_95, mean_interval
from proxy.stats.quality.measures import NOT_SAID, Measure, Scored, effective
from proxy.stats.quality.target import UNSAID, Answer, MisfitError, Target, TargetKind, predicted_of

N_BINS: Final = 20
MIN_BIN_ROWS: Final = 20
"""Fewer rows per bin would learn chance: there are fewer bins then."""
MIN_ROWS: Final = 100
"""Labels needed before the estimate is checked against them."""
KEPT_TICKS: Final = 360
"""Ticks over which the estimate is shown: an hour at the default tick."""
OUTSIDE: Final = 0.05
"""Share of predictions beyond the certified range from which the estimate reaches too far."""


class Basis(StrEnum):
    """What of an answer tells how large its error will be."""

    CONFIDENCE = "confidence"
    CLASS = "class"
    VALUE = "value"


class Expected(Struct, frozen=True, kw_only=True):
    """The certified error by what was predicted."""

    basis: Basis
    edges: tuple[float, ...] = ()
    """Rising borders of the bins, from the least to the largest certified value."""
    classes: tuple[str, ...] = ()
    """`class`: the predicted classes, one for each error."""
    errors: tuple[float, ...]
    """Mean error in each bin: the share that was wrong, or the mean |residual|."""
    overall: float
    """Mean error of all: for classes that were never predicted."""
    sd: float
    n: int
    """Labelled rows that this was learnt from."""


def learn(target: Target, rows: Sequence[Scored]) -> Expected | None:
    """Learn the error to be expected of a prediction; `None` with too few rows.

    For confidences the errors are made to fall as confidence rises, by pooling neighbours that
    do not (isotonic regression: Barlow et al., 1972, pool adjacent violators).
    """
    if len(rows) < MIN_ROWS:
        return None
    errors = np.array([row.error for row in rows])
    overall, sd = float(errors.mean()), float(errors.std())
    basis = _basis(target, rows)
    if basis is Basis.CLASS:
        names = sorted({str(row.predicted) for row in rows})
        by_class = [np.array([r.error for r in rows if r.predicted == name]) for name in names]
        kept = [i for i, one in enumerate(by_class) if len(one) >= MIN_BIN_ROWS]
        return Expected(
            basis=basis,
            classes=tuple(names[i] for i in kept),
            errors=tuple(float(by_class[i].mean()) for i in kept),
            overall=overall,
            sd=sd,
            n=len(rows),
        )
    if basis is Basis.VALUE:
        values = np.array([float(row.predicted) for row in rows])
    else:
        values = np.array([row.confidence for row in rows])
    edges = _edges(values)
    place = np.searchsorted(edges[1:-1], values, side="right")
    sizes = np.bincount(place, minlength=len(edges) - 1).astype(np.float64)
    means = np.bincount(place, errors, minlength=len(edges) - 1) / np.maximum(sizes, 1)
    if basis is Basis.CONFIDENCE:
        means = falling(means, sizes)
    return Expected(
        basis=basis,
        edges=tuple(float(edge) for edge in edges),
        errors=tuple(float(mean) for mean in means),
        overall=overall,
        sd=sd,
        n=len(rows),
    )


def _basis(target: Target, rows: Sequence[Scored]) -> Basis:
    if target.kind is TargetKind.NUMBER:
        return Basis.VALUE
    has_confidence = all(not math.isnan(row.confidence) for row in rows)
    return Basis.CONFIDENCE if has_confidence else Basis.CLASS


def _edges(values: Floats) -> Floats:
    n_bins = max(1, min(N_BINS, len(values) // MIN_BIN_ROWS))
    edges: Floats = np.unique(np.quantile(values, np.linspace(0, 1, n_bins + 1)))
    return edges if len(edges) > 1 else np.array([edges[0], np.nextafter(edges[0], np.inf)])


def falling(means: Floats, sizes: Floats) -> Floats:
    """Give the nearest means that never rise, by pooling neighbours that do.

    Args:
        means: float array [bins].
        sizes: float array [bins], rows of each.
    """
    pools: list[tuple[float, float, int]] = []
    for mean, size in zip(means, sizes, strict=True):
        pools.append((float(mean), float(size), 1))
        while len(pools) > 1 and pools[-1][0] > pools[-2][0]:
            (left, n_left, bins_left), (right, n_right, bins_right) = pools[-2:]
            n = n_left + n_right
            pooled = (left * n_left + right * n_right) / n if n > 0 else left
            pools[-2:] = [(pooled, n, bins_left + bins_right)]
    return np.concatenate([np.full(bins, mean) for mean, _, bins in pools])


def expect(expected: Expected, target: Target, answer: Answer) -> float:
    """Give the error to be expected of one answer; NaN when it cannot be said."""
    try:
        said = predicted_of(target, answer)
    except MisfitError:
        return NOT_SAID
    if expected.basis is Basis.CLASS:
        if said in expected.classes:
            return expected.errors[expected.classes.index(str(said))]
        return expected.overall
    value = _value(expected, target, said, answer)
    if math.isnan(value):
        return NOT_SAID
    place = bisect_right(expected.edges, value, 1, len(expected.edges) - 1) - 1
    return expected.errors[place]


def is_outside(expected: Expected, target: Target, answer: Answer) -> bool:
    """Tell whether a regression answers beyond what it did at certification."""
    if expected.basis is not Basis.VALUE:
        return False
    try:
        value = float(predicted_of(target, answer))
    except MisfitError:
        return True
    return not expected.edges[0] <= value <= expected.edges[-1]


def _value(expected: Expected, target: Target, said: str | float, answer: Answer) -> float:
    if expected.basis is Basis.VALUE:
        return float(said)
    if isinstance(said, float):
        return target.sure(said)
    return NOT_SAID if answer.confidence == UNSAID else answer.confidence


class Estimator:
    """The estimate over the predictions of the last ticks, labelled or not."""

    def __init__(self, target: Target, expected: Expected) -> None:
        """Estimate by what was learnt at certification."""
        self._target = target
        self._expected = expected
        self._now = np.zeros(5)
        self._ticks: deque[Floats] = deque(maxlen=KEPT_TICKS)

    def expect(self, answer: Answer) -> float:
        """Give the error that is expected of one prediction; NaN when it cannot be said."""
        return expect(self._expected, self._target, answer)

    def observe(self, answer: Answer, weight: float) -> None:
        """Take note of one prediction."""
        error = self.expect(answer)
        if not math.isnan(error):
            outside = is_outside(self._expected, self._target, answer)
            self._now += (1, weight, weight * error, weight * weight, outside)

    def tick(self) -> None:
        """Close one tick. Ticks without predictions do not push out older ones."""
        if self._now[0]:
            self._ticks.append(self._now)
            self._now = np.zeros(5)

    def error(self) -> Measure | None:
        """Give the expected mean error; `None` without predictions.

        Its interval holds the sampling error of the certified rows, not the doubt whether they
        still speak for today's.
        """
        sums = self._sums()
        if sums[1] <= 0:
            return None
        value = float(sums[2] / sums[1])
        variance = self._expected.sd**2
        n = float(sums[1] * sums[1] / sums[3])
        error = NORMAL_95 * math.sqrt(variance / self._expected.n + variance / max(1.0, n))
        return Measure(value=value, interval=(value - error, value + error), n=int(sums[0]))

    def outside(self) -> float:
        """Give the share of predictions beyond the certified range."""
        sums = self._sums()
        return float(sums[4] / sums[0]) if sums[0] else 0.0

    def _sums(self) -> Floats:
        total: Floats = np.sum([self._now, *self._ticks], axis=0)
        return total


class Trust(StrEnum):
    """Whether the estimate is to be believed."""

    UNCHECKED = "unchecked"
    HOLDS = "holds"
    REFUTED = "refuted"


class Check(Struct, frozen=True, kw_only=True):
    """What labels say of the estimate for the very same predictions."""

    trust: Trust
    realised: float | None
    """Mean error that came true. `None`: no label yet."""
    expected: float | None
    """Mean error that had been expected of the same rows."""
    difference: tuple[float, float] | None
    """Interval of realised minus expected. `None`: too few labels."""
    n: int
    words: str


def check(rows: Sequence[Scored], expected: Expected, outside: float) -> Check:
    """Compare what was expected with what came true.

    Args:
        rows: labelled predictions.
        expected: what the estimate rests on; its own sampling error is forgiven.
        outside: share of today's predictions beyond the certified range.
    """
    told = [row for row in rows if not math.isnan(row.expected)]
    n = len(told)
    if n < MIN_ROWS:
        words = f"not checked yet: {n} labelled predictions, {MIN_ROWS} are needed"
        return Check(
            trust=Trust.UNCHECKED, realised=None, expected=None, difference=None, n=n, words=words
        )
    weights = np.array([row.weight for row in told])
    gaps = np.array([row.error - row.expected for row in told])
    total = weights.sum()
    mean = float(weights @ gaps / total)
    variance = float(weights @ (gaps - mean) ** 2 / total)
    low, high = mean_interval(mean, variance, effective(weights))
    learnt = NORMAL_95 * expected.sd / math.sqrt(expected.n)
    low, high = low - learnt, high + learnt
    realised = float(weights @ np.array([row.error for row in told]) / total)
    trust = Trust.HOLDS if low <= 0 <= high else Trust.REFUTED
    words = (
        f"realised error {realised:.4g}, {realised - mean:.4g} was expected of the same {n} rows"
    )
    if trust is Trust.REFUTED:
        worse = "worse" if mean > 0 else "better"
        words += f": predictions are {worse} than they look, do not believe the estimate"
    elif outside > OUTSIDE:
        trust = Trust.REFUTED
        words += (
            f"; but {outside:.0%} of today's predictions lie beyond the certified range, where "
            "nothing is known: do not believe the estimate"
        )
    else:
        words += ": the estimate holds so far"
    return Check(
        trust=trust,
        realised=realised,
        expected=realised - mean,
        difference=(low, high),
        n=n,
        words=words,
    )
