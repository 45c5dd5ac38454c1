"""The fleet as metrics: whether its sums are folded, by how many replicas, and what was lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.records import FleetState
from proxy.telemetry import catalogue as of
from proxy.telemetry.lines import Series
from proxy.telemetry.tally import Table

TICK: Final = "tick"
LATE: Final = "late"
ERROR: Final = "error"


class FleetFigures:
    """What the fleet has told so far; without a fleet there are no series."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._state: FleetState | None = None
        self._ticks = {"fleet": 0, "own": 0}
        self._n_late = 0
        self._errors = Table(limit=16)

    def count(self, what: str, kind: str) -> None:
        """Count a tick (`fleet` or `own`), an `error` by its reason, or counts that were `late`."""
        if what == TICK:
            self._ticks[kind] = self._ticks.get(kind, 0) + 1
        elif what == LATE:
            self._n_late += 1
        elif what == ERROR:
            self._errors.add(kind)

    def take(self, state: FleetState) -> None:
        """Take over how the fleet stands."""
        self._state = state

    def series(self) -> dict[str, Iterable[Series]]:
        """Give the series of each metric."""
        state = self._state
        if state is None:
            empty: tuple[Series, ...] = ()
            return {family.name: empty for family in of.OF_FLEET}
        return {
            of.FLEET_UP.name: [((), float(state.up))],
            of.FLEET_REPLICAS.name: [
                (("added",), float(state.replicas)),
                (("other_benchmark",), float(state.others)),
            ],
            of.FLEET_TICKS.name: [((source,), float(n)) for source, n in self._ticks.items()],
            of.FLEET_LATE.name: [((), float(self._n_late))],
            of.FLEET_ERRORS.name: self._errors.values.items(),
            of.FLEET_SKEW.name: [((), state.skew_s)],
        }
