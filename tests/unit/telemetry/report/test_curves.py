"""Evidence and effects over time are drawn where they were measured, and nowhere else."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from proxy.records import AlarmName
from proxy.telemetry.report.curves import MAX_CURVES, effect_curve, evidence_curves
from proxy.telemetry.report.markup import Markup
from proxy.telemetry.report.values import Mark, Trace, TracePoint

BEGIN_S = 1_767_323_040.0


def parsed(drawn: Markup | None) -> ET.Element:
    """Read a drawing as XML, which it must be."""
    assert drawn is not None
    return ET.fromstring(drawn.text)  # noqa: S314  # what is read was just written here


def a_trace(*effects: float | None, step_s: float = 60.0, unit: str = "sd") -> Trace:
    """Give a trace of one tick a minute whose evidence grows."""
    return Trace(
        alarm=AlarmName.INPUT_DRIFT,
        subject="temperature",
        unit=unit,
        points=tuple(
            TracePoint(BEGIN_S + step_s * at, at / 4, one)
            if one is None
            else TracePoint(BEGIN_S + step_s * at, at / 4, one, one - 0.5, one + 0.5)
            for at, one in enumerate(effects)
        ),
    )


def test_evidence_is_drawn_with_the_line_of_an_alarm() -> None:
    """One curve for each alarm, the threshold, and numbered marks; the words say how far."""
    marks = (
        Mark(at_unix_s=BEGIN_S + 60, kind="alarm", text="Input drift found"),
        Mark(at_unix_s=BEGIN_S + 61, kind="alarm", text="Input drift fires"),
        Mark(at_unix_s=BEGIN_S + 200, kind="switch", text="Traffic goes to stable"),
        Mark(at_unix_s=BEGIN_S + 9e9, kind="switch", text="Far away"),
    )
    drawn = parsed(evidence_curves([a_trace(*[None] * 7)], marks))
    assert [one.get("class") for one in drawn.findall("path")] == ["curve c0"]
    assert len([one for one in drawn.findall("line") if one.get("class") == "threshold"]) == 1
    texts = [one.text for one in drawn.findall("text")]
    assert "alarm" in texts
    assert "1 2" in texts, "marks that would touch share a label"
    assert "4" not in texts, "what lies outside of the plot is not marked"
    assert drawn.findtext("desc") == "From 03:04:00 to 03:10:00 UTC. Input drift reached 150 %."


def test_more_alarms_than_colours_are_left_out() -> None:
    """The first are the worst; a curve without a colour would only confuse."""
    drawn = parsed(evidence_curves([a_trace(None, None)] * 9, ()))
    assert len(drawn.findall("path")) == MAX_CURVES


@pytest.mark.parametrize("step_s", [0.2, 1.0, 60.0, 3600.0, 86_400.0, 1e6])
def test_times_stand_at_round_steps(step_s: float) -> None:
    """From a second to weeks: a handful of labels, never a hundred."""
    drawn = parsed(evidence_curves([a_trace(*[None] * 9, step_s=step_s)], ()))
    labels = [one for one in drawn.findall("text") if one.get("class") == "label mid"]
    assert 1 <= len(labels) <= 9


def test_an_effect_is_drawn_with_its_interval() -> None:
    """Band, line, zero; the words give the last figure."""
    drawn = parsed(effect_curve("e", a_trace(-2.0, -2.5, -2.9, -2.9)))
    assert [one.get("class") for one in drawn.findall("path")] == ["band", "curve c0"]
    texts = [one.text for one in drawn.findall("text")]
    assert "0 sd" in texts
    assert "-5 sd" in texts
    assert drawn.findtext("desc") == "At the end -2.9 sd (-3.4 sd to -2.4 sd)."


def test_labels_of_the_axis_do_not_touch() -> None:
    """A little below zero and far above: what would be written over each other is left out."""
    drawn = parsed(effect_curve("e", a_trace(-0.1, 2.0, 2.1)))
    axis = [one for one in drawn.findall("text") if one.get("class") == "label end"]
    places = sorted(float(one.get("y", "0")) for one in axis)
    assert len(places) >= 3
    assert all(later - one >= 15 for one, later in itertools.pairwise(places))


def test_where_nothing_was_measured_no_line_is_drawn() -> None:
    """A pause cuts the curve in two."""
    drawn = parsed(effect_curve("e", a_trace(1.0, 1.1, 1.2, *[None] * 8, 1.0, 1.1, 1.2)))
    paths = {one.get("class"): one.get("d", "") for one in drawn.findall("path")}
    assert paths["curve c0"].count("M") == 2
    assert len([one for one in drawn.findall("path") if one.get("class") == "band"]) == 2


def test_shares_never_exceed_everything() -> None:
    """An axis of shares ends at 100 %, however wide the interval is."""
    drawn = parsed(effect_curve("e", a_trace(0.9, 0.95, 0.97, unit="share")))
    assert {one.text for one in drawn.findall("text")} >= {"100 %", "50 %", "0 %"}
    numbers = re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", "".join(one.get("d", "") for one in drawn))
    assert all(0 <= float(y) <= 236 for _, y in numbers)


def test_two_points_are_no_curve() -> None:
    """Nor are effects that are all zero."""
    assert effect_curve("e", a_trace(1.0, None, 1.0)) is None
    assert effect_curve("e", a_trace(0.0, 0.0, 0.0)) is None
