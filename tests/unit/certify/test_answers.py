"""Answers become columns: in order, with what could not be read counted."""

from __future__ import annotations

import made
from proxy.certify.answers import (
    certifying,
    decode_inputs,
    decode_outputs,
    fingerprint,
    kinds,
    pairs,
    stack,
)
from proxy.certify.drive import Answer
from proxy.certify.recorded import Recorded
from proxy.certify.tables import CellKind
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Failure, Model, Rows, Scalar, Side

JSON = {"content-type": "application/json"}
PATH = "/v1/models/m:predict"


def answer(body: bytes, status: int = 200, failure: Failure | None = None) -> Answer:
    """Make an answer."""
    return Answer(
        status=status,
        failure=failure,
        started_s=0.0,
        finished_s=0.1,
        in_flight=1,
        fields=JSON,
        body=body,
    )


def request(body: bytes = b'{"instances": [{"a": 1, "b": "x"}]}') -> Recorded:
    """Make a V1 request."""
    return Recorded("POST", PATH, JSON, body)


def rows(**columns: list[Scalar]) -> Rows:
    """Make output rows."""
    return made.rows(columns, side=Side.OUTPUT)


def decoder() -> Decoder:
    """Make the decoder that certification uses."""
    return Decoder(Payload(), certifying(Redact()))


def test_each_answer_keeps_its_place_also_when_it_cannot_be_read() -> None:
    """Pairs are formed by place: a lost answer must not move the others."""
    given = [
        answer(b'{"predictions": [1.5]}'),
        answer(b"<html>"),
        answer(b'{"error": "x"}', status=500),
        answer(b"gone", status=0, failure=Failure.RESET),
        answer(b'{"predictions": [2.5]}'),
    ]
    decoded = decode_outputs(decoder(), Model.CANDIDATE, [request()] * 5, given)
    assert [one is not None for one in decoded.outputs] == [True, False, False, False, True]
    assert decoded.columns() == {"prediction": [1.5, 2.5]}
    assert decoded.reasons.total() == 1
    assert next(iter(decoded.reasons)).startswith("not_json")


def test_inputs_tell_how_requests_carry_each_column() -> None:
    """The kinds decide how CSV cells of the reference are read."""
    bodies = [b'{"instances": [{"a": 1, "b": "07", "c": true}]}', b'{"instances": [{"a": null}]}']
    columns = stack(decode_inputs(decoder(), [request(body) for body in bodies]))
    assert columns["a"] == [1, None]
    assert kinds(columns) == {"a": CellKind.NUMBER, "b": CellKind.TEXT, "c": CellKind.TRUTH}


def test_inputs_that_cannot_be_read_give_no_columns() -> None:
    """Certification goes on without input drift, and says so elsewhere."""
    assert decode_inputs(decoder(), [request(b"\x00\x01")]) == []


def test_categories_are_kept_in_clear_unless_hashing_was_asked_for() -> None:
    """Certification is where categories become known; a wish for hashes holds here too."""
    assert certifying(Redact()).categories == "clear"
    assert certifying(Redact(categories="hash")).categories == "hash"
    assert stack(decode_inputs(decoder(), [request()]))["b"] == ["x"]


def test_columns_that_some_answers_lack_are_missing_there() -> None:
    """The columns all have the length of all rows together."""
    stacked = stack([rows(a=[1.0]), rows(a=[2.0, 3.0], b=["x", "y"]), rows(b=["z"])])
    assert stacked == {"a": [1.0, 2.0, 3.0, None], "b": [None, "x", "y", "z"]}


def test_pairs_are_the_requests_that_both_models_answered() -> None:
    """The pair id is the place of the request."""
    good, bad = answer(b'{"predictions": [1]}'), answer(b"", status=500)
    left = decode_outputs(decoder(), Model.CANDIDATE, [request()] * 3, [good, bad, good])
    right = decode_outputs(decoder(), Model.STABLE, [request()] * 3, [good, good, good])
    found = pairs(left, right)
    assert [pair.pair_id for pair in found] == [0, 2]
    assert {pair.candidate.model for pair in found} == {Model.CANDIDATE}
    assert {pair.stable.model for pair in found} == {Model.STABLE}


def test_answers_have_a_fingerprint() -> None:
    """The same answers in the same order; one that is missing is not left out."""
    one, other = rows(p=[0.5]), rows(p=[0.6])
    assert fingerprint([one, None, other]) == fingerprint(iter([one, None, other]))
    several = [[one, other], [other, one], [one, None, other], [one]]
    assert len({fingerprint(many) for many in several}) == len(several)
