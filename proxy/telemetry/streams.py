"""The drift list of the page: what a monitor's `detail()` says, most suspect stream first.

The monitors keep up to 67 bins per stream; the page draws at most `MAX_BARS`, so neighbours are
added up here. Nothing is concluded.
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.records import Side
from proxy.telemetry.desk import JsonObject, StreamView

MAX_BARS: Final = 24


class _Histogram(msgspec.Struct):
    bins: list[str] = []
    reference: list[float] = []
    current: list[float] = []


class _Stream(msgspec.Struct):
    stream: str
    effect: float = 0.0
    interval: tuple[float, float] | None = None
    unit: str = ""
    evidence: float = 0.0
    n: int = 0
    summary: str = ""
    histogram: _Histogram = msgspec.field(default_factory=_Histogram)


class _Detail(msgspec.Struct):
    threshold: float = 1.0
    streams: list[_Stream] = []


def stream_views(side: Side, detail: JsonObject, limit: int = 50) -> tuple[StreamView, ...]:
    """Give the streams of `detail`, strongest evidence first, at most `limit`.

    A detail by model (`{"candidate": ..., "stable": ...}`) gives the candidate's; one without
    streams, or of another shape, gives none.
    """
    inner = detail.get("candidate", detail)
    try:
        known = msgspec.convert(inner, _Detail)
    except msgspec.ValidationError:
        return ()
    ranked = sorted(known.streams, key=lambda stream: (-stream.evidence, stream.stream))
    return tuple(_view(side, stream, known.threshold) for stream in ranked[:limit])


def _view(side: Side, stream: _Stream, threshold: float) -> StreamView:
    bars = stream.histogram
    step = -(-len(bars.bins) // MAX_BARS) or 1
    return StreamView(
        side=side,
        subject=stream.stream,
        effect=stream.effect,
        unit=stream.unit,
        interval=stream.interval,
        strength=max(0.0, stream.evidence / threshold) if threshold > 0 else 0.0,
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
