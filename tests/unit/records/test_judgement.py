"""Findings and alarms survive the way to the disk, and their names are those users rely on."""

from __future__ import annotations

import math

import msgspec

from proxy.records import Alarm, AlarmName, AlarmState, Blame, Finding, Transition, Verdict

BLAME = Blame(
    subject="age",
    effect=0.4,
    interval=(0.3, 0.5),
    unit="sd",
    evidence=20.5,
    n_current=300,
    summary="age moved by 0.4 standard deviations",
)
FINDING = Finding(
    monitor=AlarmName.INPUT_DRIFT,
    subject="age",
    at_s=12.5,
    effect=0.4,
    interval=None,
    unit="sd",
    evidence=math.inf,
    threshold=17.0,
    confirmation=5.0,
    recovery=0.0,
    n_reference=5000,
    n_current=300,
    verdict=Verdict.BREACH,
    shared=Verdict.UNKNOWN,
    since_s=None,
    blamed=(BLAME,),
    reason="age left its reference",
)


def test_an_alarm_comes_back_from_the_disk_as_it_went() -> None:
    """Snapshot and journal lose nothing, not even an infinite evidence."""
    alarm = Alarm(name=AlarmName.INPUT_DRIFT, state=AlarmState.FIRING, episode=3, finding=FINDING)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(alarm), type=Alarm) == alarm


def test_a_transition_carries_the_finding_that_caused_it() -> None:
    """The journal's line tells what was seen, without looking anything up."""
    change = Transition(
        alarm=AlarmName.INPUT_DRIFT,
        episode=3,
        was=AlarmState.PENDING,
        to=AlarmState.FIRING,
        at_s=12.5,
        finding=FINDING,
    )
    assert msgspec.to_builtins(change)["finding"]["blamed"][0]["subject"] == "age"


def test_alarm_names_are_the_ones_users_write_in_rules() -> None:
    """Renaming an alarm breaks ladders, dashboards and Prometheus rules."""
    assert {name.value for name in AlarmName} == {
        "input_drift",
        "output_drift",
        "schema",
        "disagreement",
        "latency",
        "throughput",
        "errors",
        "label_quality",
        "stable_unready",
        "watching",
        "slow_drift",
    }
