"""What certification teaches the decoder before it measures: words and main directions.

Every fourth request with the answers of all models to it, at most 1,000, teaches; it is not
measured, unless there was nothing to learn (see `payload.learning` for why). Questions teach before
the reference is read, which may hold texts and tensors of the same columns; answers teach later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from proxy.certify.answers import certifying, decode_inputs, decode_outputs
from proxy.certify.drive import Answer
from proxy.certify.recorded import Recorded
from proxy.payload.decode import Decoder
from proxy.payload.learning import EVERY, MAX_TEACHING, Learned, Pupil
from proxy.payload.settings import Payload, Redact
from proxy.records import Model


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


class Teacher:
    """Learns from some of the requests, and from the answers to them when they are there."""

    def __init__(self, payload: Payload, redact: Redact, requests: Sequence[Recorded]) -> None:
        """Learn from requests; with fewer than eight there is nothing to spare."""
        self._pupil = Pupil()
        self._decoder = Decoder(payload, certifying(redact), pupil=self._pupil)
        n = min(len(requests), EVERY * MAX_TEACHING) if len(requests) >= 2 * EVERY else 0
        self._places = range(0, n, EVERY)
        self._asked = [requests[place] for place in self._places]
        decode_inputs(self._decoder, self._asked)

    def answers(self, model: Model, answers: Sequence[Answer]) -> None:
        """Learn from the answers of one model to all requests."""
        given = [answers[place] for place in self._places]
        decode_outputs(self._decoder, model, self._asked, given)

    def lesson(self) -> Lesson:
        """Give what was learned so far."""
        learned = self._pupil.learned()
        if learned == Learned():
            return Lesson(learned=None, taught=frozenset())
        return Lesson(learned=learned, taught=frozenset(self._places))
