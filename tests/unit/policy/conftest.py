"""Findings, alarms and facts as the tests of the policy need them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

import made
from proxy.policy import Facts
from proxy.records import Alarm, AlarmName, AlarmState, Finding, Verdict


class MakeFinding(Protocol):
    """Make a finding; any field may be set."""

    def __call__(self, name: AlarmName, **changes: object) -> Finding:
        """Make it."""
        ...


class MakeAlarm(Protocol):
    """Make an alarm that fires since `since_s`; fields of its finding may be set."""

    def __call__(self, name: AlarmName, since_s: float = 0.0, **changes: object) -> Alarm:
        """Make it."""
        ...


def _finding(name: AlarmName, **changes: object) -> Finding:
    """Make a breach of one column."""
    return made.finding(monitor=name, **changes)


def _alarm(name: AlarmName, since_s: float = 0.0, **changes: object) -> Alarm:
    shared = Verdict.BREACH if name is AlarmName.INPUT_DRIFT else Verdict.OK
    return Alarm(
        name=name,
        state=AlarmState.FIRING,
        since_s=since_s,
        began_s=since_s,
        episode=1,
        finding=_finding(name, **{"shared": shared, **changes}),
    )


def _facts(*alarms: Alarm, **changes: object) -> Facts:
    quiet = Alarm(
        name=AlarmName.INPUT_DRIFT,
        finding=_finding(AlarmName.INPUT_DRIFT, verdict=Verdict.OK, evidence=1.0, since_s=None),
    )
    known = {AlarmName.INPUT_DRIFT: quiet, **{alarm.name: alarm for alarm in alarms}}
    values = {
        "alarms": known,
        "stable_ready": True,
        "candidate_ready": True,
        "has_stable": True,
        "n_pairs": 1000,
        **changes,
    }
    return Facts(**values)


@pytest.fixture(scope="session")
def make_finding() -> MakeFinding:
    """Give the maker of findings."""
    return _finding


@pytest.fixture(scope="session")
def make_alarm() -> MakeAlarm:
    """Give the maker of firing alarms."""
    return _alarm


@pytest.fixture(scope="session")
def make_facts() -> Callable[..., Facts]:
    """Give the maker of facts: quiet inputs, everything ready, and the alarms it is given."""
    return _facts
