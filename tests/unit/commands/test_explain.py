"""An alarm and a decision in lines: everything that matters, nothing that steers a terminal."""

from __future__ import annotations

from typing import Any

from proxy.commands.explain import alarm_lines, bars, decision_lines
from proxy.decisions import Check, Explanation, Witness
from proxy.records import AlarmName, AlarmState, HistogramBin, Verdict
from proxy.telemetry.report import Live, build

Book = Any
AFTER = Live(made_utc="2026-01-02T04:00:00.000Z")


def test_an_alarm_is_told_from_what_to_next(incident: Book) -> None:
    """Blamed columns with every figure, who carries it, examples, what was done and is next."""
    text = "\n".join(alarm_lines(build(incident.entries, None, AFTER)))
    for words in (
        "Input drift: firing (incident input_drift#1)",
        "Data, not model: the incoming data has changed.",
        "2026-01-02 03:04:08  Began  estimated from the data",
        "effect on temperature -2.9 sd (-3.2 sd to -2.6 sd)",
        "evidence 125 % of what an alarm needs; later data alone at most once in 1,097 by chance",
        "AUC 0.02 (0.5 without a change); PSI 4.1 (0.011 without a change); Wasserstein 2.7 sd",
        "rows where carrier = <script>",
        "61 % of the difference, -3.1 sd in 210 rows",
        "A classifier tells them apart nearly always.",
        "request 00000000000000ff at 03:04:11, lowest of the sample: temperature -3.5",
        "Done: ada acknowledged it at 03:04:14 UTC: looking.",
        "Next: Look at where temperature comes from.",
        "What led here, newest first:",
        "Declared: at most one false detection in 365 days",
    ):
        assert words in text, words
    assert text.count("Input drift fired") == 1
    assert text.index("\nNext: ") < text.index("evidence 125 %"), "what to do comes before figures"


def test_nothing_steers_the_terminal(incident: Book) -> None:
    """Control characters and marks that turn text around are shown as signs."""
    incident.add(15, "ack", {"by": "\x1b[2Jeve\u202e\nUndo: nothing", "why": "\x07", "alarms": []})
    text = "\n".join(alarm_lines(build(incident.entries, None, AFTER)))
    assert "\u241b[2Jeve\ufffd" in text
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert "\u240aUndo: nothing" in text
    assert "\nUndo: nothing" not in text


def test_a_breach_that_nobody_was_told_of_is_not_called_done(book: Book) -> None:
    """While it is pending something is still to come: the alarm, or the end of the breach."""
    book.move(10, AlarmName.INPUT_DRIFT, AlarmState.PENDING)
    text = "\n".join(alarm_lines(build(book.entries, None, AFTER)))
    assert "Input drift: pending" in text
    assert "Next: people are told if the breach lasts (alarms.hold_s)" in text
    assert "nothing is left to do" not in text


def test_a_histogram_is_drawn_in_blocks() -> None:
    """Two rows on one scale; what is there at all is seen, what is not is blank."""
    shown = [
        HistogramBin(label="a", reference=0.5, current=0.0),
        HistogramBin(label="b", reference=0.001, current=1.0),
    ]
    assert bars(shown) == ("  \u2588\u2588", "\u2584\u2584\u2581\u2581")
    assert bars([]) == ("", "")


def test_a_decision_is_told_with_what_it_needed() -> None:
    """The rung it stands on, each condition, each witness; a person, and what is missing."""
    told = Explanation(
        id="downgrade/errors#1/1",
        kind="downgrade",
        at_utc="2026-01-02T03:04:05.000Z",
        because="errors: 40 %",
        outcome="done in 2 ms",
        cause="model",
        rule="The stable model answers.",
        incident="errors#1",
        witnesses=(
            Witness(
                alarm=AlarmName.ERRORS,
                state=AlarmState.FIRING,
                verdict=Verdict.BREACH,
                words="errors: 1 -> 40 %",
                strength=1.1,
            ),
        ),
        facts=("stable model ready",),
        ladder=("alert", "downgrade", "escalate"),
        rung=1,
        checks=(
            Check(needed="a stable model is configured", holds=True),
            Check(needed="it is ready", holds=False, why_not="no way back"),
        ),
    )
    text = "\n".join(decision_lines(told))
    for words in (
        "downgrade/errors#1/1: downgrade, done in 2 ms, 2026-01-02 03:04:05 UTC",
        "Cause: model. The stable model answers.",
        "Ladder: alert, [downgrade], escalate",
        "yes  a stable model is configured",
        "NO   it is ready: no way back",
        "110 % of an alarm  errors: 1 \u2192 40 %",
        "stable model ready",
    ):
        assert words in text, words
    bare = Explanation(
        id="route/x", kind="restore", at_utc="", because="b", outcome="", person="ada", note="n"
    )
    assert list(decision_lines(bare))[2:] == ["A person ordered it: ada", "Note: n"]
