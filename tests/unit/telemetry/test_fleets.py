"""The fleet as metrics: nothing without one, everything with one."""

from __future__ import annotations

from proxy.records import FleetState
from proxy.telemetry.catalogue import OF_FLEET
from proxy.telemetry.fleets import FleetFigures


def test_without_a_fleet_there_are_no_series() -> None:
    """Every family is known and empty."""
    series = FleetFigures().series()
    assert set(series) == {family.name for family in OF_FLEET}
    assert not any(list(one) for one in series.values())


def test_what_the_fleet_told_is_exported() -> None:
    """Counts add up, the state is the last one."""
    figures = FleetFigures()
    for what, kind in (
        *[("tick", "fleet")] * 3, ("tick", "own"), ("late", ""), ("error", "full"), ("odd", "x"),
    ):  # fmt: skip
        figures.count(what, kind)
    figures.take(
        FleetState(
            at_s=1.0,
            name="f",
            replica="a",
            up=True,
            replicas=3,
            others=2,
            late=1,
            skew_s=0.25,
            trouble="",
        )
    )
    told = {name: list(series) for name, series in figures.series().items()}
    assert told == {
        "stablehand_fleet_up": [((), 1.0)],
        "stablehand_fleet_replicas": [(("added",), 3.0), (("other_benchmark",), 2.0)],
        "stablehand_fleet_ticks_total": [(("fleet",), 3.0), (("own",), 1.0)],
        "stablehand_fleet_late_total": [((), 1.0)],
        "stablehand_fleet_errors_total": [(("full",), 1.0)],
        "stablehand_fleet_clock_skew_seconds": [((), 0.25)],
    }
