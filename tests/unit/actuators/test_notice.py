"""What people read: complete, dated, with effect and interval, and distinct ids."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

import made
from proxy.actuators.notice import Scene, acted, compose, severity_of
from proxy.policy import Cause, Incident
from proxy.records import (
    Action,
    AlarmName,
    Outcome,
    Step,
    StepKind,
)

SCENE = Scene(
    instance="a1",
    source="pod-7",
    candidate="flights-2",
    stable="flights-1",
    admin_url="http://pod-7:8101",
    expected_run_length_s=31_536_000.0,
    now_s=1000.0,
    utc=datetime(2026, 11, 23, 0, 10, tzinfo=UTC),
)
INCIDENT = Incident(
    id="disagreement#1",
    cause=Cause.MODEL,
    alarms=(AlarmName.DISAGREEMENT, AlarmName.OUTPUT_DRIFT),
    title="Model: the candidate alone goes wrong",
    what="disagreement: the outputs differ.",
    since_s=940.0,
    blamed=("class 3",),
    done="Nothing was changed.",
    next="Wait.",
    undo="stablehand route candidate",
)
FINDING = made.finding(
    monitor=AlarmName.DISAGREEMENT,
    subject="distance",
    at_s=1000.0,
    since_s=940.0,
    blamed=(),
    reason="the outputs differ",
)


def action(kind: StepKind = StepKind.ALERT, argument: str = "firing") -> Action:
    """Make an action about the incident."""
    return Action(
        id=f"{kind}/disagreement#1/0",
        step=Step(kind=kind, argument=argument),
        because="disagreement: the outputs differ",
        alarms=(AlarmName.DISAGREEMENT,),
        at_s=1000.0,
    )


def test_a_firing_notice_says_everything() -> None:
    """What, since when, how large and how sure, who, what was done and is next, how to undo."""
    notice = compose(action(), INCIDENT, FINDING, SCENE)
    assert msgspec.json.decode(msgspec.json.encode(notice)) == {
        "id": "a1/alert/disagreement#1/0",
        "version": 1,
        "kind": "firing",
        "severity": "critical",
        "incident": "a1/disagreement#1",
        "cause": "model",
        "alarm": "disagreement",
        "alarms": ["disagreement", "output_drift"],
        "title": "Model: the candidate alone goes wrong",
        "what": "disagreement: the outputs differ.",
        "since_utc": "2026-11-23T00:09:00.000Z",
        "at_utc": "2026-11-23T00:10:00.000Z",
        "effect": 0.31,
        "interval": [0.27, 0.35],
        "unit": "share",
        "evidence": 20.0,
        "threshold": 17.0,
        "n_reference": 5000,
        "n_current": 420,
        "false_alarms": "at most one false detection in 365 days per watched quality",
        "blamed": ["class 3"],
        "done": "Nothing was changed.",
        "next": "Wait.",
        "undo": "stablehand route candidate",
        "candidate": "flights-2",
        "stable": "flights-1",
        "source": "pod-7",
        "links": {
            "status": "http://pod-7:8101/",
            "journal": "http://pod-7:8101/api/v1/journal",
            "alarms": "http://pod-7:8101/api/v1/alarms",
            "report": "http://pod-7:8101/api/v1/report?alarm=disagreement",
        },
    }


def test_the_end_of_an_incident_is_information() -> None:
    """Nobody is woken by good news."""
    over = compose(action(argument="resolved"), replaced(is_over=True), FINDING, SCENE)
    assert (over.kind, over.severity) == ("resolved", "info")


def replaced(**changes: object) -> Incident:
    """Give the incident with other values."""
    values = {name: changes.get(name, getattr(INCIDENT, name)) for name in INCIDENT.__slots__}
    return Incident(**values)


def test_an_escalation_is_critical_whatever_the_alarm() -> None:
    """A person is needed now."""
    escalated = compose(action(StepKind.ESCALATE, ""), INCIDENT, None, SCENE)
    assert (escalated.kind, escalated.severity) == ("escalation", "critical")
    assert (escalated.effect, escalated.n_current) == (None, 0)


@pytest.mark.parametrize(
    ("ok", "error", "title"),
    [(True, "", "downgrade: done"), (False, "disk full", "downgrade: failed: disk full")],
)
def test_an_action_says_what_came_of_it(*, ok: bool, error: str, title: str) -> None:
    """Done, or failed and why."""
    outcome = Outcome(action=action(StepKind.DOWNGRADE, ""), ok=ok, error=error, took_s=0.1)
    notice = acted(outcome, INCIDENT, FINDING, SCENE)
    assert (notice.kind, notice.title) == ("action", title)
    assert notice.what == "disagreement: the outputs differ"


def test_a_dry_run_claims_nothing() -> None:
    """What was only decided is not told as done."""
    dry = msgspec.structs.replace(action(StepKind.DOWNGRADE, ""), id="dry/downgrade/x#1/1")
    notice = acted(Outcome(action=dry, ok=True, error="", took_s=0.0), INCIDENT, None, SCENE)
    assert notice.title == "downgrade: not carried out (dry run)"


def test_a_persons_routing_is_told_without_an_incident() -> None:
    """No alarm, no finding, and still a complete notice."""
    routed = msgspec.structs.replace(
        action(StepKind.RESTORE, "candidate"), alarms=(), because="kim chose candidate"
    )
    notice = acted(Outcome(action=routed, ok=True, error="", took_s=0.0), None, None, SCENE)
    assert (notice.severity, notice.alarm, notice.what) == ("info", "", "kim chose candidate")
    assert notice.title == "restore candidate: done"


def test_without_an_address_there_are_no_links() -> None:
    """A sidecar that is not reachable promises none."""
    scene = Scene(
        **{name: getattr(SCENE, name) for name in SCENE.__slots__ if name != "admin_url"},
        admin_url="",
    )
    assert compose(action(), INCIDENT, FINDING, scene).links == {}


def test_severity_follows_what_clients_get() -> None:
    """Wrong answers are critical; slow ones and moved inputs are warnings."""
    assert severity_of(AlarmName.ERRORS) == "critical"
    assert severity_of(AlarmName.INPUT_DRIFT) == "warning"


def test_a_slow_drift_is_a_ticket() -> None:
    """Nothing is wrong yet, so nobody is woken."""
    assert severity_of(AlarmName.SLOW_DRIFT) == "ticket"
