"""The plots of a report as inline SVG: no script, styled by the page, each with a text beside it.

Every drawing has a `title` and a `desc` that say in words what it shows. Coordinates are rounded to
a tenth: nobody sees more, and the file stays small.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.records import HistogramBin
from proxy.telemetry.report.markup import Markup, el
from proxy.telemetry.words import number

LETTER: Final = 6.6
"""Width of a letter at the size of the labels, for finding out which labels fit."""
MAX_LABEL: Final = 22
TINY: Final = 1e-200
"""Less is nothing: powers of ten end a little below."""
_NICE: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.5, 10.0)


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a plot has room for its data."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float

    def x(self, share: float) -> float:
        """Give the place of a share of the width."""
        return self.left + share * (self.width - self.left - self.right)

    def y(self, share: float) -> float:
        """Give the place of a share of the height, 0 at the bottom."""
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


def drawing(
    name: str, frame: Frame, title: str, desc: str, parts: Iterable[Markup], css: str = "plot"
) -> Markup:
    """Give an SVG with its title and description; `name` is unique in the document."""
    return el(
        "svg",
        {
            "viewBox": f"0 0 {frame.width:g} {frame.height:g}",
            "role": "img",
            "aria-labelledby": f"{name}-t {name}-d",
            "class": css,
        },
        el("title", {"id": f"{name}-t"}, title),
        el("desc", {"id": f"{name}-d"}, desc),
        *parts,
    )


def histogram(name: str, column: str, bars: Sequence[HistogramBin], css: str) -> Markup:
    """Draw the current shares as bars and the certified ones as a line."""
    frame = Frame(460, 200, 40, 6, 12, 26)
    top = nice(max((max(one.reference, one.current) for one in bars), default=0.0))
    width = 1 / max(1, len(bars))
    parts = [*_grid(frame, top)]
    line = ""
    for at, one in enumerate(bars):
        high = frame.y(min(1.0, one.current / top))
        parts.append(
            el(
                "rect",
                {
                    "x": _r(frame.x(at * width) + 1),
                    "width": _r(max(0.8, frame.x(width) - frame.x(0) - 2)),
                    "y": _r(high),
                    "height": _r(frame.y(0) - high),
                    "class": f"bar {css}",
                },
                el("title", {}, _told(one)),
            )
        )
        y = _r(frame.y(min(1.0, one.reference / top)))
        line += f"{'L' if at else 'M'}{_r(frame.x(at * width))} {y}H{_r(frame.x((at + 1) * width))}"
    parts.append(el("path", {"d": line or "M0 0", "class": "refline"}))
    parts += _labels(frame, bars)
    loudest = max(bars, key=lambda one: abs(one.current - one.reference), default=None)
    desc = "" if loudest is None else f"Largest difference: {_told(loudest)}."
    return drawing(
        name, frame, f"Distribution of {column}: bars now, line as certified", desc, parts
    )


def interval(
    name: str, said: str, effect: float | None, bounds: tuple[float, float], origin: str = ""
) -> Markup:
    """Draw an effect and its interval on a line that contains zero, which `origin` names."""
    frame = Frame(460, 50, 8, 8, 4, 4)
    low, high = bounds
    reach = [low, high, 0.0] + ([] if effect is None else [effect])
    least, most = min(reach), max(reach)
    margin = (most - least) * 0.06 or 1.0
    least, most = least - margin, most + margin

    def place(value: float) -> float:
        return frame.x((value - least) / (most - least))

    middle, zero = 17, _r(place(0))
    ends = {"y1": middle, "y2": middle}
    parts = [
        el("line", {"x1": _r(place(least)), "x2": _r(place(most)), **ends, "class": "axis"}),
        el("line", {"x1": zero, "x2": zero, "y1": 5, "y2": 29, "class": "zero"}),
        el("line", {"x1": _r(place(low)), "x2": _r(place(high)), **ends, "class": "range"}),
    ]
    if effect is not None:
        dot = {"cx": _r(place(effect)), "cy": middle, "r": 5, "class": "dot"}
        parts.append(el("circle", dot))
    text = origin or "no change"
    half = LETTER * len(text) / 2
    at = min(max(place(0), half + 1), frame.width - half - 1)
    parts.append(el("text", {"x": _r(at), "y": 44, "class": "label mid"}, text))
    desc = f"The upright line stands at {text}."
    return drawing(name, frame, said, desc, parts, "plot thin")


def nice(value: float) -> float:
    """Give a round number a little above `value`, for the top of an axis."""
    if not TINY < value < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (*_NICE, 20.0) if step * power >= value * 1.04)


def _grid(frame: Frame, top: float) -> Iterable[Markup]:
    for share in (0.0, 0.5, 1.0):
        y = _r(frame.y(share))
        ends = {"x1": _r(frame.x(0)), "x2": _r(frame.x(1)), "y1": y, "y2": y}
        yield el("line", {**ends, "class": "grid"})
        place = {"x": frame.left - 6, "y": _r(frame.y(share) + 4), "class": "label end"}
        yield el("text", place, f"{number(100 * share * top)} %")


def _labels(frame: Frame, bars: Sequence[HistogramBin]) -> list[Markup]:
    """Write as many labels as fit: the fullest bar's first, then the ends, then the rest."""
    n = len(bars)
    loud = sorted(range(n), key=lambda at: -max(bars[at].current, bars[at].reference))
    taken: list[tuple[float, float]] = []
    written = []
    for at in dict.fromkeys([*loud[:1], 0, n - 1, *loud[1:]] if n else []):
        text = bars[at].label
        text = text if len(text) <= MAX_LABEL else f"{text[: MAX_LABEL - 1]}…"
        half = LETTER * len(text) / 2
        centre = min(max(frame.x((at + 0.5) / n), half + 2), frame.width - half - 2)
        begin, end = centre - half - 4, centre + half + 4
        if any(begin < high and low < end for low, high in taken):
            continue
        taken.append((begin, end))
        place = {"x": _r(centre), "y": frame.height - 8, "class": "label mid"}
        written.append(el("text", place, text))
    return written


def _told(one: HistogramBin) -> str:
    now, was = number(100 * one.current), number(100 * one.reference)
    return f"{one.label}: {now} % now, {was} % certified"


def _r(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
