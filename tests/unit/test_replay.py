"""A journal is told twice: as it was, and as the rules tell it now."""

from __future__ import annotations

import pytest

from proxy.replay import Event, ReplayError, Story, replay, show
from proxy.telemetry.journal import Entry


def an_entry(kind: str, body: object) -> Entry:
    """Give a line of a journal."""
    return Entry(n=1, at_utc="2026-01-01T00:00:00Z", kind=kind, body=body, prev="")


def test_a_journal_of_calm_days_is_refused_in_words() -> None:
    """Nothing went wrong, so nothing was recorded: that is said, not shown as success."""
    with pytest.raises(ReplayError, match="nothing went wrong"):
        replay([an_entry("start", {"text": "began"}), an_entry("notice", {})])


def test_entries_of_another_version_are_counted_and_passed_over() -> None:
    """One entry that cannot be read does not end the replay."""
    tick = {
        "at_s": 1.0,
        "findings": [],
        "stable_ready": None,
        "candidate_ready": None,
        "has_stable": False,
        "n_pairs": 0,
        "capacity": [],
        "before": None,
    }
    story = replay([an_entry("tick", {"at_s": "x"}), an_entry("tick", tick)])
    assert (story.n_ticks, story.unreadable) == (1, 1)


def test_differences_are_marked_line_by_line() -> None:
    """What both tell is marked `=`, what only one tells `-` or `+`."""
    both, was, now = (Event(at_utc="t", what=what) for what in ("both", "was", "now"))
    story = Story(recorded=(both, was), replayed=(both, now), n_ticks=3, unreadable=2)
    lines = list(show(story))
    assert lines[0] == "3 recorded ticks"
    assert "2 entries" in lines[1]
    assert lines[2:5] == ["= t  both", "- t  was", "+ t  now"]
    assert not story.is_same
