"""The life of an alarm: inactive, pending, firing, resolved, as a table that is data.

A finding is what a monitor concluded at one tick; an alarm is what people are told. Between the two
stand three demands, so that a false detection rarely becomes an alert: the breach must last
(`hold_s`), data seen *after* the detection must confirm it (`confirm_evidence`; by Ville's
inequality a false breach passes with probability at most exp(-confirm_evidence)), and most of the
last ticks must still be bad. Source of the rules and of their measured effect: alarm rules of
Shin, Ramdas & Rinaldo, "E-detectors" (arXiv 2203.03532), with a second e-process for confirmation.

Two laws: an unknown finding moves no alarm, and time that was not measured never counts as calm.
The remedies live in `policy`; the messages in `actuators`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Final

import msgspec

from proxy.records import Alarm, AlarmName, AlarmState, Finding, Transition, Verdict
from proxy.units import STRICT, Count, Fraction, Positive, Seconds, SecondsOrZero

LN_100: Final = math.log(100.0)
LN_1000: Final = math.log(1000.0)
LN_MILLION: Final = math.log(1e6)

STATED: Final = frozenset({AlarmName.STABLE_UNREADY, AlarmName.WATCHING, AlarmName.SLOW_DRIFT})
"""Alarms whose findings state a fact (a probe failed, a trend of days) that needs no later data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmSettings:
    """When findings become alarms, and when alarms end."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    expected_run_length_s: Seconds = 31_536_000.0
    """Mean time to a false detection of each watched quality, in seconds. Larger: fewer false
    alarms, slower detection (the delay grows with its logarithm). Default: one year."""
    hold_s: SecondsOrZero = 300.0
    """How long a breach must last before its alarm fires, in seconds. Default: 5 minutes, which
    outlives most transients of a healthy model. A hard failure does not wait."""
    stated_hold_s: SecondsOrZero = 15.0
    """The same for alarms that state a fact (`stable_unready`, `watching`, `slow_drift`), in
    seconds. Default: 15, so that "no way back" is told within half a minute."""
    confirm_evidence: Positive = LN_100
    """Natural logarithm of the e-value that data after the detection must reach. Default: ln 100:
    at most 1 false detection in 100 is confirmed."""
    resolve_evidence: Positive = LN_1000
    """Natural logarithm of the e-value for "back within tolerance" at which a monitor ends its
    breach. Default: ln 1000. Larger: resolves later, flaps less."""
    bad_ticks: Count = 4
    """How many of the last `of_ticks` informative ticks must speak for the breach. Default: 4."""
    of_ticks: Count = 5
    """See `bad_ticks`. Default: 5."""
    lapse_after_s: Seconds = 900.0
    """A pending alarm whose later data do not speak for the breach is dropped as a transient after
    so many seconds, once `of_ticks` ticks with data have passed. Default: 15 minutes. One that is
    being confirmed slowly is kept."""
    resolve_after_s: SecondsOrZero = 60.0
    """How long a firing alarm's findings must be measured as OK before it resolves, in seconds.
    Unknown time does not count. Default: 60."""
    keep_resolved_s: SecondsOrZero = 3600.0
    """How long a resolved alarm is still shown as resolved, in seconds. Default: one hour."""
    hard_effect: Fraction = 0.5
    """Share of failed requests from which the `errors` alarm fires without a hold. Default: 0.5."""
    hard_evidence: Positive = LN_MILLION
    """Natural logarithm of the e-value that such a hard failure needs. Default: ln 1,000,000, about
    17 requests of which half fail."""

    def __post_init__(self) -> None:
        """Refuse figures that contradict each other.

        Raises:
            ValueError: more bad ticks asked for than are looked at.
        """
        if self.bad_ticks > self.of_ticks:
            raise ValueError(f"bad_ticks ({self.bad_ticks}) is more than of_ticks {self.of_ticks}")

    def rule(self, name: AlarmName) -> AlarmRule:
        """Give the rule of one alarm."""
        stated = name in STATED
        return AlarmRule(
            hold_s=self.stated_hold_s if stated else self.hold_s,
            confirm_evidence=None if stated else self.confirm_evidence,
            bad_ticks=self.bad_ticks,
            of_ticks=self.of_ticks,
            lapse_after_s=self.lapse_after_s,
            resolve_after_s=self.resolve_after_s,
            keep_resolved_s=self.keep_resolved_s,
            hard_effect=self.hard_effect if name is AlarmName.ERRORS else None,
            hard_evidence=self.hard_evidence,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRule:
    """What one alarm demands of its findings; see `AlarmSettings` for each figure."""

    hold_s: float = 300.0
    confirm_evidence: float | None = LN_100
    """`None`: the findings state a fact, lasting is proof enough."""
    bad_ticks: int = 4
    of_ticks: int = 5
    lapse_after_s: float = 900.0
    resolve_after_s: float = 60.0
    keep_resolved_s: float = 3600.0
    hard_effect: float | None = None
    """`None`: this alarm has no fast path."""
    hard_evidence: float = LN_MILLION


class Event(StrEnum):
    """What one finding means to an alarm under its rule."""

    UNKNOWN = "unknown"
    """Nothing can be said. Moves nothing, in any state."""
    QUIET = "quiet"
    """Within tolerance, but not for long enough to end an alarm."""
    CLEAR = "clear"
    """Within tolerance for `resolve_after_s` of measured time."""
    FADED = "faded"
    """Clear for `keep_resolved_s` more."""
    BREACH = "breach"
    """Beyond tolerance, not yet proven."""
    PROVEN = "proven"
    """Pending for `hold_s`, confirmed by later data, and still bad."""
    LAPSED = "lapsed"
    """Pending for `lapse_after_s`, and later data do not speak for it: a transient."""
    HARD = "hard"
    """A failure so plain that waiting would only cost requests."""


TABLE: Final[Mapping[tuple[AlarmState, Event], AlarmState]] = MappingProxyType(
    {
        (AlarmState.INACTIVE, Event.BREACH): AlarmState.PENDING,
        (AlarmState.INACTIVE, Event.HARD): AlarmState.FIRING,
        (AlarmState.PENDING, Event.PROVEN): AlarmState.FIRING,
        (AlarmState.PENDING, Event.HARD): AlarmState.FIRING,
        (AlarmState.PENDING, Event.QUIET): AlarmState.INACTIVE,
        (AlarmState.PENDING, Event.CLEAR): AlarmState.INACTIVE,
        (AlarmState.PENDING, Event.FADED): AlarmState.INACTIVE,
        (AlarmState.PENDING, Event.LAPSED): AlarmState.INACTIVE,
        (AlarmState.FIRING, Event.CLEAR): AlarmState.RESOLVED,
        (AlarmState.FIRING, Event.FADED): AlarmState.RESOLVED,
        (AlarmState.RESOLVED, Event.BREACH): AlarmState.PENDING,
        (AlarmState.RESOLVED, Event.HARD): AlarmState.FIRING,
        (AlarmState.RESOLVED, Event.FADED): AlarmState.INACTIVE,
    }
)
"""Every move an alarm can make; a pair that is not here leaves the alarm where it is."""

BEGINS: Final = frozenset({AlarmState.PENDING, AlarmState.FIRING})
"""Entering one of these from outside of them begins an episode."""


def advance(alarm: Alarm, finding: Finding, rule: AlarmRule) -> tuple[Alarm, Transition | None]:
    """Show one finding to an alarm: give the alarm as it stands now, and the change if any.

    A transition from pending to inactive while the finding is still a breach says that the
    detection was not confirmed: the caller resets the monitor, which otherwise stays latched.

    Raises:
        ValueError: the finding is of another monitor; that is a bug of the caller.
    """
    if finding.monitor is not alarm.name:
        raise ValueError(f"finding of {finding.monitor} shown to alarm {alarm.name}")
    seen = _remember(alarm, finding, rule)
    event = _classify(seen, finding, rule)
    seen = _mark_hard(seen, event)
    target = TABLE.get((seen.state, event))
    if target is None:
        return seen, None
    moved = _enter(seen, target, finding.at_s)
    change = Transition(
        alarm=alarm.name,
        episode=moved.episode,
        was=seen.state,
        to=target,
        at_s=finding.at_s,
        finding=finding,
    )
    return moved, change


def shifted(alarm: Alarm, delta_s: float) -> Alarm:
    """Move every time of an alarm by `delta_s`: the host's monotonic clock began anew."""

    def move(at_s: float | None) -> float | None:
        return None if at_s is None else at_s + delta_s

    finding = alarm.finding
    if finding is not None:
        finding = msgspec.structs.replace(
            finding, at_s=finding.at_s + delta_s, since_s=move(finding.since_s)
        )
    return msgspec.structs.replace(
        alarm,
        since_s=alarm.since_s + delta_s,
        began_s=move(alarm.began_s),
        ended_s=move(alarm.ended_s),
        calm_since_s=move(alarm.calm_since_s),
        finding=finding,
    )


