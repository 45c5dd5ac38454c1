"""What certification teaches the decoder before it measures: words and main directions.

Every fourth request with its answer, at most 1,000, teaches; it is not measured, unless there was
nothing to learn (see `payload.learning` for why).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.certify.answers import certifying, decode_inputs, decode_outputs
from proxy.certify.drive import Answer
from proxy.certify.recorded import Recorded
from proxy.payload.decode import Decoder
from proxy.payload.features import Features
from proxy.payload.learning import Learned, Pupil
from proxy.payload.settings import Payload, Redact
from proxy.records import Model, Scalar

EVERY: Final = 4
MAX_TEACHING: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What was learned, and from which requests."""

    learned: Learned | None
    """`None`: there was no text and no tensor."""
    taught: frozenset[int]
    """Places of the requests that must not be measured."""

    def measured(self, n: int) -> list[int]:
        """Give the places of the other requests, of `n`."""
        return [place for place in range(n) if place not in self.taught]

    def warnings(self) -> list[str]:
        """Say what was not measured."""
        if not self.taught:
            return []
        told = (
            f"{len(self.taught)} requests taught the words of texts or the main directions of "
            "tensors; their answers are not part of the output profiles."
        )
        return [told]


def teach(
    payload: Payload, redact: Redact, requests: Sequence[Recorded], answers: Sequence[Answer]
) -> Lesson:
    """Learn from some requests and the candidate's answers to them."""
    if len(requests) < 2 * EVERY:
        return Lesson(learned=None, taught=frozenset())
    pupil = Pupil()
    decoder = Decoder(payload, certifying(redact), pupil=pupil)
    places = range(0, min(len(requests), EVERY * MAX_TEACHING), EVERY)
    asked = [requests[place] for place in places]
    decode_inputs(decoder, asked)
    decode_outputs(decoder, Model.CANDIDATE, asked, [answers[place] for place in places])
    learned = pupil.learned()
    if learned == Learned():
        return Lesson(learned=None, taught=frozenset())
    return Lesson(learned=learned, taught=frozenset(places))


def describe_texts(
    columns: Mapping[str, list[Scalar]], learned: Learned | None
) -> dict[str, list[Scalar]]:
    """Replace reference columns of free text by the columns that the decoder makes of them."""
    if learned is None:
        return dict(columns)
    features = Features(0, (), learned)
    described: dict[str, list[Scalar]] = {}
    for name, values in columns.items():
        if name not in learned.text_columns:
            described[name] = values
            continue
        texts = [value if isinstance(value, str) else None for value in values]
        for measure, column in features.texts(name, texts).items():
            described[f"{name}.{measure}"] = column
    return described
