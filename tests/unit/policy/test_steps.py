"""One rung taken: the action and the posture it leads to."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import Facts, PolicySettings
from proxy.policy.gate import Moment
from proxy.policy.steps import call, is_dry, ladder, say_over, take, take_back
from proxy.records import Alarm, AlarmName, Model, Posture, StepKind

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]


def moment(facts: Facts, **changes: object) -> Moment:
    """Make the moment of a decision."""
    return Moment(facts=facts, settings=PolicySettings(**changes), now_s=700.0)


def test_a_downgrade_moves_serving_and_is_noted(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Serving, reason, switch of the day, rung and time, all in one posture."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    posture, action = take(alarm, 1, Posture(), moment(make_facts(alarm)))
    assert (action.id, action.step.kind) == ("downgrade/disagreement#1/1", StepKind.DOWNGRADE)
    assert posture.serving is Model.STABLE
    assert posture.because == action.because
    assert action.because == (
        "disagreement: temp left its reference; effect 31 % (between 27 and 35),"
        " from 420 now against 5,000 certified"
    )
    assert posture.switches_s == (700.0,)
    assert posture.steps_taken == {"disagreement#1": 2}
    assert posture.last_step_s == {"disagreement#1": 700.0}


def test_capacity_is_taken_in_order_and_given_back_in_reverse(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The ids of the undone steps are those of the steps, so that both can be recognised."""
    alarm = make_alarm(AlarmName.THROUGHPUT)
    now = moment(make_facts(alarm, capacity=("one", "two/x")))
    posture, first = take(alarm, 1, Posture(), now)
    posture, second = take(alarm, 1, posture, now)
    assert [first.step.argument, second.step.argument] == ["one", "two/x"]
    assert posture.capacity_ids == (first.id, second.id)
    assert posture.steps_taken == {"throughput#1": 0}
    posture, undo = take_back(posture, now)
    assert (undo.id, undo.step.argument) == (f"undo/{second.id}", "two/x")
    assert (posture.capacity_step, posture.relieved_s) == (1, 700.0)
    posture, undo = take_back(posture, now)
    assert (undo.step.argument, posture.capacity_step, posture.relieved_s) == ("one", 0, None)


def test_a_call_is_noted_under_incident_and_receiver(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """So that an incident calls each receiver once, whichever of its alarms asks."""
    alarm = make_alarm(AlarmName.INPUT_DRIFT)
    posture = Posture(incidents={"input_drift#1": "latency#4"})
    posture, action = take(alarm, 1, posture, moment(make_facts(alarm)))
    assert action.step.kind is StepKind.ESCALATE
    assert posture.escalations == {call("latency#4", ""): 700.0}


def test_an_alert_takes_its_rung(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """It is told once."""
    alarm = make_alarm(AlarmName.INPUT_DRIFT)
    posture, action = take(alarm, 0, Posture(), moment(make_facts(alarm)))
    assert (action.step.kind, action.step.argument) == (StepKind.ALERT, "firing")
    assert posture.steps_taken == {"input_drift#1": 1}


@pytest.mark.parametrize(("index", "kind"), [(1, "expand"), (2, "downgrade")])
def test_a_dry_run_marks_remedies_and_spends_their_rung(
    make_facts: MakeFacts, make_alarm: MakeAlarm, index: int, kind: str
) -> None:
    """Neither routing nor capacity is in force, and it is not told again."""
    alarm = make_alarm(AlarmName.LATENCY)
    now = moment(make_facts(alarm, capacity=("one",)), dry_run=True)
    posture, action = take(alarm, index, Posture(), now)
    assert is_dry(action)
    assert action.id.startswith(f"dry/{kind}/latency#1/")
    assert action.because.startswith("dry run: ")
    assert (posture.serving, posture.capacity_step) == (Model.CANDIDATE, 0)
    assert posture.steps_taken == {"latency#1": index + 1}


def test_a_dry_run_still_tells_people(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Alerts and calls are real."""
    alarm = make_alarm(AlarmName.LATENCY)
    now = moment(make_facts(alarm), dry_run=True)
    assert not is_dry(take(alarm, 0, Posture(), now)[1])


def test_an_unready_stable_ends_at_a_person_only_while_it_serves(make_alarm: MakeAlarm) -> None:
    """As a way back it is an alert; as the serving model it is a call, unless nobody is told."""
    alarm = make_alarm(AlarmName.STABLE_UNREADY)
    settings = PolicySettings()
    kinds = [it.kind for it in ladder(alarm, Posture(serving=Model.STABLE), settings)]
    assert kinds == [StepKind.ALERT, StepKind.ESCALATE]
    assert [it.kind for it in ladder(alarm, Posture(), settings)] == [StepKind.ALERT]
    silent = PolicySettings(ladders={AlarmName.STABLE_UNREADY: ()})
    assert ladder(alarm, Posture(serving=Model.STABLE), silent) == ()


def test_the_end_is_told_only_if_the_beginning_was(make_facts: MakeFacts) -> None:
    """A ladder without alert and escalation says nothing at the end either."""
    names = (AlarmName.LATENCY,)
    told = say_over("latency#1", names, moment(make_facts()))
    assert [(it.id, it.step.argument) for it in told] == [("resolved/latency#1", "resolved")]
    silent = moment(make_facts(), ladders={AlarmName.LATENCY: ("downgrade",)})
    assert say_over("latency#1", names, silent) == ()


def test_an_alarm_without_a_reason_is_named(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The sentence never begins with nothing."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.LATENCY), finding=None)
    _, action = take(alarm, 0, Posture(), moment(make_facts(alarm)))
    assert action.because == "latency"
