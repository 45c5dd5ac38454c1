"""What was measured is shown with its units; what was not measured is left out."""

from __future__ import annotations

import re

from proxy.records import AlarmName, HistogramBin
from proxy.telemetry.desk import AgreementView
from proxy.telemetry.report.markup import Markup
from proxy.telemetry.report.sections import agreement, alarm_section, column_figures, latency
from proxy.telemetry.report.values import Column, Evidence, LoadCell, Measure


def plain(written: Markup) -> str:
    """Give the words of a piece of HTML, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", written.text))


def a_measure(**changes: object) -> Measure:
    """Give the measure of an input drift."""
    values = {
        "alarm": AlarmName.INPUT_DRIFT,
        "state": "firing",
        "onset_utc": "",
        "began_utc": "",
        "fired_utc": "",
        "ended_utc": "",
        "reason": "temperature: lower (median 74 -> 23)",
        "subject": "temperature",
        "effect": -2.9,
        "interval": (-3.2, -2.6),
        "unit": "sd",
        "evidence": 20.0,
        "threshold": 16.0,
        "confirmation": 7.0,
        "n_reference": 5000,
        "n_current": 420,
        "shared": "Shared.",
        "blamed": (),
        **changes,
    }
    return Measure(**values)


def test_an_alarm_is_told_with_effect_interval_evidence_and_rows() -> None:
    """The name of a column is left as it is, also at the beginning of a sentence."""
    words = plain(alarm_section(0, a_measure(), ()))
    for part in (
        "Input drift firing",
        "temperature: lower (median 74 \u2192 23).",
        "Effect on temperature -2.9 sd (-3.2 sd to -2.6 sd)",
        "Evidence 125 % of what an alarm needs",
        "Later data alone at most once in 1,097 by chance",
        "420 against 5,000 certified",
        "Shared.",
    ):
        assert part in words


def test_a_stated_fact_has_no_effect() -> None:
    """A probe that failed was not weighed."""
    words = plain(alarm_section(0, a_measure(effect=None, confirmation=0.0, n_reference=0), ()))
    assert "Effect" not in words
    assert "Later data" not in words


def test_figures_that_were_not_measured_are_left_out() -> None:
    """PSI and Wasserstein stand beside what chance alone would show."""
    column = Column(
        name="a",
        summary="",
        unit="share",
        auc=0.5,
        psi=0.34,
        psi_null=0.006,
        wasserstein_sd=1.0,
        shift_sd=-1.0,
        new_share=0.1,
        missing=(0.0, 0.05),
        n_current=10,
    )
    assert dict(column_figures(column)) == {
        "AUC": "0.50 (0.5 without a change)",
        "Shift, judged by the AUC": "-1 sd",
        "PSI": "0.34 (0.006 without a change)",
        "Wasserstein": "1 sd",
        "New to the reference": "10 %",
        "Missing": "0 % \u2192 5 %",
        "Rows": "10 now",
    }
    assert dict(column_figures(Column(name="a", summary=""))) == {}


def test_each_column_with_bars_is_drawn_and_told_in_figures() -> None:
    """A table behind each plot; the subject itself is not told twice without a plot."""
    bars = (HistogramBin(label="20 to 40", reference=0.1, current=0.9),)
    columns = (
        Column(name="temperature", summary="temperature: lower", effect=-2.9),
        Column(name="wind", summary="wind: higher", effect=1.5, unit="sd", bars=bars),
        Column(name="gate", summary="", interval=(0.1, 0.2), unit="share"),
    )
    known = Evidence(alarm=AlarmName.INPUT_DRIFT, at_utc="", columns=columns, reason="no sample")
    other = Evidence(alarm=AlarmName.OUTPUT_DRIFT, at_utc="", columns=columns)
    written = alarm_section(0, a_measure(), (known, other))
    words = plain(written)
    assert words.count("temperature: lower") == 1
    assert "Distribution of wind" in words
    assert "20 to 40 90 % 10 %" in words
    assert "between 10 % and 20 %, valid at any time" in words
    assert "No sample." in words
    assert written.text.count("<svg") == 2


def test_columns_to_blame_stand_before_the_others() -> None:
    """What the alarm does not rest on can be opened; with nobody to blame nothing is hidden."""
    bars = (HistogramBin(label="a", reference=0.1, current=0.9),)
    quiet = Column(name="wind", summary="", bars=bars)
    loud = Column(name="temperature", summary="", bars=bars, is_blamed=True)
    for columns, n_hidden in (((quiet, loud), 1), ((quiet, quiet), 0)):
        known = Evidence(alarm=AlarmName.INPUT_DRIFT, at_utc="", columns=columns)
        written = alarm_section(0, a_measure(), (known,)).text
        assert written.count('class="others"') == n_hidden
        assert written.count("<svg") == 2
    assert (
        "1 other column,"
        in alarm_section(
            0,
            a_measure(),
            (Evidence(alarm=AlarmName.INPUT_DRIFT, at_utc="", columns=(quiet, loud)),),
        ).text
    )


def test_agreement_stands_beside_what_was_certified() -> None:
    """With interval and sample; what was not measured is not drawn."""
    view = AgreementView(
        estimate=0.12, interval=(0.1, 0.14), floor=0.03, n_pairs=900, words="of the rows differ."
    )
    words = plain(agreement(view))
    assert "12 % (between 10 and 14); certified 3 %; 900 rows compared" in words
    unknown = AgreementView(estimate=None, interval=None, floor=None, n_pairs=0, words="")
    assert agreement(unknown).text == ""


def test_latency_is_told_for_each_load() -> None:
    """Certified beside now; a quantile that is not known is a dash."""
    words = plain(latency([LoadCell("1 to 2", "all", 900, 0.01, 0.02, 0.05, None)]))
    assert "1 to 2 all 900 10 ms 20 ms 50 ms -" in words
