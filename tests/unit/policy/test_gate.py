"""Every reason for and against leading the traffic to the stable model."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import Cause, Facts, PolicySettings
from proxy.policy.gate import Moment, Standing, conditions, demands, lock, may_downgrade
from proxy.records import Alarm, AlarmName, AlarmState, Model, Posture, Verdict

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]
DUE_S = 600.0


def look(
    alarm: Alarm,
    facts: Facts,
    *,
    posture: Posture | None = None,
    cause: Cause = Cause.MODEL,
    now_s: float = DUE_S,
) -> tuple[Standing, str]:
    """Ask the gate, ten minutes after the detection unless said otherwise."""
    moment = Moment(facts=facts, settings=PolicySettings(), now_s=now_s)
    rung = may_downgrade(alarm, cause, posture or Posture(), moment)
    return rung.standing, rung.why


def test_a_held_alarm_of_the_candidate_alone_may_switch(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Ten minutes, a ready and measured stable model, and nobody else to blame: go."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    assert look(alarm, make_facts(alarm)) == (Standing.GO, "")


def test_it_waits_until_the_hold_is_over(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """A second too early is too early, and it is said how long it takes."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    standing, why = look(alarm, make_facts(alarm), now_s=DUE_S - 1)
    assert standing is Standing.WAIT
    assert why == "a downgrade is due in 1 s if it lasts"


