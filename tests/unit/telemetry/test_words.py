"""Words: numbers with units, evidence as odds, journal entries as lines."""

from __future__ import annotations

import math

import msgspec
import pytest

import made
from proxy.records import (
    Acknowledgement,
    Action,
    Alarm,
    AlarmName,
    AlarmState,
    Blame,
    Finding,
    Outcome,
    Pace,
    Side,
    Step,
    StepKind,
    Transition,
    Verdict,
)
from proxy.telemetry import words

FINDING = made.finding(
    at_s=10.0,
    effect=1.5,
    interval=(1.2, 1.8),
    unit="sd",
    threshold=16.0,
    confirmation=math.log(2_300),
    n_reference=1_000,
    n_current=500,
    shared=Verdict.BREACH,
    since_s=5.0,
    blamed=(
        Blame(
            subject="temp",
            effect=1.5,
            interval=None,
            unit="sd",
            evidence=12.0,
            n_current=500,
            summary="temp: median 60 -> 16",
        ),
    ),
    reason="temp: median 60 -> 16",
)


def finding(**fields: object) -> Finding:
    """Give the finding with other fields."""
    return msgspec.structs.replace(FINDING, **fields)


def utc(at_s: float) -> str:
    """Write a time so that it is recognised."""
    return f"utc {at_s}"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (12_345.6, "12,346"),
        (0.12345, "0.123"),
        (-3.0, "-3"),
        (0.00001, "1.0e-05"),
        (math.inf, "unknown"),
        (math.nan, "unknown"),
    ],
)
def test_numbers_are_short(value: float, text: str) -> None:
    """Three digits, commas in thousands, never `inf` or `nan`."""
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.224, "share", "22.4 %"),
        (1.5, "sd", "1.5 standard deviations"),
        (2.0, "ratio", "2 times"),
        (0.012, "s", "12 ms"),
        (3.0, "s", "3 s"),
        (4.0, "", "4"),
        (4.0, "probe", "4 probe"),
    ],
)
def test_quantities_have_units_people_know(value: float, unit: str, text: str) -> None:
    """Shares are percent, short times are milliseconds."""
    assert words.quantity(value, unit) == text


def test_an_effect_comes_with_its_interval_when_there_is_one() -> None:
    """An interval without end is left out."""
    assert words.effect(0.2, (0.1, 0.3), "share") == "20 % (between 10 and 30)"
    assert words.effect(0.2, (0.1, math.inf), "share") == "20 %"
    assert words.effect(0.2, None, "share") == "20 %"


def test_odds_follow_the_e_value() -> None:
    """exp(-log e) is how often chance alone gets so far; beyond a billion it says so."""
    assert words.odds(math.log(2_300)) == "at most once in 2,300"
    assert words.odds(math.log(4_895_620)) == "at most once in 4.9 million"
    assert words.odds(0.0) == "at most once in 1"
    assert words.odds(50.0) == "less than once in a billion"


def test_evidence_says_nothing_when_nothing_is_known() -> None:
    """Not knowing has no odds."""
    assert words.evidence(None) == ""
    assert words.evidence(finding(verdict=Verdict.UNKNOWN)) == ""


def test_evidence_tells_how_far_and_how_sure() -> None:
    """Within tolerance: how far from the line; in breach: the odds since, and signs of recovery."""
    calm = finding(verdict=Verdict.OK, evidence=-2.0, confirmation=0.0)
    assert words.evidence(calm) == "Evidence stands at 0 of 16 that an alarm needs."
    text = words.evidence(finding(recovery=math.log(40)))
    assert "Evidence 20 of 16 needed" in text
    assert "seen at most once in 2,300 times" in text
    assert "odds of 1 to 40" in text
    assert "seen" not in words.evidence(finding(confirmation=0.0))
    assert "odds" in words.evidence(finding(recovery=5_000.0))


