"""The evidence of an incident's alarms over time, and the effect it was about, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Final

from proxy.telemetry import words
from proxy.telemetry.report.markup import Markup, el
from proxy.telemetry.report.plots import Frame, drawing, nice
from proxy.telemetry.report.values import Mark, Trace, TracePoint
from proxy.units import DAY_S

MAX_CURVES: Final = 5
MAX_MARKS: Final = 16
TOUCHING: Final = 28.0
"""Closer marks share one label."""
HALF_TIME: Final = 28.0
"""Half the width of a time of day: labels do not leave the plot."""
LINE: Final = 15.0
"""Height of a label."""
GAP: Final = 3.5
"""A pause of so many usual steps is a gap."""
_FRAME: Final = Frame(760, 236, 54, 14, 24, 30)
_STEPS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200)
_MAX_TICKS: Final = 7


def evidence_curves(traces: Sequence[Trace], marks: Sequence[Mark]) -> Markup:
    """Draw how the evidence grew; at 1 an alarm begins. Marks are numbered, told beside it."""
    span = _Span.of(traces)
    shown = traces[:MAX_CURVES]
    top = nice(max(1.2, *(point.strength for one in shown for point in one.points)))
    parts = [*_times(span), *_scale(top)]
    for at, one in enumerate(shown):
        path = _path([(span.x(p), _FRAME.y(min(1.0, p.strength / top))) for p in one.points])
        parts.append(el("path", {"d": path, "class": f"curve c{at}"}))
    parts += _marked(marks, span)
    names = ", ".join(words.label(one.alarm) for one in shown)
    desc = f"From {span.text(0)} to {span.text(1)} UTC. " + " ".join(
        f"{words.label(one.alarm)} reached {100 * max(p.strength for p in one.points):.0f} %."
        for one in shown
    )
    return drawing("evidence", _FRAME, f"Evidence over time: {names}", desc, parts)


def effect_curve(name: str, trace: Trace) -> Markup | None:
    """Draw the effect of the blamed stream with its interval; `None`: too few points know it."""
    known = [one for one in trace.points if one.effect is not None]
    if len(known) < 3:  # noqa: PLR2004  # two points are no curve
        return None
    span = _Span.of([trace])
    low, high = _bounds([one.effect or 0.0 for one in known], trace.unit)
    if low == high:
        return None

    def y(value: float) -> float:
        return _FRAME.y((min(max(value, low), high) - low) / (high - low))

    stretches = _stretches(known)
    bands = []
    for stretch in stretches:
        upper = [(span.x(one), y(high if one.high is None else one.high)) for one in stretch]
        lower = [(span.x(one), y(low if one.low is None else one.low)) for one in stretch]
        path = f"{_path([*upper, *reversed(lower)])}Z"
        bands.append(el("path", {"d": path, "class": "band"}))
    line = "".join(
        _path([(span.x(one), y(one.effect or 0.0)) for one in stretch]) for stretch in stretches
    )
    zero = f"{y(0.0):.1f}"
    parts = [
        *_times(span),
        *_effect_scale(low, high, trace.unit),
        *bands,
        el("line", {"x1": _FRAME.x(0), "x2": _FRAME.x(1), "y1": zero, "y2": zero, "class": "zero"}),
        el("path", {"d": line, "class": "curve c0"}),
    ]
    last = known[-1]
    bounds = None if last.low is None or last.high is None else (last.low, last.high)
    desc = f"At the end {words.reach(last.effect or 0.0, bounds, trace.unit)}."
    title = f"Effect on {trace.subject} over time, with its interval"
    return drawing(name, _FRAME, title, desc, parts)


def _stretches(points: Sequence[TracePoint]) -> list[list[TracePoint]]:
    """Cut a curve where it was not measured for a while, so that no line is drawn there."""
    steps = [later.at_unix_s - one.at_unix_s for one, later in pairwise(points)]
    usual_s = sorted(steps)[len(steps) // 2] if steps else 0.0
    stretches = [[points[0]]]
    for step_s, one in zip(steps, points[1:], strict=True):
        if step_s > GAP * usual_s:
            stretches.append([])
        stretches[-1].append(one)
    return stretches


class _Span:
    """The time that a plot covers."""

    def __init__(self, begin_s: float, end_s: float) -> None:
        self.begin_s = begin_s
        self.end_s = max(end_s, begin_s + 1.0)

    @staticmethod
    def of(traces: Sequence[Trace]) -> _Span:
        times = [point.at_unix_s for one in traces for point in one.points]
        return _Span(min(times), max(times))

    def share(self, at_s: float) -> float:
        return (at_s - self.begin_s) / (self.end_s - self.begin_s)

    def x(self, point: TracePoint) -> float:
        return _FRAME.x(self.share(point.at_unix_s))

    def text(self, share: float) -> str:
        at_s = self.begin_s + share * (self.end_s - self.begin_s)
        return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def _times(span: _Span) -> list[Markup]:
    """Write times at round steps below the plot."""
    length_s = span.end_s - span.begin_s
    step_s = next((one for one in _STEPS_S if length_s / one <= _MAX_TICKS), DAY_S)
    step_s = max(step_s, DAY_S * (int(length_s / _MAX_TICKS) // DAY_S))
    style = "%H:%M:%S" if step_s < 60 else "%H:%M" if step_s < DAY_S else "%d %b"  # noqa: PLR2004  # a minute
    at_s = -(-span.begin_s // step_s) * step_s
    ticks = []
    while at_s <= span.end_s:
        x = f"{min(_FRAME.x(span.share(at_s)), _FRAME.width - HALF_TIME):.1f}"
        text = datetime.fromtimestamp(at_s, UTC).strftime(style)
        ticks.append(el("text", {"x": x, "y": _FRAME.height - 8, "class": "label mid"}, text))
        at_s += step_s
    return ticks


def _scale(top: float) -> list[Markup]:
    """Draw the line at which an alarm begins, and none."""
    parts = []
    for share, css, text in ((0.0, "grid", "none"), (1 / top, "threshold", "alarm")):
        y = _FRAME.y(share)
        ends = {"x1": _FRAME.x(0), "x2": _FRAME.x(1), "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        parts.append(el("line", {**ends, "class": css}))
        parts.append(_beside(y, text))
    return parts


def _beside(y: float, text: str) -> Markup:
    """Write a label left of the plot."""
    return el("text", {"x": _FRAME.left - 8, "y": f"{y + 4:.1f}", "class": "label end"}, text)


def _bounds(effects: Sequence[float], unit: str) -> tuple[float, float]:
    """Give round ends of an axis that shows the effects, zero, and what an interval adds.

    Before there are rows an interval reaches far beyond what is possible; it is cut off here.
    """
    low, high = min(0.0, *effects), max(0.0, *effects)
    least = -nice(-1.4 * low) if low < 0 else 0.0
    most = nice(1.4 * high) if high > 0 else 0.0
    return (max(least, -1.0), min(most, 1.0)) if unit == "share" else (least, most)


def _effect_scale(low: float, high: float, unit: str) -> list[Markup]:
    parts = []
    taken: list[float] = []
    for value in dict.fromkeys((0.0, low, high, high / 2, low / 2)):
        y = _FRAME.y((value - low) / (high - low))
        if any(abs(y - other) < LINE for other in taken):
            continue
        taken.append(y)
        ends = {"x1": _FRAME.x(0), "x2": _FRAME.x(1), "y1": f"{y:.1f}", "y2": f"{y:.1f}"}
        parts.append(el("line", {**ends, "class": "grid"}))
        parts.append(_beside(y, words.short(value, unit)))
    return parts


def _marked(marks: Sequence[Mark], span: _Span) -> list[Markup]:
    """Draw numbered lines; numbers that would touch stand together."""
    parts: list[Markup] = []
    groups: list[tuple[float, list[str]]] = []
    for number, one in enumerate(marks[:MAX_MARKS], start=1):
        share = span.share(one.at_unix_s)
        if not 0 <= share <= 1:
            continue
        x = _FRAME.x(share)
        ends = {"x1": f"{x:.1f}", "x2": f"{x:.1f}", "y1": _FRAME.top - 4, "y2": _FRAME.y(0)}
        parts.append(el("line", {**ends, "class": f"mark {one.kind}"}, el("title", {}, one.text)))
        if groups and x - groups[-1][0] < TOUCHING:
            groups[-1][1].append(str(number))
        else:
            groups.append((x, [str(number)]))
    for x, numbers in groups:
        place = {"x": f"{x:.1f}", "y": _FRAME.top - 9, "class": "label mid"}
        parts.append(el("text", place, " ".join(numbers)))
    return parts


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) if points else "M0 0"