def test_the_hold_counts_from_the_detection(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """The time the alarm was pending counts too."""
    later = msgspec.structs.replace(make_alarm(AlarmName.DISAGREEMENT, 300.0), began_s=100.0)
    assert look(later, make_facts(later), now_s=699.0)[0] is Standing.WAIT
    assert look(later, make_facts(later), now_s=700.0)[0] is Standing.GO
    alarm = msgspec.structs.replace(make_alarm(AlarmName.DISAGREEMENT, 590.0), began_s=0.0)
    assert look(alarm, make_facts(alarm))[0] is Standing.GO


def test_an_alarm_whose_breach_is_over_does_not_switch(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """It fires a while longer, but the last data speak for the candidate."""
    alarm = make_alarm(AlarmName.DISAGREEMENT, verdict=Verdict.OK)
    standing, why = look(alarm, make_facts(alarm))
    assert standing is Standing.WAIT
    assert "within tolerance again" in why


def test_a_hard_failure_does_not_wait(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Neither the hold nor the count of pairs keeps clients waiting on a failing candidate."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.ERRORS), is_hard=True)
    assert look(alarm, make_facts(alarm, n_pairs=0), now_s=1.0)[0] is Standing.GO


@pytest.mark.parametrize("cause", sorted(set(Cause) - {Cause.MODEL}))
def test_a_shared_or_unknown_cause_never_switches(
    make_facts: MakeFacts, make_alarm: MakeAlarm, cause: Cause
) -> None:
    """Only the candidate's own trouble is helped by the stable model."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    standing, why = look(alarm, make_facts(alarm), cause=cause)
    assert standing is Standing.REFUSED
    assert why.startswith("no downgrade: ")
    assert len(why) > len("no downgrade: ")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"has_stable": False}, "no stable model is configured"),
        ({"stable_ready": False}, "no way back"),
        ({"n_pairs": 199}, "199 pairs in half an hour are fewer than 200"),
    ],
)
def test_a_stable_model_that_is_not_there_or_not_measured_is_no_way_back(
    make_facts: MakeFacts, make_alarm: MakeAlarm, changes: dict[str, object], words: str
) -> None:
    """Each of the demands on the stable model is needed, and named when it fails."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    standing, why = look(alarm, make_facts(alarm, **changes))
    assert standing is Standing.REFUSED
    assert words in why


def test_an_override_keeps_the_routing(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """A person who chose the candidate is not overruled, even by a hard failure."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.ERRORS), is_hard=True)
    posture = Posture(override=Model.CANDIDATE)
    standing, why = look(alarm, make_facts(alarm), posture=posture)
    assert standing is Standing.REFUSED
    assert "a person chose" in why


def test_traffic_that_is_on_stable_already_needs_no_switch(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """The second alarm of an incident finds its remedy taken."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    posture = Posture(serving=Model.STABLE)
    assert look(alarm, make_facts(alarm), posture=posture)[0] is Standing.DONE


def test_rising_inputs_make_it_wait(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """Half of the evidence for drift is a reason to look a little longer, not to call a person."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    inputs = make_alarm(AlarmName.INPUT_DRIFT, evidence=9.0, verdict=Verdict.OK)
    quiet = msgspec.structs.replace(inputs, state=AlarmState.INACTIVE)
    standing, why = look(alarm, make_facts(alarm, quiet))
    assert standing is Standing.WAIT
    assert "incoming data" in why


def test_a_stable_model_that_was_not_probed_yet_is_waited_for(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Just after a restart nothing is known of it: nobody is told that it is not ready, or called.

    What no probe can change is told all the same.
    """
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    facts = make_facts(alarm, stable_ready=None)
    assert look(alarm, facts) == (
        Standing.WAIT,
        "it is not known yet whether the stable model is ready; its first probe is under way",
    )
    assert look(alarm, facts, cause=Cause.DATA)[0] is Standing.REFUSED


@pytest.mark.parametrize(
    ("switches_s", "now_s", "words"),
    [
        ((), 0.0, ""),
        ((0.0,), 86_399.0, "1 automatic switch(es) in the last 24 hours, and 1 are allowed"),
        ((0.0,), 86_400.0, ""),
    ],
)
def test_one_switch_a_day(switches_s: tuple[float, ...], now_s: float, words: str) -> None:
    """A second automatic switch must wait until the first is a day old."""
    assert lock(switches_s, PolicySettings(), now_s) == words


def test_switches_keep_their_distance() -> None:
    """More switches a day may be allowed, but not within the cool-down."""
    settings = PolicySettings(max_switches_per_day=3)
    assert lock((10.0, 50.0), settings, 3649.0).startswith("cooling down for 1 s")
    assert lock((10.0, 50.0), settings, 3650.0) == ""


def test_zero_switches_a_day_forbids_them() -> None:
    """An operator may allow no switch at all."""
    assert "0 are allowed" in lock((), PolicySettings(max_switches_per_day=0), 0.0)


def test_a_dry_run_switches_once_for_an_incident(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """After a switch that was only told, the other alarms of the time have nothing to add."""
    alarm = make_alarm(AlarmName.OUTPUT_DRIFT)
    moment = Moment(facts=make_facts(alarm), settings=PolicySettings(dry_run=True), now_s=DUE_S)
    posture = Posture(switches_s=(500.0,))
    assert may_downgrade(alarm, Cause.MODEL, posture, moment).standing is Standing.DONE


@pytest.mark.parametrize(
    ("posture", "changes", "now_s", "missing"),
    [
        ({}, {}, DUE_S, []),
        ({}, {}, DUE_S - 60, ["a downgrade is due in 1 min if it lasts"]),
        ({"override": Model.CANDIDATE}, {}, DUE_S, ["a person chose the routing"]),
        (
            {"switches_s": (590.0,)},
            {"stable_ready": False, "n_pairs": 7},
            DUE_S,
            [
                "no way back, the stable model is not ready",
                "the stable model is not measured, 7 pairs in half an hour are fewer than 200",
                "1 automatic switch(es) in the last 24 hours, and 1 are allowed",
            ],
        ),
    ],
)
def test_everything_that_a_downgrade_needs_is_told(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    posture: dict[str, object],
    changes: dict[str, object],
    now_s: float,
    missing: list[str],
) -> None:
    """What holds and what does not: the gate is open exactly when nothing is missing."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    stand, facts = Posture(**posture), make_facts(alarm, **changes)
    moment = Moment(facts=facts, settings=PolicySettings(), now_s=now_s)
    asked = demands(alarm, Cause.MODEL, stand, moment)
    assert [one.why_not for one in asked if not one.holds] == missing
    assert all(one.needed for one in asked)
    is_open = look(alarm, facts, posture=stand, now_s=now_s)[0] is Standing.GO
    assert is_open is (not missing)
    assert set(conditions(alarm, Cause.MODEL, stand, moment)) < set(asked)
