"""How well the probabilities of more than two classes tell them apart.

Hand and Till (2001), "A simple generalisation of the area under the ROC curve for multiple class
classification problems", Machine Learning 45(2), section 2, equation 7: the measure M is the mean
over all ordered pairs of classes i, j of A(i|j), the chance that a row of class i is given more of
probability i than a row of class j. It does not depend on how frequent the classes are.

Its variance is that of DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44(3), for this mean:
each row has one share in every A that its class is part of, and the shares of the rows of a class
are independent of each other (Hoeffding, 1948, "A class of statistics with asymptotically normal
distribution", Annals of Mathematical Statistics 19(3)).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from proxy.stats.basis.functionals import Bins, Floats

MIN_MEMBERS: Final = 10
"""Rows that a class needs to take part: fewer say little about its pairs."""
MAX_CLASSES: Final = 10
"""The most frequent classes take part: the work grows with their square."""
LEAST: Final = 3


def hand_till(shares: Floats, truths: Bins) -> tuple[float, float, int] | None:
    """Give the measure M, its variance, and the number of rows it rests on.

    Args:
        shares: float array [rows, classes]: probabilities.
        truths: int array [rows]: the true class of each.

    Returns:
        `None` when fewer than three classes have enough rows.
    """
    names, sizes = np.unique(truths, return_counts=True)
    order = np.argsort(-sizes, kind="stable")[:MAX_CLASSES]
    chosen = [int(names[place]) for place in order if sizes[place] >= MIN_MEMBERS]
    if len(chosen) < LEAST:
        return None
    members = {name: shares[truths == name] for name in chosen}
    parts = {name: np.zeros(len(rows)) for name, rows in members.items()}
    total = 0.0
    for own, rows in members.items():
        above = np.sort(rows[:, own])
        for other, others in members.items():
            if other == own:
                continue
            below = np.sort(others[:, own])
            won = _below(rows[:, own], below)
            parts[own] += won
            parts[other] += 1 - _below(others[:, own], above)
            total += float(won.mean())
    n_pairs = len(chosen) * (len(chosen) - 1)
    variance = sum(float((part / n_pairs).var()) / len(part) for part in parts.values())
    return total / n_pairs, variance, sum(map(len, parts.values()))


def _below(values: Floats, ordered: Floats) -> Floats:
    """Give for each value the share of `ordered` below it, ties counted half."""
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    share: Floats = (left + right) / (2 * len(ordered))
    return share
