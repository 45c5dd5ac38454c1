"""The report of an incident, from a journal alone and from a running sidecar."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.policy import Cause, Incident
from proxy.records import Alarm, AlarmName, AlarmState, Finding, Insight, Verdict
from proxy.telemetry.journal import Entry
from proxy.telemetry.report import (
    IncidentReport,
    Live,
    NothingToReportError,
    build,
    document,
)

Book = Any
DRIFT, WRONG = AlarmName.INPUT_DRIFT, AlarmName.DISAGREEMENT
AFTER = Live(made_utc="2026-01-02T04:00:00.000Z")


def test_a_journal_alone_tells_the_incident(incident: Book) -> None:
    """Headline, cause, since when, what is next, evidence, budget, versions: all from one file."""
    report = build(incident.entries, None, AFTER)
    assert (report.alarm, report.state, report.cause) == (DRIFT, "firing", "data")
    assert report.incident == "input_drift#1"
    assert report.title == "Data, not model: the incoming data has changed"
    assert report.lead.startswith("temperature: 2.9 sd lower (median 74 -> 23). Both models meet")
    assert report.done == "ada acknowledged it at 03:04:14 UTC: looking."
    assert report.next.startswith("Look at where temperature comes from.")
    (measure,) = report.measures
    assert (measure.effect, measure.interval, measure.unit) == (-2.9, (-3.2, -2.6), "sd")
    assert measure.shared.startswith("The stable model shows the same")
    (evidence,) = report.evidence
    assert evidence.columns[0].auc == 0.02
    assert evidence.examples[0].at_utc == "2026-01-02T03:04:11.000Z"
    assert report.false_alarms.startswith("at most one false detection in 365 days")
    assert report.confirmation == "of false detections at most one in 100 is confirmed"
    facts = dict(report.provenance)
    assert facts["stablehand"] == "1.2.3"
    assert facts["candidate"] == "flights-trees"
    assert facts["journal"] == f"entries 1 to {len(incident.entries)}"
    assert report.notes == ()


def test_the_report_is_json_and_comes_back(incident: Book) -> None:
    """So that `explain` can read what the admin door answers."""
    report = build(incident.entries, DRIFT, AFTER)
    assert msgspec.json.decode(msgspec.json.encode(report), type=IncidentReport) == report


def test_a_running_sidecar_knows_better(
    incident: Book, finding: Callable[..., Finding], insight: Callable[..., Insight]
) -> None:
    """Its finding, its insight, its monitors and its words are newer than the journal's."""
    now = finding(DRIFT, 20.0, effect=-1.5, reason="temperature: 1.5 sd lower")
    live = Live(
        made_utc="2026-01-02T03:04:20.000Z",
        alarms={DRIFT: Alarm(name=DRIFT, state=AlarmState.FIRING, episode=1, finding=now)},
        incidents=(an_open_incident(),),
        detail=lambda _: {"threshold": 16.0, "streams": []},
        insights={DRIFT: insight(reason="nothing is missing", separation=None)},
        utc=lambda at_s: f"utc {at_s:g}",
        watched="churn",
        expected_run_length_s=86_400.0,
        provenance=(("stablehand", "2.0"),),
    )
    report = build(incident.entries, None, live)
    assert report.measures[0].effect == -1.5
    assert (report.watched, report.title) == ("churn", "Model: the candidate alone goes wrong")
    assert (report.next, report.undo) == ("What is next now.", "stablehand route candidate")
    assert report.evidence[0].reason == "nothing is missing"
    assert report.evidence[0].examples[0].at_utc == "utc 11"
    assert dict(report.provenance)["stablehand"] == "2.0"
    assert report.false_alarms == "at most one false detection in 1 day per watched quality"


def an_open_incident() -> Incident:
    """Give the incident as the policy tells it now."""
    return Incident(
        id="input_drift#1",
        cause=Cause.MODEL,
        alarms=(DRIFT,),
        title="Model: the candidate alone goes wrong (input_drift)",
        what="x",
        since_s=8.0,
        blamed=(),
        done="x",
        next="What is next now.",
        undo="stablehand route candidate",
    )


def test_what_is_asked_for_comes_first_and_its_incident_with_it(incident: Book) -> None:
    """Both alarms of the incident are told, the one that was named in front."""
    incident.move(15, WRONG, AlarmState.PENDING).move(16, WRONG, AlarmState.FIRING)
    incident.tell(16, "firing", DRIFT, WRONG)
    report = build(incident.entries, WRONG, AFTER)
    assert [one.alarm for one in report.measures] == [WRONG, DRIFT]
    assert report.alarm is WRONG
    assert report.incident == "input_drift#1"