def key(alarm: Alarm) -> str:
    """Name the alarm's current episode: `alarm#episode`."""
    return f"{alarm.name}#{alarm.episode}"


def is_hard(finding: Finding, rule: AlarmRule) -> bool:
    """Say whether the finding is a failure so plain that the hold is waived.

    The evidence is that of the detection and of the data after it: detectors bound their evidence
    just above their own threshold, which may lie below the one asked for here.
    """
    evidence = finding.evidence + max(0.0, finding.confirmation)
    return (
        rule.hard_effect is not None
        and finding.verdict is Verdict.BREACH
        and finding.unit == "share"
        and finding.effect >= rule.hard_effect
        and evidence >= rule.hard_evidence
    )


def _remember(alarm: Alarm, finding: Finding, rule: AlarmRule) -> Alarm:
    """Fold one finding into the alarm's short memory, without moving its state."""
    return msgspec.structs.replace(
        alarm,
        finding=finding,
        recent=_recent(alarm, finding, rule),
        calm_since_s=_calm_since(alarm, finding),
    )


def _mark_hard(alarm: Alarm, event: Event) -> Alarm:
    if event is Event.UNKNOWN:
        return alarm
    return msgspec.structs.replace(alarm, is_hard=event is Event.HARD)


def _recent(alarm: Alarm, finding: Finding, rule: AlarmRule) -> tuple[bool, ...]:
    """Say for each of the last informative ticks of this breach whether it spoke for the breach.

    A tick speaks for the breach when it raised the confirming evidence, or would have done so were
    that not bounded; a tick that left it unchanged brought no data and is not counted.
    """
    if finding.verdict is Verdict.OK:
        return ()
    if finding.verdict is Verdict.UNKNOWN:
        return alarm.recent
    if finding.spoke is not None:
        return (*alarm.recent, finding.spoke)[-rule.of_ticks :]
    last = alarm.finding
    if last is not None and last.verdict is Verdict.UNKNOWN:
        # What it said of the confirmation is nothing to compare with.
        return alarm.recent
    before = last.confirmation if last is not None and alarm.state in BEGINS else 0.0
    if finding.confirmation == before:
        return alarm.recent
    return (*alarm.recent, finding.confirmation > before)[-rule.of_ticks :]


