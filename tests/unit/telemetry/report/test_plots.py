"""Drawings say in words what they show, stay in their frame, and bear any figure."""

from __future__ import annotations

import itertools
import math
import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.records import HistogramBin
from proxy.telemetry.report.markup import Markup
from proxy.telemetry.report.plots import Frame, histogram, interval, nice

SHARES = st.floats(0, 1)


def parsed(drawn: Markup) -> ET.Element:
    """Read a drawing as XML, which it must be; our own output, so nothing hostile is parsed."""
    return ET.fromstring(drawn.text)  # noqa: S314  # what is read was just written here


def bars(*shares: tuple[float, float]) -> list[HistogramBin]:
    """Give bars of (reference, current)."""
    return [
        HistogramBin(label=f"bin {at}", reference=was, current=now)
        for at, (was, now) in enumerate(shares)
    ]


@given(st.lists(st.tuples(SHARES, SHARES), max_size=24))
def test_a_histogram_stays_in_its_frame(shares: list[tuple[float, float]]) -> None:
    """One bar for each bin, none of negative height, each with its own words."""
    drawn = parsed(histogram("h", "x", bars(*shares), "input"))
    rects = drawn.findall("rect")
    assert len(rects) == len(shares)
    for rect in rects:
        assert float(rect.get("height", "-1")) >= 0
        assert 0 <= float(rect.get("y", "-1")) <= 200
        assert float(rect.get("x", "-1")) + float(rect.get("width", "999")) <= 461
        assert "% now" in (rect.findtext("title") or "")


def test_a_drawing_has_a_title_and_a_description(hostile: str) -> None:
    """Both named by the drawing, so that a screen reader tells them; hostile names are text."""
    column = hostile
    drawn = parsed(histogram("h3", column, bars((0.9, 0.1), (0.1, 0.9)), "input"))
    assert drawn.get("role") == "img"
    assert drawn.get("aria-labelledby") == "h3-t h3-d"
    assert drawn.findtext("title", "").startswith("Distribution of <script>")
    assert drawn.findtext("desc") == "Largest difference: bin 0: 10 % now, 90 % certified."
    assert {one.tag for one in drawn.iter()} <= {"svg", "title", "desc", "rect", "line", "text",
                                                 "path"}  # fmt: skip


def test_labels_never_touch_and_the_loudest_is_there() -> None:
    """Forty long labels do not fit: the fullest bar's does in any case."""
    many = bars(*[(0.02, 0.01)] * 30, (0.0, 0.7))
    drawn = parsed(histogram("h", "x", many, "input"))
    labels = [one for one in drawn.findall("text") if one.get("class") == "label mid"]
    assert "bin 30" in {one.text for one in labels}
    places = sorted(float(one.get("x", "0")) for one in labels)
    assert all(later - one > 30 for one, later in itertools.pairwise(places))


@pytest.mark.parametrize(
    ("effect", "bounds"),
    [(-2.9, (-3.2, -2.6)), (0.0, (0.0, 0.0)), (None, (0.1, 0.2)), (1e9, (-1e9, 1e10))],
)
def test_an_interval_is_drawn_with_zero(effect: float | None, bounds: tuple[float, float]) -> None:
    """The line of no change is always in sight; without an effect there is no dot."""
    drawn = parsed(interval("i", "said", effect, bounds))
    numbers = re.findall(r'="(-?[\d.]+)"', ET.tostring(drawn, encoding="unicode"))
    assert all(-1 <= float(one) <= 462 for one in numbers)
    assert len(drawn.findall("circle")) == (effect is not None)
    assert drawn.findtext("desc") == "The upright line stands at no change."
    assert drawn.findtext("title") == "said"


@given(st.floats(1e-12, 1e12))
def test_an_axis_ends_at_a_round_number_above(value: float) -> None:
    """A little above, so that a curve does not touch the frame."""
    assert value < nice(value) <= 2.1 * value


def test_an_axis_without_data_still_has_an_end() -> None:
    """Nothing, less than nothing, and no number."""
    assert [nice(one) for one in (0.0, -3.0, math.nan, math.inf)] == [1.0] * 4
    assert Frame(10, 10, 1, 1, 1, 1).y(0) == 9
