"""Questions and answers of certification, row by row: what belongs to which predicted class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.certify.answers import Decoded, ask, stack
from proxy.certify.recorded import Recorded
from proxy.payload.decode import Decoder
from proxy.records import Rows
from proxy.stats.reference.conditional import Answered, Conditional, build_conditional
from proxy.stats.reference.profile import Profile

MAX_ROWS: Final = 200_000
"""More rows hardly sharpen the columns within classes, and cost memory."""


def conditional_of(
    asked: Sequence[Rows | None], decoded: Decoded, profile: Profile, outputs: Profile
) -> Conditional | None:
    """Give the columns within the predicted classes of one model; `None` when there are none.

    Args:
        asked: input rows of each request; `None` where they cannot be read.
        decoded: the model's answers to the same requests.
        profile: the certified input.
        outputs: the certified answers of the model.
    """
    inputs: list[Rows] = []
    answers: list[Rows] = []
    n = 0
    for question, answer in zip(asked, decoded.outputs, strict=True):
        # What was thinned to another number of rows cannot be told apart row by row.
        if question is None or answer is None or question.n != answer.n or n >= MAX_ROWS:
            continue
        inputs.append(question)
        answers.append(answer)
        n += answer.n
    if not n:
        return None
    # Rows within a class have no hours of their own: what the hour moves would alarm every day.
    seasons = [one.seasons for one in (profile, outputs) if one.seasons is not None]
    rows = Answered(
        inputs=stack(inputs),
        outputs=stack(answers),
        input_columns=profile.columns,
        output_columns=outputs.columns,
        ignored=frozenset[str]().union(*(one.names() for one in seasons)),
    )
    return build_conditional(rows, ordered=outputs.ordered)


def questions(decoder: Decoder, requests: Sequence[Recorded]) -> list[Rows | None]:
    """Give the input rows of each request, in order; `None` where they cannot be read."""
    return [ask(decoder, index, request) for index, request in enumerate(requests)]
