"""Can a classifier tell current rows from the reference? Judged on rows it did not learn from.

A logistic regression learns on four fifths of the rows which sample each came from, and ranks the
others; over five such turns every row is ranked once. The area under the curve is then 0.5 for two
samples of the same traffic, whatever the number of columns, and what is above it is a difference of
the joint distributions: in the columns, their squares (spread) or their products (correlations).
It explains a drift that was found; it is looked at often, so nothing is decided by its interval.

Sources: Lopez-Paz and Oquab (2017), "Revisiting classifier two-sample tests", arXiv 1610.06545;
LeDell, Petersen and van der Laan (2015), "Computationally efficient confidence intervals for
cross-validated area under the ROC curve estimates", Electronic Journal of Statistics 9(1); DeLong,
DeLong and Clarke-Pearson (1988), Biometrics 44(3), for the variance; Obuchowski (1997), Biometrics
53(2), for rows that come in clusters; Nadeau and Bengio (2003), "Inference for the generalization
error", Machine Learning 52, for the turns' common rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.records import Separation
from proxy.stats.basis.functionals import Floats
from proxy.stats.basis.intervals import NORMAL_95
from proxy.stats.explain.design_matrix import DesignMatrix

FOLDS: Final = 5
MIN_ROWS: Final = 50
"""Rows of either sample that are needed; ten per fold."""
MAX_FEATURES: Final = 200
MAX_PRODUCTS: Final = 20
RIDGE: Final = 10.0
"""Penalty on the squared coefficient of a standardised feature: that of a normal prior with
standard deviation 0.3. It costs little where a feature matters, and much where none does."""
DERIVED_RIDGE: Final = 100.0
"""Penalty on squares and products, which are many and seldom matter."""
UNPENALISED: Final = 1e-6
STEPS: Final = 12
ENOUGH: Final = 1e-4
"""A Newton step whose coefficients all move by less is the last."""
STEEPEST: Final = 30.0
"""Logits are clipped here: e^30 is certain enough."""
CHANCE: Final = 0.5
"""The area of a coin."""
DIGITS: Final = 4
MAX_CARRIERS: Final = 8
WORTH_NAMING: Final = 0.02
PART_WORTH_NAMING: Final = 0.1
"""A column is named when it carries this much of the area, and this part of what is above 0.5."""
OVERLAP: Final = 1 + FOLDS / (FOLDS - 1)
"""The variance of a mean over folds whose learning rows overlap (Nadeau and Bengio 2003)."""
Groups = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class _Fold:
    """Ranks of the rows of one fold, and what each owner adds to them."""

    rows: Groups
    scores: Floats
    parts: dict[str, Floats]


def separate(
    matrix: DesignMatrix, weights: Floats, groups: Groups, rng: np.random.Generator
) -> Separation | str:
    """Give how well the two samples can be told apart; or, as text, why that cannot be said.

    Args:
        matrix: both samples, the reference first.
        weights: float array [rows], how many rows of the traffic each stands for.
        groups: int array [rows], equal for rows of the same exchange: they stay in one fold.
        rng: deals the folds.
    """
    n_reference = matrix.n_reference
    n_current = len(matrix.values) - n_reference
    if min(n_reference, n_current) < MIN_ROWS:
        return (
            f"{n_reference} reference rows and {n_current} current rows: a classifier needs "
            f"{MIN_ROWS} of each"
        )
    if not matrix.values.shape[1]:
        return "no column tells any two rows apart"
    is_current = np.arange(len(matrix.values)) >= n_reference
    weights = _balanced(weights, is_current)
    n_exchanges = min(len(np.unique(groups[is_current])), len(np.unique(groups[~is_current])))
    if n_exchanges < FOLDS:
        return (
            f"rows of one side come from {n_exchanges} exchange(s): a classifier needs {FOLDS}, "
            "since it must not learn from rows that belong to those it is judged on"
        )
    folds = _deal(groups, is_current, rng)
    judged = [_learn(matrix, is_current, weights, folds == fold) for fold in range(FOLDS)]
    auc, error = _joined(judged, is_current, weights, groups)
    auc = round(auc, DIGITS)
    low, high = max(0.0, auc - NORMAL_95 * error), min(1.0, auc + NORMAL_95 * error)
    interval = round(low, DIGITS), round(high, DIGITS)
    # What carries nothing has no carriers: each column alone would only be noise.
    carriers = _carriers(judged, is_current, weights, auc) if interval[0] > CHANCE else ()
    return Separation(
        auc=auc,
        interval=interval,
        carriers=carriers,
        n_reference=n_reference,
        n_current=n_current,
        summary=_summary(auc, interval, carriers),
    )


def weighted_auc(scores: Floats, is_current: NDArray[np.bool_], weights: Floats) -> float:
    """Give P(score of a current row > score of a reference row), ties half."""
    above, total = _placements(scores, is_current, weights)
    own = weights[is_current]
    return float((above[is_current] * own).sum() / (total * own.sum()))


def _balanced(weights: Floats, is_current: NDArray[np.bool_]) -> Floats:
    """Give weights of mean 1 within the smaller sample, and the same sum in the larger."""
    weights = np.where(np.isfinite(weights) & (weights > 0), weights, 1.0)
    n = min(int(is_current.sum()), int((~is_current).sum()))
    balanced = np.empty(len(weights))
    for members in (is_current, ~is_current):
        balanced[members] = weights[members] * (n / weights[members].sum())
    return balanced


def _deal(groups: Groups, is_current: NDArray[np.bool_], rng: np.random.Generator) -> Groups:
    """Give each row's fold: whole exchanges, those of either sample spread evenly."""
    folds = np.zeros(len(groups), dtype=np.intp)
    for members in (is_current, ~is_current):
        names, places = np.unique(groups[members], return_inverse=True)
        folds[members] = (rng.permutation(len(names)) % FOLDS)[places]
    return folds


