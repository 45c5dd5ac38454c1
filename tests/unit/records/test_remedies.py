"""The posture and its actions survive a restart, and begin where nothing is decided."""

from __future__ import annotations

import msgspec

from proxy.records import (
    Acknowledgement,
    Action,
    AlarmName,
    Model,
    Outcome,
    Posture,
    Step,
    StepKind,
)


def test_a_posture_comes_back_from_the_disk_as_it_went() -> None:
    """Acknowledgements, switches and capacity survive; nothing is taken twice after a crash."""
    posture = Posture(
        serving=Model.STABLE,
        override=Model.STABLE,
        because="ann chose stable",
        steps_taken={"errors#2": 1},
        switches_s=(1.5, 2.5),
        acknowledgements={"errors": Acknowledgement(by="ann", why="on it", at_s=1.0, episode=2)},
        capacity_ids=("expand/errors#2/1/more",),
    )
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(posture), type=Posture) == posture


def test_the_first_posture_serves_the_candidate_and_allows_everything() -> None:
    """Before anything is known, traffic goes where the operator deployed."""
    first = Posture()
    assert (first.serving, first.override, first.locked) == (Model.CANDIDATE, None, "")


def test_an_outcome_names_its_action_by_the_id_that_was_given() -> None:
    """The id is what recognises an action that is repeated after a crash."""
    action = Action(
        id="downgrade/errors#2/1",
        step=Step(kind=StepKind.DOWNGRADE),
        because="errors",
        alarms=(AlarmName.ERRORS,),
        at_s=3.0,
    )
    outcome = Outcome(action=action, ok=False, error="the disk is full", took_s=0.1)
    again = msgspec.json.decode(msgspec.json.encode(outcome), type=Outcome)
    assert again.action.id == "downgrade/errors#2/1"
