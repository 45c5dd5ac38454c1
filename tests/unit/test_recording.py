"""Ticks are recorded while something is wrong, from the beginning, and not for ever."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec

import made
from proxy.pipeline import Standing, Turn
from proxy.policy import Decision, Facts
from proxy.recording import LARGEST, MAX_RECORDED, Recorder, Tick
from proxy.records import Alarm, AlarmName, AlarmState, Finding, Posture, Routing, Verdict


def a_finding(verdict: Verdict, evidence: float = 20.0) -> Finding:
    """Give a finding of the errors monitor."""
    return made.finding(
        monitor=AlarmName.ERRORS,
        effect=math.nan,
        interval=(-math.inf, 0.5),
        evidence=evidence,
        verdict=verdict,
        since_s=None,
        blamed=(),
    )


def a_turn(verdict: Verdict, state: AlarmState = AlarmState.INACTIVE, **given: float) -> Turn:
    """Give a turn whose only alarm stood in `state` before."""
    finding = a_finding(verdict, **given)
    alarm = Alarm(name=AlarmName.ERRORS, state=state, finding=finding)
    posture = Posture()
    return Turn(
        at_s=1.0,
        before=Standing(alarms={AlarmName.ERRORS: alarm}, posture=posture),
        facts=Facts(alarms={}, stable_ready=True, candidate_ready=None, has_stable=True, n_pairs=7),
        findings=(finding,),
        transitions=(),
        decision=Decision(posture=posture, actions=(), diagnosis=""),
        routing=Routing(),
    )


def test_calm_ticks_are_not_recorded() -> None:
    """A healthy deployment writes nothing."""
    recorder = Recorder()
    assert recorder.choose(a_turn(Verdict.OK)) is None
    assert recorder.choose(a_turn(Verdict.UNKNOWN)) is None


def test_a_recording_begins_with_where_things_stood() -> None:
    """Only the first tick of an episode carries alarms and posture; all carry the facts."""
    recorder = Recorder()
    first = recorder.choose(a_turn(Verdict.BREACH))
    second = recorder.choose(a_turn(Verdict.OK, AlarmState.FIRING))
    assert first is not None
    assert second is not None
    assert first.before is not None
    assert second.before is None
    assert second.n_pairs == 7
    assert recorder.choose(a_turn(Verdict.OK)) is None
    again = recorder.choose(a_turn(Verdict.BREACH))
    assert again is not None
    assert again.before is not None


def test_an_endless_episode_stops_being_recorded() -> None:
    """An alarm that fires for days does not push its own beginning out of the journal."""
    recorder = Recorder()
    turn = a_turn(Verdict.BREACH, AlarmState.FIRING)
    assert sum(recorder.choose(turn) is not None for _ in range(MAX_RECORDED + 50)) == MAX_RECORDED


def test_what_json_cannot_hold_is_bounded() -> None:
    """Infinite evidence and undefined effects survive the journal as numbers."""
    tick = Recorder().choose(a_turn(Verdict.BREACH, evidence=math.inf))
    again = msgspec.json.decode(msgspec.json.encode(tick), type=Tick)
    assert again == tick
    assert again.findings[0].evidence == LARGEST
    assert again.findings[0].interval == (-LARGEST, 0.5)
    assert again.findings[0].effect == 0.0


def test_a_ticket_that_lasts_for_weeks_uses_up_no_recording() -> None:
    """Slow drift is not recorded tick by tick, so an incident meanwhile still is from its start."""
    recorder = Recorder()
    calm = a_turn(Verdict.OK)
    ticket = msgspec.structs.replace(a_finding(Verdict.BREACH), monitor=AlarmName.SLOW_DRIFT)
    slow = replace(calm, findings=(*calm.findings, ticket))
    assert [recorder.choose(slow) for _ in range(MAX_RECORDED + 1)] == [None] * (MAX_RECORDED + 1)
    bad = a_turn(Verdict.BREACH)
    first = recorder.choose(replace(bad, findings=(*bad.findings, ticket)))
    assert first is not None
    assert first.before is not None
