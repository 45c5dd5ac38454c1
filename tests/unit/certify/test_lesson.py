"""What teaches the decoder, and what stays to be measured."""

from __future__ import annotations

import json

from proxy.certify.drive import Answer
from proxy.certify.lesson import Lesson, Teacher
from proxy.certify.recorded import Recorded
from proxy.payload.learning import EVERY
from proxy.payload.settings import Payload, Redact
from proxy.payload.text import hash_word
from proxy.records import Model

JSON = {"content-type": "application/json"}


def request(body: object) -> Recorded:
    """Give a recorded request."""
    return Recorded(
        method="POST",
        target="/api/v1.0/predictions",
        headers=JSON,
        body=json.dumps(body).encode(),
    )


def answer(text: str) -> Answer:
    """Give an answer with a text in it."""
    return Answer(
        started_s=0.0,
        finished_s=0.1,
        in_flight=1,
        status=200,
        failure=None,
        fields=JSON,
        body=json.dumps({"strData": text}).encode(),
    )


def teach(asked: list[Recorded], *answers: list[Answer]) -> Lesson:
    """Give what requests and the answers of one or two models teach."""
    teacher = Teacher(Payload(), Redact(), asked)
    for model, given in zip(Model, answers, strict=False):
        teacher.answers(model, given)
    return teacher.lesson()


def test_a_part_of_the_requests_teaches_and_the_rest_is_measured() -> None:
    """Words of the requests that teach are known, others are not."""
    asked = [request({"strData": f"word{i}"}) for i in range(20)]
    lesson = teach(asked, [answer("fine")] * 20)
    assert lesson.taught == frozenset(range(0, 20, EVERY))
    assert lesson.measured(6) == [1, 2, 3, 5]
    assert lesson.learned is not None
    known = lesson.learned.vocabularies["text"]
    assert {hash_word("word0"), hash_word("word4"), hash_word("fine")} <= set(known)
    assert hash_word("word1") not in known
    assert "5 requests taught" in lesson.warnings()[0]


def test_tables_teach_nothing_and_are_measured_whole() -> None:
    """Most deployments lose no request to this."""
    asked = [request({"data": {"names": ["a"], "ndarray": [[1.0]]}})] * 20
    lesson = teach(asked, [plain()] * 20)
    assert (lesson.learned, lesson.taught, lesson.warnings()) == (None, frozenset(), [])


def plain() -> Answer:
    """Give an answer that is a number."""
    body = json.dumps({"data": {"ndarray": [0.5]}}).encode()
    return Answer(
        started_s=0.0, finished_s=0.1, in_flight=1, status=200, failure=None, fields=JSON, body=body
    )


def test_a_handful_of_requests_is_too_few_to_learn_from() -> None:
    """Then all of them are measured."""
    asked = [request({"strData": "a"})] * 3
    assert teach(asked, [answer("a")] * 3).learned is None


def test_the_answers_of_both_models_teach() -> None:
    """A word that only the stable model uses is no novelty in its answers."""
    asked = [request({"strData": "a"})] * 20
    lesson = teach(asked, [answer("yes")] * 20, [answer("indeed")] * 20)
    assert lesson.learned is not None
    known = set(lesson.learned.vocabularies["text"])
    assert {hash_word("yes"), hash_word("indeed")} <= known


def test_questions_teach_before_there_are_answers() -> None:
    """The reference is read with what the questions taught."""
    asked = [request({"strData": f"word{i}"}) for i in range(20)]
    lesson = teach(asked)
    assert lesson.learned is not None
    assert hash_word("word8") in lesson.learned.vocabularies["text"]
