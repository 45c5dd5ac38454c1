"""Take one rung: the action it asks for, and the posture once it is done.

Ids of actions are made of the episode and the rung, so that an action repeated after a crash is
recognised by whoever carries it out: `KIND/ALARM#EPISODE/RUNG[/NAME]`, with `dry/` before it when
nothing is to be carried out.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.alarms import key
from proxy.policy.gate import Moment
from proxy.policy.settings import PolicySettings
from proxy.policy.values import FIRING, RESOLVED
from proxy.policy.words import effect
from proxy.records import (
    Action,
    Alarm,
    AlarmName,
    Model,
    Posture,
    Step,
    StepKind,
)

DRY: Final = "dry/"


def is_dry(action: Action) -> bool:
    """Say whether the action is only to be told, not carried out."""
    return action.id.startswith(DRY)


def call(incident: str, receiver: str) -> str:
    """Name a call for a person; without a receiver, the configured levels are called."""
    return f"{incident}>{receiver}"


def ladder(alarm: Alarm, posture: Posture, settings: PolicySettings) -> tuple[Step, ...]:
    """Give the rungs for an alarm; a serving model that is not ready always ends at a person."""
    rungs = settings.ladder(alarm.name)
    serves = alarm.name is AlarmName.STABLE_UNREADY and posture.serving is Model.STABLE
    if serves and rungs and all(it.kind is not StepKind.ESCALATE for it in rungs):
        return (*rungs, Step(kind=StepKind.ESCALATE))
    return rungs


def take(alarm: Alarm, index: int, posture: Posture, moment: Moment) -> tuple[Posture, Action]:
    """Take rung `index` of the alarm's ladder."""
    step = ladder(alarm, posture, moment.settings)[index]
    taken = max(posture.steps_taken.get(key(alarm), 0), index + 1)
    match step.kind:
        case StepKind.DOWNGRADE:
            return _downgrade(alarm, index, posture, moment)
        case StepKind.EXPAND:
            return _expand(alarm, index, posture, moment)
        case StepKind.ESCALATE:
            incident = posture.incidents[key(alarm)]
            called = {**posture.escalations, call(incident, step.argument): moment.now_s}
            action = _action(f"escalate/{key(alarm)}/{index}", step, alarm, moment)
            posture = msgspec.structs.replace(posture, escalations=called)
            return _noted(posture, alarm, moment, None), action
        case _:
            told = Step(kind=StepKind.ALERT, argument=FIRING)
            action = _action(f"alert/{key(alarm)}/{index}", told, alarm, moment)
            steps_taken = {**posture.steps_taken, key(alarm): taken}
            return msgspec.structs.replace(posture, steps_taken=steps_taken), action


def take_back(posture: Posture, moment: Moment) -> tuple[Posture, Action]:
    """Take the last capacity step back."""
    *kept, last = posture.capacity_ids
    action = Action(
        id=f"undo/{last}",
        step=Step(kind=StepKind.UNDO, argument=last.split("/", 3)[3]),
        because="no alarm has needed this capacity for long enough",
        alarms=(),
        at_s=moment.now_s,
    )
    left = msgspec.structs.replace(
        posture,
        capacity_ids=tuple(kept),
        capacity_step=len(kept),
        relieved_s=moment.now_s if kept else None,
    )
    return left, action


def say_over(incident: str, alarms: tuple[AlarmName, ...], moment: Moment) -> tuple[Action, ...]:
    """Ask to tell that an incident is over, if its beginning was told."""
    rungs = [step.kind for name in alarms for step in moment.settings.ladder(name)]
    if StepKind.ALERT not in rungs and StepKind.ESCALATE not in rungs:
        return ()
    action = Action(
        id=f"resolved/{incident}",
        step=Step(kind=StepKind.ALERT, argument=RESOLVED),
        because="every alarm of this incident is back within tolerance",
        alarms=alarms,
        at_s=moment.now_s,
    )
    return (action,)


def _downgrade(
    alarm: Alarm, index: int, posture: Posture, moment: Moment
) -> tuple[Posture, Action]:
    step = Step(kind=StepKind.DOWNGRADE)
    action = _action(f"downgrade/{key(alarm)}/{index}", step, alarm, moment)
    moved = msgspec.structs.replace(
        posture,
        serving=posture.serving if moment.settings.dry_run else Model.STABLE,
        because=action.because,
        switches_s=(*posture.switches_s, moment.now_s),
    )
    return _noted(moved, alarm, moment, index), action


def _expand(alarm: Alarm, index: int, posture: Posture, moment: Moment) -> tuple[Posture, Action]:
    """Take the next capacity step; the rung stays until all the steps it allows are in force."""
    name = moment.facts.capacity[posture.capacity_step]
    step = Step(kind=StepKind.EXPAND, argument=name)
    action = _action(f"expand/{key(alarm)}/{index}/{name}", step, alarm, moment)
    if moment.settings.dry_run:
        return _noted(posture, alarm, moment, index), action
    grown = msgspec.structs.replace(
        posture,
        capacity_step=posture.capacity_step + 1,
        capacity_ids=(*posture.capacity_ids, action.id),
    )
    return _noted(grown, alarm, moment, None), action


def _noted(posture: Posture, alarm: Alarm, moment: Moment, index: int | None) -> Posture:
    """Note when a step was taken and, when its rung is done with it, that it is (`index`)."""
    episode = key(alarm)
    taken = posture.steps_taken.get(episode, 0)
    done = taken if index is None else max(taken, index + 1)
    return msgspec.structs.replace(
        posture,
        steps_taken={**posture.steps_taken, episode: done},
        last_step_s={**posture.last_step_s, episode: moment.now_s},
    )


def _action(name: str, step: Step, alarm: Alarm, moment: Moment) -> Action:
    finding = alarm.finding
    seen = f"{alarm.name}: {finding.reason}" if finding and finding.reason else f"{alarm.name}"
    said = effect(finding) if finding else ""
    because = f"{seen}; effect {said}" if said else seen
    tells = step.kind in {StepKind.ALERT, StepKind.ESCALATE}
    is_dry_run = moment.settings.dry_run and not tells
    return Action(
        id=f"{DRY}{name}" if is_dry_run else name,
        step=step,
        because=f"dry run: {because}" if is_dry_run else because,
        alarms=(alarm.name,),
        at_s=moment.now_s,
    )
