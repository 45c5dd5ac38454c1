"""Put the incident report together: from the journal alone, or with what a running sidecar knows.

What is said of an incident (its cause, what was done, what is next) was said by the policy; here it
is found and put in order. What is missing is told in `notes`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypedDict

from proxy.alarms import STATED
from proxy.policy import TICKETS, Cause, Incident, why
from proxy.policy.words import sample
from proxy.records import AlarmName, AlarmState, Finding, Insight, Model, Verdict
from proxy.telemetry import words
from proxy.telemetry.desk import AgreementView, JsonObject
from proxy.telemetry.journal import Entry
from proxy.telemetry.report import story
from proxy.telemetry.report.chronicle import (
    Chronicle,
    Episode,
    Notice,
    moved,
    read,
)
from proxy.telemetry.report.declared import confirmation, false_alarms, provenance
from proxy.telemetry.report.evidence import columns_of, evidence_of, load_cells_of
from proxy.telemetry.report.live import Live
from proxy.telemetry.report.quiet import quiet
from proxy.telemetry.report.values import Blamed, Evidence, IncidentReport, LoadCell, Measure
from proxy.telemetry.streams import agreement_view

MAX_BLAMED: Final = 12
DRIFTS: Final = (AlarmName.INPUT_DRIFT, AlarmName.OUTPUT_DRIFT)
_OVER: Final = "over"
_UNSIGNED: Final = Notice()


class _ToDo(TypedDict):
    next: str
    undo: str


class NothingToReportError(Exception):
    """There is nothing to report on; the message says what there is."""


def build(entries: Iterable[Entry], alarm: AlarmName | None, live: Live) -> IncidentReport:
    """Report on what entries say, oldest first.

    Raises:
        NothingToReportError: see `build_from`.
    """
    return build_from(read(entries), alarm, live)


def build_from(told: Chronicle, alarm: AlarmName | None, live: Live) -> IncidentReport:
    """Report on the last incident of `alarm`; `None`: on what is worst now, or came last.

    Raises:
        NothingToReportError: the journal knows no such alarm; the message says which it knows.
    """
    episode = _chosen(told, alarm, live)
    if episode is None:
        return quiet(told, live.alarms[AlarmName(alarm or "")], live)
    members = told.of_incident(episode.incident) or [episode]
    members.sort(key=lambda one: one is not episode)
    notices = told.notices.get(episode.incident, [])
    said = _said(notices, _open_incident(episode.incident, live))
    drawn = tuple(story.trace_of(told, one, members) for one in members)
    return IncidentReport(
        made_utc=live.made_utc,
        watched=live.watched or said.candidate,
        alarm=episode.alarm,
        incident=episode.incident,
        state=_state(members),
        cause=said.cause or Cause.UNKNOWN,
        title=_title(said, members),
        lead=_lead(said, members, _finding(episode, live)),
        done=story.done(told, members) or said.done,
        **_left_to_do(told, members, said),
        milestones=story.milestones(told, members),
        measures=tuple(_measure(one, live) for one in members),
        evidence=tuple(_evidence(told, one, live) for one in members),
        agreement=_agreement(told, members, live),
        cells=_cells(told, members, live),
        traces=tuple(one for one in drawn if one.points),
        marks=story.marks(told, members),
        timeline=story.timeline(told, members),
        false_alarms=false_alarms(told, live, said.false_alarms),
        confirmation=confirmation(told),
        provenance=provenance(told, live, said),
        notes=tuple(_notes(told, members, live)),
    )


def _chosen(told: Chronicle, alarm: AlarmName | None, live: Live) -> Episode | None:
    """Give the episode to report on: open ones first, then those that fired, then the last.

    Raises:
        NothingToReportError: see `build_from`.
    """
    found = [one for one in told.episodes.values() if alarm is None or one.alarm is alarm]
    if not found:
        if alarm is not None and alarm in live.alarms:
            return None
        known = ", ".join(dict.fromkeys(name for name, _ in told.episodes)) or "none at all"
        what = "nothing was found to be wrong" if alarm is None else f"{alarm} never began"
        raise NothingToReportError(f"{what} in this journal; alarms that began in it: {known}")
    return max(found, key=lambda one: (one.is_open, bool(one.fired_utc), one.starts_utc))


def _open_incident(incident: str, live: Live) -> Incident | None:
    return next((one for one in live.incidents if one.id == incident and not one.is_over), None)


def _said(notices: list[Notice], incident: Incident | None) -> Notice:
    """Give the last word on an incident; the cause and the title are those it had while it lasted.

    Its end is told by a notice of its own, whose words on what is left to do are the newest.
    """
    stories = [one for one in notices if one.kind in {"firing", "escalation"}]
    said = stories[-1] if stories else _UNSIGNED
    last = notices[-1] if notices else _UNSIGNED
    if incident is not None:
        return Notice(
            cause=incident.cause,
            title=incident.title,
            done=incident.done,
            next=incident.next,
            undo=incident.undo,
            candidate=said.candidate,
            stable=said.stable,
            source=said.source,
        )
    done = last.done or said.done
    return Notice(
        cause=said.cause,
        title=said.title,
        done=done,
        next=last.next if last.kind == "resolved" else said.next,
        undo=last.undo if last.kind == "resolved" else said.undo,
        false_alarms=said.false_alarms,
        candidate=said.candidate,
        stable=said.stable,
        source=said.source,
    )


def _left_to_do(told: Chronicle, members: list[Episode], said: Notice) -> _ToDo:
    """Give what is next and how to undo: nothing, once a person led the traffic back."""
    is_over = _state(members) == _OVER
    if is_over and story.serves(told, members) != Model.STABLE:
        return {"next": "Nothing is left to do.", "undo": ""}
    return {"next": said.next, "undo": said.undo}


def _state(members: list[Episode]) -> str:
    states = {one.state for one in members}
    if AlarmState.FIRING in states:
        return AlarmState.FIRING
    return AlarmState.PENDING if AlarmState.PENDING in states else _OVER


def _title(said: Notice, members: list[Episode]) -> str:
    """Give the headline without the alarms behind it: they stand below."""
    if said.title:
        return said.title.partition(" (")[0]
    return f"{words.label(members[0].alarm)}: {members[0].finding.reason}"


def _measure(episode: Episode, live: Live) -> Measure:
    """Give one alarm's life and its finding."""
    finding = _finding(episode, live)
    return Measure(
        alarm=episode.alarm,
        state=episode.state if episode.is_open else _OVER,
        onset_utc=episode.onset_utc,
        began_utc=episode.began_utc,
        fired_utc=episode.fired_utc,
        ended_utc=episode.ended_utc,
        reason=finding.reason,
        subject=finding.subject,
        effect=None if episode.alarm in STATED else finding.effect,
        interval=finding.interval,
        unit=finding.unit,
        evidence=finding.evidence,
        threshold=finding.threshold,
        confirmation=finding.confirmation,
        n_reference=finding.n_reference,
        n_current=sample(finding),
        shared=words.shared(finding) if finding.verdict is Verdict.BREACH else "",
        blamed=tuple(
            Blamed(
                name=one.subject,
                summary=one.summary,
                effect=one.effect,
                interval=one.interval,
                unit=one.unit,
                n_current=one.n_current,
            )
            for one in finding.blamed[:MAX_BLAMED]
        ),
    )


