"""Who is blamed, for every combination that matters."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from proxy.policy import Cause, Facts
from proxy.policy.attribution import Inputs, attribute, inputs, reasoned
from proxy.records import Alarm, AlarmName, AlarmState, Verdict

MakeAlarm = Callable[..., Alarm]
MakeFacts = Callable[..., Facts]
OK, BREACH, UNKNOWN = Verdict.OK, Verdict.BREACH, Verdict.UNKNOWN


def test_inputs_are_steady_when_nobody_watches_them(make_facts: MakeFacts) -> None:
    """A monitor that the operator switched off does not block the others."""
    assert inputs(make_facts(alarms={})) is Inputs.STEADY


@pytest.mark.parametrize("state", [AlarmState.PENDING, AlarmState.FIRING])
def test_inputs_drift_as_soon_as_their_alarm_is_pending(
    make_facts: MakeFacts, make_alarm: MakeAlarm, state: AlarmState
) -> None:
    """A detection is enough to withhold a switch; it need not be confirmed."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.INPUT_DRIFT), state=state)
    assert inputs(make_facts(alarm)) is Inputs.DRIFTING


@pytest.mark.parametrize(
    ("evidence", "expected"), [(8.4, Inputs.STEADY), (8.5, Inputs.RISING), (16.0, Inputs.RISING)]
)
def test_inputs_rise_from_half_of_the_evidence(
    make_facts: MakeFacts, make_alarm: MakeAlarm, evidence: float, expected: Cause | Inputs
) -> None:
    """Half of the logarithmic threshold (17) is a reason to wait."""
    alarm = make_alarm(AlarmName.INPUT_DRIFT, evidence=evidence, verdict=OK)
    quiet = msgspec.structs.replace(alarm, state=AlarmState.INACTIVE)
    assert inputs(make_facts(quiet)) is expected


