"""The values the policy is given and gives: facts, incidents, decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from proxy.records import Action, Alarm, AlarmName, Posture

FIRING: Final = "firing"
"""Argument of an `alert` that says that an alarm opened an incident, or joined one."""
RESOLVED: Final = "resolved"
"""Argument of an `alert` that says that an incident is over."""


class Cause(StrEnum):
    """Where the trouble lies, as far as the measurements of both models can tell."""

    DATA = "data"
    """What comes in has changed: both models meet it, switching would not help."""
    MODEL = "model"
    """The candidate is alone with it: the stable model does well on the same traffic."""
    INFRASTRUCTURE = "infrastructure"
    """Both models suffer, or what they run on does."""
    MONITORING = "monitoring"
    """The watching itself is degraded."""
    UNKNOWN = "unknown"
    """The stable model, or the input, was not measured: nothing can be attributed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a decision rests on, besides the posture and the time."""

    alarms: Mapping[AlarmName, Alarm]
    stable_ready: bool | None
    """Answer of the last probe. `None`: not probed yet, or there is no stable model."""
    candidate_ready: bool | None
    """Answer of the last probe. `None`: not probed yet."""
    has_stable: bool
    n_pairs: int
    """Mirrored pairs joined in the last half hour."""
    capacity: tuple[str, ...] = ()
    """Names of the configured capacity steps, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What people are told about: all firing alarms that have one cause."""

    id: str
    """`alarm#episode` of the alarm that opened it; it stays when others join or leave."""
    cause: Cause
    alarms: tuple[AlarmName, ...]
    """The firing alarms, worst first."""
    title: str
    """One line."""
    what: str
    """Sentences: what was seen and why this cause is blamed."""
    since_s: float
    """Estimated onset of the earliest breach."""
    blamed: tuple[str, ...]
    """The streams that carry the evidence, in words."""
    done: str
    """What was done so far, in one sentence."""
    next: str
    """What will be done, or what a person should do next."""
    undo: str
    """The command that takes back what was done; empty when nothing was."""
    is_over: bool = False
    """None of its alarms fires any more; said once, by the decision that closes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done now, and where the remedies stand once it is done."""

    posture: Posture
    actions: tuple[Action, ...]
    """Any number of `alert`s, and at most one other action. An `alert` has the argument `firing`
    (a new alarm opened or joined an incident) or `resolved` (the incident is over)."""
    diagnosis: str
    """All open incidents in words; empty when there is none."""
    incidents: tuple[Incident, ...] = field(default=())
    """The open incidents, and those that this decision closes."""

    def incident_of(self, action: Action) -> Incident | None:
        """Give the incident that an action is about; `None` when it is about none."""
        over = action.step.argument == RESOLVED
        for incident in self.incidents:
            if incident.is_over == over and set(action.alarms) & set(incident.alarms):
                return incident
        return None
