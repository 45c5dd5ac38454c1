"""What people are told, word for word where the words are the promise."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import (
    Cause,
    Facts,
    Incident,
    PolicySettings,
    acknowledge,
    decide,
    override,
    why,
)
from proxy.records import Alarm, AlarmName, AlarmState, Model, Posture, Verdict

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]


def tell(facts: Facts, posture: Posture, now_s: float = 600.0, **changes: object) -> Incident:
    """Give the one incident of a decision."""
    (incident,) = decide(posture, facts, PolicySettings(**changes), now_s).incidents
    return incident


def test_a_fault_of_the_candidate_is_told_whole(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Model, effect with interval, since when, what was done, what next, how to undo."""
    incident = tell(make_facts(make_alarm(AlarmName.DISAGREEMENT)), Posture())
    assert incident.title == "Model: the candidate alone goes wrong (disagreement)"
    assert incident.what == (
        "disagreement: temp left its reference; effect of temp 31 % (between 27 and 35),"
        " from 420 now against 5,000 certified. It began about 11 min ago. The stable model does"
        " well on the same traffic, so the candidate is to blame."
    )
    assert incident.since_s == -60.0
    assert incident.blamed == ("temp moved by 0.31",)
    assert incident.done == "Traffic was led to the stable model just now."
    assert incident.next == (
        "Compare the candidate's last change with the onset, mend it, then restore it."
        " To take over: stablehand ack disagreement --by NAME --why TEXT"
    )
    assert incident.undo == "stablehand route candidate"