def _learn(
    matrix: DesignMatrix, is_current: NDArray[np.bool_], weights: Floats, held: NDArray[np.bool_]
) -> _Fold:
    """Learn from the rows that are not held out and rank those that are."""
    seen = ~held
    products = _products(matrix, is_current, seen)
    owners = list(matrix.owners)
    columns = [matrix.values]
    room = MAX_FEATURES - len(owners) - len(products)
    squared = matrix.numbers[: max(0, room)]
    columns.append(matrix.values[:, squared] ** 2)
    owners += [matrix.owners[place] for place in squared]
    for a, b in products:
        columns.append((matrix.values[:, a] * matrix.values[:, b])[:, None])
        owners.append(f"{matrix.owners[a]} with {matrix.owners[b]}")
    design = np.concatenate(columns, axis=1)
    centre, spread = design[seen].mean(axis=0), design[seen].std(axis=0)
    design = (design - centre) / np.where(spread > 0, spread, 1.0)
    penalty = np.full(len(owners), DERIVED_RIDGE)
    penalty[: len(matrix.owners)] = RIDGE
    coefficients = logistic(design[seen], is_current[seen], weights[seen], penalty)
    rows = np.flatnonzero(held)
    added = design[rows] * coefficients
    parts: dict[str, Floats] = {}
    for place, owner in enumerate(owners):
        parts[owner] = parts.get(owner, 0.0) + added[:, place]
    return _Fold(rows, added.sum(axis=1), parts)


def _products(
    matrix: DesignMatrix, is_current: NDArray[np.bool_], seen: NDArray[np.bool_]
) -> list[tuple[int, int]]:
    """Give the pairs of numbers whose correlation differs most among the rows learnt from."""
    numbers = matrix.values[:, matrix.numbers]
    n = numbers.shape[1]
    if n < 2:  # noqa: PLR2004  # a pair
        return []
    change = _correlation(numbers[seen & is_current]) - _correlation(numbers[seen & ~is_current])
    first, second = np.triu_indices(n, k=1)
    order = np.argsort(-np.abs(change[first, second]), kind="stable")[:MAX_PRODUCTS]
    chosen = zip(first[order].tolist(), second[order].tolist(), strict=True)
    return [(matrix.numbers[a], matrix.numbers[b]) for a, b in chosen]


def _correlation(numbers: Floats) -> Floats:
    centred = numbers - numbers.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    scaled = centred / np.maximum(spread, 1e-12)
    found: Floats = scaled.T @ scaled / len(scaled)
    return found


def logistic(design: Floats, truth: NDArray[np.bool_], weights: Floats, penalty: Floats) -> Floats:
    """Give the coefficients of a ridge-penalised logistic regression, without its intercept.

    Newton's method, each step halved until the penalised likelihood does not fall (McCullagh and
    Nelder 1989, "Generalized linear models", section 4.4; le Cessie and van Houwelingen 1992,
    Applied Statistics 41(1), for the penalty).

    Args:
        design: float array [rows, features], standardised.
        truth: bool array [rows].
        weights: float array [rows].
        penalty: float array [features], on half the square of each coefficient.
    """
    rows = np.column_stack([np.ones(len(design)), design])
    penalty = np.concatenate([[UNPENALISED], penalty])
    coefficients = np.zeros(rows.shape[1])
    height = _height(rows, truth, weights, penalty, coefficients)
    for _ in range(STEPS):
        chance = _chance(rows @ coefficients)
        slope = rows.T @ (weights * (truth - chance)) - penalty * coefficients
        bend = (rows * (weights * chance * (1 - chance))[:, None]).T @ rows
        bend[np.diag_indices_from(bend)] += penalty
        step = np.linalg.solve(bend, slope)
        for _ in range(STEPS):
            reached = _height(rows, truth, weights, penalty, coefficients + step)
            if reached >= height:
                break
            step /= 2
        else:
            break
        coefficients = coefficients + step
        height = reached
        if float(np.abs(step).max()) < ENOUGH:
            break
    return coefficients[1:]