def test_a_firing_alarm_says_what_how_sure_and_whose_cause() -> None:
    """The view has the reason, the odds, the shared cause and the blamed streams."""
    alarm = Alarm(
        name=AlarmName.INPUT_DRIFT, state=AlarmState.FIRING, since_s=7.0, episode=2, finding=FINDING
    )
    view = words.alarm_view(alarm, utc, next_step="A person decides.")
    assert view.words == "temp: median 60 -> 16"
    assert "the cause is shared" in view.evidence_words
    assert view.blamed == ("temp: median 60 -> 16",)
    assert (view.since_utc, view.strength, view.next_step) == ("utc 7.0", 1.25, "A person decides.")
    assert view.acknowledged == ""


def test_only_the_acknowledgement_of_this_episode_counts() -> None:
    """Who acknowledged the last episode has not acknowledged this one."""
    alarm = Alarm(name=AlarmName.ERRORS, state=AlarmState.FIRING, episode=2, finding=FINDING)
    ack = Acknowledgement(by="ann", why="known", at_s=1.0, episode=2)
    assert words.alarm_view(alarm, utc, ack).acknowledged == "ann: known"
    old = msgspec.structs.replace(ack, episode=1)
    assert words.alarm_view(alarm, utc, old).acknowledged == ""


def test_an_alarm_says_whether_the_change_was_sudden() -> None:
    """The pace of its finding; nothing before there is one."""
    found = Alarm(name=AlarmName.INPUT_DRIFT, finding=finding(pace=Pace.SLOW))
    assert words.alarm_view(found, utc).pace is Pace.SLOW
    assert words.alarm_view(Alarm(name=AlarmName.INPUT_DRIFT), utc).pace is Pace.UNKNOWN


def test_an_alarm_without_a_finding_is_not_known() -> None:
    """Before the first tick nothing was measured, and nothing is claimed."""
    view = words.alarm_view(Alarm(name=AlarmName.LATENCY), utc)
    assert (view.verdict, view.shared, view.strength) == (None, None, 0.0)
    assert view.words == "Nothing was measured yet."


def test_a_quiet_alarm_does_not_speak_of_causes() -> None:
    """Shared or not matters only for an episode."""
    alarm = Alarm(name=AlarmName.ERRORS, finding=finding(verdict=Verdict.OK, shared=Verdict.OK))
    assert "candidate" not in words.alarm_view(alarm, utc).evidence_words


def test_alarms_that_need_eyes_come_first() -> None:
    """Firing, pending, resolved, quiet; then by strength."""
    made = [
        words.alarm_view(Alarm(name=name, state=state, finding=finding(evidence=e)), utc)
        for name, state, e in (
            (AlarmName.SCHEMA, AlarmState.INACTIVE, 1.0),
            (AlarmName.LATENCY, AlarmState.INACTIVE, 5.0),
            (AlarmName.ERRORS, AlarmState.PENDING, 2.0),
            (AlarmName.THROUGHPUT, AlarmState.RESOLVED, 2.0),
            (AlarmName.DISAGREEMENT, AlarmState.FIRING, 3.0),
        )
    ]
    assert [view.name.value for view in words.sorted_views(made)] == [
        "disagreement", "errors", "throughput", "latency", "schema",
    ]  # fmt: skip


def test_a_stream_keeps_its_figures() -> None:
    """Strength is evidence over threshold and never negative."""
    blame = FINDING.blamed[0]
    assert words.stream_view(Side.INPUT, blame, 16.0).strength == 0.75
    low = msgspec.structs.replace(blame, evidence=-4.0)
    assert words.stream_view(Side.INPUT, low, 16.0).strength == 0.0
    assert words.stream_view(Side.INPUT, blame, 0.0).strength == 0.0


def entry(kind: str, body: object) -> dict[str, object]:
    """Give a journal entry as the journal gives it back: plain JSON values."""
    return {"at_utc": "t", "kind": kind, "body": msgspec.to_builtins(body)}


def test_a_comparison_of_the_models_says_nothing_of_one_beside_the_other() -> None:
    """Both are measured in it by nature; of every other alarm it is said."""
    told = msgspec.structs.replace(FINDING, shared=Verdict.UNKNOWN)
    assert "not measured" in words.shared(told)
    assert words.shared(msgspec.structs.replace(told, monitor=AlarmName.DISAGREEMENT)) == ""


