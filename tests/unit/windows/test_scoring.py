"""A list of truths counts whole or not at all; rows without a prediction are left out."""

from __future__ import annotations

import pytest

from proxy.records import Model, Scalar
from proxy.stats.quality.certified_quality import build_quality
from proxy.stats.quality.measures import score_row
from proxy.stats.quality.target import Answer, MisfitError, Target, TargetKind
from proxy.windows import scoring
from proxy.windows.asked import Asked
from proxy.windows.labelled import Labelled, Wish

CANDIDATE, STABLE = Model.CANDIDATE, Model.STABLE


def labelled(*classes: str) -> Labelled:
    """Give the rows of a model that was certified for these classes; none: a number."""
    kind = TargetKind.CLASS if classes else TargetKind.NUMBER
    target = Target(kind=kind, column="prediction", known=classes)
    truth: Scalar = classes[0] if classes else 1.0
    rows = [score_row(target, Answer(truth), truth, 0.0, 1.0)] * 10
    return Labelled(build_quality(target, rows, ordered=False), Wish(), 100)


def asked(**answers: list[Scalar]) -> Asked:
    """Give a request with what the models answered."""
    said = {Model(model): [Answer(one) for one in rows] for model, rows in answers.items()}
    return Asked(1, 0.0, 0, n=len(next(iter(said.values()))), answers=said)


def test_rows_are_scored_by_model_and_count_only_when_they_are_added() -> None:
    """Both models' answers to each row stand beside its truth."""
    both = {CANDIDATE: labelled("a", "b"), STABLE: labelled("a", "b")}
    request = asked(candidate=["a", "b"], stable=["b", "b"])
    values = {0: "a", 1: "b"}
    scored = scoring.read(both, request, values)
    errors = {place: [row[model].error for model in Model] for place, row in scored.items()}
    assert errors == {0: [0.0, 1.0], 1: [0.0, 0.0]}
    assert len(both[CANDIDATE]) == 0
    scoring.add(both, request, values, scored)
    assert [len(one) for one in both.values()] == [2, 2]


def test_one_unreadable_value_refuses_the_whole_list_and_its_row_is_named() -> None:
    """Whichever row it is; a single truth is refused in plain words."""
    both = {CANDIDATE: labelled("a", "b")}
    request = asked(candidate=["a", "b", "b"])
    for values in ({0: "x", 1: "b", 2: "b"}, {0: "a", 1: "b", 2: "x"}):
        row = next(place for place, one in values.items() if one == "x")
        with pytest.raises(MisfitError, match=f"row {row} of the list: .*none of it is counted"):
            scoring.read(both, request, values)
    with pytest.raises(MisfitError, match=r"^one of the certified classes"):
        scoring.read(both, request, {1: "x"})


def test_a_value_that_one_model_can_read_is_readable() -> None:
    """A class that only the candidate knows costs the stable model this row and no other."""
    both = {CANDIDATE: labelled("a", "new"), STABLE: labelled("a")}
    scored = scoring.read(
        both, asked(candidate=["a", "new"], stable=["a", "a"]), {0: "a", 1: "new"}
    )
    assert {place: set(row) for place, row in scored.items()} == {
        0: {CANDIDATE, STABLE},
        1: {CANDIDATE},
    }


def test_a_row_without_a_prediction_is_left_out_and_the_others_count() -> None:
    """The truths are sound; where no row has a prediction the reason says so."""
    both = {CANDIDATE: labelled()}
    scored = scoring.read(both, asked(candidate=[None, 2.0]), {0: 1.0, 1: 1.5})
    assert {place: row[CANDIDATE].error for place, row in scored.items()} == {1: 0.5}
    with pytest.raises(MisfitError, match="prediction of this row is missing"):
        scoring.read(both, asked(candidate=[None, None]), {0: 1.0, 1: 1.5})
    with pytest.raises(MisfitError, match="row 0 of the list: a number"):
        scoring.read(both, asked(candidate=[None, 2.0]), {0: "x", 1: 1.5})