def test_after_the_end_its_end_is_told(incident: Book) -> None:
    """Over; while the stable model still serves, how to lead the traffic back, else nothing."""
    incident.add(20, "routing", {"serving": "stable", "because": "x"})
    incident.move(30, DRIFT, AlarmState.RESOLVED, verdict=Verdict.OK)
    undo = {"next": "It stays.", "undo": "stablehand route candidate", "cause": "unknown"}
    incident.tell(30, "resolved", DRIFT, **undo)
    report = build(incident.entries, None, AFTER)
    assert (report.state, report.cause) == ("over", "data")
    assert (report.next, report.undo) == ("It stays.", "stablehand route candidate")
    incident.add(50, "routing", {"serving": "candidate", "because": "x"})
    report = build(incident.entries, None, AFTER)
    assert (report.next, report.undo) == ("Nothing is left to do.", "")


def test_agreement_and_latency_are_told_when_they_are_part_of_it(book: Book) -> None:
    """From what the journal kept when the alarms fired."""
    streams = {"disagreement": 0.12, "disagreement_interval": [0.1, 0.14], "n_compared": 900,
               "certified_disagreement": 0.02}  # fmt: skip
    cells = {"candidate": {"cells": [{"load": "1", "size": "all", "answers": 5}]}}
    book.move(1, WRONG, AlarmState.FIRING).move(1, AlarmName.LATENCY, AlarmState.FIRING)
    book.tell(1, "firing", WRONG, AlarmName.LATENCY)
    book.add(2, "evidence", {"alarm": WRONG, "detail": streams})
    book.add(2, "evidence", {"alarm": AlarmName.LATENCY, "detail": cells})
    report = build(book.entries, None, AFTER)
    assert report.agreement is not None
    assert (report.agreement.estimate, report.agreement.floor) == (0.12, 0.02)
    assert [one.load for one in report.cells] == ["1"]


def test_what_is_missing_is_said(book: Book) -> None:
    """No beginning, no insight, an entry that cannot be read."""
    book.move(5, DRIFT, AlarmState.RESOLVED).add(6, "insight", {})
    notes = " ".join(build(book.entries, None, AFTER).notes)
    assert "1 journal entries could not be read" in notes
    assert "begins after this incident did" in notes
    assert "No deeper look at the rows" in notes


def test_a_ticket_blames_nobody(book: Book) -> None:
    """Slow drift has a headline of its own, and no word of switching."""
    slow = AlarmName.SLOW_DRIFT
    book.move(1, slow, AlarmState.FIRING)
    book.tell(1, "firing", slow, title="Slow drift: nothing is wrong yet (slow_drift)")
    report = build(book.entries, None, AFTER)
    assert report.title == "Slow drift: nothing is wrong yet"
    assert "stable" not in report.lead


def test_nothing_to_report_says_what_there_is(incident: Book) -> None:
    """A journal of calm days, and an alarm that is not in it."""
    with pytest.raises(NothingToReportError, match=r"nothing was found to be wrong.*none at all"):
        build([], None, AFTER)
    with pytest.raises(NothingToReportError, match=r"latency never began.*input_drift"):
        build(incident.entries, AlarmName.LATENCY, AFTER)


def test_the_last_incident_is_told_when_none_lasts(book: Book) -> None:
    """Of two that are over the later one; one that lasts comes before both."""
    for start, name in ((1, DRIFT), (100, WRONG)):
        book.move(start, name, AlarmState.FIRING).tell(start, "firing", name)
        book.move(start + 9, name, AlarmState.RESOLVED)
    assert build(book.entries, None, AFTER).alarm is WRONG
    book.move(50, AlarmName.ERRORS, AlarmState.FIRING)
    assert build(book.entries, None, AFTER).alarm is AlarmName.ERRORS


KINDS = (
    *("start", "transition", "tick", "notice", "routing", "outcome", "ack", "override"),
    *("insight", "evidence", "action", "other"),
)
KEYS = ("alarm", "alarms", "kind", "action", "step", "serving", "by", "why", "incident", "finding",
        "settings", "versions", "detail", "to", "episode", "text", "title")  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.sampled_from([*AlarmName, "expand", "escalation", "firing", "input_drift#1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.lists(st.tuples(st.sampled_from(KINDS), JSON), max_size=6))
def test_no_journal_is_too_strange_to_be_reported_on(
    incident: Book, found: list[tuple[str, object]]
) -> None:
    """Whatever stands in it: a report and its page, which still tell what can be read."""
    entries = list(incident.entries)
    strange = [
        Entry(n=99 + at, at_utc=f"2026-01-02T03:05:{at:02d}Z", kind=kind, body=body, prev="")
        for at, (kind, body) in enumerate(found)
    ]
    report = build([*entries, *strange], DRIFT, AFTER)
    assert report.measures[0].alarm is DRIFT
    assert document(report).body.endswith(b"</html>\n")
