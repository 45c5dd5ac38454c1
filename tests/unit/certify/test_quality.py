"""Certified quality: labels meet the answers of recorded requests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import made
from proxy.certify.files import CertifyError
from proxy.certify.quality import Labels, Told, certify_quality, read_labels, told_of
from proxy.certify.recorded import Recorded, read_requests
from proxy.records import Model, Rows, Scalar, Side
from proxy.stats.quality.target import TargetKind
from proxy.windows.labelled import Wish

CANDIDATE, STABLE = Model.CANDIDATE, Model.STABLE


def recorded(n: int, *labels: object) -> list[Recorded]:
    """Give recorded requests with an id in the header, the first ones with a label."""
    given = [*labels, *[None] * n]
    return [
        Recorded("POST", "/p", {"x-request-id": f"r-{i}"}, b'{"id": "b-%d"}' % i, given[i])  # type: ignore[arg-type]  # any label
        for i in range(n)
    ]


def answers(values: list[list[Scalar]], model: Model = CANDIDATE) -> list[Rows | None]:
    """Give the answer to each request."""
    return [
        made.rows(
            {"prediction": rows}, exchange_id=i + 1, at_s=float(i), model=model, side=Side.OUTPUT
        )
        for i, rows in enumerate(values)
    ]


def test_labels_are_found_by_header_body_and_number(tmp_path: Path) -> None:
    """Three ways to name a request; rows of a batch by #k; ids that nobody has are counted."""
    path = tmp_path / "labels.csv"
    path.write_text("id,row,label\nr-0,,1\nb-1,,2\n,2,3\nr-3#1,,4\nnobody,,5\n", encoding="utf-8")
    told = read_labels(Labels(path=path), recorded(4))
    assert told.truths == {0: [(None, 1)], 1: [(None, 2)], 2: [(None, 3)], 3: [(1, 4)]}
    assert (told.n_foreign, len(told.sha256)) == (1, 64)


def test_a_file_of_foreign_labels_is_refused_before_anything_is_driven(tmp_path: Path) -> None:
    """So is one that cannot be read; both say what is wanted."""
    path = tmp_path / "labels.csv"
    path.write_text("id,label\nx,1\n", encoding="utf-8")
    with pytest.raises(CertifyError, match="none of its 1 labels belongs to a request"):
        read_labels(Labels(path=path), recorded(2))
    with pytest.raises(CertifyError, match="No such file"):
        read_labels(Labels(path=tmp_path / "none.csv"), recorded(2))


def test_a_row_of_odd_digits_belongs_to_nothing(tmp_path: Path) -> None:
    """What looks like a digit and is none, or has thousands of them, ends in no traceback."""
    path = tmp_path / "labels.csv"
    path.write_text(f"id,label\nr-0#²,1\nr-0#{'9' * 5000},1\nr-0#0,1\n", encoding="utf-8")
    told = read_labels(Labels(path=path), recorded(1))
    assert told.n_foreign == 2


def test_a_label_may_stand_beside_its_request(tmp_path: Path) -> None:
    """In the record itself: one value, or one for each row; the model does not see it."""
    path = tmp_path / "requests.jsonl"
    lines = [{"path": "/p", "body": {"a": 1}, "label": True}, {"path": "/p", "label": [1, 2]}]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    requests, _ = read_requests(path)
    assert [one.label for one in requests] == [True, [1, 2]]
    assert b"label" not in requests[0].body
    assert read_labels(Labels(), requests).truths == {0: [(None, True)], 1: [(None, [1, 2])]}


def test_both_models_are_measured_by_the_same_labels() -> None:
    """The candidate errs once in four, the stable twice; classes are known from both sides."""
    told = read_labels(Labels(), recorded(4, "a", "b", "a", "b"))
    outputs = {
        CANDIDATE: answers([["a"], ["b"], ["a"], ["a"]]),
        STABLE: answers([["a"], ["a"], ["b"], ["b"]], STABLE),
    }
    found, warnings = certify_quality(told, Wish(), outputs, ordered=True)
    assert [found[model].mean_error for model in ("candidate", "stable")] == [0.25, 0.5]
    assert found["candidate"].target.kind is TargetKind.CLASS
    assert found["candidate"].target.known == ("a", "b")
    assert warnings == ["Only 4 labels: a loss of quality must be large to be seen."]
    assert told_of(found)[0].startswith(
        "Quality of the candidate model by 4 labels: accuracy 0.75 ("
    )


def test_rows_of_a_batch_have_labels_of_their_own() -> None:
    """A list, or single rows; a request without an answer is left out."""
    told = Told(truths={0: [(None, [1.5, 2.5])], 1: [(1, 4.0)], 2: [(None, 9.0)]})
    outputs = answers([[1.0, 2.0], [3.0, 4.0], [9.0]])
    outputs[2] = None
    found, _ = certify_quality(told, Wish(), {CANDIDATE: outputs}, ordered=False)
    assert found["candidate"].n == 3
    assert found["candidate"].mean_error == pytest.approx(1 / 3)
    with pytest.raises(CertifyError, match=r"label of request 0 .from 0.: the request has 2 rows"):
        certify_quality(
            Told(truths={0: [(None, 1.0)]}), Wish(), {CANDIDATE: outputs}, ordered=False
        )


def test_labels_that_name_no_predicted_class_are_refused() -> None:
    """Names on one side, numbers on the other: nothing could ever be right."""
    told = read_labels(Labels(), recorded(2, "cat", "dog"))
    outputs = {CANDIDATE: answers([["0"], ["1"]])}
    with pytest.raises(CertifyError, match=r"predicted are 0, 1; labels are cat, dog; name"):
        certify_quality(told, Wish(), outputs, ordered=True)
    found, _ = certify_quality(told, Wish(classes=("cat", "dog")), outputs, ordered=True)
    assert found["candidate"].mean_error == 0.0


def test_labels_that_do_not_fit_are_told() -> None:
    """Some: a warning with the first; all: refused; no column: what to set."""
    told = read_labels(Labels(), recorded(3, 1.5, 2.5, "many"))
    outputs = {CANDIDATE: answers([[1.0], [2.25], [3.0]])}
    found, warnings = certify_quality(told, Wish(kind=TargetKind.NUMBER), outputs, ordered=True)
    assert found["candidate"].n == 2
    assert (
        warnings[0] == "1 labels of the candidate model: request 2 (from 0): a number is expected."
    )
    other = Wish(prediction="score")
    with pytest.raises(CertifyError, match=r"monitors\.labels\.prediction"):
        certify_quality(told, other, outputs, ordered=True)
    assert certify_quality(Told(truths={}), Wish(), outputs, ordered=True) == ({}, [])
