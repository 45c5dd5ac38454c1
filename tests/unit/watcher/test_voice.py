"""One replica tells, the next takes over, and nobody keeps silent for want of a fleet."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

import made
from proxy.actuators.notice import Kind, Notice
from proxy.watcher.voice import MAX_HELD, Speaker, Voice, opener

ALARM = "output_drift"
PATIENCE = 4


def a_notice(kind: Kind = "firing", number: int = 1, alarm: str = ALARM) -> Notice:
    """Give what a replica would say of an incident."""
    return made.notice(
        id=f"{kind}-{number}",
        kind=kind,
        incident=f"m@pod/1a2b/{alarm}#{number}",
        alarm=alarm,
        alarms=(alarm,),
    )


class Teller:
    """Remembers what was told, as the outbox does."""

    def __init__(self) -> None:
        """Nothing was told."""
        self.said: list[tuple[str, tuple[str, ...]]] = []
        self.notices: list[Notice] = []
        self._open: dict[str, tuple[str, ...]] = {}

    def offer(self, notice: Notice, receivers: tuple[str, ...] = ()) -> None:
        """Take a notice in."""
        self.said.append((notice.id, receivers))
        self.notices.append(notice)
        if notice.kind == "resolved":
            self._open.pop(notice.incident, None)
        else:
            self._open[notice.incident] = ("chat",)

    def told(self, incident: str) -> tuple[str, ...]:
        """Give who heard of an incident."""
        return self._open.get(incident, ())


class Stage:
    """Replica `b` of a fleet, and what the others say."""

    def __init__(self, others: Mapping[str, set[str]] | None) -> None:
        """Begin with these others."""
        self.others = others
        self.teller = Teller()
        speaker = Speaker(
            replica="b", fleet="m@flights", shared=frozenset({ALARM}), patience=PATIENCE
        )
        self.voice = Voice(self.teller, speaker, self.known)

    def known(self) -> Mapping[str, frozenset[str]] | None:
        """Give what is known of the others."""
        if self.others is None:
            return None
        return {name: frozenset(telling) for name, telling in self.others.items()}

    def ticks(self, n: int) -> None:
        """Let time pass."""
        for _ in range(n):
            self.voice.tick()

    @property
    def ids(self) -> list[str]:
        """Give the ids of what was told."""
        return [number for number, _ in self.teller.said]


@pytest.mark.parametrize("others", [None, {}, {"b": set()}, {"b": set(), "c": {ALARM}}])
def test_the_first_by_name_tells_at_once_and_so_does_who_knows_of_nobody(
    others: Mapping[str, set[str]] | None,
) -> None:
    """Without a fleet, alone, or before all others: nothing is held."""
    stage = Stage(others)
    stage.voice.offer(a_notice(), ("chat",))
    assert stage.teller.said == [("firing-1", ("chat",))]
    assert stage.teller.notices[0].incident == "m@flights/output_drift"


def test_what_another_tells_is_not_told_and_ends_silently() -> None:
    """While one before it has the incident a replica holds its notices, to the end."""
    stage = Stage({"a": set(), "b": set()})
    stage.voice.offer(a_notice())
    stage.ticks(2)
    stage.others = {"a": {ALARM}, "b": {ALARM}}
    stage.voice.offer(a_notice("escalation"))
    stage.ticks(50)
    stage.voice.offer(a_notice("resolved"))
    stage.ticks(50)
    assert stage.ids == []
    assert len(stage.voice) == 0


def test_who_is_first_but_does_not_see_it_is_not_waited_for_long() -> None:
    """A new replica without evidence comes before, and says nothing: the next one tells."""
    stage = Stage({"a": set(), "b": {ALARM}})
    stage.voice.offer(a_notice())
    stage.ticks(PATIENCE)
    assert stage.ids == []
    stage.ticks(1)
    assert stage.ids == ["firing-1"]
    # What it began it goes on with, and ends.
    stage.voice.offer(a_notice("escalation"), ("pager",))
    stage.voice.offer(a_notice("resolved"))
    assert stage.ids == ["firing-1", "escalation-1", "resolved-1"]


@pytest.mark.parametrize("left", [{"b": {ALARM}}, None])
def test_when_the_speaker_is_gone_the_next_tells_and_ends_it(
    left: Mapping[str, set[str]] | None,
) -> None:
    """The speaker died, or the fleet is out of reach: what was held is told, the last of each."""
    stage = Stage({"a": {ALARM}, "b": {ALARM}})
    stage.voice.offer(a_notice())
    stage.voice.offer(a_notice("escalation"), ("pager",))
    stage.voice.offer(msgspec.structs.replace(a_notice("escalation"), id="again"), ("pager",))
    stage.ticks(PATIENCE + 1)
    assert stage.ids == []
    stage.others = left
    stage.ticks(1)
    assert stage.teller.said == [("firing-1", ()), ("again", ("pager",))]
    stage.voice.offer(a_notice("resolved"))
    assert stage.ids[-1] == "resolved-1"


def test_alarms_of_one_replica_alone_are_told_by_it() -> None:
    """What is not shared passes as it is, and so does what a person did."""
    stage = Stage({"a": {ALARM}, "b": set()})
    own = a_notice(alarm="latency")
    person = msgspec.structs.replace(a_notice(), incident="m@pod/1a2b/override-3")
    for notice in (own, person):
        stage.voice.offer(notice)
    assert stage.teller.notices == [own, person]


def test_what_is_held_is_bounded() -> None:
    """Beyond the bound the oldest is told rather than lost."""
    stage = Stage({"a": {ALARM}, "b": set()})
    stage.voice = Voice(
        stage.teller,
        Speaker(
            replica="b",
            fleet="m@flights",
            shared=frozenset(f"alarm{i}" for i in range(MAX_HELD + 3)),
            patience=PATIENCE,
        ),
        lambda: {"a": frozenset(f"alarm{i}" for i in range(MAX_HELD + 3))},
    )
    for number in range(MAX_HELD + 3):
        stage.voice.offer(a_notice(number=number, alarm=f"alarm{number}"))
    assert len(stage.voice) == MAX_HELD
    assert len(stage.ids) == 3


@pytest.mark.parametrize(
    ("incident", "alarm"),
    [("m@pod/1a2b/errors#12", "errors"), ("m@pod/1a2b/override-3", ""), ("", "")],
)
def test_the_opener_of_an_incident_stands_in_its_name(incident: str, alarm: str) -> None:
    """`INSTANCE/ALARM#EPISODE` names the alarm; what a person did has none."""
    assert opener(incident) == alarm
