"""Columns within predicted classes: which are chosen, and what their reference is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from proxy.records import Scalar, Side
from proxy.stats.reference.column import ColumnProfile, build_column
from proxy.stats.reference.conditional import (
    MAX_STREAMS,
    NO_CLASS,
    THIRDS,
    Answered,
    Classes,
    Conditional,
    build_conditional,
    find_classes,
    information,
)

Columns = dict[str, list[Scalar]]


def answered(inputs: Columns, outputs: Columns) -> Answered:
    """Give reference rows with their certified columns."""
    return Answered(
        inputs=inputs,
        outputs=outputs,
        input_columns=profiles(inputs),
        output_columns=profiles(outputs),
    )


def profiles(columns: Columns) -> list[ColumnProfile]:
    """Give the certified columns of values."""
    return [build_column(name, values, ordered=False) for name, values in columns.items()]


def reference(n: int = 4000, seed: int = 1) -> tuple[Columns, Columns]:
    """Give a classifier that looks at `x` and `city`, not at `noise`."""
    rng = np.random.default_rng(seed)
    x, noise = rng.normal(size=n), rng.normal(size=n)
    city = rng.choice(["bonn", "ulm"], n)
    p = 1 / (1 + np.exp(-2 * x - (city == "ulm")))
    inputs: Columns = {"noise": noise.tolist(), "x": x.tolist(), "city": city.tolist()}
    outputs: Columns = {
        "confidence": np.maximum(p, 1 - p).tolist(),
        "class": [str(int(one > 0.5)) for one in p],
        "entropy": p.tolist(),
        "p1": p.tolist(),
    }
    return inputs, outputs


def test_what_tells_about_the_class_is_chosen() -> None:
    """Confidence and the columns that the model looks at are chosen, within both classes."""
    found = build_conditional(answered(*reference()), ordered=False)
    assert found is not None
    assert found.classes.column == "class"
    assert set(found.classes.labels) == {"0", "1"}
    names = {(stream.side, stream.column) for stream in found.streams}
    assert names == {(Side.OUTPUT, "confidence"), (Side.INPUT, "x"), (Side.INPUT, "city")}
    assert found.streams[2].column == "x"
    assert {stream.profile.name for stream in found.streams} >= {"x | class = 0", "x | class = 1"}
    assert sum(s.profile.n for s in found.streams if s.column == "x") == 4000
    assert found.trouble() == ""


def test_the_reference_is_that_of_the_class_alone() -> None:
    """Rows of another class are no part of a stream's reference, not even as missing values."""
    inputs, outputs = reference()
    found = build_conditional(answered(inputs, outputs), ordered=False)
    assert found is not None
    one = next(s for s in found.streams if s.profile.name == "x | class = 1")
    own = [x for x, label in zip(inputs["x"], outputs["class"], strict=True) if label == "1"]
    assert one.profile.mean == pytest.approx(np.mean(np.array(own, dtype=float)))
    assert one.profile.masses[-2] < 0.001


def test_the_number_of_streams_is_bounded() -> None:
    """Ten classes and many columns give sixteen streams, half of them of the answers."""
    rng = np.random.default_rng(5)
    label = rng.integers(0, 10, 20_000)
    inputs: Columns = {f"x{i}": (label + rng.normal(size=20_000)).tolist() for i in range(20)}
    outputs: Columns = {
        "class": [str(one) for one in label],
        "confidence": rng.random(20_000).tolist(),
    }
    found = build_conditional(answered(inputs, outputs), ordered=False)
    assert found is not None
    assert len(found.streams) == MAX_STREAMS
    assert sum(stream.side is Side.OUTPUT for stream in found.streams) == MAX_STREAMS // 2


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["a", "b"] * 500, {"a", "b"}),
        ([0, 1, 1] * 400, {"0", "1"}),
        ([True, False] * 500, {"true", "false"}),
        (["a"] * 1000, None),
        (["a", "b"] * 50, None),
        ([str(i % 20) for i in range(20_000)], None),
    ],
)
def test_labels_are_classes_when_they_are_few_and_frequent(
    values: Sequence[Scalar], labels: set[str] | None
) -> None:
    """Labels, class numbers and truth values are classes; one class, rare or many ones are not."""
    found = find_classes([build_column("answer", values, ordered=False)], {"answer": values})
    assert (None if found is None else set(found.labels)) == labels
    if found is not None:
        assert (found.of(values) >= 0).all()


