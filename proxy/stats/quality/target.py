"""What a prediction says and what its truth is: the two sides of a label, brought to one form.

Three kinds of target are told apart. A *class*: the model names one of several, maybe with
probabilities. A *probability*: the model gives one number, the chance of the positive class. A
*number*: a regression. What the truth does to figures stands in `quality`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.payload.redact import MASKED, OTHER
from proxy.records import Rows, Scalar
from proxy.stats.basis.binning import category_text
from proxy.stats.reference.compare import DERIVED, MAX_CLASSES, PROBABILITY

MAX_SHARES: Final = 64
"""Classes of which all probabilities are kept; with more only class and confidence are."""
USUAL_NAMES: Final = ("class", "prediction", "label", "predicted_label", "output", "y")
"""Columns that hold the prediction where nothing else is said, the likeliest first."""
UNSAID: Final = -1.0
"""Confidence of an answer that says none."""
LARGEST: Final = 1e150
HALF: Final = 0.5
_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0"})
_DIGIT: Final = {True: "1", False: "0"}
"""True and false where the certified classes are numbers."""
_MAX_SHOWN: Final = 8
_MAX_DIGITS: Final = 9
_HIDDEN: Final = re.compile(rf"{re.escape(OTHER)}|{re.escape(MASKED)}|h:[0-9a-f]{{16}}")
"""What redaction leaves of text that it must not show."""


class TargetKind(StrEnum):
    """What a model predicts."""

    CLASS = "class"
    PROBABILITY = "probability"
    NUMBER = "number"


class Target(Struct, frozen=True, kw_only=True):
    """What a model predicts, and how its truth is read."""

    kind: TargetKind
    column: str
    """Output column of the prediction."""
    classes: tuple[str, ...] = ()
    """Names of the classes by their index in the probabilities. Empty: they are their names."""
    known: tuple[str, ...] = ()
    """Classes that were certified. Empty: not known, any class is taken."""
    positive: str = ""
    """Truth that counts as 1 for a probability. Empty: true, 1."""
    threshold: float = HALF
    """Probability from which the answer is positive."""

    def sure(self, chance: float) -> float:
        """Give the probability of the answer that is given at this chance of the positive class."""
        return chance if chance >= self.threshold else 1 - chance


class Answer(Struct, frozen=True, array_like=True, gc=False):
    """One predicted row, as little of it as a label needs."""

    value: Scalar
    """The class or the number."""
    confidence: float = UNSAID
    """Probability that the model gives its own answer; -1 where it says none."""
    shares: bytes = b""
    """float32 array [classes]: probabilities by class; empty where there are none."""


class MisfitError(Exception):
    """A truth, or a prediction, cannot be read; the message says what was expected."""


class NoPredictionError(MisfitError):
    """The prediction of a row cannot be read, so that no truth can be held against it."""


class Picker:
    """Picks the prediction out of output rows."""

    def __init__(self, column: str = "", confidence: str = "") -> None:
        """Take these columns; empty: those that usually hold it."""
        self._column = column
        self._confidence = confidence or "confidence"
        self.chosen = ""
        """Column of the last prediction; empty before the first."""
        self.trouble = ""
        """Why the last rows had no prediction; empty when they had one."""

    def column(self, names: Sequence[str]) -> str:
        """Give the column of the prediction among `names`; empty when it cannot be told."""
        if self._column:
            return self._column if self._column in names else ""
        for usual in USUAL_NAMES:
            if usual in names:
                return usual
        plain = [one for one in names if one not in DERIVED and not PROBABILITY.fullmatch(one)]
        return plain[0] if len(plain) == 1 else ""

    def answers(self, rows: Rows, places: Sequence[int]) -> list[Answer]:
        """Give the predictions of some rows; none, and `trouble`, when no column can be told."""
        name = self.column(rows.columns)
        if not name:
            shown = ", ".join(rows.columns[:_MAX_SHOWN])
            self.trouble = (
                f"which output column is the prediction cannot be told (there are: {shown}): "
                "name it in monitors.labels.prediction"
            )
            return []
        self.trouble, self.chosen = "", name
        given = dict(zip(rows.columns, rows.values, strict=False))
        sure = given.get(self._confidence)
        shares = [given[f"p{i}"] for i in range(len(given)) if f"p{i}" in given]
        if len(shares) > MAX_SHARES or name != USUAL_NAMES[0]:
            shares = []
        return [
            Answer(
                given[name][place],
                _share(sure[place]) if sure is not None else UNSAID,
                _packed([column[place] for column in shares]),
            )
            for place in places
        ]


def choose_kind(column: str, predicted: Sequence[Scalar], truths: Sequence[Scalar]) -> TargetKind:
    """Give what kind of target predictions and their truths are likeliest of.

    Text, truth values and few whole numbers on both sides are classes; numbers from 0 to 1 whose
    truths are 0 and 1 are probabilities; all other numbers are numbers.
    """
    numbers = [number for one in predicted if (number := _plain_number(one)) is not None]
    if column == USUAL_NAMES[0] or len(numbers) < len(predicted):
        return TargetKind.CLASS
    is_binary = all(category_text(one).lower() in _TRUE | _FALSE for one in truths)
    is_whole = all(one.is_integer() for one in numbers)
    if is_binary and not is_whole and all(0 <= one <= 1 for one in numbers):
        return TargetKind.PROBABILITY
    texts = {category_text(one) for one in (*numbers, *truths)}
    if is_whole and len(texts) <= MAX_CLASSES and all(_is_class(one) for one in truths):
        return TargetKind.CLASS
    return TargetKind.NUMBER


def class_of(target: Target, value: Scalar) -> str:
    """Give the class that a prediction or a truth names.

    Raises:
        MisfitError: it names none.
    """
    if value is None or (isinstance(value, float) and not value.is_integer()):
        raise MisfitError(f"a class is expected{_listed(target.known)}")
    text = category_text(value)
    if isinstance(value, bool) and text not in target.known and _DIGIT[value] in target.known:
        return _DIGIT[value]
    place = number_of(text) if target.classes and text not in target.classes else None
    return text if place is None or place >= len(target.classes) else target.classes[place]


def number_of(name: str) -> int | None:
    """Give the number that a class is named by; `None` when it is no number, or a far too long one.

    Reading thousands of digits as a number is refused by Python.
    """
    is_number = name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS
    return int(name) if is_number else None


def truth_of(target: Target, value: Scalar) -> str | float:
    """Give a truth as it is compared: a class, or a number (0 or 1 for a probability).

    Raises:
        MisfitError: it is no such thing; the message says what is expected.
    """
    match target.kind:
        case TargetKind.CLASS:
            name = class_of(target, value)
            if target.known and name not in target.known:
                raise MisfitError(
                    f"one of the certified classes is expected{_listed(target.known)}"
                )
            return name
        case TargetKind.PROBABILITY:
            return _outcome(target, value)
        case TargetKind.NUMBER:
            return _number(value)


def predicted_of(target: Target, answer: Answer) -> str | float:
    """Give a prediction as it is compared.

    Raises:
        NoPredictionError: the prediction itself is missing, or of another kind.
    """
    if answer.value is None:
        raise NoPredictionError("the prediction of this row is missing")
    if target.kind is TargetKind.CLASS:
        return _predicted_class(target, answer.value)
    try:
        number = _number(answer.value)
    except MisfitError:
        raise NoPredictionError("the prediction of this row is not a number") from None
    if target.kind is TargetKind.PROBABILITY and not 0 <= number <= 1:
        raise NoPredictionError("the prediction of this row is not a probability")
    return number


def _predicted_class(target: Target, value: Scalar) -> str:
    if not target.known and isinstance(value, str) and _HIDDEN.fullmatch(value):
        raise NoPredictionError(
            "the prediction of this row is hidden by redaction: certify, so that its text is "
            "known, or allow it in capture.redact"
        )
    try:
        return class_of(target, value)
    except MisfitError:
        raise NoPredictionError("the prediction of this row is not a class") from None


def _outcome(target: Target, value: Scalar) -> float:
    text = category_text(value)
    if target.positive:
        return float(text == target.positive)
    if text.lower() in _TRUE:
        return 1.0
    if text.lower() in _FALSE:
        return 0.0
    raise MisfitError(
        "true or false, 1 or 0 is expected; name another positive class in monitors.labels.positive"
    )


def _number(value: Scalar) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise MisfitError("a number is expected") from None
    if value is None or not abs(number := float(value)) < LARGEST:
        raise MisfitError("a finite number is expected")
    return number


def _plain_number(value: Scalar) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) and abs(value) < LARGEST else None


def _is_class(value: Scalar) -> bool:
    return not isinstance(value, float) or value.is_integer()


def _share(value: Scalar) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNSAID
    return float(value) if 0 <= value <= 1 else UNSAID


def _packed(shares: Sequence[Scalar]) -> bytes:
    numbers = [number for one in shares if (number := _plain_number(one)) is not None]
    if len(numbers) < len(shares):
        return b""
    return np.array(numbers, dtype=np.float32).tobytes()


def _listed(known: Sequence[str]) -> str:
    if not known:
        return ""
    more = ", ..." if len(known) > _MAX_SHOWN else ""
    return f" ({', '.join(known[:_MAX_SHOWN])}{more})"
