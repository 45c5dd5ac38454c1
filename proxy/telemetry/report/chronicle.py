"""What the journal says of alarms and incidents: their episodes, who was told what, the ticks.

Entries come oldest first, from memory or from a file. An entry of another version, or a damaged
one, is passed over: a report with a gap is better than none. Nothing is concluded here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.records import AlarmName, AlarmState, Finding, Insight, Transition, Verdict
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.journal import Entry

_Told = TypeVar("_Told")
LATE_S: Final = 30.0
"""What explains an alarm is made beside the ticks, and may come a little after it has ended."""


class Episode(Struct, frozen=True, kw_only=True):
    """One life of an alarm, from its breach to its end."""

    alarm: AlarmName
    number: int
    state: AlarmState
    onset_utc: str = ""
    began_utc: str = ""
    fired_utc: str = ""
    ended_utc: str = ""
    finding: Finding
    """The last one that was a breach."""
    incident: str = ""

    @property
    def is_open(self) -> bool:
        """Whether it lasts."""
        return self.state.is_open

    @property
    def starts_utc(self) -> str:
        """Give the first time that is known of it."""
        return self.began_utc or self.fired_utc or self.ended_utc


class Notice(Struct, frozen=True, kw_only=True):
    """The part of a notice to people that a report needs; docs/alerts.md has all of it."""

    kind: str = ""
    incident: str = ""
    cause: str = ""
    alarms: tuple[AlarmName, ...] = ()
    title: str = ""
    done: str = ""
    next: str = ""
    undo: str = ""
    since_utc: str = ""
    false_alarms: str = ""
    candidate: str = ""
    stable: str = ""
    source: str = ""

    @property
    def incident_id(self) -> str:
        """Give the id without the name of the sidecar before it."""
        return self.incident.rpartition("/")[2]


class Move(Struct, frozen=True):
    """The part of a transition that says which alarm became what."""

    alarm: AlarmName
    episode: int
    to: AlarmState


class Seen(Struct, frozen=True):
    """What one monitor said at a recorded tick."""

    monitor: AlarmName
    subject: str
    effect: float
    interval: tuple[float, float] | None
    unit: str
    evidence: float
    threshold: float
    verdict: Verdict


class Tick(Struct, frozen=True):
    """One recorded tick."""

    at_s: float
    findings: tuple[Seen, ...]


class Sheet(Struct, frozen=True):
    """What a monitor told of its streams when its alarm fired."""

    alarm: AlarmName
    detail: JsonObject


class Start(Struct, frozen=True):
    """What stands in the journal when watching begins."""

    text: str = ""
    versions: dict[str, str] = {}
    settings: JsonObject = {}


@dataclass(slots=True)
class Chronicle:
    """A journal, read."""

    entries: list[Entry] = field(default_factory=list)
    """Those that a timeline may show."""
    episodes: dict[tuple[AlarmName, int], Episode] = field(default_factory=dict)
    notices: dict[str, list[Notice]] = field(default_factory=dict)
    """By id of the incident, oldest first."""
    ticks: list[tuple[float, Tick]] = field(default_factory=list)
    """(seconds since 1970, tick)"""
    sheets: dict[AlarmName, list[tuple[str, JsonObject]]] = field(default_factory=dict)
    """(time, what the monitor told), oldest first."""
    insights: dict[AlarmName, list[tuple[str, Insight]]] = field(default_factory=dict)
    """(time, insight), oldest first."""
    start: Start = field(default_factory=Start)
    n_entries: int = 0
    first: int = 0
    """Number of the first entry."""
    last: int = 0
    n_unreadable: int = 0

    @property
    def newest(self) -> Notice:
        """Give the last notice of all."""
        told = [notices[-1] for notices in self.notices.values()]
        return told[-1] if told else Notice()

    def of_incident(self, incident: str) -> list[Episode]:
        """Give the episodes of an incident, first one first."""
        return [one for one in self.episodes.values() if incident and one.incident == incident]

    def last_of(
        self, kept: Mapping[AlarmName, list[tuple[str, _Told]]], episode: Episode
    ) -> tuple[str, _Told] | None:
        """Give what was told last of an alarm while an episode of it lasted; `None`: nothing was.

        `kept`: `sheets` or `insights`. What comes late is that of the next episode once that began.
        """
        begun_s = unix_s(episode.starts_utc) - LATE_S
        ended_s = unix_s(episode.ended_utc) + LATE_S if episode.ended_utc else math.inf
        following = self.episodes.get((episode.alarm, episode.number + 1))
        if following is not None:
            ended_s = min(ended_s, unix_s(following.starts_utc) - 0.001)
        found = [it for it in kept.get(episode.alarm, ()) if begun_s <= unix_s(it[0]) <= ended_s]
        return found[-1] if found else None


def read(entries: Iterable[Entry]) -> Chronicle:
    """Read a journal, oldest entry first."""
    told = Chronicle()
    for entry in entries:
        told.first = told.first or entry.n
        told.last = entry.n
        told.n_entries += 1
        try:
            _take(told, entry)
        except (msgspec.ValidationError, ValueError):
            told.n_unreadable += 1
    return told


def unix_s(utc: str) -> float:
    """Give seconds since 1970 for RFC 3339 text.

    Raises:
        ValueError: it is no such text.
    """
    return datetime.fromisoformat(utc).timestamp()


def utc_of(seconds: float) -> str:
    """Give RFC 3339 text for seconds since 1970; empty when there is no such time."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return ""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moved(utc: str, by_s: float) -> str:
    """Give the time `by_s` after `utc`."""
    return utc_of(unix_s(utc) + by_s)