def test_changed_data_is_told_as_data(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Not the model; the column is named; nothing was changed, and why switching would not help."""
    facts = make_facts(make_alarm(AlarmName.INPUT_DRIFT), make_alarm(AlarmName.OUTPUT_DRIFT))
    incident = tell(facts, Posture(), 0.0)
    assert incident.title.startswith("Data, not model: the incoming data has changed")
    assert incident.title.endswith("(output_drift and input_drift)")
    assert "would not help" in incident.what
    assert incident.done == "Nothing was changed."
    assert "Look at where temp comes from." in incident.next
    assert incident.undo == ""


@pytest.mark.parametrize(
    ("name", "changes", "title"),
    [
        (AlarmName.LATENCY, {"shared": Verdict.BREACH}, "Infrastructure: not the candidate alone"),
        (AlarmName.LATENCY, {"shared": Verdict.UNKNOWN}, "Cause not known yet"),
        (AlarmName.WATCHING, {}, "Monitoring: the watching itself is degraded"),
    ],
)
def test_other_causes_have_titles_of_their_own(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    name: AlarmName,
    changes: dict[str, object],
    title: str,
) -> None:
    """Infrastructure, unknown, monitoring."""
    incident = tell(make_facts(make_alarm(name, **changes)), Posture(), 0.0)
    assert incident.title == f"{title} ({name})"


def test_what_comes_next_by_itself_is_told_first(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Who reads it knows how long there is to act."""
    incident = tell(make_facts(make_alarm(AlarmName.DISAGREEMENT)), Posture(), 60.0)
    assert incident.next.startswith("A downgrade is due in 9 min if it lasts. Compare")


def test_nobody_is_told_to_wait_for_a_downgrade_that_is_not_to_come(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The models disagree because the data changed: that is said before the switch is due, too."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT), make_alarm(AlarmName.INPUT_DRIFT))
    incident = tell(facts, Posture(), 60.0)
    assert incident.next.startswith(
        "No downgrade as things stand: the incoming data changed, and the stable model meets the"
        " same data; this is decided in 9 min."
    )


def test_people_look_at_the_column_of_the_inputs_not_of_the_answers(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The worst alarm is told first, but only drifting inputs say where to look; else none is."""
    worst = make_alarm(AlarmName.DISAGREEMENT, subject="distance")
    drift = make_alarm(AlarmName.INPUT_DRIFT)
    assert "Look at where temp comes from." in tell(make_facts(worst, drift), Posture()).next
    shape = make_alarm(AlarmName.SCHEMA, subject="missing", shared=Verdict.BREACH)
    words = tell(make_facts(shape), Posture()).next
    assert "Look at where the incoming data comes from." in words


def test_an_alarm_within_tolerance_again_has_no_effect_to_tell(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """It lasts until that has been so for a while; until then no old figure is repeated."""
    calm = make_alarm(AlarmName.ERRORS, verdict=Verdict.OK, reason="within tolerance")
    assert tell(make_facts(calm), Posture()).what.startswith("errors: within tolerance. It began")


def test_the_end_is_told_like_the_beginning(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The title is that of the incident, and it lasted from its first alarm to its last."""
    first, last = (
        msgspec.structs.replace(
            make_alarm(name), state=AlarmState.RESOLVED, began_s=began_s, ended_s=ended_s
        )
        for name, began_s, ended_s in (
            (AlarmName.INPUT_DRIFT, 0.0, 300.0),
            (AlarmName.OUTPUT_DRIFT, 120.0, 600.0),
        )
    )
    posture = Posture(
        incidents={"output_drift#1": "input_drift#1"}, causes={"input_drift#1": Cause.DATA}
    )
    incident = tell(make_facts(first, last), posture, 660.0)
    assert incident.title == "Over: Data, not model: the incoming data has changed (output_drift)"
    assert incident.what == "Back within tolerance; it lasted 10 min."


def test_an_obstacle_is_told(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """No way back is said as long as there is none."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT), stable_ready=False)
    incident = tell(facts, Posture())
    assert incident.next.startswith("No downgrade: no way back, the stable model is not ready. ")
    assert incident.done == "A person was called just now."


def test_a_persons_routing_and_acknowledgement_are_told(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Who has it, why, and how to give the routing back; nobody is asked to take over."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    posture, _ = override(Posture(), Model.CANDIDATE, "kim", 0.0)
    posture = acknowledge(posture, None, "kim", "known", facts.alarms, 0.0)
    incident = tell(facts, posture, 0.0)
    assert incident.done == (
        "Traffic goes to the candidate model: kim chose candidate. Acknowledged by kim: known."
    )
    assert incident.undo == "stablehand route auto"
    assert "stablehand ack" not in incident.next


def test_who_gives_no_reason_is_named_alone(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """A sentence, not the half of one."""
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    posture = acknowledge(Posture(), None, "kim", "", facts.alarms, 0.0)
    assert tell(facts, posture, 0.0).done == "Acknowledged by kim."


@pytest.mark.parametrize("held", [None, *Model])
def test_who_follows_the_undo_is_where_it_began(
    held: Model | None, make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Traffic that was led away is back on the candidate; what a person held is the policy's again.

    Without a hold the policy had led it away: who takes that back holds it there.
    """
    facts = make_facts(make_alarm(AlarmName.DISAGREEMENT))
    posture = Posture(serving=Model.STABLE)
    if held is not None:
        posture, _ = override(posture, held, "kim", 0.0)
    for command in tell(facts, posture, 0.0).undo.split(" && "):
        to = command.removeprefix("stablehand route ")
        posture, _ = override(posture, None if to == "auto" else Model(to), "kim", 1.0)
    assert posture.serving is Model.CANDIDATE
    assert posture.override is (Model.CANDIDATE if held is None else None)


def test_capacity_in_force_is_told(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """By the names of the steps."""
    facts = make_facts(make_alarm(AlarmName.THROUGHPUT), capacity=("replicas",))
    assert tell(facts, Posture(), 0.0).done == "Capacity steps in force: replicas."


def test_a_dry_run_says_what_would_have_been(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """And offers no undo, since there is nothing to undo."""
    incident = tell(make_facts(make_alarm(AlarmName.DISAGREEMENT)), Posture(), dry_run=True)
    assert incident.done == "Dry run: traffic would have been led to the stable model."
    assert incident.undo == ""


def test_a_restored_candidate_is_not_told_as_a_dry_run(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """A switch of today that a person took back leaves nothing in force."""
    facts = make_facts(make_alarm(AlarmName.INPUT_DRIFT))
    assert tell(facts, Posture(switches_s=(1.0,)), 60.0).done == "Nothing was changed."
    assert tell(facts, Posture(), 60.0, dry_run=True).done == "Nothing was changed."


def test_a_stated_fact_is_told_without_an_effect(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """A probe that fails has no effect size."""
    alarm = make_alarm(AlarmName.STABLE_UNREADY, reason="the stable model is not ready: refused")
    incident = tell(make_facts(alarm), Posture(), 0.0)
    assert incident.what.startswith("the stable model is not ready: refused. It began")


def test_an_alarm_not_measured_now_says_so(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """A firing alarm whose monitor has gone blind does not repeat an old figure."""
    alarm = make_alarm(AlarmName.LATENCY, verdict=Verdict.UNKNOWN, reason="no traffic.")
    what = tell(make_facts(alarm), Posture(), 0.0).what
    assert what.startswith("latency: not measured now (no traffic).")


@pytest.mark.parametrize(
    ("serving", "words"),
    [(Model.CANDIDATE, "Nothing is left"), (Model.STABLE, "stablehand route candidate")],
)
def test_the_end_says_what_is_left_to_do(
    make_facts: MakeFacts, make_alarm: MakeAlarm, serving: Model, words: str
) -> None:
    """After a downgrade the way back is a person's, and the command is there."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    posture = Posture(serving=serving, incidents={"disagreement#1": "disagreement#1"})
    ended = msgspec.structs.replace(alarm, state=AlarmState.RESOLVED, since_s=120.0, began_s=0.0)
    decision = decide(posture, make_facts(ended), PolicySettings(), 180.0)
    (incident,) = decision.incidents
    assert (incident.is_over, incident.title) == (True, "Over: disagreement"), "no cause was known"
    assert incident.what == "Back within tolerance; it lasted 2 min."
    assert words in incident.next
    assert decision.diagnosis == ""


def test_the_diagnosis_joins_the_open_incidents(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """One paragraph per incident, worst first."""
    facts = make_facts(make_alarm(AlarmName.WATCHING), make_alarm(AlarmName.DISAGREEMENT))
    one, two = decide(Posture(), facts, PolicySettings(), 0.0).diagnosis.split("\n\n")
    assert one.startswith("Model: ")
    assert two.startswith("Monitoring: ")


def test_the_end_is_told_with_the_cause_that_was_known(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Receivers sort by cause; what became unknown while it lasted does not hide what was known."""
    firing = make_alarm(AlarmName.DISAGREEMENT)
    known = decide(Posture(), make_facts(firing), PolicySettings(), 600.0)
    assert known.posture.causes == {"disagreement#1": "model"}
    lost = make_facts(firing, make_alarm(AlarmName.INPUT_DRIFT, verdict=Verdict.UNKNOWN))
    quiet = msgspec.structs.replace(
        lost.alarms[AlarmName.INPUT_DRIFT], state=AlarmState.INACTIVE, began_s=None
    )
    unknown = decide(known.posture, make_facts(firing, quiet), PolicySettings(), 610.0)
    assert unknown.incidents[0].cause is Cause.UNKNOWN
    assert unknown.posture.causes == {"disagreement#1": "model"}
    resolved = msgspec.structs.replace(firing, state=AlarmState.RESOLVED)
    over = decide(unknown.posture, make_facts(resolved), PolicySettings(), 620.0)
    (incident,) = over.incidents
    assert (incident.is_over, incident.cause) == (True, Cause.MODEL)
    assert over.posture.causes == {}


def test_every_cause_has_a_reason() -> None:
    """The report of an incident begins with it."""
    assert all(why(cause).endswith(".") for cause in Cause)
