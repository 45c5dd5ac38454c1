"""Climb the ladders: which remedy is due now, for which incident, and what comes next.

A ladder is climbed rung by rung. A rung that is done is never taken again in the same episode; one
that is refused (no way back, a shared cause, too many switches) calls a person at once and is
looked at again with every decision, since the obstacle may go away while the alarm fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from proxy.alarms import key
from proxy.policy.diagnosis import Story, tell
from proxy.policy.gate import DONE, GO, Moment, Rung, Standing, lock, may_downgrade
from proxy.policy.incidents import open_and_close
from proxy.policy.posture import is_acknowledged
from proxy.policy.settings import PolicySettings
from proxy.policy.steps import call, ladder, say_over, take, take_back
from proxy.policy.values import Cause, Decision, Facts, Incident
from proxy.policy.words import span
from proxy.records import Action, Alarm, AlarmName, AlarmState, Model, Posture, Step, StepKind
from proxy.units import DAY_S


def decide(posture: Posture, facts: Facts, settings: PolicySettings, now_s: float) -> Decision:
    """Decide what is to be done now, once per tick.

    Deciding again with the posture it gives and the same facts repeats no action. At most one
    action is a remedy or an escalation; a shared or unknown cause, an unready stable model and an
    override never switch traffic.
    """
    moment = Moment(facts=facts, settings=settings, now_s=now_s)
    book = open_and_close(_tidy(posture, moment), facts)
    state = _State(posture=book.posture)
    for alarm in book.firing:
        state = _climb(alarm, book.causes[alarm.name], state, moment)
    state = _relieve(state, moment)
    over = tuple(
        action for it, names in book.closed.items() for action in say_over(it, names, moment)
    )
    story = Story(moment=moment, posture=state.posture, causes=book.causes, outlooks=state.outlooks)
    told = tell(story, book.closed)
    return Decision(
        posture=msgspec.structs.replace(
            state.posture,
            locked=lock(state.posture.switches_s, settings, now_s),
            causes=_causes(state.posture, told),
        ),
        actions=(*over, *state.alerts.values(), *state.remedies),
        diagnosis="\n\n".join(
            f"{it.title}. {it.what} {it.done} {it.next}" for it in told if not it.is_over
        ),
        incidents=told,
    )


def _causes(posture: Posture, told: tuple[Incident, ...]) -> dict[str, str]:
    """Give the cause of each open incident; what was known of one is kept when it no longer is."""
    return {
        it.id: posture.causes.get(it.id, it.cause.value)
        if it.cause is Cause.UNKNOWN
        else it.cause.value
        for it in told
        if not it.is_over
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the ladders climbed so far have led to."""

    posture: Posture
    alerts: Mapping[str, Action] = field(default_factory=dict)
    """By incident: people are told once of all its alarms that begin to fire in one tick."""
    remedies: tuple[Action, ...] = ()
    """At most one."""
    outlooks: Mapping[AlarmName, str] = field(default_factory=dict)
    """What comes next for an alarm, or what stands in the way, as the end of a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Walk:
    """How far one ladder was looked at."""

    taken: int
    alerts: tuple[int, ...]
    due: int | None
    """The rung that is to be taken now. `None`: none, for the reason in `outlook`."""
    outlook: str


def _tidy(posture: Posture, moment: Moment) -> Posture:
    """Forget what is over, so that the posture stays small; put the override into force."""
    alarms, now_s = moment.facts.alarms, moment.now_s
    firing = {key(it) for it in alarms.values() if it.state is AlarmState.FIRING}
    is_open = {(it.name.value, it.episode) for it in alarms.values() if it.state.is_open}
    seen = posture.acknowledgements.items()
    return msgspec.structs.replace(
        posture,
        serving=posture.serving if posture.override is None else posture.override,
        switches_s=tuple(at_s for at_s in posture.switches_s if now_s - at_s < DAY_S),
        steps_taken={name: n for name, n in posture.steps_taken.items() if name in firing},
        last_step_s={name: at for name, at in posture.last_step_s.items() if name in firing},
        acknowledgements={name: it for name, it in seen if (name, it.episode) in is_open},
    )


def _climb(alarm: Alarm, cause: Cause, state: _State, moment: Moment) -> _State:
    """Climb one alarm's ladder as far as it goes now; at most one remedy per decision."""
    episode = key(alarm)
    rungs = ladder(alarm, state.posture, moment.settings)
    walk = _walk(alarm, cause, state.posture, moment)
    posture = msgspec.structs.replace(
        state.posture, steps_taken={**state.posture.steps_taken, episode: walk.taken}
    )
    alerts = [take(alarm, index, posture, moment)[1] for index in walk.alerts]
    state = replace(
        state,
        posture=posture,
        alerts=_joined(state.alerts, posture.incidents[episode], alerts),
        outlooks={**state.outlooks, alarm.name: walk.outlook},
    )
    if walk.due is None:
        return state
    if state.remedies:
        soon = f"next step: {rungs[walk.due].kind}"
        return replace(state, outlooks={**state.outlooks, alarm.name: soon})
    posture, action = take(alarm, walk.due, posture, moment)
    if walk.outlook:
        action = msgspec.structs.replace(action, because=f"{action.because}; {walk.outlook}")
    return replace(state, posture=posture, remedies=(action,))


