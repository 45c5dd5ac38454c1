"""A decision is explained by what it rested on, also when it was one of many, or a person's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from proxy.alarms import AlarmSettings
from proxy.decisions import DecisionError, explain
from proxy.pipeline import Standing
from proxy.policy import PolicySettings
from proxy.recording import Settings, Tick
from proxy.records import (
    Action,
    AlarmName,
    Finding,
    Outcome,
    Posture,
    Step,
    StepKind,
    Verdict,
)
from proxy.replay import decisions

Book = Any
DRIFT, WRONG = AlarmName.INPUT_DRIFT, AlarmName.DISAGREEMENT
RULES = Settings(
    alarms=AlarmSettings(hold_s=1.0, bad_ticks=2, of_ticks=3, confirm_evidence=2.0),
    policy=PolicySettings(switch_hold_s=2.0, settle_s=1.0, min_pairs=10),
)


def a_story(book: Book, finding: Callable[..., Finding], inputs: Verdict, **facts: object) -> Book:
    """Write the journal of a candidate that goes wrong, with inputs that are this or that."""
    book.add(0, "start", {"text": "Watching began.", "settings": RULES})
    for at in range(1, 8):
        drift = finding(
            DRIFT,
            float(at),
            verdict=inputs,
            shared=inputs,
            evidence=1.0 if inputs is Verdict.OK else 20.0,
            confirmation=3.0 * at,
            since_s=None,
            blamed=(),
        )
        wrong = finding(
            WRONG,
            float(at),
            subject="answers differ",
            effect=0.4,
            interval=(0.3, 0.5),
            unit="share",
            confirmation=3.0 * at,
            shared=Verdict.UNKNOWN,
            reason="answers differ: 40 %",
            blamed=(),
        )
        given: dict[str, object] = {
            "at_s": float(at),
            "findings": (drift, wrong),
            "stable_ready": True,
            "candidate_ready": True,
            "has_stable": True,
            "n_pairs": 900,
            "capacity": (),
            "before": Standing(alarms={}, posture=Posture()) if at == 1 else None,
            **facts,
        }
        book.add(at, "tick", Tick(**given))
    for decided in decisions(list(book.entries)):
        for action in decided.decision.actions:
            book.add(decided.at_s, "action", action)
            incident = decided.decision.incident_of(action)
            name = f"flights@pod/{incident.id}" if incident is not None else ""
            notice = {"kind": "firing", "incident": name, "id": f"flights@pod/{action.id}"}
            book.add(decided.at_s, "notice", notice)
            if action.step.kind is StepKind.DOWNGRADE:
                done = Outcome(action=action, ok=True, error="", took_s=0.002)
                book.add(decided.at_s, "outcome", done)
    return book


@pytest.fixture
def switched(book: Book, finding: Callable[..., Finding]) -> Book:
    """Give the journal of a candidate that was alone with its trouble, and routed away."""
    return a_story(book, finding, Verdict.OK)


@pytest.fixture
def held(book: Book, finding: Callable[..., Finding]) -> Book:
    """Give the journal of the same trouble while the inputs drift: a person was called."""
    return a_story(book, finding, Verdict.BREACH)


@pytest.mark.parametrize("subject", ["switch", "downgrade/disagreement#1/1", "disagreement#1"])
def test_a_switch_is_explained_with_everything_it_needed(switched: Book, subject: str) -> None:
    """Its rule, its rung, all conditions, what every monitor said, and what came of it."""
    told = explain(switched.entries, subject)
    if subject == "disagreement#1":
        assert told.kind in {"downgrade", "escalate"}
        return
    assert (told.kind, told.outcome, told.cause) == ("downgrade", "done in 2 ms", "model")
    assert told.rule == "The two models differ on the same requests, and the inputs are steady."
    assert told.ladder == ("alert", "downgrade", "escalate")
    assert told.rung == 1
    assert told.checks
    assert all(check.holds and not check.why_not for check in told.checks)
    assert [one.alarm for one in told.witnesses] == [WRONG, DRIFT]
    assert told.witnesses[0].strength == 1.25
    assert "900 pairs compared in half an hour" in told.facts
    assert "candidate served: initial routing" in told.facts
    assert told.incident == "disagreement#1"
    assert told.others[0] == "alert/disagreement#1/0"
    assert told.id not in told.others
    assert told.note == ""


def test_what_was_not_done_is_explained_by_what_was_missing(held: Book) -> None:
    """The inputs drift, so the candidate is not alone: a person is called instead of a switch."""
    told = explain(held.entries, "escalate/disagreement#1/2")
    assert (told.kind, told.cause, told.outcome) == ("escalate", "data", "told")
    assert "The inputs drift" in told.rule
    missing = [check for check in told.checks if not check.holds]
    assert [check.needed for check in missing] == ["the candidate is alone with it"]
    assert "incoming data changed" in missing[0].why_not
    with pytest.raises(DecisionError, match=r"decisions, newest first: .*escalate/"):
        explain(held.entries, "switch")


def test_the_last_decision_is_more_than_an_alert(switched: Book) -> None:
    """Who types `last` wants to know of the remedy; where there was none, of the alert."""
    assert explain(switched.entries, "last").kind != "alert"
    alerts = [
        one
        for one in switched.entries
        if one.kind != "action" or one.body["step"]["kind"] == "alert"
    ]
    assert explain(alerts, "last").kind == "alert"


def test_a_person_needs_no_rule(switched: Book) -> None:
    """Who and why stand behind the outcome; automatic routing again is no switch."""
    for at_s, target, why in ((20.0, "candidate", "mended"), (21.0, "auto", "")):
        step = Step(kind=StepKind.RESTORE, argument=target)
        action = Action(
            id=f"route/{target}/{at_s:.3f}", step=step, because=f"ada chose {target}", alarms=(),
            at_s=at_s,
        )  # fmt: skip
        switched.add(at_s, "outcome", Outcome(action=action, ok=True, error="", took_s=0.0))
        switched.add(at_s, "override", {"by": "ada", "why": why, "model": target})
    told = explain(switched.entries, "switch")
    assert (told.id, told.person) == ("route/candidate/20.000", "ada: mended")
    assert told.checks == ()
    assert explain(switched.entries, "last").person == "ada"


def test_a_failure_is_told(switched: Book) -> None:
    """An outcome that is not ok says why."""
    entries = [one for one in switched.entries if one.kind != "outcome"]
    action = next(one.body for one in entries if one.kind == "action")
    switched.entries[:] = entries
    outcome = {"action": action, "ok": False, "error": "status 500", "took_s": 1.0}
    switched.add(30.0, "outcome", outcome)
    assert explain(switched.entries, str(action["id"])).outcome == "failed: status 500"


def test_without_its_tick_a_decision_is_told_as_far_as_it_was_written(switched: Book) -> None:
    """Ticks that the journal has given up: the reason is told, and what is missing."""
    entries = [one for one in switched.entries if one.kind != "tick"]
    told = explain(entries, "switch")
    assert told.because.startswith("disagreement: answers differ: 40 %")
    assert told.checks == ()
    assert "is not in the journal" in told.note


def test_an_unknown_decision_is_answered_with_the_known_ones(switched: Book) -> None:
    """And a journal without any says so; entries of another version are passed over."""
    with pytest.raises(DecisionError, match=r"'x' is no alarm and no decision; .*downgrade/dis"):
        explain(switched.entries, "x")
    with pytest.raises(DecisionError, match="no decision was taken"):
        explain([one for one in switched.entries if one.kind == "tick"], "last")
    with pytest.raises(DecisionError):
        explain(switched.__class__().add(1.0, "action", {"id": 7}).entries, "last")
