"""The labelled rows of one model: the kind is told, figures follow, the estimate is checked."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import made
from proxy.records import Scalar, Side
from proxy.stats.quality.certified_quality import Quality, build_quality
from proxy.stats.quality.estimate import Trust
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, MisfitError, Target, TargetKind
from proxy.windows.labelled import Joined, Labelled, Wish

BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")


def certified(rng: np.random.Generator) -> Quality:
    """Give the quality of a calibrated model."""
    chances = rng.uniform(size=3000)
    rows = [
        score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
        for p, y in zip(chances, rng.random(3000) < chances, strict=True)
    ]
    return build_quality(BINARY, rows, ordered=False)


def labelled(column: str = "prediction", wish: Wish | None = None) -> Labelled:
    """Give the rows of a model without a certificate, whose column has been seen."""
    found = Labelled(None, wish or Wish(), 100)
    answer = made.rows({column: [1]}, side=Side.OUTPUT)
    found.picker.answers(answer, [0])
    return found


def join(found: Labelled, answer: Answer, truth: Scalar) -> None:
    """Let one truth meet its prediction."""
    joined = [Joined(answer, truth, 0.0, 1.0)]
    found.add(joined, [row for row in found.score(joined) if isinstance(row, Scored)])


def test_without_a_certificate_the_first_labels_tell_the_kind() -> None:
    """Whole numbers look like classes until a fraction comes; then all are scored anew."""
    found = labelled()
    for said, truth in ((1, 1), (3, 2)):
        join(found, Answer(said), truth)
    assert found.target is not None
    assert found.target.kind is TargetKind.CLASS
    assert found.figures()["accuracy"].value == 0.5
    join(found, Answer(3.5), 2.25)
    assert found.target.kind is TargetKind.NUMBER
    assert found.figures()["mae"].value == pytest.approx((0 + 1 + 1.25) / 3)
    assert found.estimate() == {}
    assert found.check() is None


def test_after_fifty_labels_the_kind_is_known() -> None:
    """A label of another type is refused instead of turning everything around."""
    found = labelled()
    for i in range(60):
        join(found, Answer(i + 0.5), i)
    (refused,) = found.score([Joined(Answer(1.5), "cat", 0.0, 1.0)])
    assert isinstance(refused, MisfitError)
    assert "number" in str(refused)
    assert len(found) == 60


def test_the_wish_goes_before_what_labels_look_like() -> None:
    """Classes with names, told by the operator."""
    found = labelled("class", Wish(classes=("cat", "dog")))
    (row,) = found.score([Joined(Answer("1"), "dog", 0.0, 1.0)])
    assert isinstance(row, Scored)
    assert (row.error, row.predicted) == (0.0, "dog")


def test_what_is_scored_and_not_added_tells_nothing() -> None:
    """A list that is refused must not decide what is predicted."""
    found = labelled()
    join(found, Answer(1), 1)
    found.score([Joined(Answer(2.5), 2.25, 0.0, 1.0), Joined(Answer(3.5), "cat", 0.0, 1.0)])
    assert found.target is not None
    assert found.target.kind is TargetKind.CLASS
    assert len(found) == 1


def test_rows_of_a_list_count_once_when_they_tell_another_kind() -> None:
    """The row before them is scored anew, and none of theirs twice."""
    found = labelled()
    join(found, Answer(1), 2)
    joined = [Joined(Answer(said), truth, 0.0, 1.0) for said, truth in ((3, 3), (3.5, 2.25))]
    found.add(joined, [row for row in found.score(joined) if isinstance(row, Scored)])
    assert len(found) == 3
    assert found.figures()["mae"].value == pytest.approx((1 + 0 + 1.25) / 3)


def test_a_wish_that_differs_from_the_certificate_is_told() -> None:
    """Figures of one thing are not compared with figures of another."""
    assert Wish().contradicts(BINARY) == ""
    assert Wish(kind=TargetKind.PROBABILITY).contradicts(BINARY) == ""
    assert "kind" in Wish(kind=TargetKind.NUMBER).contradicts(BINARY)
    assert "prediction" in Wish(prediction="score").contradicts(BINARY)
    assert "threshold" in Wish(threshold=0.2).contradicts(BINARY)


def test_figures_rest_on_the_last_rows_only() -> None:
    """The window is bounded, and older rows leave it."""
    found = labelled()
    for said in [0] * 100 + [1] * 100:
        join(found, Answer(said), 1)
    assert len(found) == 100
    assert found.figures()["accuracy"].value == 1.0


def test_the_estimate_is_shown_beside_the_labels_and_checked_by_them() -> None:
    """Three sources, the calibration and the check, ready for JSON."""
    rng = np.random.default_rng(1)
    found = Labelled(certified(rng), Wish(), 2000)
    for chance in rng.uniform(size=600):
        answer = Answer(float(chance))
        found.predicted(answer, 1.0)
        join(found, answer, bool(rng.random() < chance))
    found.tick()
    sources = found.by_source()
    figures = [sources[one]["accuracy"].value for one in ("labelled", "estimated", "certified")]
    assert figures == pytest.approx([0.75] * 3, abs=0.05)
    checked = found.check()
    assert checked is not None
    assert checked.trust is Trust.HOLDS
    shown = msgspec.json.decode(msgspec.json.encode(found.shown()))
    assert shown["n_labelled"] == 600
    assert shown["estimate_check"]["trust"] == "holds"
    assert shown["calibration"]
