"""The course of an incident: stations, deeds, timeline, evidence, and nothing of the next one."""

from __future__ import annotations

from typing import Any

from proxy.records import AlarmName, AlarmState, Verdict
from proxy.telemetry.report import story
from proxy.telemetry.report.chronicle import read

Book = Any
DRIFT, WRONG = AlarmName.INPUT_DRIFT, AlarmName.DISAGREEMENT


def told_of(book: Book) -> tuple[Any, list[Any]]:
    """Give the chronicle and the members of its first incident."""
    told = read(book.entries)
    return told, told.of_incident("input_drift#1")


def an_end(incident: Book) -> Book:
    """Let the incident be over, and another one begin ten minutes later."""
    incident.add(20, "routing", {"serving": "stable", "because": "x"})
    incident.move(30, DRIFT, AlarmState.RESOLVED, verdict=Verdict.OK)
    incident.tell(30, "resolved", DRIFT, next="Traffic stays", undo="stablehand route candidate")
    incident.add(90, "override", {"by": "ada", "why": "mended", "model": "candidate"})
    incident.add(90, "routing", {"serving": "candidate", "because": "ada chose candidate"})
    incident.move(630, WRONG, AlarmState.PENDING).move(640, WRONG, AlarmState.FIRING)
    incident.tell(640, "firing", WRONG, title="Another incident")
    return incident.add(650, "routing", {"serving": "stable", "because": "another"})


def test_the_stations_stand_in_order(incident: Book) -> None:
    """From the estimated onset to the end, with who acknowledged; the next incident is not here."""
    stations = story.milestones(*told_of(an_end(incident)))
    assert [(one.name, one.at_utc[14:19]) for one in stations] == [
        ("Began", "04:08"),
        ("Found", "04:09"),
        ("Alarm", "04:11"),
        ("Acknowledged", "04:14"),
        ("Traffic to stable", "04:20"),
        ("Over", "04:30"),
        ("Traffic to candidate", "05:30"),
    ]
    assert stations[3].note == "ada"


def test_what_was_done_is_told_with_its_time(incident: Book) -> None:
    """Switches, people, capacity, and what failed; `serves` says where the traffic ended up."""
    expand = {"step": {"kind": "expand", "argument": "more"}, "because": ""}
    undo = {"step": {"kind": "undo", "argument": "more"}, "because": ""}
    incident.add(15, "outcome", {"action": expand, "ok": True, "error": ""})
    incident.add(16, "outcome", {"action": expand, "ok": False, "error": "status 500"})
    incident.add(17, "outcome", {"action": undo, "ok": True, "error": ""})
    incident.add(17, "outcome", {"action": 7})
    incident.tell(18, "escalation", DRIFT)
    told, members = told_of(an_end(incident))
    assert story.done(told, members) == (
        "ada acknowledged it at 03:04:14 UTC: looking."
        " Capacity step more was taken at 03:04:15 UTC."
        " Expand more failed at 03:04:16 UTC: status 500."
        " Capacity step more was taken back at 03:04:17 UTC."
        " A person was called at 03:04:18 UTC."
        " Traffic was led to the stable model at 03:04:20 UTC."
        " Traffic was led to the candidate model at 03:05:30 UTC."
    )
    assert story.serves(told, members) == "candidate"


def test_while_it_lasts_everything_since_belongs_to_it(incident: Book) -> None:
    """The window is open; nothing was routed, so nobody is said to serve."""
    told, members = told_of(incident.add(5000, "ack", {"by": "bob", "alarms": []}))
    assert "bob acknowledged it" in story.done(told, members)
    assert story.serves(told, members) == ""
    assert story.milestones(told, members)[-1].name == "Acknowledged"


def test_the_timeline_leaves_out_other_incidents_and_repetitions(incident: Book) -> None:
    """A notice about an action repeats its outcome; a notice told twice is told once."""
    incident.tell(11, "firing", DRIFT).tell(12, "action", DRIFT, title="expand: done")
    texts = [one.text for one in story.timeline(*told_of(an_end(incident)))]
    assert texts[0] == "Watching began."
    assert texts[1].startswith("Input drift became pending: temperature")
    assert sum(text.startswith("People were told: Data, not model") for text in texts) == 1
    assert not [text for text in texts if "Another" in text or "another" in text]
    assert not [text for text in texts if "done" in text]
    assert texts[-1] == "Traffic goes to candidate: ada chose candidate"


def test_a_long_timeline_is_cut_in_the_middle(incident: Book) -> None:
    """Beginning and end are what matters; how much is missing is said."""
    for at in range(500):
        incident.add(20 + at, "ack", {"by": f"p{at}", "alarms": []})
    views = story.timeline(*told_of(incident))
    assert len(views) == story.MAX_TIMELINE + 1
    assert [one.text for one in views if "left out" in one.text] == ["385 entries left out."]


def test_the_evidence_is_told_tick_by_tick(incident: Book) -> None:
    """In shares of what an alarm needs; the effect only where it is that of the blamed stream."""
    incident.tick(12, DRIFT, subject="wind")
    told, members = told_of(incident)
    trace = story.trace_of(told, members[0], members)
    assert [round(one.strength, 2) for one in trace.points] == [
        0.62,
        0.75,
        0.88,
        1,
        1.25,
        1.25,
        1.25,
    ]
    assert [one.effect for one in trace.points][-3:] == [-2.9, -2.9, None]
    assert (trace.subject, trace.unit) == ("temperature", "sd")
    for at in range(2000):
        incident.tick(13 + at, DRIFT)
    told, members = told_of(incident)
    assert len(story.trace_of(told, members[0], members).points) <= story.MAX_POINTS


def test_marks_say_what_changed(incident: Book) -> None:
    """States of the alarm and switches, in order of time."""
    marks = story.marks(*told_of(an_end(incident)))
    assert [(one.kind, one.text) for one in marks] == [
        ("alarm", "Input drift found"),
        ("alarm", "Input drift fired"),
        ("switch", "Traffic goes to stable"),
        ("alarm", "Input drift ended"),
        ("switch", "Traffic goes to candidate"),
    ]
