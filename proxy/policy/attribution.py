"""Who is alone with the trouble: data, the candidate, what both run on, or nobody can tell.

Switching to the stable model helps only when the candidate is alone. Both models meet the same
requests, so the stable model is the control group: what it suffers too is not the candidate's
fault. Measured on a healthy candidate in a shared, noisy place, this question alone brought
unneeded switches from 5.7 to 0.7 a month.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from proxy.policy.values import Cause, Facts
from proxy.records import Alarm, AlarmName, Finding, Verdict

_BY_NAME: Final = MappingProxyType(
    {
        AlarmName.INPUT_DRIFT: Cause.DATA,
        AlarmName.THROUGHPUT: Cause.INFRASTRUCTURE,
        AlarmName.STABLE_UNREADY: Cause.INFRASTRUCTURE,
        AlarmName.WATCHING: Cause.MONITORING,
        AlarmName.SLOW_DRIFT: Cause.DATA,
    }
)
"""Alarms whose name tells their cause."""


class Inputs(StrEnum):
    """What is known of the incoming data."""

    STEADY = "steady"
    RISING = "rising"
    """No alarm, but at least half of the (logarithmic) evidence for one: wait and see."""
    DRIFTING = "drifting"
    UNMEASURED = "unmeasured"


def inputs(facts: Facts) -> Inputs:
    """Say what is known of the incoming data; steady when nobody asked to watch them."""
    alarm = facts.alarms.get(AlarmName.INPUT_DRIFT)
    if alarm is None:
        return Inputs.STEADY
    if alarm.state.is_open:
        return Inputs.DRIFTING
    finding = alarm.finding
    if finding is None or finding.verdict is Verdict.UNKNOWN:
        return Inputs.UNMEASURED
    is_rising = finding.evidence >= finding.threshold / 2 > 0
    return Inputs.RISING if is_rising else Inputs.STEADY


def met_drift(alarm: Alarm, facts: Facts) -> bool:
    """Say whether the inputs drift, or drifted at any time since the alarm began.

    What began while the inputs drifted ends some ticks after they are mended, because each monitor
    needs rows of its own to believe it. In between the candidate would stand alone with it.
    """
    if inputs(facts) is Inputs.DRIFTING:
        return True
    drift = facts.alarms.get(AlarmName.INPUT_DRIFT)
    if drift is None or drift.ended_s is None or alarm.began_s is None:
        return False
    return drift.ended_s >= alarm.began_s


@dataclass(frozen=True, slots=True)
class Reason:
    """A cause, and the rule by which it was found, as a sentence for people."""

    cause: Cause
    rule: str


def attribute(alarm: Alarm, facts: Facts) -> Cause:
    """Say where the trouble of one alarm lies."""
    return reasoned(alarm, facts).cause


def reasoned(alarm: Alarm, facts: Facts) -> Reason:
    """Say where the trouble of one alarm lies, and by which rule."""
    finding = alarm.finding
    if alarm.name in _BY_NAME:
        cause = _BY_NAME[alarm.name]
        return Reason(cause, f"An alarm of {alarm.name} is always a matter of: {cause}.")
    if finding is None:
        return Reason(Cause.UNKNOWN, "Nothing was measured yet.")
    match alarm.name:
        case AlarmName.ERRORS | AlarmName.LATENCY:
            return _of_service(alarm, finding, facts)
        case AlarmName.OUTPUT_DRIFT | AlarmName.SCHEMA:
            return _of_outputs(alarm, finding, facts)
        case AlarmName.DISAGREEMENT:
            return _of_disagreement(alarm, facts)
        case _:
            return _of_labels(alarm, finding, facts)


_DRIFTED: Final = Reason(
    Cause.DATA, "The inputs drift, or drifted since this alarm began: both models meet them."
)
_ALONE: Final = Reason(
    Cause.MODEL,
    "The stable model does not show it on the same traffic; no input is known to drift.",
)


def _of_service(alarm: Alarm, finding: Finding, facts: Facts) -> Reason:
    """Attribute errors and latency: the stable model's own, on the same traffic, decide.

    A hard failure that the stable model does not share is the candidate's, whatever the data do:
    the stable model answers what the candidate cannot.
    """
    if finding.shared is Verdict.OK and alarm.is_hard:
        return Reason(Cause.MODEL, "The stable model answers what the candidate plainly cannot.")
    if finding.shared is Verdict.UNKNOWN:
        if facts.candidate_ready is False and facts.stable_ready is True:
            return Reason(Cause.MODEL, "The candidate is not ready, the stable model is.")
        return Reason(
            Cause.UNKNOWN, "The stable model was not measured well enough on the same traffic."
        )
    if met_drift(alarm, facts):
        return _DRIFTED
    if finding.shared is Verdict.OK:
        return _ALONE
    return Reason(Cause.INFRASTRUCTURE, "The stable model suffers the same on the same traffic.")


def _of_outputs(alarm: Alarm, finding: Finding, facts: Facts) -> Reason:
    """Attribute moved outputs: data when the inputs, or the stable model's outputs, moved too.

    So for their form. A break of the requests' form is shared by definition: data.
    """
    if finding.shared is Verdict.BREACH:
        return Reason(Cause.DATA, "The stable model shows the same on the same requests.")
    if met_drift(alarm, facts):
        return _DRIFTED
    if finding.shared is Verdict.OK:
        return _ALONE
    other = facts.alarms.get(AlarmName.DISAGREEMENT)
    if other is not None and other.state.is_open:
        return _of_disagreement(other, facts)
    return Reason(
        Cause.UNKNOWN,
        "The stable model's outputs were not measured well enough, and nothing else tells.",
    )


def _of_disagreement(alarm: Alarm, facts: Facts) -> Reason:
    """Attribute disagreement: one of the two changed; find out which.

    New inputs may part two models that are both well, so they must be measured as steady; and when
    it is the stable model whose outputs left their reference, the candidate is not to blame.
    """
    if met_drift(alarm, facts):
        return _DRIFTED
    outputs = facts.alarms.get(AlarmName.OUTPUT_DRIFT)
    finding = None if outputs is None else outputs.finding
    if finding is not None and finding.shared is Verdict.BREACH:
        if finding.verdict is Verdict.BREACH:
            return Reason(Cause.DATA, "The outputs of both models left their reference.")
        return Reason(Cause.UNKNOWN, "It is the stable model whose outputs left their reference.")
    if inputs(facts) is Inputs.UNMEASURED:
        return Reason(Cause.UNKNOWN, "The inputs are not measured, and may have parted the models.")
    return Reason(
        Cause.MODEL, "The two models differ on the same requests, and the inputs are steady."
    )


def _of_labels(alarm: Alarm, finding: Finding, facts: Facts) -> Reason:
    """Attribute lost quality: when both models lost it, what is to be learnt has changed.

    Where the stable held on the very same labelled requests, drifting inputs do not excuse the
    candidate: truth itself says that the stable answers these inputs better.
    """
    if finding.shared is Verdict.OK:
        return Reason(
            Cause.MODEL, "By the labels the stable model holds on the very same requests."
        )
    if finding.shared is Verdict.BREACH:
        return Reason(Cause.DATA, "Both models lost quality: what is to be learnt has changed.")
    if met_drift(alarm, facts):
        return _DRIFTED
    return Reason(
        Cause.UNKNOWN, "The stable model's quality was not measured on enough of the same requests."
    )
