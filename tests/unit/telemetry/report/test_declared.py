"""Budget and names in a report: as they were told, as configured, as the journal has them."""

from __future__ import annotations

import math

from proxy.telemetry.report.chronicle import Chronicle, Notice, Start
from proxy.telemetry.report.declared import confirmation, false_alarms, provenance
from proxy.telemetry.report.live import Live
from proxy.units import DAY_S

RULES = {"alarms": {"expected_run_length_s": 30 * DAY_S, "confirm_evidence": math.log(100)}}
KNOWN = Chronicle(start=Start(settings=RULES, versions={"stablehand": "1.0"}), n_entries=3, last=3)
AFTER = Live(made_utc="t")


def test_what_was_told_goes_before_what_is_configured_and_that_before_the_journal() -> None:
    """People are told one figure, the one they were told then; of nothing, nothing is said."""
    running = Live(made_utc="t", expected_run_length_s=7 * DAY_S)
    assert false_alarms(KNOWN, running, "once in a blue moon") == "once in a blue moon"
    assert "7 days" in false_alarms(KNOWN, running, "")
    assert "30 days" in false_alarms(KNOWN, AFTER, "")
    assert false_alarms(Chronicle(), AFTER, "") == ""


def test_the_confirmation_is_said_as_odds() -> None:
    """From the evidence that the rules asked for; a journal without rules says nothing."""
    assert confirmation(KNOWN) == "of false detections at most one in 100 is confirmed"
    assert confirmation(Chronicle()) == ""


def test_a_running_sidecar_knows_names_better_than_its_journal() -> None:
    """Each name stands once; what nobody knows is left out."""
    running = Live(made_utc="t", provenance=(("stablehand", "1.1"), ("benchmark", "abc")))
    assert dict(provenance(KNOWN, running, Notice(candidate="churn-2"))) == {
        "candidate": "churn-2",
        "stablehand": "1.1",
        "journal": "entries 0 to 3",
        "benchmark": "abc",
    }
