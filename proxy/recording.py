"""What of the pipeline's turns is written into the journal, so that they can be replayed.

While something is wrong every tick is recorded with its findings and the facts of its decision;
while all is calm nothing is. The replay of it is `replay.py`.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec
from msgspec import Struct

from proxy.alarms import AlarmSettings
from proxy.pipeline import Standing, Turn
from proxy.policy import TICKETS, PolicySettings
from proxy.records import Alarm, AlarmState, Finding, Verdict

LARGEST: Final = 1e300
"""Stands for infinity, which JSON does not have."""
MAX_RECORDED: Final = 720
"""Ticks written down per episode: two hours at the default tick. What comes later changes little,
and must not push the beginning out of the journal."""


class Tick(Struct, frozen=True, kw_only=True):
    """One tick as the journal has it."""

    at_s: float
    findings: tuple[Finding, ...]
    stable_ready: bool | None
    candidate_ready: bool | None
    has_stable: bool
    n_pairs: int
    capacity: tuple[str, ...]
    before: Standing | None
    """Where things stood before; on the first tick of a recording only."""


class Settings(Struct, frozen=True, kw_only=True):
    """The rules in force, as the journal has them."""

    alarms: AlarmSettings
    policy: PolicySettings


class Recorder:
    """Chooses which ticks are worth writing down."""

    def __init__(self) -> None:
        """Begin with nothing wrong."""
        self._n = 0

    def choose(self, turn: Turn) -> Tick | None:
        """Give the tick as it is to be written; `None` when all is calm, or enough is written."""
        bad = {one.monitor for one in turn.findings if one.verdict is Verdict.BREACH}
        open_states = {AlarmState.PENDING, AlarmState.FIRING}
        bad |= {one.name for one in turn.before.alarms.values() if one.state in open_states}
        # A ticket lasts for weeks: it must not use up what is kept for an incident.
        if bad <= TICKETS:
            self._n = 0
            return None
        self._n += 1
        if self._n > MAX_RECORDED:
            return None
        facts = turn.facts
        return Tick(
            at_s=turn.at_s,
            findings=tuple(_finite(one) for one in turn.findings),
            stable_ready=facts.stable_ready,
            candidate_ready=facts.candidate_ready,
            has_stable=facts.has_stable,
            n_pairs=facts.n_pairs,
            capacity=facts.capacity,
            before=_standing(turn.before) if self._n == 1 else None,
        )


def _standing(before: Standing) -> Standing:
    alarms = {name: _without_infinity(alarm) for name, alarm in before.alarms.items()}
    return Standing(alarms=alarms, posture=before.posture)


def _without_infinity(alarm: Alarm) -> Alarm:
    if alarm.finding is None:
        return alarm
    return msgspec.structs.replace(alarm, finding=_finite(alarm.finding))


def _finite(finding: Finding) -> Finding:
    """Give the finding as JSON can hold it; what people read of it is not needed for a replay."""
    interval = finding.interval
    return msgspec.structs.replace(
        finding,
        effect=_bounded(finding.effect),
        interval=None if interval is None else (_bounded(interval[0]), _bounded(interval[1])),
        evidence=_bounded(finding.evidence),
        confirmation=_bounded(finding.confirmation),
        recovery=_bounded(finding.recovery),
        blamed=(),
    )


def _bounded(value: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, -LARGEST), LARGEST)
