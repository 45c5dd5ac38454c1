"""One incident per cause: opening, joining, staying, closing."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from proxy.policy import Cause, Facts
from proxy.policy.incidents import RANK, name_of, open_and_close
from proxy.records import Alarm, AlarmName, AlarmState, Posture, Verdict

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]


def test_every_alarm_has_a_rank() -> None:
    """An alarm without a rank would never act."""
    assert sorted(RANK) == sorted(AlarmName)


def test_alarms_of_one_cause_are_one_incident_named_after_the_first(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The alarm that fired first gives the name, whatever its rank."""
    facts = make_facts(
        make_alarm(AlarmName.DISAGREEMENT, 50.0), make_alarm(AlarmName.LATENCY, 10.0)
    )
    book = open_and_close(Posture(), facts)
    assert set(book.posture.incidents.values()) == {"latency#1"}
    assert [it.name for it in book.firing] == [AlarmName.DISAGREEMENT, AlarmName.LATENCY]
    assert set(book.causes.values()) == {Cause.MODEL}


def test_alarms_of_different_causes_are_different_incidents(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """A slow candidate and a full disk of the watcher have nothing in common."""
    facts = make_facts(make_alarm(AlarmName.LATENCY), make_alarm(AlarmName.WATCHING))
    book = open_and_close(Posture(), facts)
    assert book.posture.incidents == {"latency#1": "latency#1", "watching#1": "watching#1"}


def test_what_follows_from_the_data_joins_even_if_it_fired_first(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Disagreement fires, then input drift explains it: one story under the first name."""
    disagreement = make_alarm(AlarmName.DISAGREEMENT, 10.0)
    first = open_and_close(Posture(), make_facts(disagreement))
    assert first.causes[AlarmName.DISAGREEMENT] is Cause.MODEL
    both = make_facts(disagreement, make_alarm(AlarmName.INPUT_DRIFT, 20.0))
    book = open_and_close(first.posture, both)
    assert set(book.causes.values()) == {Cause.DATA}
    assert set(book.posture.incidents.values()) == {"disagreement#1"}


def test_an_alarm_stays_in_its_incident_when_its_cause_turns_out_another(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """People see one story, not alarms wandering between stories."""
    pair = (make_alarm(AlarmName.LATENCY, 1.0), make_alarm(AlarmName.DISAGREEMENT, 2.0))
    first = open_and_close(Posture(), make_facts(*pair))
    shared = make_alarm(AlarmName.LATENCY, 1.0, shared=Verdict.BREACH)
    book = open_and_close(first.posture, make_facts(shared, pair[1]))
    assert book.causes[AlarmName.LATENCY] is Cause.INFRASTRUCTURE
    assert book.posture.incidents == first.posture.incidents


def test_an_incident_closes_with_its_last_alarm_and_forgets_its_calls(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Closed incidents are given once, with the alarms they had; calls for them are dropped."""
    alarm = make_alarm(AlarmName.LATENCY)
    posture = msgspec.structs.replace(
        open_and_close(Posture(), make_facts(alarm)).posture,
        escalations={"latency#1>": 5.0, "latency#1>boss": 6.0},
    )
    assert open_and_close(posture, make_facts(alarm)).posture.escalations == posture.escalations
    ended = msgspec.structs.replace(alarm, state=AlarmState.RESOLVED)
    book = open_and_close(posture, make_facts(ended))
    assert book.closed == {"latency#1": (AlarmName.LATENCY,)}
    assert (book.posture.incidents, book.posture.escalations) == ({}, {})
    assert open_and_close(book.posture, make_facts(ended)).closed == {}


def test_a_new_episode_is_a_new_incident(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Even when the alarm fires again between two decisions."""
    alarm = make_alarm(AlarmName.LATENCY)
    posture = open_and_close(Posture(), make_facts(alarm)).posture
    again = msgspec.structs.replace(alarm, episode=2)
    book = open_and_close(posture, make_facts(again))
    assert book.posture.incidents == {"latency#2": "latency#2"}
    assert book.closed == {"latency#1": (AlarmName.LATENCY,)}


def test_the_name_of_an_episode_is_read_back() -> None:
    """`alarm#episode` gives the alarm."""
    assert name_of("output_drift#12") is AlarmName.OUTPUT_DRIFT


def test_a_ticket_keeps_no_incident_open(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Slow drift may last for weeks: what happens meanwhile is an incident of its own."""
    facts = make_facts(
        make_alarm(AlarmName.SLOW_DRIFT, 10.0), make_alarm(AlarmName.INPUT_DRIFT, 20.0)
    )
    book = open_and_close(Posture(), facts)
    assert book.posture.incidents == {
        "slow_drift#1": "slow_drift#1",
        "input_drift#1": "input_drift#1",
    }
