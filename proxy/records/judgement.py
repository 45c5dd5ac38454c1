"""What was concluded: findings with their evidence, and the alarms that they move."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class AlarmName(StrEnum):
    """The watched qualities that can alarm: the `alarm` label of the metrics."""

    INPUT_DRIFT = "input_drift"
    OUTPUT_DRIFT = "output_drift"
    SCHEMA = "schema"
    DISAGREEMENT = "disagreement"
    LATENCY = "latency"
    THROUGHPUT = "throughput"
    ERRORS = "errors"
    LABEL_QUALITY = "label_quality"
    STABLE_UNREADY = "stable_unready"
    WATCHING = "watching"
    SLOW_DRIFT = "slow_drift"


class Verdict(StrEnum):
    """What a monitor concluded. Not knowing is a verdict and moves no alarm."""

    OK = "ok"
    BREACH = "breach"
    UNKNOWN = "unknown"


class Pace(StrEnum):
    """How a change came, told by the same hours of the last days."""

    SUDDEN = "sudden"
    """Most of it is new: the last days were not like this."""
    SLOW = "slow"
    """The last days had moved already."""
    UNKNOWN = ""
    """No change, no such hour in the last days, or too close to call."""


class Blame(Struct, frozen=True, kw_only=True):
    """One stream that carries a finding, with its own effect and evidence."""

    subject: str
    """The stream: a column, a load cell, an outcome class."""
    effect: float
    interval: tuple[float, float] | None
    """Anytime-valid interval of the effect. `None`: not computed for this kind of stream."""
    unit: str
    evidence: float
    """Natural logarithm of the stream's e-value."""
    n_current: int
    summary: str
    """One sentence for people, in units they know."""


class Finding(Struct, frozen=True, kw_only=True):
    """What one monitor concluded at one tick."""

    monitor: AlarmName
    subject: str
    """The stream that carries most of the evidence; empty when there is none."""
    at_s: float
    effect: float
    interval: tuple[float, float] | None
    unit: str
    """Unit of `effect`, such as `sd`, `ratio`, `share`."""
    evidence: float
    """Natural logarithm of the detector's e-value; a breach begins at `threshold`."""
    threshold: float
    confirmation: float
    """Log e-value of the data seen after the breach began, up to a bound; 0 before."""
    spoke: bool | None = None
    """Whether the data of this tick speak for the breach. `None`: there were none, or no engine
    that weighs them; then a rise of `confirmation` tells."""
    recovery: float
    """Log e-value for "back within tolerance" since the breach began; 0 before."""
    n_reference: int
    n_current: int
    verdict: Verdict
    shared: Verdict
    """The same measurement on the stable model (or, for input, on what both models meet):
    BREACH means that the cause is shared, OK that the candidate is alone with it, UNKNOWN that the
    stable was not measured."""
    since_s: float | None
    """Estimated onset of the breach. `None`: no breach."""
    blamed: tuple[Blame, ...]
    reason: str
    """One sentence for people: what was seen, or why nothing can be said."""
    pace: Pace = Pace.UNKNOWN
    """Whether the change was sudden or slow; drift only."""


class AlarmState(StrEnum):
    """The states of an alarm; `alarms.py` has the table of its transitions."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"

    @property
    def is_open(self) -> bool:
        """Whether an episode is under way, be it only suspected."""
        return self in {AlarmState.PENDING, AlarmState.FIRING}


class Alarm(Struct, frozen=True, kw_only=True):
    """One alarm as it stands."""

    name: AlarmName
    state: AlarmState = AlarmState.INACTIVE
    since_s: float = 0.0
    """When `state` was entered."""
    began_s: float | None = None
    """When the current or last episode became pending. `None`: never."""
    ended_s: float | None = None
    """When the last episode was over, be it that it was resolved or never fired. `None`: never."""
    episode: int = 0
    """Counts the episodes: it makes the alert of each one distinct."""
    transients: int = 0
    """Episodes that went back to inactive without ever firing."""
    finding: Finding | None = None
    """The finding of the last tick. `None`: none yet."""
    recent: tuple[bool, ...] = ()
    """Of the last ticks of this breach that said anything: did the data speak for it?"""
    is_hard: bool = False
    """The last known tick was a failure so plain that nothing waits for a hold."""
    calm_since_s: float | None = None
    """Since when every tick was OK, less the unknown time. `None`: the last known tick was not."""


class Transition(Struct, frozen=True, kw_only=True):
    """A change of an alarm's state, with the finding that caused it."""

    alarm: AlarmName
    episode: int
    was: AlarmState
    to: AlarmState
    at_s: float
    finding: Finding