def _lead(said: Notice, members: list[Episode], finding: Finding) -> str:
    """Give what was seen, and why this cause is blamed; a ticket blames nobody yet."""
    is_ticket = TICKETS.issuperset(one.alarm for one in members)
    cause = why(Cause(said.cause)) if said.cause in set(Cause) and not is_ticket else ""
    return f"{finding.reason.rstrip('.')}. {cause}".strip()


def _finding(episode: Episode, live: Live) -> Finding:
    """Give the last breach; that of a running sidecar is newer than the journal's."""
    now = live.alarms.get(episode.alarm)
    if not episode.is_open or now is None or now.episode != episode.number:
        return episode.finding
    is_breach = now.finding is not None and now.finding.verdict is Verdict.BREACH
    return now.finding if is_breach and now.finding is not None else episode.finding


def _evidence(told: Chronicle, episode: Episode, live: Live) -> Evidence:
    """Give what stands behind one alarm: of now while it lasts, else of when it fired."""
    alarm = episode.alarm
    at_utc, detail = told.last_of(told.sheets, episode) or ("", {})
    made_utc, insight = told.last_of(told.insights, episode) or ("", None)
    utc = _clock(made_utc, insight)
    if episode.is_open:
        detail = live.detail(alarm) or detail
        at_utc = live.made_utc if detail else at_utc
        now = live.insights.get(alarm)
        if now is not None and now.since_s is not None:  # else it is of the calm before
            insight, utc = now, live.utc
    columns = columns_of(detail, _finding(episode, live).blamed, insight)
    base = Evidence(alarm=alarm, at_utc=at_utc or made_utc)
    return evidence_of(insight, columns, base, utc)


def _clock(made_utc: str, insight: Insight | None) -> Callable[[float], str]:
    """Give how a time in a journalled insight is told: the entry says when it was made."""
    if insight is None:
        return lambda _: ""
    made_s = insight.at_s
    return lambda at_s: moved(made_utc, at_s - made_s)


def _agreement(told: Chronicle, members: list[Episode], live: Live) -> AgreementView | None:
    """Give the agreement of the two models, when it is part of the incident."""
    view = agreement_view(_detail(AlarmName.DISAGREEMENT, told, members, live))
    return None if view.estimate is None else view


def _cells(told: Chronicle, members: list[Episode], live: Live) -> tuple[LoadCell, ...]:
    """Give the latency at each load, when it is part of the incident."""
    return load_cells_of(_detail(AlarmName.LATENCY, told, members, live))


def _detail(alarm: AlarmName, told: Chronicle, members: list[Episode], live: Live) -> JsonObject:
    """Give what a monitor tells, now or then; empty when its alarm is no part of the incident."""
    for episode in members:
        if episode.alarm is alarm:
            now = live.detail(alarm) if episode.is_open else {}
            return now or (told.last_of(told.sheets, episode) or ("", {}))[1]
    return {}


def _notes(told: Chronicle, members: list[Episode], live: Live) -> Iterator[str]:
    """Say what is missing."""
    if told.n_unreadable:
        yield f"{told.n_unreadable} journal entries could not be read and were left out."
    if any(not one.began_utc for one in members):
        yield "The journal begins after this incident did: its first part is not here."
    drifts = [one for one in members if one.alarm in DRIFTS]
    is_explained = any(
        told.last_of(told.insights, one) or (one.is_open and one.alarm in live.insights)
        for one in drifts
    )
    if drifts and not is_explained:
        yield (
            "No deeper look at the rows was made or kept: sub-populations, examples and the"
            " classifier are missing."
        )