def test_numbers_are_split_into_thirds() -> None:
    """The predictions of a regression have three classes of equal size."""
    values: list[Scalar] = np.random.default_rng(2).normal(size=3000).tolist()
    found = find_classes([build_column("price", values, ordered=False)], {"price": values})
    assert found is not None
    assert found.labels == THIRDS
    assert np.bincount(found.of(values)).tolist() == [1000, 1000, 1000]
    assert found.of([None, float("nan"), "text", float("inf")]).tolist() == [NO_CLASS] * 4


def test_unknown_labels_belong_to_no_class() -> None:
    """A missing label, or one that was rare at certification, has no class."""
    classes = Classes(column="class", labels=("a", "1"))
    assert classes.of(["a", "z", None, 1, 1.0]).tolist() == [0, NO_CLASS, NO_CLASS, 1, 1]


def test_information_is_that_of_the_formula_and_nothing_by_chance() -> None:
    """A column that is the class tells p(k) ln(1 / p(k)); an independent one tells nothing."""
    rng = np.random.default_rng(3)
    given = (rng.random(10_000) < 0.25).astype(np.intp)
    same: list[Scalar] = ["yes" if one else "no" for one in given]
    column = build_column("same", same, ordered=False)
    parts = information(column, column.binner().bins(same), given, 2)
    share = given.mean()
    expected = [(1 - share) * np.log(1 / (1 - share)), share * np.log(1 / share)]
    assert parts == pytest.approx(expected, abs=1e-3)
    noise: list[Scalar] = rng.normal(size=10_000).tolist()
    column = build_column("noise", noise, ordered=False)
    assert information(column, column.binner().bins(noise), given, 2).max() == 0.0


def test_categories_that_service_redacts_are_other() -> None:
    """A category that the certified input does not know counts as `other` in the reference."""
    inputs, outputs = reference()
    rows = answered(inputs, outputs)
    strange: Columns = inputs | {
        "city": ["lost" if i % 4 == 0 else city for i, city in enumerate(inputs["city"])]
    }
    found = build_conditional(
        Answered(
            inputs=strange,
            outputs=outputs,
            input_columns=rows.input_columns,
            output_columns=rows.output_columns,
        ),
        ordered=False,
    )
    assert found is not None
    city = next(stream.profile for stream in found.streams if stream.column == "city")
    assert set(city.categories) <= {"bonn", "ulm"}
    assert city.masses[len(city.categories)] == pytest.approx(0.25, abs=0.05)


def test_nothing_to_condition_on_gives_none() -> None:
    """Answers without classes, and no rows, give no streams."""
    assert build_conditional(answered({}, {}), ordered=False) is None
    words: Columns = {"text": [f"word {i}" for i in range(1000)]}
    assert build_conditional(answered({}, words), ordered=False) is None


def test_contradictions_are_told() -> None:
    """Classes and streams that do not fit each other are named."""
    found = build_conditional(answered(*reference()), ordered=False)
    assert found is not None
    one = Classes(column="class", labels=("1",))
    assert "belongs to no class" in Conditional(classes=one, streams=found.streams).trouble()
    torn = Classes(column="y", labels=THIRDS, edges=(2.0, 1.0))
    assert "borders" in Conditional(classes=torn, streams=()).trouble()
    many = Conditional(classes=found.classes, streams=found.streams * 20)
    assert "at most" in many.trouble()
    twice = Classes(column="class", labels=("1", "1"))
    assert "repeated" in Conditional(classes=twice, streams=()).trouble()
