"""Labels as metrics: their fates, how long truth takes, and how good predictions turned out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.records import Fate, LabelNews
from proxy.telemetry import catalogue as of
from proxy.telemetry.lines import Series
from proxy.telemetry.tally import Buckets

DELAY_EDGES_S: Final = (
    1.0, 10.0, 60.0, 600.0, 3600.0, 21_600.0, 86_400.0, 259_200.0, 604_800.0, 1_814_400.0,
)  # fmt: skip
"""From a second over an hour and a day to three weeks."""
FINAL: Final = tuple(fate for fate in Fate if fate is not Fate.WAITING)
"""One that waits is counted when its fate is known."""


class LabelFigures:
    """What labels have told so far."""

    def __init__(self) -> None:
        """Begin with none: counters at 0, so that the first label is seen as a rise."""
        self._fates: dict[Fate, int] = dict.fromkeys(FINAL, 0)
        self._delays = Buckets(DELAY_EDGES_S)
        self._news = LabelNews()

    def take(self, news: LabelNews) -> None:
        """Take over what is new."""
        for fate, n in news.fates.items():
            self._fates[fate] = self._fates.get(fate, 0) + n
        for delay_s in news.delays_s:
            self._delays.observe(delay_s)
        self._news = news

    def series(self) -> dict[str, Iterable[Series]]:
        """Give the series of each metric; what is not known is absent."""
        coverage = self._news.coverage
        return {
            of.LABELS.name: [((fate,), float(n)) for fate, n in self._fates.items()],
            of.LABEL_DELAY.name: [((), self._delays)],
            of.LABEL_COVERAGE.name: [] if coverage is None else [((), coverage)],
            of.LABEL_QUALITY.name: [
                ((model, measure, source), value)
                for model, measure, source, value in self._news.figures
            ],
        }