def _take(told: Chronicle, entry: Entry) -> None:
    at_s = unix_s(entry.at_utc)
    match entry.kind:
        case "tick":
            told.ticks.append((at_s, msgspec.convert(entry.body, Tick, strict=False)))
            return
        case "evidence":
            sheet = msgspec.convert(entry.body, Sheet, strict=False)
            told.sheets.setdefault(sheet.alarm, []).append((entry.at_utc, sheet.detail))
            return
        case "insight":
            insight = msgspec.convert(entry.body, Insight, strict=False)
            told.insights.setdefault(insight.alarm, []).append((entry.at_utc, insight))
            return
        case "transition":
            _transition(told, entry)
        case "notice":
            _notice(told, entry)
        case "start":
            told.start = msgspec.convert(entry.body, Start, strict=False)
    told.entries.append(entry)


def _transition(told: Chronicle, entry: Entry) -> None:
    """Move an episode; a finding that cannot be read leaves the one before standing.

    Figures that are not finite are null in JSON, and an alarm must not seem to last for them.
    """
    move = msgspec.convert(entry.body, Move, strict=False)
    known = told.episodes.get((move.alarm, move.episode))
    try:
        change = msgspec.convert(_without_holes(entry.body), Transition, strict=False)
        known = _with_finding(known, change, entry)
    except msgspec.ValidationError:
        if known is None:
            raise
    at_utc = entry.at_utc
    match move.to:
        case AlarmState.PENDING:
            known = replace(known, began_utc=at_utc)
        case AlarmState.FIRING:
            known = replace(known, fired_utc=at_utc, began_utc=known.began_utc or at_utc)
        case AlarmState.RESOLVED | AlarmState.INACTIVE:
            known = replace(known, ended_utc=known.ended_utc or at_utc)
    told.episodes[move.alarm, move.episode] = replace(known, state=move.to)


def _without_holes(body: object) -> object:
    """Give a transition whose intervals are whole: a bound that is not finite makes it unknown."""
    if not isinstance(body, dict) or not isinstance(body.get("finding"), dict):
        return body
    finding = _bounded(body["finding"])
    blamed = finding.get("blamed")
    if isinstance(blamed, list):
        finding["blamed"] = [_bounded(one) if isinstance(one, dict) else one for one in blamed]
    return {**body, "finding": finding}


def _bounded(value: Mapping[str, object]) -> JsonObject:
    interval = value.get("interval")
    is_whole = not isinstance(interval, list) or None not in interval
    return dict(value) if is_whole else {**value, "interval": None}


def _with_finding(known: Episode | None, change: Transition, entry: Entry) -> Episode:
    """Give the episode with the finding of a transition, if that is a breach or the first."""
    finding = change.finding
    if known is None:
        known = Episode(alarm=change.alarm, number=change.episode, state=change.to, finding=finding)
    if finding.verdict is not Verdict.BREACH:
        return known
    onset_utc = known.onset_utc
    if finding.since_s is not None:
        onset_utc = moved(entry.at_utc, finding.since_s - change.at_s)
    return replace(known, finding=finding, onset_utc=onset_utc)


def _notice(told: Chronicle, entry: Entry) -> None:
    notice = msgspec.convert(entry.body, Notice, strict=False)
    told.notices.setdefault(notice.incident_id, []).append(notice)
    if notice.kind not in {"firing", "escalation"}:
        return
    for key in list(_current(told.episodes, notice.alarms)):
        if not told.episodes[key].incident:
            told.episodes[key] = replace(told.episodes[key], incident=notice.incident_id)


def _current(
    episodes: Mapping[tuple[AlarmName, int], Episode], alarms: Iterable[AlarmName]
) -> Iterator[tuple[AlarmName, int]]:
    """Give the last episode of each alarm."""
    for alarm in alarms:
        numbers = [number for name, number in episodes if name is alarm]
        if numbers:
            yield alarm, max(numbers)
