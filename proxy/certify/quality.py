"""Certified quality: how good the models are, where the truth of recorded requests is known.

Truth stands in a file of its own (`certify --labels`), by the request's id or its number, or beside
the request as `"label"` in its record. Every model's answers are put beside it, and what comes of
it is what later labels are compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from proxy import labelfile
from proxy.certify.files import CertifyError, hash_file
from proxy.certify.recorded import Recorded
from proxy.labelfile import LabelFileError
from proxy.payload import correlation
from proxy.records import Model, Rows, Scalar, Truth, TruthValue
from proxy.stats.quality.certified_quality import Quality, build_quality
from proxy.stats.quality.measures import Measure, Scored, score_row
from proxy.stats.quality.target import (
    Answer,
    MisfitError,
    Target,
    TargetKind,
    choose_kind,
    class_of,
    number_of,
)
from proxy.windows.asked import Asked, values_of
from proxy.windows.labelled import Wish

FEW_LABELS: Final = 1000
MAX_KNOWN: Final = 1000
"""Classes that are remembered by name."""
SHOWN: Final = ("accuracy", "balanced_accuracy", "auc", "mae", "rmse", "calibration_error")
_MAX_LISTED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Where the truth of requests is told, and how predictions are read."""

    path: Path | None = None
    """CSV or JSON lines. `None`: only what the records of the requests tell."""
    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The truths of the requests, by their number, with what could not be used."""

    truths: Mapping[int, Sequence[tuple[int | None, TruthValue]]]
    """Each for one row of a request, or with `None` for the whole of it."""
    sha256: str = ""
    n_foreign: int = 0
    """Labels whose id no request has."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One answered row with its truth."""

    request: int
    answer: Answer
    truth: Scalar


def read_labels(labels: Labels, requests: Sequence[Recorded]) -> Told:
    """Read the truths before the models are driven: a bad file is told at once.

    Raises:
        CertifyError: the file cannot be read, or none of its ids belongs to a request.
    """
    truths: dict[int, list[tuple[int | None, TruthValue]]] = {
        number: [(None, request.label)]
        for number, request in enumerate(requests)
        if request.label is not None
    }
    if labels.path is None:
        return Told(truths=truths)
    numbers = {
        name: number
        for number, request in enumerate(requests)
        for name in correlation.ids((request.headers,), request.body_id())
    }
    n_foreign = n = 0
    try:
        for line in labelfile.read(labels.path):
            n += 1
            name, mark, row = line.id.rpartition("#")
            at = line.row if line.row is not None else numbers.get(name if mark else line.id)
            is_odd = mark and number_of(row) is None
            if at is None or not 0 <= at < len(requests) or is_odd:
                n_foreign += 1
            else:
                truths.setdefault(at, []).append((int(row) if mark else None, line.value))
    except LabelFileError as error:
        raise CertifyError(str(error)) from error
    if n_foreign == n:
        raise CertifyError(
            f"{labels.path}: none of its {n} labels belongs to a request: `id` is an id in the "
            "headers of a recorded request (x-request-id) or in its body, `row` its number from 0"
        )
    return Told(truths=truths, sha256=hash_file(labels.path, "file of labels"), n_foreign=n_foreign)


