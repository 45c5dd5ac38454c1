"""docs/alerts.md says what the code does: the table of transitions, the ladders, the notice."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.actuators.notice import Notice
from proxy.alarms import TABLE, Event
from proxy.policy import Cause, PolicySettings
from proxy.records import AlarmName

DOCUMENT = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")


def test_the_diagram_shows_exactly_the_table() -> None:
    """Every move of an alarm is in the diagram, and the diagram promises no other."""
    drawn = {
        (was, to, event)
        for was, to, events in re.findall(r"^    (\w+) --> (\w+): (.+)$", DOCUMENT, re.MULTILINE)
        for event in events.split(", ")
    }
    assert drawn == {(was, to, event) for (was, event), to in TABLE.items()}
    assert all(f"| `{event}` |" in DOCUMENT for event in Event)


def test_the_ladders_are_the_defaults() -> None:
    """Each alarm stands in one row, with its steps in order."""
    rows = dict.fromkeys(AlarmName, "")
    section = DOCUMENT.partition("## What is done: ladders")[2].partition("## Receivers")[0]
    row = re.compile(r"^\| ((?:`\w+`(?:, )?)+) \| ([a-z, ]+) \|$", re.MULTILINE)
    for names, steps in row.findall(section):
        for name in re.findall(r"`(\w+)`", names):
            rows[AlarmName(name)] = steps
    for name, steps in rows.items():
        assert steps == ", ".join(it.kind for it in PolicySettings().ladder(name))


def test_every_field_of_a_notice_and_every_cause_is_explained() -> None:
    """A receiver can be written from the document alone."""
    fields = set(re.findall(r"`(\w+)`", DOCUMENT.partition("### The webhook's body")[2]))
    assert set(Notice.__struct_fields__) <= fields
    assert all(f"| `{cause}` |" in DOCUMENT for cause in Cause)
