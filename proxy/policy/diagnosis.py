"""Say it: one story per incident, with cause, effect, what was done, what comes next, how to undo.

Every sentence states something measured or something done; nothing is guessed. The texts carry the
names of columns and cells, never values of a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from proxy.alarms import key
from proxy.policy.gate import Moment
from proxy.policy.incidents import RANK, TICKETS
from proxy.policy.posture import capacity_in_force
from proxy.policy.values import Cause, Incident
from proxy.policy.words import WAY_BACK, ago, effect, listed, span
from proxy.records import Alarm, AlarmName, Finding, Model, Posture, Verdict

_TITLES: Final = {
    Cause.DATA: "Data, not model: the incoming data has changed",
    Cause.MODEL: "Model: the candidate alone goes wrong",
    Cause.INFRASTRUCTURE: "Infrastructure: not the candidate alone",
    Cause.MONITORING: "Monitoring: the watching itself is degraded",
    Cause.UNKNOWN: "Cause not known yet",
}
_WHY: Final = {
    Cause.DATA: "Both models meet the same data, so leading traffic to the stable one would not"
    " help.",
    Cause.MODEL: "The stable model does well on the same traffic, so the candidate is to blame.",
    Cause.INFRASTRUCTURE: "It is not the candidate alone: look at what the models share or run on.",
    Cause.MONITORING: "Until this ends, other alarms may be missed.",
    Cause.UNKNOWN: "The stable model or the incoming data are not measured well enough to say"
    " whether the candidate is alone with it.",
}
_ADVICE: Final = {
    Cause.DATA: "Look at where {subject} comes from.",
    Cause.MODEL: "Compare the candidate's last change with the onset, mend it, then restore it.",
    Cause.INFRASTRUCTURE: "Look at nodes, network, feature store and load.",
    Cause.MONITORING: "Look at the log of the watcher and at its metrics.",
    Cause.UNKNOWN: "Look at both models; a larger mirror.fraction measures the stable one sooner.",
}
_TICKET: Final = (
    "Slow drift: nothing is wrong yet",
    "It moves too slowly for a drift alarm to have said so in time.",
    "Look at where {subject} comes from, or plan the next training.",
)
_OF_INPUTS: Final = frozenset({AlarmName.INPUT_DRIFT, AlarmName.SLOW_DRIFT})
_MAX_BLAMED: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is known when the decision has been made."""

    moment: Moment
    posture: Posture
    causes: Mapping[AlarmName, Cause]
    outlooks: Mapping[AlarmName, str]


def why(cause: Cause) -> str:
    """Say what this cause means for the remedy."""
    return _WHY[cause]


def tell(story: Story, closed: Mapping[str, tuple[AlarmName, ...]]) -> tuple[Incident, ...]:
    """Tell every open incident, worst first, then those that are over."""
    alarms = story.moment.facts.alarms
    members: dict[str, list[Alarm]] = {}
    for name in RANK:
        alarm = alarms.get(name)
        incident = None if alarm is None else story.posture.incidents.get(key(alarm))
        if alarm is not None and incident is not None:
            members.setdefault(incident, []).append(alarm)
    is_open = tuple(_open(incident, them, story) for incident, them in members.items())
    over = tuple(_over(incident, names, story) for incident, names in closed.items())
    return (*is_open, *over)


def _open(incident: str, alarms: list[Alarm], story: Story) -> Incident:
    """Tell an incident that lasts."""
    names = tuple(alarm.name for alarm in alarms)
    known = [story.causes[name] for name in names if story.causes[name] is not Cause.UNKNOWN]
    cause = known[0] if known else Cause.UNKNOWN
    findings = [alarm.finding for alarm in alarms if alarm.finding is not None]
    since_s = min(_onset(alarm, story) for alarm in alarms)
    _, meaning, advice = _words(names, cause)
    return Incident(
        id=incident,
        cause=cause,
        alarms=names,
        title=_entitled(names, cause),
        what=" ".join(
            (
                *(_seen(finding) for finding in findings),
                f"It began about {span(story.moment.now_s - since_s)} ago.",
                meaning,
            )
        ),
        since_s=since_s,
        blamed=tuple(_blamed(findings))[:_MAX_BLAMED],
        done=_done(incident, names, story),
        next=_next(names, advice.format(subject=_drifting(findings)), story),
        undo=_undo(story.posture),
    )


def _drifting(findings: list[Finding]) -> str:
    """Name the column of the inputs that drifts most, which is not what drifts in the answers."""
    drifts = (it for it in findings if it.monitor in _OF_INPUTS and it.verdict is Verdict.BREACH)
    return next((it.subject for it in drifts if it.subject), "the incoming data")


def _words(names: tuple[AlarmName, ...], cause: Cause) -> tuple[str, str, str]:
    """Give title, meaning and advice: those of the cause, but a ticket is no trouble yet."""
    if TICKETS.issuperset(names):
        return _TICKET
    return _TITLES[cause], _WHY[cause], _ADVICE[cause]


