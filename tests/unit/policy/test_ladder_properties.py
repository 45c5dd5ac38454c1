"""What no sequence of findings, probes, persons and failures can make the policy do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.alarms import AlarmSettings, advance, key
from proxy.alarms import shifted as alarm_shifted
from proxy.policy import (
    Cause,
    Decision,
    Facts,
    PolicySettings,
    acknowledge,
    decide,
    override,
    routing,
    settle,
    shifted,
)
from proxy.policy.attribution import attribute
from proxy.records import (
    Alarm,
    AlarmName,
    AlarmState,
    Finding,
    Model,
    Outcome,
    Posture,
    Routing,
    StepKind,
    Verdict,
)

MakeFinding = Callable[..., Finding]
NAMES = (
    AlarmName.INPUT_DRIFT,
    AlarmName.OUTPUT_DRIFT,
    AlarmName.DISAGREEMENT,
    AlarmName.LATENCY,
    AlarmName.ERRORS,
    AlarmName.THROUGHPUT,
    AlarmName.STABLE_UNREADY,
)
ALARMS = AlarmSettings(hold_s=60, resolve_after_s=60, lapse_after_s=600, keep_resolved_s=600)


@dataclass(frozen=True, slots=True)
class Tick:
    """What is seen, and what a person does, in a stretch of ticks."""

    n_ticks: int
    gap_s: float
    is_hard: bool
    """Do half of the requests fail when the errors breach?"""
    verdicts: tuple[Verdict, ...]
    shared: tuple[Verdict, ...]
    stable_ready: bool | None
    n_pairs: int
    person: str
    is_done: bool
    """Do the actions of these ticks succeed?"""


TICKS = st.builds(
    Tick,
    n_ticks=st.sampled_from((1, 2, 8, 30)),
    gap_s=st.sampled_from((60.0, 60.0, 10_800.0)),
    is_hard=st.booleans(),
    verdicts=st.tuples(*[st.sampled_from(Verdict)] * len(NAMES)),
    shared=st.tuples(*[st.sampled_from(Verdict)] * len(NAMES)),
    stable_ready=st.sampled_from((True, True, True, False, None)),
    n_pairs=st.sampled_from((0, 1000, 1000)),
    person=st.sampled_from(("", "", "", "", "ack", "candidate", "stable", "auto")),
    is_done=st.sampled_from((True, True, True, False)),
)
SCRIPTS = st.lists(TICKS, max_size=8)
POLICIES = st.builds(
    PolicySettings,
    settle_s=st.sampled_from((0.0, 120.0)),
    switch_hold_s=st.sampled_from((0.0, 300.0)),
    cool_down_s=st.sampled_from((0.0, 3600.0)),
    max_switches_per_day=st.integers(0, 3),
    undo_after_s=st.just(600.0),
    dry_run=st.booleans(),
)


@dataclass(frozen=True, slots=True)
class Step:
    """One decision and what it was made of."""

    before: Posture
    facts: Facts
    now_s: float
    decision: Decision


def person(posture: Posture, what: str, facts: Facts, now_s: float) -> Posture:
    """Let a person do something."""
    match what:
        case "":
            return posture
        case "ack":
            return acknowledge(posture, None, "kim", "seen", facts.alarms, now_s)
        case "auto":
            return override(posture, None, "kim", now_s)[0]
        case _:
            return override(posture, Model(what), "kim", now_s)[0]


def live(
    script: list[Tick], policy: PolicySettings, make_finding: MakeFinding, restart_s: float = 0.0
) -> Iterator[Step]:
    """Run alarms and policy over a script; restart after every tick when `restart_s` is not 0.

    A restart stores everything as bytes, reads it, and moves it to another clock.
    """
    posture, now_s = Posture(), 0.0
    alarms = {name: Alarm(name=name) for name in NAMES}
    for tick in script:
        for number in range(tick.n_ticks):
            now_s += tick.gap_s
            for at, name in enumerate(NAMES):
                shown = make_finding(
                    name,
                    at_s=now_s,
                    since_s=None,
                    verdict=tick.verdicts[at],
                    shared=tick.shared[at],
                    confirmation=5.0 * number,
                    effect=0.6 if tick.is_hard else 0.3,
                )
                alarms[name], _ = advance(alarms[name], shown, ALARMS.rule(name))
            facts = Facts(
                alarms=dict(alarms),
                stable_ready=tick.stable_ready,
                candidate_ready=True,
                has_stable=True,
                n_pairs=tick.n_pairs,
                capacity=("one", "two"),
            )
            posture = person(posture, tick.person if number == 0 else "", facts, now_s)
            decision = decide(posture, facts, policy, now_s)
            yield Step(posture, facts, now_s, decision)
            posture = decision.posture
            for action in decision.actions:
                outcome = Outcome(action=action, ok=tick.is_done, error="no", took_s=0.0)
                posture = settle(posture, outcome)
            if restart_s:
                now_s += restart_s
                stored = msgspec.msgpack.encode((shifted(posture, restart_s), alarms))
                posture, read = msgspec.msgpack.decode(
                    stored, type=tuple[Posture, dict[AlarmName, Alarm]]
                )
                alarms = {name: alarm_shifted(it, restart_s) for name, it in read.items()}


def kinds(decision: Decision) -> list[StepKind]:
    """Give the kinds of the actions that are not alerts."""
    return [it.step.kind for it in decision.actions if it.step.kind is not StepKind.ALERT]


@settings(max_examples=60, deadline=None)
@given(SCRIPTS, POLICIES)
def test_the_policy_keeps_its_promises(
    make_finding: MakeFinding, script: list[Tick], policy: PolicySettings
) -> None:
    """Whatever happens, every single decision keeps every promise."""
    switches: list[float] = []
    ids: set[str] = set()
    for step in live(script, policy, make_finding):
        decision, before = step.decision, step.before
        assert len(kinds(decision)) <= 1
        keeps_no_repeats(decision, step, policy, ids)
        if StepKind.DOWNGRADE in kinds(decision):
            switches.append(step.now_s)
            keeps_the_switch_rules(step)
        day = [at_s for at_s in switches if step.now_s - at_s < 86_400.0]
        assert len(day) <= policy.max_switches_per_day
        if before.override is not None:
            assert decision.posture.serving is before.override
        if policy.dry_run:
            assert decision.posture.serving is (before.override or before.serving)
        keeps_small(decision.posture)


def keeps_no_repeats(decision: Decision, step: Step, policy: PolicySettings, ids: set[str]) -> None:
    """No action is ever asked for twice; deciding again never asks for the same."""
    new = {action.id for action in decision.actions}
    assert len(new) == len(decision.actions)
    assert not new & ids
    ids |= new
    again = decide(decision.posture, step.facts, policy, step.now_s)
    assert not new & {action.id for action in again.actions}
    told = {it.id: it for it in decision.incidents}
    assert len(told) == len(decision.incidents)


def keeps_the_switch_rules(step: Step) -> None:
    """A switch needs a firing alarm of the candidate alone, a ready stable, and no override."""
    action = next(it for it in step.decision.actions if it.step.kind is StepKind.DOWNGRADE)
    alarm = step.facts.alarms[action.alarms[0]]
    assert alarm.state is AlarmState.FIRING
    assert attribute(alarm, step.facts) is Cause.MODEL
    assert step.facts.stable_ready is True
    assert step.facts.n_pairs >= 200 or alarm.is_hard
    assert step.before.override is None
    inputs = step.facts.alarms[AlarmName.INPUT_DRIFT].state
    assert alarm.is_hard or inputs not in {AlarmState.PENDING, AlarmState.FIRING}


def keeps_small(posture: Posture) -> None:
    """The posture never holds more than the open episodes and one day."""
    assert len(posture.steps_taken) <= len(NAMES)
    assert len(posture.last_step_s) <= len(NAMES)
    assert len(posture.incidents) <= len(NAMES)
    assert len(posture.escalations) <= len(NAMES)
    assert len(posture.switches_s) <= 3
    assert len(posture.capacity_ids) == posture.capacity_step <= 2


@settings(max_examples=30, deadline=None)
@given(SCRIPTS, POLICIES, st.sampled_from((1024.0, 65536.0)))
def test_a_restart_after_every_tick_changes_no_decision(
    make_finding: MakeFinding, script: list[Tick], policy: PolicySettings, restart_s: float
) -> None:
    """Stored, read, and moved to another clock, the same story is lived on."""
    one = [list(it.decision.actions) for it in live(script, policy, make_finding)]
    two = [list(it.decision.actions) for it in live(script, policy, make_finding, restart_s)]
    assert [[it.id for it in tick] for tick in one] == [[it.id for it in tick] for tick in two]


@settings(max_examples=30, deadline=None)
@given(SCRIPTS, POLICIES)
def test_unknown_everywhere_does_nothing_new(
    make_finding: MakeFinding, script: list[Tick], policy: PolicySettings
) -> None:
    """With nothing known from the start, nobody is told anything and nothing moves."""
    unknown = (Verdict.UNKNOWN,) * len(NAMES)
    silent = [replace(it, verdicts=unknown, shared=unknown, person="") for it in script]
    for step in live(silent, policy, make_finding):
        assert step.decision.actions == ()
        assert step.decision.posture.serving is Model.CANDIDATE
        assert all(alarm.state is AlarmState.INACTIVE for alarm in step.facts.alarms.values())


@settings(max_examples=30, deadline=None)
@given(SCRIPTS, POLICIES)
def test_every_beginning_that_was_told_has_its_end_or_is_still_open(
    make_finding: MakeFinding, script: list[Tick], policy: PolicySettings
) -> None:
    """Told incidents are exactly those that are over plus those of the firing alarms."""
    begun: set[str] = set()
    over: set[str] = set()
    last: Step | None = None
    for step in live(script, policy, make_finding):
        begun |= set(step.decision.posture.incidents.values())
        over |= {it.id for it in step.decision.incidents if it.is_over}
        last = step
    if last is not None:
        still = set(last.decision.posture.incidents.values())
        assert begun == over | still
        assert not over & still
        firing = {key(it) for it in last.facts.alarms.values() if it.state is AlarmState.FIRING}
        assert set(last.decision.posture.incidents) == firing


@given(st.sampled_from(Model), st.booleans(), st.sampled_from((0.0, 0.05)), st.integers(0, 9))
def test_the_routing_follows_the_posture_and_its_epoch_never_falls(
    serving: Model, has_stable: bool, fraction: float, epoch: int
) -> None:
    """Asked twice, the routing is the same value; the models swap positions in a downgrade."""
    before = Routing(epoch=epoch)
    posture = Posture(serving=serving)
    wanted = routing(posture, before, has_stable=has_stable, mirror_fraction=fraction)
    again = routing(posture, wanted, has_stable=has_stable, mirror_fraction=fraction)
    assert again is wanted
    assert wanted.epoch - epoch == (wanted is not before)
    assert wanted.serving is (serving if has_stable else Model.CANDIDATE)
    mirrors = has_stable and fraction > 0
    assert wanted.shadow is (serving.other if mirrors else None)
    assert wanted.mirror_fraction == (fraction if mirrors else 0.0)