def _calm_since(alarm: Alarm, finding: Finding) -> float | None:
    """Give since when all is calm; unknown time moves the beginning forward instead of counting."""
    match finding.verdict:
        case Verdict.OK:
            return finding.at_s if alarm.calm_since_s is None else alarm.calm_since_s
        case Verdict.UNKNOWN if alarm.calm_since_s is not None and alarm.finding is not None:
            return alarm.calm_since_s + (finding.at_s - alarm.finding.at_s)
        case _:
            return None


def _classify(alarm: Alarm, finding: Finding, rule: AlarmRule) -> Event:
    """Say what the finding means to the alarm."""
    match finding.verdict:
        case Verdict.UNKNOWN:
            return Event.UNKNOWN
        case Verdict.OK:
            return _classify_calm(alarm, finding.at_s, rule)
        case Verdict.BREACH:
            return _classify_breach(alarm, finding, rule)


def _classify_calm(alarm: Alarm, at_s: float, rule: AlarmRule) -> Event:
    calm_s = at_s - (at_s if alarm.calm_since_s is None else alarm.calm_since_s)
    if calm_s < rule.resolve_after_s:
        return Event.QUIET
    if calm_s < rule.resolve_after_s + rule.keep_resolved_s:
        return Event.CLEAR
    return Event.FADED


def _classify_breach(alarm: Alarm, finding: Finding, rule: AlarmRule) -> Event:
    if is_hard(finding, rule):
        return Event.HARD
    if alarm.state is not AlarmState.PENDING:
        return Event.BREACH
    pending_s = finding.at_s - alarm.since_s
    if pending_s >= rule.hold_s and _is_confirmed(alarm, finding, rule):
        return Event.PROVEN
    # Where data come in bursts, such as labels or whole days, one tick is not yet all they say.
    is_told = len(alarm.recent) >= rule.of_ticks
    lapses = rule.confirm_evidence is not None and finding.confirmation <= 0.0 and is_told
    if lapses and pending_s >= rule.lapse_after_s:
        return Event.LAPSED
    return Event.BREACH


def _is_confirmed(alarm: Alarm, finding: Finding, rule: AlarmRule) -> bool:
    if rule.confirm_evidence is None:
        return True
    return finding.confirmation >= rule.confirm_evidence and sum(alarm.recent) >= rule.bad_ticks


def _enter(alarm: Alarm, state: AlarmState, at_s: float) -> Alarm:
    """Enter a state: a new episode when it begins one, a transient when it never fired."""
    begins = state in BEGINS and alarm.state not in BEGINS
    is_transient = alarm.state is AlarmState.PENDING and state is AlarmState.INACTIVE
    return msgspec.structs.replace(
        alarm,
        state=state,
        since_s=at_s,
        began_s=at_s if begins else alarm.began_s,
        ended_s=at_s if alarm.state in BEGINS and state not in BEGINS else alarm.ended_s,
        episode=alarm.episode + begins,
        transients=alarm.transients + is_transient,
        recent=alarm.recent if state in BEGINS else (),
    )
