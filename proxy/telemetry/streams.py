"""The streams of a monitor as the page draws them and the metrics export them.

Monitors hand over plain JSON (`detail()`), which is read into records here. They keep up to 67 bins
per stream; the page draws at most `MAX_BARS`, so neighbours are added up. Nothing is concluded.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.records import Side
from proxy.telemetry import words
from proxy.telemetry.desk import AgreementView, JsonObject, StreamView

MAX_BARS: Final = 24


class Histogram(msgspec.Struct, frozen=True):
    """Shares per bin."""

    bins: list[str] = []
    reference: list[float] = []
    current: list[float] = []


class Stream(msgspec.Struct, frozen=True):
    """One stream as a monitor tells of it; what is missing has no value worth showing."""

    stream: str
    effect: float = 0.0
    interval: tuple[float, float] | None = None
    unit: str = ""
    evidence: float = 0.0
    n: int = 0
    summary: str = ""
    histogram: Histogram = msgspec.field(default_factory=Histogram)


class Detail(msgspec.Struct, frozen=True):
    """What a monitor tells of all its streams."""

    threshold: float = 1.0
    streams: list[Stream] = []
    reason: str = ""
    """Why there are no streams."""
    disagreement: float | None = None
    disagreement_interval: tuple[float, float] | None = None
    certified_disagreement: float | None = None
    n_compared: int = 0


def read(detail: JsonObject) -> Detail:
    """Read a monitor's `detail()`; one by model gives the candidate's, an odd one is empty."""
    try:
        return msgspec.convert(detail.get("candidate", detail), Detail)
    except msgspec.ValidationError:
        return Detail(reason="not readable")


def stream_views(side: Side, detail: JsonObject, limit: int = 50) -> tuple[StreamView, ...]:
    """Give the streams of `detail`, strongest evidence first, at most `limit`."""
    known = read(detail)
    ranked = sorted(known.streams, key=lambda stream: (-stream.evidence, stream.stream))
    return tuple(_view(side, stream, known.threshold) for stream in ranked[:limit])


def agreement_view(detail: JsonObject) -> AgreementView:
    """Give the agreement of the two models from the `detail()` of the disagreement monitor."""
    known = read(detail)
    if known.disagreement is None or known.n_compared == 0:
        return AgreementView(
            estimate=None,
            interval=None,
            floor=known.certified_disagreement,
            n_pairs=0,
            words=f"Not measured: {known.reason or 'no request was answered by both yet'}.",
        )
    floor, interval = known.certified_disagreement, known.disagreement_interval
    compared = ""
    if floor is not None and interval is not None:
        low, high = interval
        compared = ", as certified"
        if low > floor:
            compared = ", more than certified"
        elif high < floor:
            compared = ", less than certified"
    return AgreementView(
        estimate=known.disagreement,
        interval=interval,
        floor=floor,
        n_pairs=known.n_compared,
        words=f"of the compared rows get different answers{compared}.",
    )


def _view(side: Side, stream: Stream, threshold: float) -> StreamView:
    bars = stream.histogram
    step = -(-len(bars.bins) // MAX_BARS) or 1
    return StreamView(
        side=side,
        subject=stream.stream,
        effect=stream.effect,
        unit=stream.unit,
        interval=stream.interval,
        strength=words.strength(stream.evidence, threshold),
        n_current=stream.n,
        summary=stream.summary,
        reference=_added(bars.reference, step),
        current=_added(bars.current, step),
        labels=tuple(
            _span(bars.bins[start : start + step]) for start in range(0, len(bars.bins), step)
        ),
    )


def _added(shares: list[float], step: int) -> tuple[float, ...]:
    return tuple(
        round(sum(shares[start : start + step]), 5) for start in range(0, len(shares), step)
    )


def _span(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"
