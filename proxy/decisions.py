"""Why a decision was taken: what was known, which rule applied, what else would have been needed.

The journal's recorded ticks go through the policy again (`replay`), so that every figure here is
the one the decision rested on. What a person ordered needs no rule: who, when and why is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from proxy import policy
from proxy.policy.steps import ladder
from proxy.records import Action, Alarm, AlarmName, AlarmState, Outcome, StepKind, Verdict
from proxy.replay import Decided, decisions
from proxy.telemetry import words
from proxy.telemetry.journal import Entry

LAST: Final = "last"
SWITCH: Final = "switch"
MAX_LISTED: Final = 12
"""Decisions that a refusal lists."""
_SWITCHES: Final = frozenset({StepKind.DOWNGRADE, StepKind.RESTORE})


class DecisionError(Exception):
    """There is no such decision; the message says which there are."""


class Check(Struct, frozen=True, kw_only=True):
    """One thing that a downgrade needs, and whether it was there."""

    needed: str
    holds: bool
    why_not: str = ""


class Witness(Struct, frozen=True, kw_only=True):
    """What one monitor said at that tick."""

    alarm: AlarmName
    state: AlarmState
    verdict: Verdict
    words: str
    strength: float
    """Evidence over what an alarm needs."""


class Explanation(Struct, frozen=True, kw_only=True):
    """One decision, explained."""

    id: str
    kind: str
    at_utc: str
    because: str
    outcome: str
    """What came of it, in words; empty: the journal does not say."""
    person: str = ""
    """Who ordered it, and why; empty: the policy did."""
    cause: str = ""
    rule: str = ""
    """The rule of attribution that applied."""
    incident: str = ""
    witnesses: tuple[Witness, ...] = ()
    facts: tuple[str, ...] = ()
    ladder: tuple[str, ...] = ()
    rung: int | None = None
    """Place of this step on the ladder, from 0. `None`: on none."""
    checks: tuple[Check, ...] = ()
    """What leading the traffic to the stable model needed. Empty: it was not the question."""
    others: tuple[str, ...] = ()
    """The other decisions of its incident, oldest first."""
    note: str = ""
    """What is missing here, and why."""


def explain(entries: Sequence[Entry], subject: str) -> Explanation:
    """Explain one decision of a journal, oldest entry first.

    Args:
        entries: the journal.
        subject: an action's id; an incident's (its last remedy); `switch`: the last change of the
            routing; `last`: the last decision that did more than tell people.

    Raises:
        DecisionError: there is no such decision.
    """
    taken = [_Taken(entry, action) for entry, action in _actions(entries)]
    chosen = _chosen(taken, subject, entries)
    if chosen is None:
        raise DecisionError(_refusal(taken, subject))
    action = chosen.action
    told = Explanation(
        id=action.id,
        kind=action.step.kind,
        at_utc=chosen.entry.at_utc,
        because=action.because,
        outcome=_outcome(entries, action),
    )
    if action.id.startswith("route/"):
        return msgspec.structs.replace(told, person=_person(entries, chosen.entry))
    for decided in decisions(entries):
        if any(one.id == action.id for one in decided.decision.actions):
            told = _with_reasons(told, action, decided)
            alike = _of_incident(taken, told.incident, entries) if told.incident else []
            others = (one.action.id for one in alike if one.action.id != action.id)
            return msgspec.structs.replace(told, others=tuple(dict.fromkeys(others)))
    note = (
        "The tick of this decision is not in the journal, so that only what was written of it can"
        " be told: ticks are recorded while something is wrong, and the oldest are given up."
    )
    return msgspec.structs.replace(told, note=note)


class _Taken(Struct, frozen=True):
    entry: Entry
    action: Action


def _actions(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Action]]:
    """Give every action: the policy's, and those that persons ordered."""
    for entry in entries:
        try:
            if entry.kind == "action":
                yield entry, msgspec.convert(entry.body, Action, strict=False)
            elif entry.kind == "outcome":
                outcome = msgspec.convert(entry.body, Outcome, strict=False)
                if outcome.action.id.startswith("route/"):
                    yield entry, outcome.action
        except msgspec.ValidationError:
            continue  # of another version


def _chosen(taken: Sequence[_Taken], subject: str, entries: Sequence[Entry]) -> _Taken | None:
    """Give the last decision that `subject` names."""
    remedies = [one for one in taken if one.action.step.kind is not StepKind.ALERT]
    match subject:
        case "last":
            found = remedies or taken
        case "switch":
            found = [one for one in taken if _is_switch(one.action)]
        case _:
            found = [one for one in taken if one.action.id == subject]
            found = found or _of_incident(remedies, subject, entries)
            found = found or _of_incident(taken, subject, entries)
    return found[-1] if found else None


def _is_switch(action: Action) -> bool:
    """Tell whether an action moved traffic; automatic routing again moves none."""
    return action.step.kind in _SWITCHES and action.step.argument != "auto"


