"""May traffic be led to the stable model now? Every reason against it, in order, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from proxy.policy.attribution import Inputs, inputs
from proxy.policy.settings import PolicySettings
from proxy.policy.values import Cause, Facts
from proxy.policy.words import soon, span
from proxy.records import Alarm, Model, Posture, Verdict
from proxy.units import DAY_S

_NOT_ALONE: Final = {
    Cause.DATA: "the incoming data changed, and the stable model meets the same data",
    Cause.INFRASTRUCTURE: "the stable model suffers too",
    Cause.MONITORING: "the watching itself is degraded",
    Cause.UNKNOWN: "it is not known whether the candidate is alone with it",
}

_NO_WAY_BACK: Final = "no way back, the stable model is not ready"
_NOT_PROBED: Final = (
    "it is not known yet whether the stable model is ready; its first probe is under way"
)


class Standing(StrEnum):
    """Where one rung of a ladder stands."""

    DONE = "done"
    GO = "go"
    WAIT = "wait"
    REFUSED = "refused"
    """Not possible, but might become so: a person is called, and the rung is looked at again."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Where one rung stands, and why, as the end of a sentence."""

    standing: Standing
    why: str = ""


DONE: Final = Rung(Standing.DONE)
GO: Final = Rung(Standing.GO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What a decision looks at: the same for every alarm of one tick."""

    facts: Facts
    settings: PolicySettings
    now_s: float


def may_downgrade(alarm: Alarm, cause: Cause, posture: Posture, moment: Moment) -> Rung:
    """Say whether an alarm may lead the traffic to the stable model now.

    The order matters: what stands in the way counts only once the switch is due, or a person would
    be called for what may pass; and a person's word comes before everything.
    """
    began_s = alarm.since_s if alarm.began_s is None else alarm.began_s
    would_be = moment.settings.dry_run and any(at_s >= began_s for at_s in posture.switches_s)
    if posture.serving is Model.STABLE or would_be:
        return DONE
    left_s = _due_in(alarm, moment)
    asked = conditions(alarm, cause, posture, moment)
    obstacle = next((one for one in asked if not one.holds), None)
    if left_s > 0 and not alarm.is_hard:
        return Rung(Standing.WAIT, _awaited(left_s, obstacle))
    if alarm.finding is not None and alarm.finding.verdict is Verdict.OK:
        return Rung(Standing.WAIT, "the last data are within tolerance again")
    if obstacle is not None:
        return _stopped(obstacle)
    if inputs(moment.facts) is Inputs.RISING and not alarm.is_hard:
        return Rung(Standing.WAIT, "the incoming data may be changing too; waiting until it shows")
    return GO


def lock(switches_s: tuple[float, ...], settings: PolicySettings, now_s: float) -> str:
    """Say why no automatic switch is allowed; empty when one is.

    `switches_s`: times of earlier automatic switches, in any order.
    """
    recent = [at_s for at_s in switches_s if now_s - at_s < DAY_S]
    if len(recent) >= settings.max_switches_per_day:
        most = settings.max_switches_per_day
        return f"{len(recent)} automatic switch(es) in the last 24 hours, and {most} are allowed"
    if recent and now_s - max(recent) < settings.cool_down_s:
        left_s = settings.cool_down_s - (now_s - max(recent))
        return f"cooling down for {span(left_s)} after the last automatic switch"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One thing that must hold before traffic is led to the stable model."""

    needed: str
    """What must hold, as the end of a sentence that begins with "needed:"."""
    holds: bool
    why_not: str
    """What stands in the way when it does not, as the end of a sentence."""
    is_passing: bool = False
    """What stands in the way is known within seconds, so that nobody need be called."""


def conditions(
    alarm: Alarm, cause: Cause, posture: Posture, moment: Moment
) -> tuple[Condition, ...]:
    """Give all that the time since the detection does not change, in the order of asking."""
    facts, settings = moment.facts, moment.settings
    locked = lock(posture.switches_s, settings, moment.now_s)
    few = (
        f"the stable model is not measured, {facts.n_pairs} pairs in half an hour"
        f" are fewer than {settings.min_pairs}"
    )
    return (
        Condition(
            needed="no person holds the routing",
            holds=posture.override is None,
            why_not="a person chose the routing",
        ),
        Condition(
            needed="a stable model is configured",
            holds=facts.has_stable,
            why_not="no stable model is configured",
        ),
        Condition(
            needed="the candidate is alone with it",
            holds=cause is Cause.MODEL,
            why_not=_NOT_ALONE.get(cause, ""),
        ),
        Condition(
            needed="the stable model is ready",
            holds=facts.stable_ready is True,
            why_not=_NOT_PROBED if facts.stable_ready is None else _NO_WAY_BACK,
            is_passing=facts.stable_ready is None,
        ),
        Condition(
            needed=f"at least {settings.min_pairs} pairs in half an hour, or a plain failure",
            holds=facts.n_pairs >= settings.min_pairs or alarm.is_hard,
            why_not=few,
        ),
        Condition(
            needed=f"fewer than {settings.max_switches_per_day} automatic switches in 24 hours,"
            " and no cool-down",
            holds=not locked,
            why_not=locked,
        ),
    )


def demands(alarm: Alarm, cause: Cause, posture: Posture, moment: Moment) -> tuple[Condition, ...]:
    """Give everything that a downgrade needs, what time may bring included: for people."""
    left_s = _due_in(alarm, moment)
    hold_s = moment.settings.switch_hold_s
    verdict = None if alarm.finding is None else alarm.finding.verdict
    return (
        Condition(
            needed=f"{span(hold_s)} since the detection, or a plain failure",
            holds=left_s <= 0 or alarm.is_hard,
            why_not=f"a downgrade is due {soon(left_s)} if it lasts",
        ),
        Condition(
            needed="the last data are beyond tolerance",
            holds=verdict is not Verdict.OK,
            why_not="the last data are within tolerance again",
        ),
        *conditions(alarm, cause, posture, moment),
        Condition(
            needed="the incoming data do not seem to change, or a plain failure",
            holds=inputs(moment.facts) is not Inputs.RISING or alarm.is_hard,
            why_not="the incoming data may be changing too; waiting until it shows",
        ),
    )


def _awaited(left_s: float, obstacle: Condition | None) -> str:
    """Say what a breach that lasts comes to, as things stand: nobody waits for what is not due."""
    if obstacle is None or obstacle.is_passing:
        return f"a downgrade is due {soon(left_s)} if it lasts"
    when = f"; this is decided {soon(left_s)}" if left_s >= 1 else ""
    return f"no downgrade as things stand: {obstacle.why_not}{when}"


def _stopped(obstacle: Condition) -> Rung:
    """Give where a rung stands that something is in the way of."""
    if obstacle.is_passing:
        return Rung(Standing.WAIT, obstacle.why_not)
    return Rung(Standing.REFUSED, f"no downgrade: {obstacle.why_not}")


def _due_in(alarm: Alarm, moment: Moment) -> float:
    """Give how long the breach must still last before a switch is due, in seconds."""
    began_s = alarm.since_s if alarm.began_s is None else alarm.began_s
    return moment.settings.switch_hold_s - (moment.now_s - began_s)
