"""One voice for a fleet: of alarms that all replicas find together, one tells.

Every replica judges the same evidence, so every one has the same to say, at the same tick. The
first in the order of names speaks; the others hold what they would have said while one before them
has an open incident about the same alarm. Each share of counts carries which alarms those are, so
nothing more is asked of Redis. When the speaker is gone, the next one tells; when the fleet cannot
be reached, everybody does: people may hear twice, never not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from proxy.actuators.notice import Notice

MAX_HELD: Final = 64

Others = Callable[[], Mapping[str, frozenset[str]] | None]
"""Gives what each replica of the last sum is telling people about; `None`: nobody is known."""


class Teller(Protocol):
    """Who delivers notices."""

    def offer(self, notice: Notice, receivers: tuple[str, ...] = ()) -> None:
        """Take a notice in for delivery."""

    def told(self, incident: str) -> tuple[str, ...]:
        """Give who heard of an incident that is not over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """Which replica speaks, and of what it does not speak alone."""

    replica: str
    fleet: str
    """Name under which the fleet's incidents are known to receivers."""
    shared: frozenset[str]
    """Alarms that all replicas find together."""
    patience: int
    """Ticks until a replica of the same evidence must have said that it has an incident, too."""


@dataclass(slots=True)
class _Held:
    notice: Notice
    receivers: tuple[str, ...]
    alarm: str
    age: int = 0
    """Ticks since it was to be said."""


class Voice:
    """Tells people, or holds back what another replica tells them."""

    def __init__(self, teller: Teller, speaker: Speaker, others: Others) -> None:
        """Speak through `teller`; nothing is held."""
        self._teller = teller
        self._speaker = speaker
        self._others = others
        self._held: dict[tuple[str, str], _Held] = {}

    def __len__(self) -> int:
        """Give how many notices are held back."""
        return len(self._held)

    def offer(self, notice: Notice, receivers: tuple[str, ...] = ()) -> None:
        """Tell a notice, unless it is another replica's to tell."""
        alarm = opener(notice.incident)
        if alarm not in self._speaker.shared:
            self._teller.offer(notice, receivers)
            return
        incident = f"{self._speaker.fleet}/{alarm}"
        notice = msgspec.structs.replace(notice, incident=incident)
        if notice.kind == "resolved":
            self._end(notice, receivers)
        elif self._is_first(alarm):
            self._teller.offer(notice, receivers)
        else:
            held = self._held.pop((incident, notice.kind), None)
            # What is said again has waited as long as what was said first.
            age = 0 if held is None else held.age
            self._held[incident, notice.kind] = _Held(notice, receivers, alarm, age)
            while len(self._held) > MAX_HELD:
                self._tell(next(iter(self._held)))

    def tick(self) -> None:
        """Tell what turned out to be ours to tell. Called once per tick."""
        for key, held in list(self._held.items()):
            held.age += 1
            others = self._others()
            is_told = others is not None and any(
                held.alarm in telling
                for name, telling in others.items()
                if self._comes_before(name)
            )
            if not is_told and (others is None or held.age > self._speaker.patience):
                self._tell(key)

    def _is_first(self, alarm: str) -> bool:
        """Tell whether this replica need not wait for anybody."""
        others = self._others()
        if others is None:
            return True
        before = [telling for name, telling in others.items() if self._comes_before(name)]
        # Whoever has begun to tell goes on, unless one before it does.
        has_begun = bool(self._teller.told(f"{self._speaker.fleet}/{alarm}"))
        return not before or (has_begun and not any(alarm in telling for telling in before))

    def _comes_before(self, name: str) -> bool:
        return name < self._speaker.replica

    def _end(self, notice: Notice, receivers: tuple[str, ...]) -> None:
        """Tell the end of an incident to those who heard of it here, and to nobody else."""
        for key in [key for key in self._held if key[0] == notice.incident]:
            del self._held[key]
        if self._teller.told(notice.incident):
            self._teller.offer(notice, receivers)

    def _tell(self, key: tuple[str, str]) -> None:
        held = self._held.pop(key)
        self._teller.offer(held.notice, held.receivers)


def opener(incident: str) -> str:
    """Give the alarm that opened an incident, `INSTANCE/ALARM#EPISODE`; empty: a person did."""
    name, mark, _ = incident.rpartition("/")[2].partition("#")
    return name if mark else ""
