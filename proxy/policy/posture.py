"""What persons and outcomes do to the posture: acknowledge, override, settle; and its passing on.

Each function gives a new posture; none decides a remedy (that is `ladder`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from proxy.alarms import key
from proxy.policy.steps import is_dry
from proxy.records import (
    Acknowledgement,
    Action,
    Alarm,
    AlarmName,
    Model,
    Outcome,
    Posture,
    Routing,
    Step,
    StepKind,
)


def acknowledge(
    posture: Posture,
    name: AlarmName | None,
    by: str,
    why: str,
    alarms: Mapping[AlarmName, Alarm],
    now_s: float,
) -> Posture:
    """Note that a person has seen an alarm (`None`: every open one): its episode calls nobody more.

    Remedies that protect traffic still run; `route` stops those. An alarm that is not open is
    left alone.
    """
    names = alarms if name is None else {name: None}
    taken = {
        seen: Acknowledgement(by=by, why=why, at_s=now_s, episode=alarms[seen].episode)
        for seen in names
        if seen in alarms and alarms[seen].state.is_open
    }
    return msgspec.structs.replace(posture, acknowledgements={**posture.acknowledgements, **taken})


def override(
    posture: Posture, model: Model | None, by: str, now_s: float
) -> tuple[Posture, Action]:
    """Route as a person says until the person says otherwise; `None`: decide automatically again.

    Automatic again does not move traffic: it stays where it is until the next decision.
    """
    serving = posture.serving if model is None else model
    because = f"{by} chose automatic routing" if model is None else f"{by} chose {model}"
    kind = StepKind.RESTORE if serving is Model.CANDIDATE else StepKind.DOWNGRADE
    target = "auto" if model is None else model.value
    action = Action(
        id=f"route/{target}/{now_s:.3f}",
        step=Step(kind=kind, argument=target),
        because=because,
        alarms=(),
        at_s=now_s,
    )
    moved = msgspec.structs.replace(posture, override=model, serving=serving, because=because)
    return moved, action


def settle(posture: Posture, outcome: Outcome) -> Posture:
    """Take an outcome into account: what failed is not in force, and the next rung need not wait.

    A failed switch still counts among the switches of the day, so that a broken switch is not
    tried again and again.
    """
    action = outcome.action
    if outcome.ok or is_dry(action):
        return posture
    episode = action.id.split("/")[1]
    waits = {name: at_s for name, at_s in posture.last_step_s.items() if name != episode}
    match action.step.kind:
        case StepKind.DOWNGRADE if posture.override is None:
            because = f"downgrade failed: {outcome.error}"
            return msgspec.structs.replace(
                posture, serving=Model.CANDIDATE, because=because, last_step_s=waits
            )
        case StepKind.EXPAND:
            kept = tuple(it for it in posture.capacity_ids if it != action.id)
            taken = max(posture.steps_taken.get(episode, 0), int(action.id.split("/")[2]) + 1)
            return msgspec.structs.replace(
                posture,
                capacity_step=len(kept),
                capacity_ids=kept,
                steps_taken={**posture.steps_taken, episode: taken},
                last_step_s=waits,
            )
        case _:
            return posture


def shifted(posture: Posture, delta_s: float) -> Posture:
    """Move every time of a posture by `delta_s`: the host's monotonic clock began anew."""
    relieved_s = posture.relieved_s
    return msgspec.structs.replace(
        posture,
        last_step_s={name: at_s + delta_s for name, at_s in posture.last_step_s.items()},
        switches_s=tuple(at_s + delta_s for at_s in posture.switches_s),
        escalations={name: at_s + delta_s for name, at_s in posture.escalations.items()},
        acknowledgements={
            name: msgspec.structs.replace(seen, at_s=seen.at_s + delta_s)
            for name, seen in posture.acknowledgements.items()
        },
        relieved_s=None if relieved_s is None else relieved_s + delta_s,
    )


NEWER_ON_DISK: Final = "the routing found on disk is newer than the saved state"


def resume(
    posture: Posture,
    saved: Routing,
    found: Routing | None,
    now_s: float,
    because: str = NEWER_ON_DISK,
) -> Posture:
    """Believe the routing that was found, on disk or at the relays, when it is newer than `saved`.

    The cell is written with every switch, the state only now and then: after a crash in between,
    the traffic is where the cell says. A switch to stable that is found so counts as one of today.
    """
    if found is None or found.epoch <= saved.epoch or found.serving is posture.serving:
        return posture
    is_switch = found.serving is Model.STABLE and posture.override is None
    return msgspec.structs.replace(
        posture,
        serving=found.serving,
        override=None if posture.override is None else found.serving,
        because=because,
        switches_s=(*posture.switches_s, now_s) if is_switch else posture.switches_s,
    )


def routing(
    posture: Posture, before: Routing, *, has_stable: bool, mirror_fraction: float
) -> Routing:
    """Give the routing that a posture asks for; the epoch grows only when something changes.

    Both positions swap in a downgrade: the candidate goes on as the shadow, so that its recovery
    can be shown before a person restores it.
    """
    serving = posture.serving if has_stable else Model.CANDIDATE
    shadow = serving.other if has_stable and mirror_fraction > 0 else None
    fraction = mirror_fraction if shadow is not None else 0.0
    wanted = Routing(serving=serving, shadow=shadow, mirror_fraction=fraction, epoch=before.epoch)
    return before if wanted == before else msgspec.structs.replace(wanted, epoch=before.epoch + 1)


def open_incidents(posture: Posture, alarms: Mapping[AlarmName, Alarm]) -> frozenset[str]:
    """Give the incidents that a person must still answer: firing, and not acknowledged."""
    return frozenset(
        posture.incidents[key(alarm)]
        for alarm in alarms.values()
        if key(alarm) in posture.incidents and not is_acknowledged(posture, alarm)
    )


def capacity_in_force(posture: Posture) -> tuple[str, ...]:
    """Give the names of the capacity steps in force, in the order in which they were taken."""
    return tuple(action.split("/", 3)[3] for action in posture.capacity_ids)


def is_acknowledged(posture: Posture, alarm: Alarm) -> bool:
    """Say whether a person has taken over the alarm's current episode."""
    seen = posture.acknowledgements.get(alarm.name)
    return seen is not None and seen.episode == alarm.episode