def _height(
    rows: Floats, truth: NDArray[np.bool_], weights: Floats, penalty: Floats, coefficients: Floats
) -> float:
    """Give the penalised log likelihood."""
    logits = np.clip(rows @ coefficients, -STEEPEST, STEEPEST)
    likelihood = weights @ (truth * logits - np.log1p(np.exp(logits)))
    return float(likelihood - penalty @ coefficients**2 / 2)


def _chance(logits: Floats) -> Floats:
    chance: Floats = 1 / (1 + np.exp(-np.clip(logits, -STEEPEST, STEEPEST)))
    return chance


def _placements(
    scores: Floats, is_current: NDArray[np.bool_], weights: Floats
) -> tuple[Floats, float]:
    """Give the reference weight below each score (ties half), and all reference weight."""
    _, places = np.unique(scores, return_inverse=True)
    of_reference = np.where(is_current, 0.0, weights)
    at = np.bincount(places, of_reference)
    below = np.cumsum(at) - at / 2
    found: Floats = below[places]
    return found, float(of_reference.sum())


def _joined(
    folds: list[_Fold], is_current: NDArray[np.bool_], weights: Floats, groups: Groups
) -> tuple[float, float]:
    """Give the mean area over the folds and its standard error."""
    areas: list[float] = []
    variance = 0.0
    for fold in folds:
        truth, weight = is_current[fold.rows], weights[fold.rows]
        area = weighted_auc(fold.scores, truth, weight)
        areas.append(area)
        for members, sign in ((truth, 1.0), (~truth, -1.0)):
            # A row's placement: the share of the other sample that it beats.
            beaten, total = _placements(sign * fold.scores, members, weight)
            own = weight[members]
            away = own * (beaten[members] / total - area)
            _, places = np.unique(groups[fold.rows][members], return_inverse=True)
            clustered = np.bincount(places, away)
            variance += float((clustered**2).sum() / own.sum() ** 2)
    return float(np.mean(areas)), math.sqrt(variance * OVERLAP) / len(folds)


def _carriers(
    folds: list[_Fold], is_current: NDArray[np.bool_], weights: Floats, auc: float
) -> tuple[tuple[str, float], ...]:
    """Give what each column, or product of two, carries of the area, the most first.

    It is the mean of what the column reaches alone and of what is lost without it: the first and
    the last term of Shapley's value (Shapley 1953), so that two columns that say the same share
    what they say, and a column that only counts beside another is not forgotten.
    """
    carried: dict[str, float] = {}
    for fold in folds:
        truth, weight = is_current[fold.rows], weights[fold.rows]
        whole = weighted_auc(fold.scores, truth, weight)
        for owner, part in fold.parts.items():
            alone = weighted_auc(part, truth, weight) - CHANCE
            lost = whole - weighted_auc(fold.scores - part, truth, weight)
            carried[owner] = carried.get(owner, 0.0) + (alone + lost) / 2 / len(folds)
    ranked = sorted(carried.items(), key=lambda one: (-one[1], one[0]))
    least = max(WORTH_NAMING, PART_WORTH_NAMING * (auc - CHANCE))
    named = [(name, round(part, DIGITS)) for name, part in ranked if part >= least]
    return tuple(named[:MAX_CARRIERS])


def _summary(
    auc: float, interval: tuple[float, float], carriers: tuple[tuple[str, float], ...]
) -> str:
    known = f"AUC {auc:.2f}, {interval[0]:.2f} to {interval[1]:.2f}"
    if interval[0] <= CHANCE:
        return f"A classifier cannot tell current rows from the reference ({known})."
    most = [name for name, part in carriers[:2] if part >= carriers[0][1] / 2]
    by = f"; {' and '.join(most)} carr{'y' if len(most) > 1 else 'ies'} most of it" if most else ""
    return f"A classifier tells current rows from the reference ({known}){by}."