def test_records_in_the_journal_become_lines() -> None:
    """Transitions, outcomes, routings and people are told in a sentence with their severity."""
    transition = Transition(
        alarm=AlarmName.ERRORS,
        episode=1,
        was=AlarmState.PENDING,
        to=AlarmState.FIRING,
        at_s=1.0,
        finding=FINDING,
    )
    line = words.entry_view(entry("transition", transition))
    assert (line.kind, line.severity) == ("alarm", "bad")
    assert line.text == "Errors fired: temp: median 60 -> 16"
    action = Action(
        id="a", step=Step(kind=StepKind.DOWNGRADE), because="it is alone", alarms=(), at_s=1.0
    )
    outcome = Outcome(action=action, ok=True, error="", took_s=0.1)
    done = words.entry_view(entry("outcome", outcome))
    assert (done.kind, done.severity, done.text) == (
        "action",
        "good",
        "Downgrade done: it is alone",
    )
    failed = msgspec.structs.replace(outcome, ok=False, error="no route")
    assert words.entry_view(entry("outcome", failed)).text == "Downgrade failed: no route"
    switch = words.entry_view(entry("routing", {"serving": "stable", "because": "errors"}))
    assert (switch.kind, switch.text) == ("switch", "Traffic goes to stable: errors")
    ack = words.entry_view(entry("ack", {"by": "ann", "why": "known", "alarms": ["errors"]}))
    assert (ack.kind, ack.text) == ("person", "ann acknowledged errors: known")
    held = words.entry_view(entry("override", {"by": "ann", "model": "stable", "why": ""}))
    assert held.text == "ann routed to stable."
    notice = words.entry_view(entry("notice", {"kind": "firing", "title": "Errors"}))
    assert (notice.kind, notice.severity, notice.text) == ("alert", "warn", "Errors")


def test_unknown_and_odd_entries_are_shown_anyway() -> None:
    """An entry of a later version is never an error."""
    assert words.entry_view(entry("config_reload", {})).text == "Config reload"
    assert words.entry_view(entry("anything", {"text": "As given."})).text == "As given."
    assert words.entry_view({"kind": "transition", "body": 7}).text == "Alarm changed."
    assert words.entry_view(entry("outcome", {"action": None})).text == "Step failed."
    assert words.entry_view({}).kind == "note"


def test_figures_on_a_scale_are_short_and_signed() -> None:
    """What stands at an axis: the shortest name of a unit, with its interval where there is one."""
    assert words.short(-2.913, "sd") == "-2.91 sd"
    assert words.short(0.0, "sd") == "0 sd"
    assert words.short(0.125, "share") == "12.5 %"
    assert words.short(1.5, "ratio") == "x 1.5"
    assert words.short(0.25, "s") == "250 ms"
    assert words.reach(0.5, (0.4, 0.6), "sd") == "+0.5 sd (+0.4 sd to +0.6 sd)"
    assert words.reach(0.5, (float("-inf"), 0.6), "sd") == "+0.5 sd"
    assert words.reach(0.5, None, "share") == "50 %"


def test_names_sentences_and_times_for_people() -> None:
    """Our names as words, text as a sentence, the time between two entries of a journal."""
    assert words.label("input_drift") == "Input drift"
    assert [words.sentence(text) for text in ("as certified", "p0: less", "Why?", "")] == [
        "As certified.",
        "p0: less.",
        "Why?",
        "",
    ]
    assert words.utc_text(1_767_323_045.5) == "2026-01-02T03:04:05.500Z"
    assert words.time_of(1_767_323_045.5) == "03:04:05"
    assert words.gap("2026-01-02T03:04:05.500Z", "2026-01-02T03:05:35.500Z") == "1.5 min"
    assert words.gap("2026-01-02T03:04:05.500Z", "2026-01-02T03:04:06.400Z") == ""
