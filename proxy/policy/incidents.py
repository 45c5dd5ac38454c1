"""One incident per cause: which firing alarms belong together, and when an incident is over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from proxy.alarms import key
from proxy.policy.attribution import attribute
from proxy.policy.values import Cause, Facts
from proxy.records import Alarm, AlarmName, AlarmState, Posture

RANK: Final = (
    AlarmName.ERRORS,
    AlarmName.DISAGREEMENT,
    AlarmName.OUTPUT_DRIFT,
    AlarmName.LABEL_QUALITY,
    AlarmName.LATENCY,
    AlarmName.THROUGHPUT,
    AlarmName.STABLE_UNREADY,
    AlarmName.INPUT_DRIFT,
    AlarmName.SCHEMA,
    AlarmName.WATCHING,
    AlarmName.SLOW_DRIFT,
)
"""Worst first: the closer to wrong answers that clients get now, the worse."""


TICKETS: Final = frozenset({AlarmName.SLOW_DRIFT})
"""Alarms that last for weeks: they form incidents of their own, which keep no other one open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The firing alarms, what is to blame for each, and the incidents they form."""

    posture: Posture
    firing: tuple[Alarm, ...]
    """Worst first."""
    causes: Mapping[AlarmName, Cause]
    closed: Mapping[str, tuple[AlarmName, ...]]
    """Incidents that have no firing alarm any more, with the last alarms they had."""


def open_and_close(posture: Posture, facts: Facts) -> Book:
    """Sort the firing alarms into incidents.

    An alarm that begins to fire joins the incident whose alarms have, as seen now, its cause; else
    it opens one. It stays there, whatever is learnt later, so that people see one story.
    """
    firing = tuple(it for it in _ranked(facts.alarms) if it.state is AlarmState.FIRING)
    causes = {it.name: attribute(it, facts) for it in firing}
    episodes = {key(it): it for it in firing}
    members = {name: it for name, it in posture.incidents.items() if name in episodes}
    for alarm in sorted(firing, key=lambda it: it.since_s):
        if key(alarm) not in members:
            members[key(alarm)] = _join(alarm, causes, episodes, members)
    live = set(members.values())
    closed: dict[str, tuple[AlarmName, ...]] = {}
    for episode, incident in posture.incidents.items():
        if incident not in live:
            closed[incident] = (*closed.get(incident, ()), name_of(episode))
    called = posture.escalations.items()
    held = msgspec.structs.replace(
        posture,
        incidents=members,
        escalations={who: at_s for who, at_s in called if who.partition(">")[0] in live},
    )
    return Book(posture=held, firing=firing, causes=causes, closed=closed)


def name_of(episode: str) -> AlarmName:
    """Give the alarm of `alarm#episode`."""
    return AlarmName(episode.partition("#")[0])


def _ranked(alarms: Mapping[AlarmName, Alarm]) -> tuple[Alarm, ...]:
    return tuple(alarms[name] for name in RANK if name in alarms)


def _join(
    alarm: Alarm,
    causes: Mapping[AlarmName, Cause],
    episodes: Mapping[str, Alarm],
    members: Mapping[str, str],
) -> str:
    for episode, incident in members.items():
        name = episodes[episode].name
        alike = (name in TICKETS) == (alarm.name in TICKETS)
        if alike and causes[name] is causes[alarm.name]:
            return incident
    return key(alarm)