def _entitled(names: tuple[AlarmName, ...], cause: Cause) -> str:
    return f"{_words(names, cause)[0]} ({listed(names)})"


def _over(incident: str, names: tuple[AlarmName, ...], story: Story) -> Incident:
    """Tell the end of an incident, and what is left to do."""
    alarms = [it for name, it in story.moment.facts.alarms.items() if name in names]
    opener = [it for it in story.moment.facts.alarms.values() if key(it) == incident]
    ended = [it.since_s if it.ended_s is None else it.ended_s for it in alarms]
    began = [it.began_s for it in (*alarms, *opener) if it.began_s is not None]
    ended_s = max(ended, default=story.moment.now_s)
    since_s = min(began, default=ended_s)
    cause = Cause(story.posture.causes.get(incident, Cause.UNKNOWN))
    next_step = "Nothing is left to do."
    if story.posture.serving is Model.STABLE:
        next_step = f"Traffic stays on the stable model until a person leads it back: {WAY_BACK}"
    return Incident(
        id=incident,
        cause=cause,
        alarms=names,
        title=f"Over: {listed(names) if cause is Cause.UNKNOWN else _entitled(names, cause)}",
        what=f"Back within tolerance; it lasted {span(ended_s - since_s)}.",
        since_s=since_s,
        blamed=(),
        done=_done(incident, names, story),
        next=next_step,
        undo=_undo(story.posture),
        is_over=True,
    )


def _onset(alarm: Alarm, story: Story) -> float:
    finding = alarm.finding
    if finding is not None and finding.since_s is not None:
        return finding.since_s
    return story.moment.now_s if alarm.began_s is None else alarm.began_s


def _seen(finding: Finding) -> str:
    """Say what one monitor saw, with effect, interval and sample."""
    if finding.verdict is Verdict.UNKNOWN:
        return f"{finding.monitor}: not measured now ({finding.reason.rstrip('.')})."
    reason = finding.reason.rstrip(".")
    is_named = bool(finding.subject) and reason.startswith(finding.subject)
    stream = f" of {finding.subject}" if is_named else ""
    if finding.verdict is Verdict.OK:
        return f"{finding.monitor}: {reason}."
    said = effect(finding)
    return f"{finding.monitor}: {reason}; effect{stream} {said}." if said else f"{reason}."


def _blamed(findings: list[Finding]) -> list[str]:
    return [it.summary or it.subject for finding in findings for it in finding.blamed]


def _done(incident: str, names: tuple[AlarmName, ...], story: Story) -> str:
    """Say what was done for these alarms, and by whom."""
    posture, now_s = story.posture, story.moment.now_s
    said: list[str] = []
    if posture.override is not None:
        said.append(f"Traffic goes to the {posture.override} model: {posture.because}.")
    elif posture.serving is Model.STABLE:
        when = f" {ago(now_s - max(posture.switches_s))}" if posture.switches_s else ""
        said.append(f"Traffic was led to the stable model{when}.")
    elif story.moment.settings.dry_run and posture.switches_s:
        said.append("Dry run: traffic would have been led to the stable model.")
    steps = capacity_in_force(posture)
    if steps:
        said.append(f"Capacity steps in force: {listed(steps)}.")
    called = [at for who, at in posture.escalations.items() if who.startswith(f"{incident}>")]
    if called:
        said.append(f"A person was called {ago(now_s - max(called))}.")
    seen = [posture.acknowledgements[name] for name in names if name in posture.acknowledgements]
    said.extend(f"Acknowledged by {it.by}{f': {it.why}' if it.why else ''}." for it in seen[:1])
    return " ".join(said) if said else "Nothing was changed."


def _next(names: tuple[AlarmName, ...], advice: str, story: Story) -> str:
    """Say what happens next by itself, what a person should do, and how to take over."""
    outlook = next((it for it in (story.outlooks.get(name) for name in names) if it), "")
    said = [f"{outlook[0].upper()}{outlook[1:]}."] if outlook else []
    said.append(advice)
    if not all(name in story.posture.acknowledgements for name in names):
        said.append(f"To take over: stablehand ack {names[0]} --by NAME --why TEXT")
    return " ".join(said)


def _undo(posture: Posture) -> str:
    """Give the command that takes back what was done; empty when nothing was.

    `route auto` moves no traffic: it ends what a person holds, and leaves it where it is. What the
    policy led away is brought back by a person who holds it there, or the policy, whose alarm may
    still fire, would lead it away again.
    """
    if posture.override is Model.CANDIDATE:
        return "stablehand route auto"
    if posture.override is Model.STABLE:
        return "stablehand route candidate && stablehand route auto"
    return "stablehand route candidate" if posture.serving is Model.STABLE else ""
