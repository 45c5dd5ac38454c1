"""What persons and outcomes do to the posture."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import (
    Facts,
    PolicySettings,
    acknowledge,
    decide,
    is_acknowledged,
    open_incidents,
    override,
    resume,
    settle,
    shifted,
)
from proxy.records import (
    Acknowledgement,
    Action,
    Alarm,
    AlarmName,
    AlarmState,
    Model,
    Outcome,
    Posture,
    Routing,
    StepKind,
)

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]
SEEN = Acknowledgement(by="kim", why="on it", at_s=5.0, episode=1)


def test_all_open_alarms_are_acknowledged_at_once(make_alarm: MakeAlarm) -> None:
    """Pending and firing ones; what is over or quiet is not touched."""
    alarms = {
        name: msgspec.structs.replace(make_alarm(name), state=state)
        for name, state in (
            (AlarmName.ERRORS, AlarmState.FIRING),
            (AlarmName.LATENCY, AlarmState.PENDING),
            (AlarmName.SCHEMA, AlarmState.RESOLVED),
            (AlarmName.WATCHING, AlarmState.INACTIVE),
        )
    }
    posture = acknowledge(Posture(), None, "kim", "on it", alarms, 5.0)
    assert posture.acknowledgements == {"errors": SEEN, "latency": SEEN}
    assert is_acknowledged(posture, alarms[AlarmName.ERRORS])
    again = msgspec.structs.replace(alarms[AlarmName.ERRORS], episode=2)
    assert not is_acknowledged(posture, again)


def test_one_alarm_is_acknowledged_by_its_name(make_alarm: MakeAlarm) -> None:
    """And an alarm that nobody knows changes nothing."""
    alarms = {name: make_alarm(name) for name in (AlarmName.ERRORS, AlarmName.LATENCY)}
    posture = acknowledge(Posture(), AlarmName.ERRORS, "kim", "on it", alarms, 5.0)
    assert posture.acknowledgements == {"errors": SEEN}
    assert acknowledge(posture, AlarmName.SCHEMA, "kim", "", alarms, 5.0) == posture


def test_an_incident_is_open_until_all_its_alarms_are_acknowledged(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The pager goes on while one alarm of the incident was not seen by anybody."""
    facts = make_facts(make_alarm(AlarmName.ERRORS), make_alarm(AlarmName.LATENCY))
    posture = decide(Posture(), facts, PolicySettings(), 0.0).posture
    assert open_incidents(posture, facts.alarms) == {"errors#1"}
    posture = acknowledge(posture, AlarmName.ERRORS, "kim", "", facts.alarms, 0.0)
    assert open_incidents(posture, facts.alarms) == {"errors#1"}
    posture = acknowledge(posture, None, "kim", "", facts.alarms, 0.0)
    assert open_incidents(posture, facts.alarms) == frozenset()


@pytest.mark.parametrize(
    ("model", "kind"), [(Model.STABLE, StepKind.DOWNGRADE), (Model.CANDIDATE, StepKind.RESTORE)]
)
def test_a_person_routes(model: Model, kind: StepKind) -> None:
    """At once, with the name of the person, and without counting as an automatic switch."""
    posture, action = override(Posture(), model, "kim", 7.0)
    assert (posture.serving, posture.override) == (model, model)
    assert posture.because == f"kim chose {model}"
    assert posture.switches_s == ()
    assert (action.step.kind, action.step.argument, action.at_s) == (kind, model.value, 7.0)


def test_automatic_again_moves_no_traffic() -> None:
    """Giving the routing back to the policy is not a restore."""
    posture, action = override(
        Posture(serving=Model.STABLE, override=Model.STABLE), None, "kim", 7.0
    )
    assert (posture.serving, posture.override) == (Model.STABLE, None)
    assert action.step.argument == "auto"


def failed(action: Action) -> Outcome:
    """Give the outcome of an action that did not work."""
    return Outcome(action=action, ok=False, error="disk full", took_s=0.1)


def test_a_failed_downgrade_is_not_in_force_but_counts(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Traffic stays where it is, the switch of the day is used up, and a person is called."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    decision = decide(Posture(), facts, PolicySettings(), 600.0)
    posture = settle(decision.posture, failed(decision.actions[-1]))
    assert posture.serving is Model.CANDIDATE
    assert posture.because == "downgrade failed: disk full"
    assert posture.switches_s == (600.0,)
    after = decide(posture, facts, PolicySettings(), 610.0)
    assert [it.step.kind for it in after.actions] == [StepKind.ESCALATE]


def test_a_failed_routing_of_a_person_stays_wanted() -> None:
    """The override is what the person said, whether the disk liked it or not."""
    posture, action = override(Posture(), Model.STABLE, "kim", 7.0)
    assert settle(posture, failed(action)) == posture


def test_success_and_dry_runs_change_nothing(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The decision has put them into the posture already; a dry run was never in force."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    for dry_run in (False, True):
        decision = decide(Posture(), facts, PolicySettings(dry_run=dry_run), 600.0)
        outcome = msgspec.structs.replace(failed(decision.actions[-1]), ok=not dry_run)
        assert settle(decision.posture, outcome) is decision.posture


@pytest.mark.parametrize(
    ("found", "serving", "n_switches"),
    [
        (None, Model.CANDIDATE, 0),
        (Routing(serving=Model.STABLE, epoch=4), Model.CANDIDATE, 0),
        (Routing(serving=Model.CANDIDATE, epoch=5), Model.CANDIDATE, 0),
        (Routing(serving=Model.STABLE, epoch=5), Model.STABLE, 1),
    ],
)
def test_a_newer_routing_on_disk_is_believed(
    found: Routing | None, serving: Model, n_switches: int
) -> None:
    """A crash between the switch and the saving of the state undoes no switch, and counts it."""
    posture = resume(Posture(), Routing(epoch=4), found, 9.0)
    assert posture.serving is serving
    assert posture.switches_s == (9.0,) * n_switches


def test_a_newer_routing_of_a_person_stays_the_persons() -> None:
    """An override goes with the routing, and is no automatic switch."""
    posture = Posture(serving=Model.CANDIDATE, override=Model.CANDIDATE)
    found = Routing(serving=Model.STABLE, epoch=5)
    resumed = resume(posture, Routing(epoch=4), found, 9.0)
    assert (resumed.serving, resumed.override) == (Model.STABLE, Model.STABLE)
    assert resumed.switches_s == ()


def test_every_time_of_a_posture_moves_with_the_clock() -> None:
    """There and back again is where it was, and in between every time has moved."""
    posture = Posture(
        last_step_s={"a#1": 1.0},
        switches_s=(2.0,),
        escalations={"a#1>": 3.0},
        acknowledgements={"errors": SEEN},
        relieved_s=4.0,
    )
    moved = shifted(posture, 10.0)
    assert moved.last_step_s == {"a#1": 11.0}
    assert (moved.switches_s, moved.relieved_s) == ((12.0,), 14.0)
    assert moved.escalations == {"a#1>": 13.0}
    assert moved.acknowledgements["errors"].at_s == 15.0
    assert shifted(moved, -10.0) == posture
    assert shifted(Posture(), 10.0) == Posture()