def certify_quality(
    told: Told, wish: Wish, outputs: Mapping[Model, Sequence[Rows | None]], *, ordered: bool
) -> tuple[dict[str, Quality], list[str]]:
    """Give the certified quality of each model, and what people should know about it.

    Args:
        told: the truths of the requests.
        wish: how predictions are read.
        outputs: by model, its answer to each request; `None` where it was not measured.
        ordered: requests are in order of time.

    Raises:
        CertifyError: labels and predictions cannot be compared.
    """
    if not told.truths:
        return {}, []
    picker = wish.picker()
    warnings = [f"{told.n_foreign} labels belong to no request."] if told.n_foreign else []
    rows = {model: list(_joined(told, given, wish)) for model, given in outputs.items()}
    first = rows[Model.CANDIDATE]
    if not first:
        given = next((one for one in outputs[Model.CANDIDATE] if one is not None), None)
        if given is not None:
            picker.answers(given, range(given.n))
        why = picker.trouble or "the labelled requests were not answered, or taught the decoder"
        raise CertifyError(f"no label could be put beside a prediction: {why}")
    column = next(
        name for one in outputs[Model.CANDIDATE] if one and (name := picker.column(one.columns))
    )
    target = _target(wish, column, first)
    found: dict[str, Quality] = {}
    for model, joined in rows.items():
        scored, misfits = _score(target, joined)
        if misfits:
            warnings.append(f"{len(misfits)} labels of the {model.value} model: {misfits[0]}.")
        if not scored:
            raise CertifyError(
                f"no label fits the answers of the {model.value} model: {misfits[0]}"
            )
        found[model.value] = build_quality(target, scored, ordered=ordered)
    n = found[Model.CANDIDATE].n
    if n < FEW_LABELS:
        warnings.append(f"Only {n} labels: a loss of quality must be large to be seen.")
    return found, warnings


def _joined(told: Told, outputs: Sequence[Rows | None], wish: Wish) -> Iterable[_Row]:
    """Give every answered row whose truth is told, in the order of the requests."""
    picker = wish.picker()
    for number in sorted(told.truths):
        rows = outputs[number]
        if rows is None:
            continue
        answers = picker.answers(rows, range(rows.n))
        n = round(rows.n / rows.share)
        asked = Asked(number, 0.0, 0, n=n, answers={rows.model: answers})
        asked.places = [i * n // rows.n for i in range(rows.n)] if n > rows.n else None
        for row, value in told.truths[number]:
            truth = Truth(id=str(number), row=row, value=value, at_s=0.0)
            try:
                values = values_of(asked, truth)
            except ValueError as error:
                raise CertifyError(f"label of request {number} (from 0): {error}") from error
            for place, one in values.items():
                if one is not None and place < len(answers):
                    yield _Row(number, answers[place], one)


def _target(wish: Wish, column: str, rows: Sequence[_Row]) -> Target:
    """Give what the candidate predicts.

    Raises:
        CertifyError: classes are predicted, and no label names one of them.
    """
    truths = [row.truth for row in rows]
    kind = wish.kind or choose_kind(column, [row.answer.value for row in rows], truths)
    target = wish.target(column, kind)
    if kind is not TargetKind.CLASS:
        return target
    predicted, told = _classes(target, (r.answer.value for r in rows)), _classes(target, truths)
    if not predicted & told:
        raise CertifyError(
            f"no label names a class that is predicted: predicted are {_listed(predicted)}; "
            f"labels are {_listed(told)}; name the classes in monitors.labels.classes"
        )
    known = sorted(predicted | told)
    return wish.target(column, kind, known if len(known) <= MAX_KNOWN else ())


def _classes(target: Target, values: Iterable[Scalar]) -> set[str]:
    found: set[str] = set()
    for value in values:
        try:
            found.add(class_of(target, value))
        except MisfitError:
            continue
    return found


def _score(target: Target, rows: Sequence[_Row]) -> tuple[list[Scored], list[str]]:
    scored: list[Scored] = []
    misfits: list[str] = []
    for row in rows:
        try:
            scored.append(score_row(target, row.answer, row.truth, float(row.request), 1.0))
        except MisfitError as error:
            misfits.append(f"request {row.request} (from 0): {error}")
    return scored, misfits


def told_of(quality: Mapping[str, Quality]) -> list[str]:
    """Say how good each model is, one sentence each."""
    return [
        f"Quality of the {model} model by {one.n:,} labels: "
        + ", ".join(_figure(name, one.figures[name]) for name in SHOWN if name in one.figures)
        for model, one in quality.items()
    ]


def _figure(name: str, measure: Measure) -> str:
    if measure.interval is None:
        return f"{name} {measure.value:.4g}"
    low, high = measure.interval
    return f"{name} {measure.value:.4g} ({low:.4g} to {high:.4g})"


def _listed(names: Iterable[str]) -> str:
    shown = sorted(names)
    more = ", ..." if len(shown) > _MAX_LISTED else ""
    return ", ".join(shown[:_MAX_LISTED]) + more
