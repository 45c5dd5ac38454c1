"""Ladders climbed tick by tick: what is done, in which order, and what never is."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import (
    Decision,
    Facts,
    PolicySettings,
    acknowledge,
    decide,
    is_dry,
    override,
    settle,
)
from proxy.records import (
    Action,
    Alarm,
    AlarmName,
    AlarmState,
    Model,
    Outcome,
    Posture,
    StepKind,
    Verdict,
)

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]
Seen = list[tuple[float, str]]


def words(action: Action) -> str:
    """Give an action as its step."""
    return f"{action.step.kind} {action.step.argument}".strip()


def live(
    facts: Facts,
    settings: PolicySettings,
    until_s: float,
    posture: Posture | None = None,
    tick_s: float = 60.0,
) -> tuple[Posture, Seen]:
    """Decide once per tick on the same facts; give what was done when."""
    posture = posture or Posture()
    seen: Seen = []
    now_s = 0.0
    while now_s <= until_s:
        decision = decide(posture, facts, settings, now_s)
        posture = decision.posture
        seen += [(now_s, words(action)) for action in decision.actions]
        now_s += tick_s
    return posture, seen


def ended(alarm: Alarm, at_s: float) -> Alarm:
    """Give the alarm resolved."""
    assert alarm.finding is not None
    calm = msgspec.structs.replace(alarm.finding, verdict=Verdict.OK, since_s=None)
    return msgspec.structs.replace(alarm, state=AlarmState.RESOLVED, since_s=at_s, finding=calm)


def test_nothing_happens_when_nothing_fires(make_facts: MakeFacts) -> None:
    """A quiet house leaves the posture as it was and says nothing."""
    decision = decide(Posture(), make_facts(), PolicySettings(), 0.0)
    assert decision == Decision(posture=Posture(), actions=(), diagnosis="")


def test_the_candidates_fault_is_told_then_downgraded_then_escalated(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Alert at once, switch after ten minutes, call a person when the alarm outlives the switch."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    posture, seen = live(facts, PolicySettings(), 3600.0)
    assert seen == [(0.0, "alert firing"), (600.0, "downgrade"), (900.0, "escalate")]
    assert posture.serving is Model.STABLE
    assert posture.switches_s == (600.0,)
    assert "1 automatic switch" in posture.locked


def test_what_begins_together_is_told_once(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """One message for the alarms of one incident, the worst first; a later one is told again."""
    drift = make_alarm(AlarmName.INPUT_DRIFT)
    wrong = make_alarm(AlarmName.DISAGREEMENT)
    slow = make_alarm(AlarmName.LATENCY, since_s=60.0)
    decision = decide(Posture(), make_facts(drift, wrong), PolicySettings(), 0.0)
    (alert,) = decision.actions
    assert alert.alarms == (AlarmName.DISAGREEMENT, AlarmName.INPUT_DRIFT)
    later = decide(decision.posture, make_facts(drift, wrong, slow), PolicySettings(), 60.0)
    assert [it.alarms for it in later.actions] == [(AlarmName.LATENCY,)]


def test_input_drift_never_touches_the_routing(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Data that changed is told and escalated, and everything that follows from it too."""
    facts = make_facts(
        make_alarm(AlarmName.INPUT_DRIFT),
        make_alarm(AlarmName.OUTPUT_DRIFT, shared=Verdict.BREACH),
        make_alarm(AlarmName.DISAGREEMENT),
    )
    posture, seen = live(facts, PolicySettings(), 7200.0)
    assert [what for _, what in seen] == ["alert firing", "escalate"]
    assert posture.serving is Model.CANDIDATE


