"""Labels as they are sent: `POST /api/v1/labels`, JSON or one JSON object a line.

A call is taken whole or refused whole: one entry that does not fit is named with its place, and
nothing has happened. What a label means to the predictions is the desk's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec

from proxy.records import Fate, Receipt, Scalar, Truth
from proxy.telemetry.desk import DeskError, JsonObject

MAX_LABELS: Final = 10_000
MAX_VALUES: Final = 10_000
"""Values of one label that is a list: no batch that can be joined is longer."""
LARGEST_INT: Final = 2**63 - 1
SHAPE: Final = '{"labels": [{"id": ID, "label": VALUE, "at_utc": TIME}]}, or such an entry a line'
LINES: Final = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonlines"})
"""Content types of one object a line."""

Value = bool | int | float | Annotated[str, msgspec.Meta(max_length=200)] | None


class Label(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The true outcome of one past request."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    """An id of the request; `ID#k`: its row k, from 0."""
    label: Value | list[Value] | msgspec.UnsetType = msgspec.UNSET
    """A list has one value for each row of the request."""
    truth: Value | list[Value] | msgspec.UnsetType = msgspec.UNSET
    """Another word for `label`."""
    at_utc: str | float | None = None
    """When the truth became known: RFC 3339, or seconds since 1970. Left out: now."""


class LabelOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of `POST /api/v1/labels`."""

    labels: Annotated[list[Label], msgspec.Meta(min_length=1, max_length=MAX_LABELS)]


def read(
    raw: bytes, content_type: str, to_s: Callable[[float], float], now_s: float
) -> list[Truth]:
    """Read the labels of a call.

    Args:
        raw: the body.
        content_type: tells one object a line from one object.
        to_s: turns seconds since 1970 into those of the monotonic clock.
        now_s: the time now, for labels that tell none; nothing is known later than now.

    Raises:
        DeskError: an entry does not fit; the message names it.
    """
    by_line = content_type in LINES
    try:
        labels = _lines(raw) if by_line else msgspec.json.decode(raw, type=LabelOrder).labels
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise DeskError(
            400, "bad_body", f"The body does not fit: {str(error)[:300]}.", SHAPE
        ) from error
    return [_truth(place, label, to_s, now_s) for place, label in enumerate(labels)]


def _lines(raw: bytes) -> list[Label]:
    decode = msgspec.json.Decoder(Label).decode
    labels: list[Label] = []
    for number, line in enumerate(raw.splitlines(), start=1):
        if not line.strip():
            continue
        if len(labels) >= MAX_LABELS:
            raise msgspec.ValidationError(f"more than {MAX_LABELS:,} labels at once")
        try:
            labels.append(decode(line))
        except msgspec.MsgspecError as error:
            raise msgspec.ValidationError(f"line {number}: {error}") from error
    if not labels:
        raise msgspec.ValidationError("there is no label in it")
    return labels


def _truth(place: int, label: Label, to_s: Callable[[float], float], now_s: float) -> Truth:
    name, mark, row = label.id.rpartition("#")
    if mark and not (name and row.isascii() and row.isdigit() and len(row) <= 6):  # noqa: PLR2004  # digits
        raise _refuse(place, f"{label.id!r} is no id: ID#k names row k of a request, from 0")
    return Truth(
        id=name if mark else label.id,
        row=int(row) if mark else None,
        value=_value(place, label),
        at_s=min(now_s, _known_s(place, label, to_s, now_s)),
    )


def _value(place: int, label: Label) -> Scalar | list[Scalar]:
    label_given, truth_given = label.label is not msgspec.UNSET, label.truth is not msgspec.UNSET
    value = label.label if label_given else label.truth
    if label_given == truth_given or isinstance(value, msgspec.UnsetType):
        raise _refuse(place, "give `label`, once")
    if isinstance(value, list):
        if not 1 <= len(value) <= MAX_VALUES:
            raise _refuse(place, f"a list of 1 to {MAX_VALUES:,} labels is taken")
        return [_fitting(place, one) for one in value]
    return _fitting(place, value)


def _fitting(place: int, value: Scalar) -> Scalar:
    """Give a whole number beyond 64 bits as the decoder reads predictions: as a float.

    What waits is saved, and the form that it is saved in holds no longer ones.
    """
    if not isinstance(value, int) or -LARGEST_INT <= value <= LARGEST_INT:
        return value
    try:
        return float(value)
    except OverflowError:
        raise _refuse(place, "a number of more than 308 digits is no label") from None


def _known_s(place: int, label: Label, to_s: Callable[[float], float], now_s: float) -> float:
    if label.at_utc is None:
        return now_s
    if not isinstance(label.at_utc, str):
        return to_s(label.at_utc)
    try:
        told = datetime.fromisoformat(label.at_utc)
        return to_s((told if told.tzinfo else told.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise _refuse(place, f"at_utc {label.at_utc[:40]!r} is no time of RFC 3339") from None


def _refuse(place: int, why: str) -> DeskError:
    return DeskError(400, "bad_body", f"The body does not fit: labels[{place}]: {why}.", SHAPE)


def answer(receipt: Receipt) -> JsonObject:
    """Give what became of a call: a number for each fate, and the first troubles in words."""
    fates: Mapping[Fate, int] = receipt.fates
    told: JsonObject = {fate.value: fates.get(fate, 0) for fate in Fate}
    return told | {
        "received": sum(fates.values()),
        "accepted": fates.get(Fate.JOINED, 0) + fates.get(Fate.WAITING, 0),
        "problems": _problems(receipt),
    }


def _problems(receipt: Receipt) -> Sequence[str]:
    told = list(receipt.problems)
    if receipt.fates.get(Fate.WAITING):
        told.append(
            f"{receipt.fates[Fate.WAITING]} labels wait: no prediction under their id is known. "
            "Those of requests that were not sampled count as unknown after a while."
        )
    if receipt.fates.get(Fate.UNKNOWN):
        told.append(
            f"{receipt.fates[Fate.UNKNOWN]} labels have no prediction: their requests were not "
            "sampled, or are older than monitors.labels.horizon_s."
        )
    return told
