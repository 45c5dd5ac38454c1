"""The area under the curve of more than two classes, against its definition."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.functionals import Bins, Floats
from proxy.stats.quality.ranking import MAX_CLASSES, MIN_MEMBERS, hand_till


def answered(
    rng: np.random.Generator, n: int, n_classes: int, skill: float = 1.0
) -> tuple[Floats, Bins]:
    """Give probabilities that lean to the truth by `skill`, and the truth."""
    truths = rng.integers(0, n_classes, n)
    strength = rng.normal(size=(n, n_classes))
    strength[np.arange(n), truths] += skill
    shares = np.exp(strength)
    return shares / shares.sum(axis=1, keepdims=True), truths


def by_definition(shares: Floats, truths: Bins) -> float:
    """Give the mean over pairs of classes of the chance that their own row has more, row by row."""
    names = sorted({int(one) for one in truths})
    chances = []
    for own in names:
        for other in names:
            if own != other:
                above, below = shares[truths == own, own], shares[truths == other, own]
                wins = [(x > y) + 0.5 * (x == y) for x in above for y in below]
                chances.append(sum(wins) / len(wins))
    return float(np.mean(chances))


def test_it_is_the_mean_over_pairs_of_classes_ties_counted_half() -> None:
    """Rounded probabilities have many ties."""
    shares, truths = answered(np.random.default_rng(1), 200, 4)
    shares = np.round(shares, 1)
    found = hand_till(shares, truths)
    assert found is not None
    assert found[0] == pytest.approx(by_definition(shares, truths))
    assert found[2] == 200


@pytest.mark.parametrize(("skill", "expected"), [(0.0, 0.5), (50.0, 1.0)])
def test_chance_is_a_half_and_certainty_is_one(skill: float, expected: float) -> None:
    """Whatever the classes' frequencies."""
    found = hand_till(*answered(np.random.default_rng(2), 2000, 3, skill))
    assert found is not None
    assert found[0] == pytest.approx(expected, abs=0.03)


def test_how_frequent_classes_are_does_not_matter() -> None:
    """A class of which most rows are gone leaves the figure where it was."""
    rng = np.random.default_rng(3)
    shares, truths = answered(rng, 20_000, 3)
    kept = (truths != 0) | (rng.random(len(truths)) < 0.05)
    whole, part = hand_till(shares, truths), hand_till(shares[kept], truths[kept])
    assert whole is not None
    assert part is not None
    assert part[0] == pytest.approx(whole[0], abs=0.02)


def test_its_variance_is_that_of_repeated_samples() -> None:
    """The scatter of 300 samples of 300 rows, and what is said of each."""
    rng = np.random.default_rng(4)
    found = [one for _ in range(300) if (one := hand_till(*answered(rng, 300, 4))) is not None]
    scatter = float(np.var([value for value, _, _ in found]))
    assert scatter == pytest.approx(float(np.mean([said for _, said, _ in found])), rel=0.25)


def test_classes_of_few_rows_take_no_part_and_three_are_needed() -> None:
    """Rows of the others alone count; with two classes there is a figure of its own."""
    rng = np.random.default_rng(5)
    shares, truths = answered(rng, 400, 4)
    rare = np.flatnonzero(truths == 3)
    kept = np.setdiff1d(np.arange(len(truths)), rare[MIN_MEMBERS - 1 :])
    found = hand_till(shares[kept], truths[kept])
    assert found is not None
    assert found[2] == len(kept) - (MIN_MEMBERS - 1)
    only = truths < 2
    assert hand_till(shares[only], truths[only]) is None


def test_the_most_frequent_classes_take_part() -> None:
    """The work is bounded however many classes there are."""
    shares, truths = answered(np.random.default_rng(6), 6000, 40)
    found = hand_till(shares, truths)
    assert found is not None
    largest = np.sort(np.bincount(truths))[-MAX_CLASSES:]
    assert found[2] == largest.sum()