def test_one_incident_per_cause_calls_one_person_once(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Three alarms of the candidate are one incident: one switch, one call."""
    facts = make_facts(
        make_alarm(AlarmName.DISAGREEMENT),
        make_alarm(AlarmName.OUTPUT_DRIFT),
        make_alarm(AlarmName.ERRORS),
    )
    posture, seen = live(facts, PolicySettings(), 7200.0)
    remedies = [what for _, what in seen if not what.startswith("alert")]
    assert remedies == ["downgrade", "escalate"]
    assert set(posture.incidents.values()) == {"errors#1"}


def test_no_way_back_calls_a_person_when_the_switch_is_due(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Stable down: no switch, one call; and the switch is made once stable is back."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    posture, seen = live(make_facts(alarm, stable_ready=False), PolicySettings(), 1200.0)
    assert seen == [(0.0, "alert firing"), (600.0, "escalate")]
    decision = decide(posture, make_facts(alarm), PolicySettings(), 1260.0)
    assert [words(action) for action in decision.actions] == ["downgrade"]


def test_the_reason_of_a_refusal_is_told_to_the_person_called(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Who is called at night is told why the sidecar did not help itself."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    facts = make_facts(alarm, stable_ready=False)
    decision = decide(Posture(), facts, PolicySettings(), 600.0)
    assert "no way back" in decision.actions[-1].because
    assert "No downgrade: no way back" in decision.diagnosis


def test_a_hard_failure_switches_in_the_first_decision(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Half of the requests failing: alert and switch come together."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.ERRORS), is_hard=True)
    decision = decide(Posture(), make_facts(alarm, n_pairs=0), PolicySettings(), 0.0)
    assert [words(action) for action in decision.actions] == ["alert firing", "downgrade"]
    assert decision.posture.serving is Model.STABLE


def test_both_bad_is_a_call_and_not_a_switch(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """When stable fails as well, the routing stays and a person is called at once."""
    alarm = msgspec.structs.replace(
        make_alarm(AlarmName.ERRORS, shared=Verdict.BREACH), is_hard=True
    )
    decision = decide(Posture(), make_facts(alarm), PolicySettings(), 0.0)
    assert [words(action) for action in decision.actions] == ["alert firing", "escalate"]
    assert decision.posture.serving is Model.CANDIDATE


def test_stable_failing_while_it_serves_calls_a_person_at_once(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """After a downgrade there is nothing left to fall back on: hold and call."""
    facts = make_facts(make_alarm(AlarmName.STABLE_UNREADY), stable_ready=False)
    calm = decide(Posture(), facts, PolicySettings(), 0.0)
    assert [words(action) for action in calm.actions] == ["alert firing"]
    served = decide(Posture(serving=Model.STABLE), facts, PolicySettings(), 0.0)
    assert [words(action) for action in served.actions] == ["alert firing", "escalate"]


def test_capacity_steps_are_climbed_one_after_another_and_taken_back(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Each step gets its time to settle; when the alarm has been gone for an hour they go back."""
    alarm = make_alarm(AlarmName.THROUGHPUT)
    steps = ("replicas", "queue")
    posture, seen = live(make_facts(alarm, capacity=steps), PolicySettings(), 1200.0)
    assert seen == [
        (0.0, "alert firing"),
        (0.0, "expand replicas"),
        (300.0, "expand queue"),
        (600.0, "escalate"),
    ]
    assert posture.capacity_step == 2
    over = make_facts(ended(alarm, 1200.0), capacity=steps)
    posture, seen = live(over, PolicySettings(), 9000.0, posture)
    assert seen == [(0.0, "alert resolved"), (3600.0, "undo queue"), (7200.0, "undo replicas")]
    assert (posture.capacity_step, posture.capacity_ids) == (0, ())


def test_a_named_capacity_step_is_the_highest_taken(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """`expand:replicas` stops at that step; an unknown name is passed over."""
    alarm = make_alarm(AlarmName.THROUGHPUT)
    facts = make_facts(alarm, capacity=("replicas", "queue"))
    named = PolicySettings(ladders={AlarmName.THROUGHPUT: ("expand:replicas",)})
    assert live(facts, named, 1200.0)[1] == [(0.0, "expand replicas")]
    unknown = PolicySettings(ladders={AlarmName.THROUGHPUT: ("expand:nothing",)})
    assert live(facts, unknown, 1200.0)[1] == []


def test_a_capacity_step_that_failed_is_not_tried_again(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The next rung follows at once, and the failed step does not count as in force."""
    facts = make_facts(make_alarm(AlarmName.THROUGHPUT), capacity=("replicas",))
    first = decide(Posture(), facts, PolicySettings(), 0.0)
    outcome = Outcome(action=first.actions[-1], ok=False, error="HTTP 500", took_s=1.0)
    posture = settle(first.posture, outcome)
    assert (posture.capacity_step, posture.capacity_ids) == (0, ())
    posture, seen = live(facts, PolicySettings(), 600.0, posture)
    assert seen == [(300.0, "escalate")]


def test_a_downgrade_waits_for_the_capacity_step_to_settle(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The ladder of latency tries capacity first, and then looks whether it helped."""
    facts = make_facts(make_alarm(AlarmName.LATENCY), capacity=("replicas",))
    _, seen = live(facts, PolicySettings(switch_hold_s=60.0), 3600.0)
    assert seen == [
        (0.0, "alert firing"),
        (0.0, "expand replicas"),
        (300.0, "downgrade"),
        (600.0, "escalate"),
    ]


def test_deciding_again_repeats_nothing(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The posture a decision gives, with the same facts at the same time, asks for nothing."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    first = decide(Posture(), facts, PolicySettings(), 600.0)
    again = decide(first.posture, facts, PolicySettings(), 600.0)
    assert len(first.actions) == 2
    assert again.actions == ()
    assert again.posture == first.posture


def test_an_acknowledged_episode_calls_nobody_but_is_still_remedied(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """A person who takes over is not called again; the traffic is protected all the same."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    facts = make_facts(alarm)
    posture = acknowledge(Posture(), None, "kim", "on it", facts.alarms, 0.0)
    _, seen = live(facts, PolicySettings(), 3600.0, posture)
    assert seen == [(0.0, "alert firing"), (600.0, "downgrade")]


def test_an_acknowledgement_ends_with_its_episode(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The next episode of the same alarm is a new story and calls again."""
    alarm = make_alarm(AlarmName.INPUT_DRIFT)
    posture = acknowledge(
        Posture(), AlarmName.INPUT_DRIFT, "kim", "on it", {alarm.name: alarm}, 0.0
    )
    posture = decide(posture, make_facts(ended(alarm, 0.0)), PolicySettings(), 0.0).posture
    assert posture.acknowledgements == {}
    again = make_facts(msgspec.structs.replace(alarm, episode=2))
    assert (300.0, "escalate") in live(again, PolicySettings(), 600.0, posture)[1]


def test_an_incident_that_ends_is_told_once(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The end is told when the last alarm of the incident has gone, and only then."""
    one, two = make_alarm(AlarmName.DISAGREEMENT), make_alarm(AlarmName.OUTPUT_DRIFT)
    posture, _ = live(make_facts(one, two), PolicySettings(), 60.0)
    half = decide(posture, make_facts(ended(one, 120.0), two), PolicySettings(), 120.0)
    assert half.actions == ()
    over = make_facts(ended(one, 120.0), ended(two, 180.0))
    end = decide(half.posture, over, PolicySettings(), 180.0)
    assert [(it.id, words(it)) for it in end.actions] == [
        ("resolved/disagreement#1", "alert resolved")
    ]
    assert [it.is_over for it in end.incidents] == [True]
    assert decide(end.posture, over, PolicySettings(), 240.0).actions == ()


def test_a_person_restores_and_the_same_episode_does_not_switch_again(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The rung is taken: leading the traffic back is not undone by the alarm that still fires."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    posture, _ = live(facts, PolicySettings(), 1200.0)
    posture, _ = override(posture, Model.CANDIDATE, "kim", 1200.0)
    posture, _ = override(posture, None, "kim", 1260.0)
    settings = PolicySettings(max_switches_per_day=5, cool_down_s=0.0)
    posture, seen = live(facts, settings, 7200.0, posture)
    assert posture.serving is Model.CANDIDATE
    assert seen == []


def test_an_override_is_put_into_force_and_kept(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Whatever fires, a person's routing stands; the person is told."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.ERRORS), is_hard=True)
    posture = Posture(override=Model.CANDIDATE, serving=Model.STABLE)
    posture, seen = live(make_facts(alarm), PolicySettings(), 3600.0, posture)
    assert posture.serving is Model.CANDIDATE
    assert seen == [(0.0, "alert firing"), (0.0, "escalate")]


def test_a_dry_run_tells_what_it_would_do(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The downgrade is marked and nothing moves; people are told as always."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    settings = PolicySettings(dry_run=True)
    decision = decide(Posture(), facts, settings, 600.0)
    assert [is_dry(action) for action in decision.actions] == [False, True]
    assert decision.actions[1].because.startswith("dry run: ")
    assert decision.posture.serving is Model.CANDIDATE
    _, seen = live(facts, settings, 3600.0)
    assert [what for _, what in seen] == ["alert firing", "downgrade", "escalate"]


def test_a_dry_run_leaves_capacity_alone(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The step is told once and is not in force."""
    facts = make_facts(make_alarm(AlarmName.THROUGHPUT), capacity=("replicas",))
    posture, seen = live(facts, PolicySettings(dry_run=True), 1200.0)
    assert posture.capacity_step == 0
    assert [what for _, what in seen] == ["alert firing", "expand replicas", "escalate"]


def test_an_empty_ladder_tells_nobody(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """An operator may watch without a word; the incident is still shown."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    settings = PolicySettings(ladders={AlarmName.DISAGREEMENT: ()})
    posture, seen = live(make_facts(alarm), settings, 3600.0)
    assert seen == []
    assert decide(posture, make_facts(alarm), settings, 3600.0).incidents != ()
    assert decide(posture, make_facts(ended(alarm, 0.0)), settings, 3660.0).actions == ()


@pytest.mark.parametrize("state", [AlarmState.INACTIVE, AlarmState.PENDING, AlarmState.RESOLVED])
def test_only_firing_alarms_act(
    make_facts: MakeFacts, make_alarm: MakeAlarm, state: AlarmState
) -> None:
    """Suspicion is no reason to act."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.DISAGREEMENT), state=state)
    assert live(make_facts(alarm), PolicySettings(), 3600.0)[1] == []


def test_ids_of_actions_are_distinct_and_made_of_the_episode(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """An action repeated after a crash has the id of the first, and another episode has another."""
    facts = make_facts(make_alarm(AlarmName.THROUGHPUT), capacity=("a/b",))
    posture, ids = Posture(), []
    for now_s in (0.0, 300.0, 600.0):
        decision = decide(posture, facts, PolicySettings(), now_s)
        posture = decision.posture
        ids += [action.id for action in decision.actions]
    assert ids == ["alert/throughput#1/0", "expand/throughput#1/1/a/b", "escalate/throughput#1/2"]
    assert StepKind.UNDO not in {action.step.kind for action in decision.actions}
