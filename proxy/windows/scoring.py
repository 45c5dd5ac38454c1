"""Truths put beside the answers of both models to one request.

A request may have many rows, and a truth may be a list with a value for each. It counts whole, or
not at all: when one value cannot be read, the list most likely belongs to something else. A row
whose *prediction* cannot be read is left out; the others count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from proxy.records import Model, Scalar
from proxy.stats.quality.measures import Scored
from proxy.stats.quality.target import MisfitError, NoPredictionError
from proxy.windows.asked import Asked
from proxy.windows.labelled import Joined, Labelled

Values: TypeAlias = Mapping[int, Scalar]
"""Truths by place in the answers of a request."""
ByPlace: TypeAlias = dict[int, dict[Model, Scored]]
"""The rows that could be read, by place, then by model."""


def read(labelled: Mapping[Model, Labelled], asked: Asked, values: Values) -> ByPlace:
    """Put truths beside all answers to a request; nothing counts before `add`.

    Raises:
        MisfitError: no model's answer can be compared with one of the values, or no row has a
            prediction. The message names the row.
    """
    scored, misfits = score(labelled, asked, values, asked.answers)
    for place, misfit in misfits.items():
        if place in scored or isinstance(misfit, NoPredictionError):
            continue
        if len(values) == 1:
            raise misfit
        raise MisfitError(f"row {asked.row(place)} of the list: {misfit}; none of it is counted")
    if not scored:
        raise next(iter(misfits.values()), NoPredictionError("the request has no answer"))
    return scored


def score(
    labelled: Mapping[Model, Labelled], asked: Asked, values: Values, models: Iterable[Model]
) -> tuple[ByPlace, dict[int, MisfitError]]:
    """Put truths beside the answers of some models; give what could be read, and why not.

    Where a value could not be read for one reason or the other, a missing prediction is told: it
    means that the value itself could be.
    """
    scored: ByPlace = {}
    misfits: dict[int, MisfitError] = {}
    for model in models:
        rows = labelled[model].score([_joined(asked, model, *one) for one in values.items()])
        for place, row in zip(values, rows, strict=True):
            if isinstance(row, Scored):
                scored.setdefault(place, {})[model] = row
            elif place not in misfits or isinstance(row, NoPredictionError):
                misfits[place] = row
    return scored, misfits


def add(labelled: Mapping[Model, Labelled], asked: Asked, values: Values, scored: ByPlace) -> None:
    """Let rows count in the figures of their models."""
    for model, one in labelled.items():
        rows = {place: found[model] for place, found in scored.items() if model in found}
        if rows:
            joined = [_joined(asked, model, place, values[place]) for place in rows]
            one.add(joined, tuple(rows.values()))


def _joined(asked: Asked, model: Model, place: int, value: Scalar) -> Joined:
    return Joined(asked.answers[model][place], value, asked.at_s, asked.weight(model))
