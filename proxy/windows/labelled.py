"""The predictions of one model and the truths that met them: figures, estimate, and its check."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from msgspec import structs

from proxy.records import Scalar
from proxy.stats.quality.certified_quality import Quality
from proxy.stats.quality.estimate import Check, Estimator, check
from proxy.stats.quality.measures import (
    CalibrationBin,
    Measure,
    Scored,
    confident,
    figures,
    score_row,
)
from proxy.stats.quality.target import (
    HALF,
    Answer,
    MisfitError,
    Picker,
    Target,
    TargetKind,
    choose_kind,
)

ENOUGH: Final = 50
"""Labels after which the kind of target is taken as known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the operator says about predictions; empty words leave the choice to us."""

    prediction: str = ""
    confidence: str = ""
    kind: TargetKind | None = None
    classes: tuple[str, ...] = ()
    positive: str = ""
    threshold: float = HALF

    def picker(self, certified: Target | None = None) -> Picker:
        """Give the way to the prediction: by the certificate, where there is one."""
        column = self.prediction or (certified.column if certified is not None else "")
        return Picker(column, self.confidence)

    def target(self, column: str, kind: TargetKind, known: Sequence[str] = ()) -> Target:
        """Give the target of a kind."""
        return Target(
            kind=self.kind or kind,
            column=self.prediction or column,
            classes=self.classes,
            known=tuple(known),
            positive=self.positive,
            threshold=self.threshold,
        )

    def contradicts(self, target: Target) -> str:
        """Say how this differs from what was certified; empty when it does not."""
        pairs = (
            ("prediction", self.prediction, target.column),
            ("kind", self.kind, target.kind),
            ("classes", self.classes, target.classes),
            ("positive", self.positive, target.positive),
        )
        for name, wished, certified in pairs:
            if wished and wished != certified:
                return f"monitors.labels.{name} is not what was certified ({certified or 'empty'})"
        if target.kind is TargetKind.PROBABILITY and self.threshold != target.threshold:
            return f"monitors.labels.threshold is not what was certified ({target.threshold:g})"
        return ""


class Joined(NamedTuple):
    """One prediction and the truth that met it."""

    answer: Answer
    truth: Scalar
    at_s: float
    """When it was predicted."""
    weight: float


class Labelled:
    """The labelled rows of one model, the last ones, and what follows from them."""

    def __init__(self, quality: Quality | None, wish: Wish, window: int) -> None:
        """Score by the certified target; without one the first labels tell the kind."""
        self.quality = quality
        self.target = quality.target if quality is not None else None
        self._wish = wish
        self.picker = wish.picker(self.target)
        self._rows: deque[Scored] = deque(maxlen=window)
        self._first: list[Joined] = []
        """Labelled rows while the kind is being told."""
        self._figures: dict[str, Measure] | None = None
        self.estimator: Estimator | None = None
        if quality is not None and quality.expected is not None:
            self.estimator = Estimator(quality.target, quality.expected)

    def __len__(self) -> int:
        """Give the number of rows that the figures rest on."""
        return len(self._rows)

    def predicted(self, answer: Answer, weight: float) -> None:
        """Take note of a prediction, labelled or not."""
        if self.estimator is not None:
            self.estimator.observe(answer, weight)

    def score(self, joined: Sequence[Joined]) -> list[Scored | MisfitError]:
        """Put truths beside their predictions; nothing counts before it is added.

        A row that cannot be read gives the error that says why.
        """
        target = self._target_of(joined)
        return [self._score(target, one) for one in joined]

    def add(self, joined: Sequence[Joined], rows: Sequence[Scored]) -> None:
        """Let rows that were just scored count in the figures."""
        self._figures = None
        if not self._is_learning:
            self._rows.extend(rows)
            return
        self._first.extend(joined)
        # These rows may have told another kind: then those before them are scored anew.
        self.target = target = self._target_of(())
        again = [self._score(target, one) for one in self._first]
        self._rows.clear()
        self._rows.extend(row for row in again if isinstance(row, Scored))

    @property
    def _is_learning(self) -> bool:
        """Tell whether the kind is still being told."""
        return self.quality is None and len(self._first) < ENOUGH

    def _target_of(self, joined: Sequence[Joined]) -> Target:
        """Give the target; while it is being told, by the first rows and these."""
        if not self._is_learning:
            assert self.target is not None  # noqa: S101 - certified, or told by the first labels
            return self.target
        told = [one for one in (*self._first, *joined) if one.answer.value is not None]
        predicted, truths = [one.answer.value for one in told], [one.truth for one in told]
        return self._wish.target(
            self.picker.chosen, choose_kind(self.picker.chosen, predicted, truths)
        )

    def _score(self, target: Target, joined: Joined) -> Scored | MisfitError:
        try:
            row = score_row(target, *joined)
        except MisfitError as error:
            return error
        if self.estimator is None:
            return row
        return structs.replace(row, expected=self.estimator.expect(joined.answer))

    def figures(self) -> dict[str, Measure]:
        """Give the figures of the last rows; computed once for each new row."""
        if self._figures is None:
            self._figures = figures(self.target, self._rows) if self.target is not None else {}
        return self._figures

    def calibration(self) -> tuple[CalibrationBin, ...]:
        """Give confidence beside accuracy over the last rows."""
        return confident(self._rows)

    def estimate(self) -> dict[str, Measure]:
        """Give the figure that is expected without labels: `accuracy`, or `mae`."""
        error = None if self.estimator is None else self.estimator.error()
        if error is None or self.target is None:
            return {}
        if self.target.kind is TargetKind.NUMBER:
            return {"mae": error}
        low, high = error.interval or (0.0, 1.0)
        kept = (max(0.0, 1 - high), min(1.0, 1 - low))
        return {"accuracy": Measure(value=1 - error.value, interval=kept, n=error.n)}

    def check(self) -> Check | None:
        """Say whether the estimate is to be believed; `None`: there is no estimate."""
        if self.estimator is None or self.quality is None or self.quality.expected is None:
            return None
        return check(tuple(self._rows), self.quality.expected, self.estimator.outside())

    def tick(self) -> None:
        """Close one tick of the estimate."""
        if self.estimator is not None:
            self.estimator.tick()

    def by_source(self) -> dict[str, dict[str, Measure]]:
        """Give the figures by where they come from; those that are not known are absent."""
        return {
            "labelled": self.figures(),
            "estimated": self.estimate(),
            "certified": {} if self.quality is None else self.quality.figures,
        }

    def shown(self) -> dict[str, object]:
        """Give figures by source, calibration and the check of the estimate, ready for JSON."""
        quality, checked = self.quality, self.check()
        return {
            "target": None if self.target is None else structs.asdict(self.target),
            "n_labelled": len(self._rows),
            **self.by_source(),
            "n_certified": 0 if quality is None else quality.n,
            "calibration": self.calibration(),
            "estimate_check": checked,
        }
