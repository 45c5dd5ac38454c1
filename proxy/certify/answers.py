"""From answers to columns: what certification decodes, and what it keeps of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from msgspec import structs

from proxy.certify.drive import Answer
from proxy.certify.recorded import Recorded
from proxy.certify.tables import CellKind
from proxy.payload.decode import Decoder
from proxy.payload.schema import Schema, infer
from proxy.payload.settings import Redact
from proxy.records import (
    Capture,
    Exchange,
    Message,
    Model,
    Pair,
    Position,
    Rows,
    Scalar,
    Side,
    Undecodable,
)

_KIND_ROWS: Final = 2000
"""Input rows looked at to learn how requests carry a column."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The output rows of one model, one entry for each request, in order."""

    outputs: list[Rows | None]
    """`None`: no answer, an error, a body that could not be read, or one that was skipped."""
    n_skipped: int = 0
    """Requests whose answers taught the decoder and were not to be measured."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why bodies could not be read, with one example each, in words."""

    def columns(self) -> dict[str, list[Scalar]]:
        """Give all output rows, column by column."""
        return stack(rows for rows in self.outputs if rows is not None)

    def schema(self) -> Schema | None:
        """Give the form of the answers; `None` when none could be read."""
        read = [rows for rows in self.outputs if rows is not None]
        return infer(Side.OUTPUT, {}, read, self.reasons.total())


def certifying(redact: Redact) -> Redact:
    """Give the redaction under which certification reads: as in service, but for categories.

    In service only categories that the benchmark knows are kept in clear; here they become known.
    """
    return redact if redact.categories == "hash" else replace(redact, categories="clear")


def decode_outputs(
    decoder: Decoder,
    model: Model,
    requests: Sequence[Recorded],
    answers: Sequence[Answer],
    skip: Collection[int] = (),
) -> Decoded:
    """Read the answers of one model; `answers[i]` belongs to `requests[i]`, those in `skip` not."""
    decoded = Decoded(outputs=[], n_skipped=len(skip))
    for index, (request, answer) in enumerate(zip(requests, answers, strict=True)):
        if index in skip:
            decoded.outputs.append(None)
            continue
        capture = structs.replace(_capture(index, model, request, answer), request=None)
        output = next(iter(decoder.decode(capture)), None)
        if isinstance(output, Undecodable):
            decoded.reasons[f"{output.reason}: {output.detail}"] += 1
        decoded.outputs.append(output if isinstance(output, Rows) else None)
    return decoded


def decode_inputs(decoder: Decoder, requests: Sequence[Recorded]) -> list[Rows]:
    """Give the input rows of the first requests; empty if none can be read."""
    found: list[Rows] = []
    n = 0
    for index, request in enumerate(requests):
        rows = ask(decoder, index, request)
        if rows is not None:
            found.append(rows)
            n += rows.n
        if n >= _KIND_ROWS or index >= _KIND_ROWS:
            break
    return found


def ask(decoder: Decoder, index: int, request: Recorded) -> Rows | None:
    """Give the input rows of one request; `None` when they cannot be read."""
    read = decoder.decode(_capture(index, Model.CANDIDATE, request, None))
    found = (one for one in read if isinstance(one, Rows) and one.side is Side.INPUT)
    return next(found, None)


def kinds(columns: dict[str, list[Scalar]]) -> dict[str, CellKind]:
    """Give how requests carry each column: by far most of its values decide."""
    found: dict[str, CellKind] = {}
    for name, values in columns.items():
        counts = Counter(_kind(value) for value in values if value is not None)
        if counts:
            found[name] = counts.most_common(1)[0][0]
    return found


def pairs(candidate: Decoded, stable: Decoded) -> list[Pair]:
    """Give the requests that both models answered."""
    return [
        Pair(pair_id=index, at_s=float(index), candidate=left, stable=right)
        for index, (left, right) in enumerate(zip(candidate.outputs, stable.outputs, strict=True))
        if left is not None and right is not None
    ]


def stack(many: Iterable[Rows]) -> dict[str, list[Scalar]]:
    """Put rows one below the other; a column that some rows do not have is missing there."""
    columns: dict[str, list[Scalar]] = {}
    n = 0
    for rows in many:
        given = dict(zip(rows.columns, rows.values, strict=True))
        for name in given:
            columns.setdefault(name, [None] * n)
        for name, values in columns.items():
            values.extend(given.get(name, [None] * rows.n))
        n += rows.n
    return columns


def times_of(requests: Sequence[Recorded], decoded: Decoded) -> list[float] | None:
    """Give the time of each output row, in seconds since 1970; `None` when it is not known."""
    times_s: list[float] = []
    for request, rows in zip(requests, decoded.outputs, strict=True):
        if request.time_s is None:
            return None
        if rows is not None:
            times_s += [request.time_s] * rows.n
    return times_s


def fingerprint(many: Iterable[Rows | None]) -> str:
    """Give the SHA-256 of what a model answered, in order: it stands for a file not given."""
    digest = hashlib.sha256()
    for rows in many:
        digest.update(msgspec.json.encode(rows.values if rows is not None else None))
    return digest.hexdigest()


def _kind(value: Scalar) -> CellKind:
    if isinstance(value, bool):
        return CellKind.TRUTH
    return CellKind.TEXT if isinstance(value, str) else CellKind.NUMBER


def _capture(index: int, model: Model, request: Recorded, answer: Answer | None) -> Capture:
    """Give what a relay would have captured of this exchange."""
    at_s = float(index)
    exchange = Exchange(
        id=index + 1,
        pair_id=None,
        model=model,
        position=Position.SERVING,
        route="other",
        started_s=at_s,
        connected_s=at_s,
        first_byte_s=at_s if answer is not None else None,
        finished_s=at_s,
        status=answer.status if answer is not None else 0,
        failure=answer.failure if answer is not None else None,
        failed_over=False,
        replayed=False,
        request_bytes=len(request.body),
        response_bytes=len(answer.body) if answer is not None else 0,
        in_flight=1,
        stream=None,
        capture=1.0,
    )
    asked = Message(fields=request.headers, body=request.body, truncated=False)
    given = None
    if answer is not None and answer.failure is None:
        given = Message(fields=answer.fields, body=answer.body, truncated=False)
    return Capture(
        exchange=exchange, target=request.target.partition("?")[0], request=asked, response=given
    )
