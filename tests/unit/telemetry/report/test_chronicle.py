"""The journal's entries become episodes, incidents, ticks and sheets, whatever else is in it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from proxy.records import AlarmName, AlarmState, Verdict
from proxy.telemetry.journal import Entry
from proxy.telemetry.report.chronicle import moved, read, unix_s, utc_of

Book = Any
DRIFT, WRONG = AlarmName.INPUT_DRIFT, AlarmName.DISAGREEMENT


def test_an_episode_has_its_onset_and_every_station(incident: Book) -> None:
    """Onset three seconds before it was found, then pending, firing, and the incident's id."""
    told = read(incident.move(30, DRIFT, AlarmState.RESOLVED, verdict=Verdict.OK).entries)
    (episode,) = told.episodes.values()
    assert episode.onset_utc == "2026-01-02T03:04:08.000Z"
    assert episode.began_utc == "2026-01-02T03:04:09.000Z"
    assert episode.fired_utc == "2026-01-02T03:04:11.000Z"
    assert episode.ended_utc == "2026-01-02T03:04:30.000Z"
    assert episode.incident == "input_drift#1"
    assert not episode.is_open
    assert episode.finding.verdict is Verdict.BREACH, "the end does not hide what was seen"


def test_alarms_of_one_cause_share_their_incident(incident: Book) -> None:
    """An alarm that joins is a member; one that was never told of is none."""
    incident.move(15, WRONG, AlarmState.PENDING).move(16, WRONG, AlarmState.FIRING)
    incident.move(16, AlarmName.LATENCY, AlarmState.PENDING)
    incident.tell(16, "firing", DRIFT, WRONG)
    told = read(incident.entries)
    assert [one.alarm for one in told.of_incident("input_drift#1")] == [DRIFT, WRONG]
    assert told.episodes[AlarmName.LATENCY, 1].incident == ""
    assert told.of_incident("") == []


def test_what_cannot_be_read_is_counted_and_passed_over(incident: Book) -> None:
    """Bodies of another version, a time that is none: the rest is told."""
    n = len(incident.entries)
    incident.add(20, "tick", {"at_s": "x"}).add(20, "insight", [1]).add(20, "transition", {})
    incident.entries.append(Entry(n=99, at_utc="soon", kind="ack", body={}, prev=""))
    told = read(incident.entries)
    assert told.n_unreadable == 4
    assert (told.n_entries, told.first, told.last) == (n + 4, 1, 99)
    assert len(told.episodes) == 1
    assert told.start.versions["stablehand"] == "1.2.3"


def test_an_episode_that_began_before_the_journal_is_known_by_what_is_there(book: Book) -> None:
    """Only its end is in the file: it has an end and no beginning."""
    told = read(book.move(5, DRIFT, AlarmState.RESOLVED).entries)
    (episode,) = told.episodes.values()
    assert (episode.began_utc, episode.starts_utc) == ("", "2026-01-02T03:04:05.000Z")


def test_figures_that_are_not_finite_cost_no_more_than_themselves(incident: Book) -> None:
    """Infinity is null in JSON: an interval is unknown then, and an end is still an end."""
    wide = {"interval": (-math.inf, 1.0)}
    incident.move(20, WRONG, AlarmState.FIRING, **wide)
    incident.move(30, DRIFT, AlarmState.RESOLVED, verdict=Verdict.OK, effect=math.nan, **wide)
    told = read(incident.entries)
    assert told.n_unreadable == 0
    assert told.episodes[WRONG, 1].finding.interval is None
    assert told.episodes[WRONG, 1].finding.blamed[0].interval == (-3.2, -2.6)
    assert told.episodes[DRIFT, 1].ended_utc == "2026-01-02T03:04:30.000Z"
    assert told.episodes[DRIFT, 1].finding.interval == (-3.2, -2.6)
    odd = incident.move(40, AlarmName.LATENCY, AlarmState.FIRING, effect=math.nan)
    assert read(odd.entries).n_unreadable == 1, "nothing is known of it before"


def test_what_explains_an_episode_is_of_its_time(incident: Book) -> None:
    """The last that was told while it lasted; that of another episode explains nothing here."""
    incident.move(30, DRIFT, AlarmState.RESOLVED)
    for at_s, alarm in ((1, "first"), (20, "during"), (35, "late"), (500, "next")):
        incident.add(at_s, "evidence", {"alarm": DRIFT, "detail": {"reason": alarm}})
    told = read(incident.entries)
    (episode,) = told.episodes.values()
    found = told.last_of(told.sheets, episode)
    assert found == ("2026-01-02T03:04:35.000Z", {"reason": "late"})
    assert told.last_of({}, episode) is None
    again = read(incident.move(32, DRIFT, AlarmState.PENDING, number=2).entries)
    found = again.last_of(again.sheets, again.episodes[DRIFT, 1])
    assert found == ("2026-01-02T03:04:20.000Z", {"reason": "during"}), "late is of the next"


def test_times_go_both_ways() -> None:
    """Text and seconds since 1970; a time beyond the calendar is told as none."""
    assert utc_of(unix_s("2026-01-02T03:04:05.678Z")) == "2026-01-02T03:04:05.678Z"
    assert moved("2026-01-02T03:04:05.000Z", -5.5) == "2026-01-02T03:03:59.500Z"
    assert utc_of(1e30) == ""
    with pytest.raises(ValueError, match="Invalid isoformat"):
        unix_s("soon")
