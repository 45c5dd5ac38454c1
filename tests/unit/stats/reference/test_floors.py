"""Floors: the certified agreement of two models."""

from __future__ import annotations

import made
from proxy.records import Model, Pair, Scalar, Side
from proxy.stats.reference.floors import build_agreement


def pair(candidate: Scalar, stable: Scalar) -> Pair:
    """Give a pair of answers of one row and one column."""
    halves = [
        made.rows({"answer": [value]}, model=model, side=Side.OUTPUT)
        for model, value in ((Model.CANDIDATE, candidate), (Model.STABLE, stable))
    ]
    return Pair(pair_id=1, at_s=0.0, candidate=halves[0], stable=halves[1])


def test_labels_give_a_share() -> None:
    """Five of a hundred labels differ, and there is no distance."""
    floor = build_agreement([pair("a", "b" if i < 5 else "a") for i in range(100)], ordered=True)
    assert (floor.n, floor.n_differ, floor.distance) == (100, 5, None)


def test_numbers_give_distances_of_which_the_farthest_percent_differs() -> None:
    """What counts as different is taken from the certified distances themselves."""
    pairs = [pair(i + 0.001 * i, i + 0.5) for i in range(1000)]
    floor = build_agreement(pairs, ordered=False)
    assert floor.n_differ == 10
    assert floor.distance is not None
    assert floor.scales["answer"] > 200


def test_no_pairs_make_an_empty_floor() -> None:
    """Nothing compared is said as such."""
    floor = build_agreement([], ordered=True)
    assert (floor.n, floor.n_differ, floor.distance, floor.scales) == (0, 0, None, {})
