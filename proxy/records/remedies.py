"""What is done about it: steps, the posture, actions and what came of them."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from proxy.records.judgement import AlarmName
from proxy.records.traffic import Model


class StepKind(StrEnum):
    """The kinds of remedy an operator may allow."""

    ALERT = "alert"
    EXPAND = "expand"
    DOWNGRADE = "downgrade"
    RESTORE = "restore"
    ESCALATE = "escalate"
    UNDO = "undo"
    """Takes the last capacity step back."""


class Step(Struct, frozen=True, kw_only=True):
    """One rung of a ladder."""

    kind: StepKind
    argument: str = ""
    """Name of the capacity step or receiver, where the kind needs one."""


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """A person has seen an alarm and takes it from here."""

    by: str
    why: str
    at_s: float
    episode: int


class Posture(Struct, frozen=True, kw_only=True):
    """Where the remedies stand now."""

    serving: Model = Model.CANDIDATE
    override: Model | None = None
    """A person's routing, which beats every decision. `None`: automatic."""
    because: str = "initial routing"
    """Why `serving` is what it is."""
    steps_taken: dict[str, int] = {}
    """Rungs already taken, by `alarm#episode`."""
    last_step_s: dict[str, float] = {}
    """When the last rung was taken, by `alarm#episode`."""
    switches_s: tuple[float, ...] = ()
    """Times of the automatic switches of the last day."""
    locked: str = ""
    """Why no automatic switch is allowed; empty when it is."""
    capacity_step: int = 0
    """Capacity steps in force."""
    acknowledgements: dict[str, Acknowledgement] = {}
    """By alarm name."""
    incidents: dict[str, str] = {}
    """Id of the incident that each firing `alarm#episode` belongs to: one incident per cause."""
    causes: dict[str, str] = {}
    """Last known cause of each open incident, by its id: its end is told with the same one."""
    escalations: dict[str, float] = {}
    """When a person was called, by `incident>receiver` (no receiver: the configured levels)."""
    capacity_ids: tuple[str, ...] = ()
    """Ids of the actions whose capacity steps are in force, first taken first."""
    relieved_s: float | None = None
    """Since when no alarm needs the capacity steps in force. `None`: needed, or none in force."""


class Action(Struct, frozen=True, kw_only=True):
    """One thing the policy asks the shell to do."""

    id: str
    """Stable across restarts, so that an action repeated after a crash is recognised."""
    step: Step
    because: str
    """One sentence for people."""
    alarms: tuple[AlarmName, ...]
    at_s: float


class Outcome(Struct, frozen=True, kw_only=True):
    """What came of an action."""

    action: Action
    ok: bool
    error: str
    """Empty when `ok`."""
    took_s: float