def test_inputs_are_unmeasured_without_a_verdict(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Unknown, or no finding yet, is not steady."""
    alarm = make_alarm(AlarmName.INPUT_DRIFT, verdict=UNKNOWN)
    quiet = msgspec.structs.replace(alarm, state=AlarmState.INACTIVE)
    assert inputs(make_facts(quiet)) is Inputs.UNMEASURED
    assert inputs(make_facts(Alarm(name=AlarmName.INPUT_DRIFT))) is Inputs.UNMEASURED


@pytest.mark.parametrize(
    ("name", "shared", "expected"),
    [
        (AlarmName.INPUT_DRIFT, BREACH, Cause.DATA),
        (AlarmName.SCHEMA, OK, Cause.MODEL),
        (AlarmName.SCHEMA, BREACH, Cause.DATA),
        (AlarmName.SCHEMA, UNKNOWN, Cause.UNKNOWN),
        (AlarmName.WATCHING, UNKNOWN, Cause.MONITORING),
        (AlarmName.STABLE_UNREADY, BREACH, Cause.INFRASTRUCTURE),
        (AlarmName.THROUGHPUT, OK, Cause.INFRASTRUCTURE),
        (AlarmName.ERRORS, OK, Cause.MODEL),
        (AlarmName.ERRORS, BREACH, Cause.INFRASTRUCTURE),
        (AlarmName.ERRORS, UNKNOWN, Cause.UNKNOWN),
        (AlarmName.LATENCY, OK, Cause.MODEL),
        (AlarmName.LATENCY, BREACH, Cause.INFRASTRUCTURE),
        (AlarmName.LATENCY, UNKNOWN, Cause.UNKNOWN),
        (AlarmName.OUTPUT_DRIFT, OK, Cause.MODEL),
        (AlarmName.OUTPUT_DRIFT, BREACH, Cause.DATA),
        (AlarmName.OUTPUT_DRIFT, UNKNOWN, Cause.UNKNOWN),
        (AlarmName.DISAGREEMENT, UNKNOWN, Cause.MODEL),
        (AlarmName.LABEL_QUALITY, OK, Cause.MODEL),
        (AlarmName.LABEL_QUALITY, BREACH, Cause.DATA),
        (AlarmName.LABEL_QUALITY, UNKNOWN, Cause.UNKNOWN),
    ],
)
def test_the_stable_model_tells_whose_fault_it_is(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    name: AlarmName,
    shared: Verdict,
    expected: Cause | Inputs,
) -> None:
    """With steady inputs, the same measurement on the stable model decides."""
    alarm = make_alarm(name, shared=shared)
    assert attribute(alarm, make_facts(alarm)) is expected


@pytest.mark.parametrize(
    "name",
    [
        AlarmName.ERRORS,
        AlarmName.LATENCY,
        AlarmName.OUTPUT_DRIFT,
        AlarmName.SCHEMA,
        AlarmName.DISAGREEMENT,
    ],
)
def test_drifting_inputs_take_the_blame(
    make_facts: MakeFacts, make_alarm: MakeAlarm, name: AlarmName
) -> None:
    """While the data moves, nothing that follows is held against the candidate."""
    alarm = make_alarm(name)
    facts = make_facts(alarm, make_alarm(AlarmName.INPUT_DRIFT))
    assert attribute(alarm, facts) is Cause.DATA


@pytest.mark.parametrize(
    ("shared", "expected"), [(OK, Cause.MODEL), (BREACH, Cause.DATA), (UNKNOWN, Cause.DATA)]
)
def test_truth_goes_before_drift(
    make_facts: MakeFacts, make_alarm: MakeAlarm, shared: Verdict, expected: Cause
) -> None:
    """The stable held on the same labelled requests: it answers these inputs better."""
    alarm = make_alarm(AlarmName.LABEL_QUALITY, shared=shared)
    assert attribute(alarm, make_facts(alarm, make_alarm(AlarmName.INPUT_DRIFT))) is expected


@pytest.mark.parametrize(
    ("ended_s", "expected"), [(50.0, Cause.MODEL), (100.0, Cause.DATA), (150.0, Cause.DATA)]
)
@pytest.mark.parametrize("name", [AlarmName.DISAGREEMENT, AlarmName.OUTPUT_DRIFT])
def test_what_began_while_the_inputs_drifted_is_not_blamed_when_they_are_mended(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    name: AlarmName,
    ended_s: float,
    expected: Cause,
) -> None:
    """Input drift ends first, its consequences some ticks later; an older drift excuses nothing.

    What tells is when the drift ended, not when its alarm is shown as resolved no longer.
    """
    alarm = make_alarm(name, since_s=100.0)
    drift = make_alarm(AlarmName.INPUT_DRIFT, since_s=20.0, verdict=OK, evidence=0.0)
    mended = msgspec.structs.replace(
        drift, state=AlarmState.RESOLVED, since_s=ended_s, ended_s=ended_s
    )
    assert attribute(alarm, make_facts(alarm, mended)) is expected
    forgotten = msgspec.structs.replace(mended, state=AlarmState.INACTIVE, since_s=1e4)
    assert attribute(alarm, make_facts(alarm, forgotten)) is expected


def test_a_hard_failure_that_stable_does_not_share_is_the_candidates(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Stable answers what the candidate cannot: then moving data is no excuse."""
    alarm = msgspec.structs.replace(make_alarm(AlarmName.ERRORS), is_hard=True)
    facts = make_facts(alarm, make_alarm(AlarmName.INPUT_DRIFT))
    assert attribute(alarm, facts) is Cause.MODEL


@pytest.mark.parametrize(
    ("candidate_ready", "stable_ready", "expected"),
    [
        (False, True, Cause.MODEL),
        (False, False, Cause.UNKNOWN),
        (False, None, Cause.UNKNOWN),
        (True, True, Cause.UNKNOWN),
        (None, True, Cause.UNKNOWN),
    ],
)
def test_probes_decide_when_stable_has_no_traffic(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    candidate_ready: bool | None,
    stable_ready: bool | None,
    expected: Cause | Inputs,
) -> None:
    """Unmeasured, the candidate is alone only when its probe fails and that of stable succeeds."""
    alarm = make_alarm(AlarmName.ERRORS, shared=UNKNOWN)
    facts = make_facts(alarm, candidate_ready=candidate_ready, stable_ready=stable_ready)
    assert attribute(alarm, facts) is expected


def test_disagreement_speaks_for_outputs_that_stable_cannot_judge(
    make_facts: MakeFacts, make_alarm: MakeAlarm
) -> None:
    """Output drift with an unmeasured stable is the candidate's when the two also disagree."""
    alarm = make_alarm(AlarmName.OUTPUT_DRIFT, shared=UNKNOWN)
    facts = make_facts(alarm, make_alarm(AlarmName.DISAGREEMENT))
    assert attribute(alarm, facts) is Cause.MODEL


def test_disagreement_needs_measured_inputs(make_facts: MakeFacts, make_alarm: MakeAlarm) -> None:
    """With unmeasured inputs, new data cannot be excluded."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    facts = make_facts(alarm, Alarm(name=AlarmName.INPUT_DRIFT))
    assert attribute(alarm, facts) is Cause.UNKNOWN


@pytest.mark.parametrize(("verdict", "expected"), [(BREACH, Cause.DATA), (OK, Cause.UNKNOWN)])
def test_a_stable_model_that_moved_is_not_the_candidates_fault(
    make_facts: MakeFacts, make_alarm: MakeAlarm, verdict: Verdict, expected: Cause | Inputs
) -> None:
    """When stable's own outputs left their reference, disagreement does not blame the candidate."""
    alarm = make_alarm(AlarmName.DISAGREEMENT)
    outputs = make_alarm(AlarmName.OUTPUT_DRIFT, shared=BREACH, verdict=verdict)
    assert attribute(alarm, make_facts(alarm, outputs)) is expected


def test_without_a_finding_nothing_is_known(make_facts: MakeFacts) -> None:
    """An alarm that was never judged blames nobody."""
    alarm = Alarm(name=AlarmName.ERRORS, state=AlarmState.FIRING)
    assert attribute(alarm, make_facts(alarm)) is Cause.UNKNOWN


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        (AlarmName.INPUT_DRIFT, {}, "always a matter of: data"),
        (AlarmName.ERRORS, {"shared": UNKNOWN}, "was not measured well enough on the same traffic"),
        (AlarmName.LATENCY, {"shared": BREACH}, "suffers the same"),
        (AlarmName.OUTPUT_DRIFT, {"shared": BREACH}, "shows the same on the same requests"),
        (AlarmName.OUTPUT_DRIFT, {"shared": UNKNOWN}, "nothing else tells"),
        (AlarmName.OUTPUT_DRIFT, {"shared": OK}, "does not show it on the same traffic"),
        (AlarmName.DISAGREEMENT, {}, "the inputs are steady"),
        (AlarmName.LABEL_QUALITY, {"shared": BREACH}, "Both models lost quality"),
        (AlarmName.LABEL_QUALITY, {"shared": UNKNOWN}, "quality was not measured"),
        (AlarmName.LABEL_QUALITY, {"shared": OK}, "holds on the very same requests"),
    ],
)
def test_the_rule_is_told_with_the_cause(
    make_facts: MakeFacts,
    make_alarm: MakeAlarm,
    name: AlarmName,
    changes: dict[str, object],
    words: str,
) -> None:
    """Who asks why a decision was made reads the rule that applied, as one sentence."""
    alarm = make_alarm(name, **changes)
    reason = reasoned(alarm, make_facts(alarm))
    assert words in reason.rule
    assert reason.rule.endswith(".")
    assert reason.cause is attribute(alarm, make_facts(alarm))
