"""What people are told: one readable value, the same for every receiver.

A notice says what, since when, how large with its interval, how sure, who is to blame, what was
done, what to do next and how to take it back. Receivers only translate it. It carries names of
columns but never values of a request.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import Struct

from proxy.actuators.settings import Severity
from proxy.policy import TICKETS, Cause, Incident, is_dry
from proxy.policy.words import false_alarms, sample
from proxy.records import Action, AlarmName, Finding, Outcome, StepKind

Kind: TypeAlias = Literal["firing", "resolved", "escalation", "action"]

_CRITICAL: Final = frozenset(
    {AlarmName.ERRORS, AlarmName.DISAGREEMENT, AlarmName.OUTPUT_DRIFT, AlarmName.LABEL_QUALITY}
)


class Notice(Struct, frozen=True, kw_only=True):
    """One message to people. This is the body that a `webhook` receiver is sent, as JSON."""

    id: str
    """Never the same for two messages; a message sent twice has the same one."""
    version: int = 1
    """Of this body. Fields are added without a new version, never renamed."""
    kind: Kind
    severity: Severity
    incident: str
    """The same in all messages about one cause."""
    cause: str
    """`data`, `model`, `infrastructure`, `monitoring` or `unknown`."""
    alarm: str
    """The worst alarm of the incident; empty for a routing made by a person."""
    alarms: tuple[str, ...]
    title: str
    what: str
    since_utc: str
    """Estimated onset."""
    at_utc: str
    """When this was said."""
    effect: float | None
    """How large, in `unit`. `None`: nothing was measured (as for a lost model)."""
    interval: tuple[float, float] | None
    unit: str
    evidence: float | None
    """Natural logarithm of the e-value: how sure."""
    threshold: float | None
    """Evidence at which the alarm was raised."""
    n_reference: int
    n_current: int
    false_alarms: str
    """How often such an alarm is raised by chance, in words."""
    blamed: tuple[str, ...]
    done: str
    next: str
    undo: str
    """Command that takes back what was done; empty: nothing to take back."""
    candidate: str
    stable: str
    """Name of the stable model; empty: none is configured."""
    source: str
    """Which sidecar says so."""
    links: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Who speaks, and when: what turns a decision into a notice."""

    instance: str
    """Stays the same over restarts and differs between installations; makes ids unique."""
    source: str
    """Readable name of this sidecar, such as the pod's."""
    candidate: str
    stable: str
    admin_url: str
    """Address of the status page; empty: no links."""
    expected_run_length_s: float
    now_s: float
    utc: datetime

    def utc_of(self, at_s: float) -> str:
        """Give the wall time of a monotonic time, as RFC 3339 text."""
        at = self.utc.astimezone(UTC) - timedelta(seconds=self.now_s - at_s)
        return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def compose(action: Action, incident: Incident, finding: Finding | None, scene: Scene) -> Notice:
    """Say what an `alert` or `escalate` action is to say about its incident."""
    if action.step.kind is StepKind.ESCALATE:
        kind: Kind = "escalation"
    elif incident.is_over:
        kind = "resolved"
    else:
        kind = "firing"
    return _notice(kind, action, incident, finding, scene)


def acted(
    outcome: Outcome, incident: Incident | None, finding: Finding | None, scene: Scene
) -> Notice:
    """Say what came of a remedy, or of a routing made by a person."""
    action = outcome.action
    step = f"{action.step.kind} {action.step.argument}".strip()
    result = "done" if outcome.ok else f"failed: {outcome.error}"
    if is_dry(action):
        result = "not carried out (dry run)"
    notice = _notice("action", action, incident, finding, scene)
    return msgspec.structs.replace(notice, title=f"{step}: {result}", what=action.because)


def _notice(
    kind: Kind, action: Action, incident: Incident | None, finding: Finding | None, scene: Scene
) -> Notice:
    """Put together what every kind of notice says."""
    alarm = action.alarms[0].value if action.alarms else ""
    return Notice(
        id=f"{scene.instance}/{action.id}",
        kind=kind,
        severity=_severity(kind, action, incident),
        incident=f"{scene.instance}/{incident.id if incident else action.id}",
        cause=incident.cause if incident else Cause.UNKNOWN,
        alarm=alarm,
        alarms=incident.alarms if incident else action.alarms,
        title=incident.title if incident else action.because,
        what=incident.what if incident else action.because,
        since_utc=scene.utc_of(incident.since_s if incident else action.at_s),
        at_utc=scene.utc_of(action.at_s),
        effect=finding.effect if finding else None,
        interval=finding.interval if finding else None,
        unit=finding.unit if finding else "",
        evidence=finding.evidence if finding else None,
        threshold=finding.threshold if finding else None,
        n_reference=finding.n_reference if finding else 0,
        n_current=sample(finding) if finding else 0,
        false_alarms=false_alarms(scene.expected_run_length_s),
        blamed=incident.blamed if incident else (),
        done=incident.done if incident else "",
        next=incident.next if incident else "",
        undo=incident.undo if incident else "",
        candidate=scene.candidate,
        stable=scene.stable,
        source=scene.source,
        links=_links(alarm, scene),
    )


def _severity(kind: Kind, action: Action, incident: Incident | None) -> Severity:
    if kind == "resolved":
        return "info"
    if kind == "escalation":
        return "critical"
    severities = {severity_of(it) for it in (incident.alarms if incident else action.alarms)}
    ranked: tuple[Severity, ...] = ("critical", "warning", "ticket")
    return next((it for it in ranked if it in severities), "info")


def severity_of(alarm: AlarmName) -> Severity:
    """Give the severity of one alarm.

    Critical when clients may be getting wrong answers; a ticket when nothing is wrong yet.
    """
    if alarm in TICKETS:
        return "ticket"
    return "critical" if alarm in _CRITICAL else "warning"


def _links(alarm: str, scene: Scene) -> dict[str, str]:
    if not scene.admin_url:
        return {}
    base = scene.admin_url.rstrip("/")
    links = {"status": f"{base}/", "journal": f"{base}/api/v1/journal"}
    if not alarm:
        return links
    report = f"{base}/api/v1/report?alarm={alarm}"
    return {**links, "alarms": f"{base}/api/v1/alarms", "report": report}