def _of_incident(taken: Sequence[_Taken], incident: str, entries: Sequence[Entry]) -> list[_Taken]:
    """Give the decisions that people were told belong to an incident."""
    ids = set()
    for entry in entries:
        body = entry.body if entry.kind == "notice" and isinstance(entry.body, dict) else {}
        name, _, told = str(body.get("incident")).rpartition("/")
        if told == incident:
            ids.add(str(body.get("id")).removeprefix(f"{name}/"))
    return [one for one in taken if one.action.id in ids]


def _refusal(taken: Sequence[_Taken], subject: str) -> str:
    """Say which decisions there are."""
    ids = [one.action.id for one in taken[-MAX_LISTED:]]
    if not ids:
        return f"{subject!r} is no alarm, and no decision was taken in this journal"
    known = ", ".join(reversed(ids))
    return f"{subject!r} is no alarm and no decision; decisions, newest first: {known}"


def _outcome(entries: Iterable[Entry], action: Action) -> str:
    """Say what came of an action; telling people has no outcome of its own."""
    for entry in entries:
        if entry.kind != "outcome":
            continue
        try:
            outcome = msgspec.convert(entry.body, Outcome, strict=False)
        except msgspec.ValidationError:
            continue  # of another version
        if outcome.action.id == action.id:
            if outcome.ok:
                return f"done in {words.quantity(outcome.took_s, 's')}"
            return f"failed: {outcome.error}"
    return "told" if action.step.kind in {StepKind.ALERT, StepKind.ESCALATE} else ""


def _person(entries: Sequence[Entry], at: Entry) -> str:
    """Say who ordered a routing, and why: the entry behind its outcome says it."""
    for entry in entries:
        if entry.n > at.n and entry.kind == "override" and isinstance(entry.body, dict):
            by, why = entry.body.get("by") or "someone", entry.body.get("why")
            return f"{by}: {why}" if why else str(by)
    return "someone"


def _with_reasons(told: Explanation, action: Action, decided: Decided) -> Explanation:
    """Add what the decision rested on."""
    facts, before = decided.facts, decided.before
    told = msgspec.structs.replace(
        told, witnesses=tuple(_witnesses(facts.alarms.values())), facts=tuple(_facts(decided))
    )
    alarm = facts.alarms.get(action.alarms[0]) if action.alarms else None
    if alarm is None or action.step.argument == policy.RESOLVED:
        return told
    reason = policy.reasoned(alarm, facts)
    incident = decided.decision.incident_of(action)
    rungs = ladder(alarm, before, decided.rules)
    moment = policy.Moment(facts=facts, settings=decided.rules, now_s=decided.at_s)
    asked = any(one.kind is StepKind.DOWNGRADE for one in rungs)
    checks = policy.demands(alarm, reason.cause, before, moment) if asked else ()
    return msgspec.structs.replace(
        told,
        cause=reason.cause,
        rule=reason.rule,
        incident=incident.id if incident is not None else "",
        ladder=tuple(f"{one.kind} {one.argument}".strip() for one in rungs),
        rung=_rung(action),
        checks=tuple(
            Check(needed=one.needed, holds=one.holds, why_not="" if one.holds else one.why_not)
            for one in checks
        ),
    )


def _rung(action: Action) -> int | None:
    """Read the rung from an action's id: `KIND/ALARM#EPISODE/RUNG`."""
    parts = action.id.removeprefix("dry/").split("/")
    return int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else None  # noqa: PLR2004  # third part


def _witnesses(alarms: Iterable[Alarm]) -> Iterator[Witness]:
    """Give what every monitor said, the loudest first."""
    known = [alarm for alarm in alarms if alarm.finding is not None]
    known.sort(key=lambda one: words.ORDER.index(one.state))
    for alarm in known:
        finding = alarm.finding
        if finding is None:
            continue
        yield Witness(
            alarm=alarm.name,
            state=alarm.state,
            verdict=finding.verdict,
            words=finding.reason,
            strength=words.strength(finding.evidence, finding.threshold),
        )


def _facts(decided: Decided) -> Iterator[str]:
    """Give the facts beside the alarms."""
    facts, before = decided.facts, decided.before
    ready = {True: "ready", False: "not ready", None: "not probed yet"}
    yield f"candidate {ready[facts.candidate_ready]}"
    yield f"stable model {ready[facts.stable_ready]}" if facts.has_stable else "no stable model"
    yield f"{facts.n_pairs:,} pairs compared in half an hour"
    yield f"{before.serving} served: {before.because}"
    if before.override is not None:
        yield f"a person held the routing on {before.override}"
    if facts.capacity:
        yield f"{before.capacity_step} of {len(facts.capacity)} capacity steps in force"
    if decided.rules.dry_run:
        yield "dry run: decided and told, not carried out"