def _joined(
    told: Mapping[str, Action], incident: str, alerts: Sequence[Action]
) -> Mapping[str, Action]:
    """Add an alarm's alert, or its name to that of the same incident: its story tells of both."""
    if not alerts:
        return told
    first = told.get(incident)
    if first is None:
        return {**told, incident: alerts[0]}
    names = (*first.alarms, *alerts[0].alarms)
    return {**told, incident: msgspec.structs.replace(first, alarms=names)}


def _walk(alarm: Alarm, cause: Cause, posture: Posture, moment: Moment) -> _Walk:
    """Look at the rungs in order until one is due or has to wait."""
    taken = posture.steps_taken.get(key(alarm), 0)
    alerts: tuple[int, ...] = ()
    refused = _alarming(alarm, posture)
    for index, step in enumerate(ladder(alarm, posture, moment.settings)):
        if index < taken:
            continue
        if step.kind is StepKind.ALERT:
            alerts, rung = ((*alerts, index), DONE) if index == taken else (alerts, DONE)
        elif step.kind is StepKind.DOWNGRADE:
            rung = _look_at_downgrade(alarm, cause, posture, moment)
        elif step.kind is StepKind.EXPAND:
            rung = _look_at_expand(step, alarm, posture, moment)
        else:
            rung = _look_at_escalate(step, alarm, posture, moment, is_refused=bool(refused))
        match rung.standing:
            case Standing.DONE:
                taken += index == taken
            case Standing.REFUSED:
                refused = rung.why
            case Standing.GO:
                return _Walk(taken=taken, alerts=alerts, due=index, outlook=refused)
            case Standing.WAIT:
                return _Walk(taken=taken, alerts=alerts, due=None, outlook=refused or rung.why)
    return _Walk(taken=taken, alerts=alerts, due=None, outlook=refused)


def _alarming(alarm: Alarm, posture: Posture) -> str:
    """Say why a person is called at once, whatever the ladder says; empty when nothing does."""
    if alarm.name is AlarmName.STABLE_UNREADY and posture.serving is Model.STABLE:
        return "the stable model serves, and it is not ready"
    return ""


def _look_at_downgrade(alarm: Alarm, cause: Cause, posture: Posture, moment: Moment) -> Rung:
    rung = may_downgrade(alarm, cause, posture, moment)
    left_s = _settles_in(alarm, posture, moment)
    if rung.standing is Standing.GO and left_s > 0 and not alarm.is_hard:
        return Rung(Standing.WAIT, f"a downgrade is due in {span(left_s)} if the last step fails")
    return rung


def _look_at_expand(step: Step, alarm: Alarm, posture: Posture, moment: Moment) -> Rung:
    """Look at a capacity rung: done when all steps it allows are in force."""
    names = moment.facts.capacity
    wanted = names.index(step.argument) + 1 if step.argument in names else 0
    target = wanted if step.argument else len(names)
    if posture.capacity_step >= target:
        return DONE
    left_s = _settles_in(alarm, posture, moment)
    if left_s > 0:
        name = names[posture.capacity_step]
        return Rung(Standing.WAIT, f"capacity step {name} is due in {span(left_s)}")
    return GO


def _look_at_escalate(
    step: Step, alarm: Alarm, posture: Posture, moment: Moment, *, is_refused: bool
) -> Rung:
    """Look at a call for a person: at once when a rung before was refused, else when settled."""
    incident = posture.incidents[key(alarm)]
    is_called = call(incident, step.argument) in posture.escalations
    if is_called or is_acknowledged(posture, alarm):
        return DONE
    fired_s = moment.now_s - alarm.since_s
    left_s = max(_settles_in(alarm, posture, moment), moment.settings.settle_s - fired_s)
    if left_s > 0 and not is_refused:
        return Rung(Standing.WAIT, f"a person is called in {span(left_s)}")
    return GO


def _settles_in(alarm: Alarm, posture: Posture, moment: Moment) -> float:
    """Give how long the last remedy of the alarm's incident still needs to settle, in seconds."""
    incident = posture.incidents[key(alarm)]
    last = [
        at_s
        for episode, at_s in posture.last_step_s.items()
        if posture.incidents.get(episode) == incident
    ]
    if not last:
        return 0.0
    return max(last) + moment.settings.settle_s - moment.now_s


def _relieve(state: _State, moment: Moment) -> _State:
    """Take capacity back, one step at a time, once no alarm has needed it for long enough."""
    posture, settings = state.posture, moment.settings
    is_needed = any(
        alarm.state.is_open
        and any(it.kind is StepKind.EXPAND for it in settings.ladder(alarm.name))
        for alarm in moment.facts.alarms.values()
    )
    if is_needed or not posture.capacity_ids or settings.dry_run:
        return replace(state, posture=msgspec.structs.replace(posture, relieved_s=None))
    since_s = moment.now_s if posture.relieved_s is None else posture.relieved_s
    posture = msgspec.structs.replace(posture, relieved_s=since_s)
    if moment.now_s - since_s < settings.undo_after_s or state.remedies:
        return replace(state, posture=posture)
    posture, action = take_back(posture, moment)
    return replace(state, posture=posture, remedies=(action,))
