"""The course of an incident: its stations, its timeline, its evidence over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from proxy.records import AlarmName, StepKind
from proxy.telemetry import words
from proxy.telemetry.desk import EntryView
from proxy.telemetry.journal import Entry
from proxy.telemetry.report.chronicle import Chronicle, Episode, Seen, unix_s
from proxy.telemetry.report.values import Mark, Milestone, Trace, TracePoint

MAX_TIMELINE: Final = 120
"""Entries of the timeline; more are cut in the middle, where they repeat each other."""
MAX_POINTS: Final = 300
"""Points of one curve: more than a screen can show."""
BEFORE_S: Final = 120.0
"""Shown before the onset, at most; less when the incident was short."""
AFTER_S: Final = 3600.0
"""What people and policy do for an hour after the end belongs to the story."""
_OURS: Final = frozenset({"transition", "routing", "outcome", "notice", "ack", "override", "start"})


def milestones(told: Chronicle, members: Sequence[Episode]) -> tuple[Milestone, ...]:
    """Give the stations in order: onset, found, fired, traffic moved, acknowledged, over."""
    onsets = sorted(one.onset_utc for one in members if one.onset_utc)
    began = min((one.began_utc for one in members if one.began_utc), default="")
    fired = min((one.fired_utc for one in members if one.fired_utc), default="")
    found = [
        Milestone(name="Began", at_utc=onsets[0], note="estimated from the data")
        if onsets
        else None,
        Milestone(name="Found", at_utc=began, note="breach, not yet told") if began else None,
        Milestone(name="Alarm", at_utc=fired, note="confirmed by later data") if fired else None,
    ]
    begun_s = min(unix_s(one.starts_utc) for one in members)
    end_s = _window(told, members)[1]
    incidents = {one.incident for one in members}
    found += [
        _deed(one, incidents) for one in told.entries if begun_s <= unix_s(one.at_utc) <= end_s
    ]
    if all(not one.is_open for one in members):
        ended = max(one.ended_utc for one in members)
        found.append(Milestone(name="Over", at_utc=ended, note="back within tolerance"))
    known = sorted((one for one in found if one is not None), key=lambda one: one.at_utc)
    first: dict[str, Milestone] = {}
    for one in known:
        first.setdefault(one.name, one)
    return tuple(first.values())


def done(told: Chronicle, members: Sequence[Episode]) -> str:
    """Say what was done by whom, with the times of the day; empty when nothing was."""
    end_s = _window(told, members)[1]
    begun_s = min(unix_s(one.starts_utc) for one in members)
    ours = {one.alarm for one in members}
    said = []
    for entry in told.entries:
        if begun_s <= unix_s(entry.at_utc) <= end_s:
            sentence = _told(entry, ours)
            said += [sentence] if sentence else []
    return " ".join(dict.fromkeys(said))


def serves(told: Chronicle, members: Sequence[Episode]) -> str:
    """Give who answered last as far as the journal of this incident says; empty: it does not."""
    start_s, end_s = _window(told, members)
    last = [
        _body(one).get("serving")
        for one in told.entries
        if one.kind == "routing" and start_s <= unix_s(one.at_utc) <= end_s
    ]
    return str(last[-1]) if last else ""


def marks(told: Chronicle, members: Sequence[Episode]) -> tuple[Mark, ...]:
    """Give what to mark in a picture of the evidence: states of the alarms, switches."""
    found: list[Mark] = []
    for one in members:
        name = words.label(one.alarm)
        for at_utc, what in (
            (one.began_utc, "found"),
            (one.fired_utc, "fired"),
            (one.ended_utc, "ended"),
        ):
            if at_utc:
                found.append(Mark(at_unix_s=unix_s(at_utc), kind="alarm", text=f"{name} {what}"))
    start_s, end_s = _window(told, members)
    for entry in told.entries:
        at_s = unix_s(entry.at_utc)
        if entry.kind == "routing" and start_s <= at_s <= end_s:
            serving = _body(entry).get("serving")
            found.append(Mark(at_unix_s=at_s, kind="switch", text=f"Traffic goes to {serving}"))
    return tuple(sorted(found, key=lambda one: one.at_unix_s))


def timeline(told: Chronicle, members: Sequence[Episode]) -> tuple[EntryView, ...]:
    """Give what the journal says of the incident, oldest first."""
    start_s, end_s = _window(told, members)
    ours = {(one.alarm, one.number) for one in members}
    incidents = {one.incident for one in members}
    views = [
        words.entry_view(msgspec.to_builtins(entry))
        for entry in told.entries
        if start_s <= unix_s(entry.at_utc) <= end_s and _belongs(entry, ours, incidents)
    ]
    views = _once(views)
    if len(views) <= MAX_TIMELINE:
        return tuple(views)
    half = MAX_TIMELINE // 2
    left_out = len(views) - 2 * half
    cut = EntryView(at_utc=views[half].at_utc, kind="note", text=f"{left_out} entries left out.")
    return (*views[:half], cut, *views[-half:])


def _once(views: Sequence[EntryView]) -> list[EntryView]:
    """Leave out what was told to people again in the same words."""
    kept: list[EntryView] = []
    told = ""
    for one in views:
        if one.kind != "alert" or one.text != told:
            text = f"People were told: {one.text}" if one.kind == "alert" else one.text
            kept.append(msgspec.structs.replace(one, text=text))
        told = one.text if one.kind == "alert" else told
    return kept


def trace_of(told: Chronicle, episode: Episode, members: Sequence[Episode]) -> Trace:
    """Give the evidence of one alarm over the recorded ticks of the incident."""
    start_s, end_s = _window(told, members)
    ends_s = _end_s(members) + BEFORE_S
    subject, unit = episode.finding.subject, episode.finding.unit
    points: list[TracePoint] = []
    for at_s, tick in told.ticks:
        if not start_s <= at_s <= min(end_s, ends_s):
            continue
        points += [
            _point(at_s, seen, subject, unit)
            for seen in tick.findings
            if seen.monitor is episode.alarm and seen.threshold > 0
        ]
    step = -(-len(points) // MAX_POINTS) or 1
    return Trace(alarm=episode.alarm, subject=subject, unit=unit, points=tuple(points[::step]))


def _point(at_s: float, seen: Seen, subject: str, unit: str) -> TracePoint:
    strength = words.strength(seen.evidence, seen.threshold)
    if seen.subject != subject or seen.unit != unit or seen.interval is None:
        return TracePoint(at_s, strength)
    return TracePoint(at_s, strength, seen.effect, *seen.interval)


def _window(told: Chronicle, members: Sequence[Episode]) -> tuple[float, float]:
    """Give from when to when entries belong to the incident, in seconds since 1970.

    It reaches a while beyond the end, but not into the next incident.
    """
    started = min(one.starts_utc for one in members)
    begins = [started, *(one.onset_utc for one in members if one.onset_utc)]
    begun_s, end_s = unix_s(min(begins)), _end_s(members)
    if end_s == float("inf"):
        return begun_s - BEFORE_S, end_s
    start_s = begun_s - min(BEFORE_S, (end_s - begun_s) / 2)
    ids = {(one.alarm, one.number) for one in members}
    later = [
        unix_s(one.starts_utc)
        for key, one in told.episodes.items()
        if key not in ids and unix_s(one.starts_utc) > end_s
    ]
    return start_s, min([end_s + AFTER_S, *(at_s - 0.001 for at_s in later)])


def _end_s(members: Sequence[Episode]) -> float:
    """Give when the incident ended; infinity while it lasts."""
    if any(one.is_open for one in members):
        return float("inf")
    return max(unix_s(one.ended_utc) for one in members)


def _belongs(entry: Entry, ours: set[tuple[AlarmName, int]], incidents: set[str]) -> bool:
    """Tell whether an entry is part of this story; what people and the routing do always is."""
    if entry.kind not in _OURS:
        return False
    body = _body(entry)
    match entry.kind:
        case "transition":
            return (body.get("alarm"), body.get("episode")) in ours
        case "notice":
            # A notice about an action repeats its outcome.
            is_told = body.get("kind") != "action"
            return is_told and _incident(body) in incidents
        case _:
            return True


def _deed(entry: Entry, incidents: set[str]) -> Milestone | None:
    """Give the station that an entry is; most are none."""
    body, at_utc = _body(entry), entry.at_utc
    match entry.kind:
        case "routing":
            name = f"Traffic to {body.get('serving')}"
            return Milestone(name=name, at_utc=at_utc)
        case "ack":
            return Milestone(name="Acknowledged", at_utc=at_utc, note=str(body.get("by") or ""))
        case "notice" if body.get("kind") == "escalation" and _incident(body) in incidents:
            return Milestone(name="Person called", at_utc=at_utc)
        case _:
            return None


def _told(entry: Entry, ours: set[AlarmName]) -> str:
    """Say what one entry did; most did nothing."""
    body, at = _body(entry), f"at {entry.at_utc[11:19]} UTC"
    match entry.kind:
        case "routing":
            return f"Traffic was led to the {body.get('serving')} model {at}."
        case "ack":
            why = f": {body['why']}" if body.get("why") else ""
            return f"{body.get('by') or 'Someone'} acknowledged it {at}{why}."
        case "notice" if body.get("kind") == "escalation" and body.get("alarm") in ours:
            return f"A person was called {at}."
        case "outcome":
            return _outcome(body, at)
        case _:
            return ""


def _outcome(body: dict[str, object], at: str) -> str:
    """Say what came of a capacity step, or of a switch that failed."""
    action = body.get("action")
    step = action.get("step") if isinstance(action, dict) else None
    if not isinstance(step, dict):
        return ""
    kind, name = step.get("kind"), step.get("argument") or ""
    if body.get("ok") is not True:
        what = f"{kind} {name}".strip().capitalize()
        return f"{what} failed {at}: {body.get('error')}."
    if kind == StepKind.EXPAND:
        return f"Capacity step {name} was taken {at}."
    return f"Capacity step {name} was taken back {at}." if kind == StepKind.UNDO else ""


def _incident(body: dict[str, object]) -> str:
    return str(body.get("incident")).rpartition("/")[2]


def _body(entry: Entry) -> dict[str, object]:
    return entry.body if isinstance(entry.body, dict) else {}
