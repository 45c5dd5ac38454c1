"""Which incident an action is about."""

from __future__ import annotations

from proxy.policy import Cause, Decision, Incident
from proxy.records import Action, AlarmName, Posture, Step, StepKind


def incident(name: str, alarm: AlarmName, *, is_over: bool = False) -> Incident:
    """Make an incident with one alarm."""
    return Incident(
        id=name,
        cause=Cause.MODEL,
        alarms=(alarm,),
        title="",
        what="",
        since_s=0.0,
        blamed=(),
        done="",
        next="",
        undo="",
        is_over=is_over,
    )


def action(argument: str, *alarms: AlarmName) -> Action:
    """Make an action about some alarms."""
    step = Step(kind=StepKind.ALERT, argument=argument)
    return Action(id="x", step=step, because="", alarms=alarms, at_s=0.0)


def test_an_action_finds_its_incident() -> None:
    """By its alarm; the end of one incident is not the beginning of the next of that alarm."""
    begun = incident("errors#2", AlarmName.ERRORS)
    ended = incident("errors#1", AlarmName.ERRORS, is_over=True)
    other = incident("latency#1", AlarmName.LATENCY)
    decision = Decision(
        posture=Posture(), actions=(), diagnosis="", incidents=(other, begun, ended)
    )
    assert decision.incident_of(action("firing", AlarmName.ERRORS)) is begun
    assert decision.incident_of(action("resolved", AlarmName.ERRORS)) is ended
    assert decision.incident_of(action("", AlarmName.LATENCY)) is other
    assert decision.incident_of(action("", AlarmName.SCHEMA)) is None
    assert decision.incident_of(action("more")) is None
