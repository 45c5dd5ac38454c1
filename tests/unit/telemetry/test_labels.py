"""Labels as they are sent: read whole or refused whole, with the entry that does not fit."""

from __future__ import annotations

import json

import msgspec
import pytest

from proxy.records import Fate, Receipt, Truth
from proxy.telemetry import labels
from proxy.telemetry.desk import DeskError

NOW_S = 1000.0
UTC_S = 1_800_000_000.0
"""Wall time at the monotonic time 1,000."""


def read(body: object, content_type: str = "application/json") -> list[Truth]:
    """Read a body as the API does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return labels.read(raw, content_type, lambda utc_s: utc_s - UTC_S + NOW_S, NOW_S)


def entry(**fields: object) -> dict[str, object]:
    """Give a body with one label."""
    return {"labels": [{"id": "a", "label": 1, **fields}]}


def test_values_keep_their_type_and_rows_their_number() -> None:
    """Booleans, whole numbers, numbers, text, nothing and lists are told apart."""
    values = [True, 1, 0.5, "cat", None, [1, "x", None]]
    truths = read({"labels": [{"id": "r#3", "label": value} for value in values]})
    assert [(one.id, one.row) for one in truths] == [("r", 3)] * len(values)
    assert [one.value for one in truths] == values
    assert [type(one.value) for one in truths] == [type(value) for value in values]


def test_a_number_beyond_64_bits_is_a_float_as_in_predictions() -> None:
    """A truth that could not be saved would end the watcher with its next snapshot."""
    truths = read({"labels": [{"id": "a", "label": value} for value in (2**70, [1, -(2**64)])]})
    assert [one.value for one in truths] == [2.0**70, [1, -(2.0**64)]]
    msgspec.msgpack.encode([one.value for one in truths])


@pytest.mark.parametrize(
    ("told", "at_s"),
    [
        (None, NOW_S),
        (UTC_S - 60, NOW_S - 60),
        ("2027-01-15T07:59:00Z", NOW_S - 60),
        ("2027-01-15T08:59:00+01:00", NOW_S - 60),
        ("2027-01-15T07:59:00", NOW_S - 60),
        (UTC_S + 3600, NOW_S),
    ],
)
def test_the_time_of_a_truth_is_that_of_the_monotonic_clock(told: object, at_s: float) -> None:
    """Seconds or RFC 3339 (UTC where no zone is said); nothing is known later than now."""
    assert read(entry(at_utc=told))[0].at_s == at_s


def test_one_object_a_line_is_read_by_its_content_type() -> None:
    """Blank lines are no labels; `truth` is another word for `label`."""
    raw = b'{"id": "a", "label": 1}\n\n{"id": "b", "truth": false}\n'
    truths = read(raw, "application/x-ndjson")
    assert [(one.id, one.value) for one in truths] == [("a", 1), ("b", False)]


@pytest.mark.parametrize(
    ("body", "content_type", "named"),
    [
        (b'{"id": "a", "label": 1}\n{"id": 7}', "application/x-ndjson", "line 2"),
        (b"\n", "application/x-ndjson", "no label"),
        (b'{"id": "a", "label": 1}\n' * 10_001, "application/x-ndjson", "10,000"),
        ({"labels": [{"id": "a", "label": 1}] * 10_001}, "application/json", "10000"),
        ({"labels": [{"id": "a", "label": 1}, {"id": "b"}]}, "application/json", "labels[1]"),
        (entry(truth=1), "application/json", "once"),
        (entry(at_utc="yesterday"), "application/json", "'yesterday'"),
        (entry(id="a#x"), "application/json", "'a#x'"),
        (entry(id="#1"), "application/json", "'#1'"),
        (entry(label=[]), "application/json", "list"),
        (entry(label=10**400), "application/json", "308 digits"),
        (entry(label={"a": 1}), "application/json", "label"),
        (entry(weight=1), "application/json", "weight"),
        (b"[" * 100_000, "application/json", "does not fit"),
        (b"\xff", "application/json", "does not fit"),
    ],
)
def test_what_does_not_fit_is_named(body: object, content_type: str, named: str) -> None:
    """The refusal names the place and shows the shape."""
    with pytest.raises(DeskError) as caught:
        read(body, content_type)
    assert (caught.value.status, caught.value.hint) == (400, labels.SHAPE)
    assert named in caught.value.message


def test_the_answer_counts_every_fate_and_says_what_to_know() -> None:
    """Waiting and joined ones are accepted; those without a prediction are explained."""
    fates = {Fate.JOINED: 2, Fate.WAITING: 1, Fate.UNKNOWN: 3, Fate.WRONG_TYPE: 1}
    told = labels.answer(Receipt(fates=fates, problems=("a: a number is expected",)))
    assert (told["received"], told["accepted"], told["joined"]) == (7, 3, 2)
    assert (told["contradictory"], told["wrong_type"]) == (0, 1)
    problems = told["problems"]
    assert isinstance(problems, list)
    assert problems[0] == "a: a number is expected"
    assert "sampled" in problems[1]
    assert "horizon_s" in problems[2]
