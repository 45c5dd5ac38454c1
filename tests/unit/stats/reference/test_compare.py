"""Comparison of two models' answers, row by row."""

from __future__ import annotations

import math

import pytest

import made
from proxy.records import Model, Pair, Rows, Scalar, Side
from proxy.stats.reference.compare import by_rule, compare, numeric_scales


def rows(model: Model, columns: dict[str, list[Scalar]]) -> Rows:
    """Give answers with these columns."""
    return made.rows(columns, model=model, side=Side.OUTPUT)


def pair(candidate: dict[str, list[Scalar]], stable: dict[str, list[Scalar]]) -> Pair:
    """Give a pair of answers."""
    return Pair(
        pair_id=1,
        at_s=0.0,
        candidate=rows(Model.CANDIDATE, candidate),
        stable=rows(Model.STABLE, stable),
    )


def test_numbers_differ_by_distance_in_units_of_the_scale() -> None:
    """Ten apart at a scale of five is a distance of two; whether that differs is for the floor."""
    (row,) = compare(pair({"prediction": [30.0]}, {"prediction": [20.0]}), {"prediction": 5.0})
    assert row.distance == 2.0
    assert row.differs(1.0)
    assert not row.differs(3.0)


def test_class_numbers_are_labels() -> None:
    """A column without a scale holds labels: 1 and 1.0 agree, 1 and 2 differ."""
    same, other = compare(pair({"prediction": [1, 1]}, {"prediction": [1.0, 2]}), {})
    assert not same.differs(0.0)
    assert other.differs(1e9)
    assert same.distance is None


def test_probabilities_differ_by_total_variation_and_class() -> None:
    """The distance is half the sum of differences; the derived columns do not count again."""
    left: dict[str, list[Scalar]] = {"p0": [0.9], "p1": [0.1], "class": [0], "entropy": [0.3]}
    right: dict[str, list[Scalar]] = {"p0": [0.6], "p1": [0.4], "class": [0], "entropy": [0.7]}
    (row,) = compare(pair(left, right), {})
    assert row.distance == pytest.approx(0.3)
    assert not row.differs(0.0)


@pytest.mark.parametrize("odd", [None, "text", math.nan, math.inf, True, 10**400])
def test_an_answer_of_another_form_differs(odd: Scalar) -> None:
    """What is no finite number differs from a number."""
    (row,) = compare(pair({"prediction": [odd]}, {"prediction": [1.0]}), {"prediction": 1.0})
    assert row.differs(1e9)


def test_missing_rows_and_columns_differ() -> None:
    """A model that answers fewer rows or lacks a column disagrees there."""
    answered = compare(pair({"a": ["x"]}, {"a": ["x", "y"], "b": [1.0, 2.0]}), {"b": 1.0})
    assert [row.differs(0.0) for row in answered] == [True, True]


def test_large_batches_are_thinned_evenly() -> None:
    """At most as many rows are compared as allowed, the first and the last among them."""
    values: list[Scalar] = [float(i) for i in range(1000)]
    compared = compare(pair({"a": values}, {"a": [0.0] * 1000}), {"a": 1.0}, max_rows=10)
    distances = [row.distance for row in compared]
    assert (len(distances), distances[0], distances[-1]) == (10, 0.0, 999.0)


def test_scales_leave_out_class_numbers_and_derived_columns() -> None:
    """Only quantities have a scale; one that never varied has 1."""
    answers = rows(
        Model.STABLE,
        {
            "price": [1.5, 2.5, 3.5],
            "fixed": [0.5, 0.5, 0.5],
            "label": [0, 1, 2],
            "p0": [0.1, 0.2, 0.3],
            "confidence": [0.9, 0.8, 0.7],
            "text": ["a", "b", "c"],
        },
    )
    assert numeric_scales([answers]) == {"price": pytest.approx(0.8165, abs=1e-3), "fixed": 1.0}


def test_a_pair_is_compared_by_the_rule_once_for_all() -> None:
    """Which rows differ, the distances of those with numbers, and how far the worst lies apart."""
    both = pair({"a": [1.0, 5.0, 9.0]}, {"a": [1.0, 4.0, 1.0]})
    compared = by_rule(both, {"a": 2.0}, far=1.0, max_rows=100)
    assert compared.pair is both
    assert compared.differ == (False, False, True)
    assert compared.distances == (0.0, 0.5, 4.0)
    assert compared.apart == 4.0
    words = by_rule(pair({"a": ["x", "y"]}, {"a": ["x", "y"]}), {}, far=0.0, max_rows=1)
    assert (words.differ, words.distances, words.apart) == ((False,), (), 0.0)
