"""What monitors and insights tell of their streams, as the columns of a report.

A monitor's `detail()` and an `Insight` overlap: the finding's own words and interval come first,
since the alarm rests on them, the insight adds what it knows, the detail the rest. Nothing is
computed here but sums of neighbouring bins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from proxy.records import Blame, ColumnInsight, HistogramBin, Insight, Scalar
from proxy.telemetry import words
from proxy.telemetry.desk import JsonObject
from proxy.telemetry.report.values import Column, Evidence, ExampleView, LoadCell

MAX_COLUMNS: Final = 12
MAX_BARS: Final = 24
MAX_EXAMPLES: Final = 12
MAX_CELLS: Final = 12
MAX_SUB_POPULATIONS: Final = 12
MAX_LOAD_CELLS: Final = 24
_CELL_LENGTH: Final = 80
_LABEL_LENGTH: Final = 60


class _Distances(Struct, frozen=True):
    psi: float | None = None
    psi_if_unchanged: float | None = None
    auc: float | None = None


class _Histogram(Struct, frozen=True):
    bins: list[str] = []
    reference: list[float] = []
    current: list[float] = []


class _Stream(Struct, frozen=True):
    stream: str
    effect: float | None = None
    interval: tuple[float, float] | None = None
    unit: str = ""
    evidence: float = 0.0
    n: int = 0
    n_reference: int = 0
    summary: str = ""
    blamed: bool = False
    distances: _Distances = _Distances()
    histogram: _Histogram = msgspec.field(default_factory=_Histogram)


class _Detail(Struct, frozen=True):
    threshold: float = 1.0
    streams: list[_Stream] = []
    cells: list[LoadCell] = []


def abridged(detail: JsonObject) -> JsonObject:
    """Give the part of a monitor's `detail()` that is worth keeping in the journal.

    The strongest streams with coarser histograms; a few kilobytes however many columns there are.
    """
    known = _read(detail)
    streams = [_coarse(stream) for stream in _ranked(known.streams)[:MAX_COLUMNS]]
    kept = _Detail(threshold=known.threshold, streams=streams, cells=known.cells[:MAX_LOAD_CELLS])
    plain: JsonObject = msgspec.to_builtins(kept)
    return plain


def columns_of(
    detail: JsonObject, blamed: Sequence[Blame], insight: Insight | None
) -> list[Column]:
    """Give the columns of one alarm: those to blame first, then the insight's, then the rest.

    Streams without evidence and without an insight are left out.
    """
    known = _read(detail)
    streams = {one.stream: _of_stream(one, known.threshold) for one in _ranked(known.streams)}
    insights = {one.name: one for one in insight.columns} if insight is not None else {}
    blames = {one.subject: one for one in blamed}
    names = dict.fromkeys(
        (*blames, *insights, *(one.stream for one in _ranked(known.streams) if one.blamed))
    )
    if not names:
        names = dict.fromkeys(name for name, one in streams.items() if (one.strength or 0) > 0)
    columns = []
    for name in list(names)[:MAX_COLUMNS]:
        column = streams.get(name, Column(name=name, summary=""))
        column = _with_insight(column, insights.get(name))
        columns.append(_with_blame(column, blames.get(name)))
    return columns


def evidence_of(
    insight: Insight | None, columns: Sequence[Column], base: Evidence, utc: Callable[[float], str]
) -> Evidence:
    """Give `base` with its columns and, where there is an insight, what that explains.

    `utc` turns a time of the insight, on the monotonic clock, into text.
    """
    if insight is None:
        return replace(base, columns=tuple(columns))
    return replace(
        base,
        columns=tuple(columns),
        sub_populations=insight.sub_populations[:MAX_SUB_POPULATIONS],
        examples=tuple(
            ExampleView(
                exchange=one.exchange,
                at_utc=utc(one.at_s),
                why=one.why,
                cells=_cells(one.values),
            )
            for one in insight.examples[:MAX_EXAMPLES]
        ),
        separation=insight.separation,
        discrepancy=insight.discrepancy,
        reason=insight.reason,
    )


def load_cells_of(detail: JsonObject) -> tuple[LoadCell, ...]:
    """Give the load cells of a latency monitor that have answers now."""
    return tuple(cell for cell in _read(detail).cells if cell.answers)[:MAX_LOAD_CELLS]


def _read(detail: JsonObject) -> _Detail:
    """Read a monitor's detail; one by model gives the candidate's, an odd one is empty."""
    try:
        return msgspec.convert(detail.get("candidate", detail), _Detail, strict=False)
    except msgspec.ValidationError:
        return _Detail()


def _ranked(streams: Sequence[_Stream]) -> list[_Stream]:
    return sorted(streams, key=lambda one: (not one.blamed, -one.evidence, one.stream))


def _coarse(stream: _Stream) -> _Stream:
    bars = _bars(stream.histogram)
    coarse = _Histogram(
        [one.label for one in bars], [one.reference for one in bars], [one.current for one in bars]
    )
    return replace(stream, histogram=coarse)


def _bars(histogram: _Histogram) -> tuple[HistogramBin, ...]:
    """Give at most `MAX_BARS` bars; neighbours are added up, bins nobody is in at the ends go."""
    names, shares = histogram.bins, list(zip(histogram.reference, histogram.current, strict=False))
    if len(names) != len(shares):
        return ()
    step = -(-len(names) // MAX_BARS) or 1
    return tuple(
        HistogramBin(
            label=_span(names[start : start + step])[:_LABEL_LENGTH],
            reference=round(sum(was for was, _ in shares[start : start + step]), 6),
            current=round(sum(now for _, now in shares[start : start + step]), 6),
        )
        for start in range(0, len(names), step)
    )


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} … {names[-1]}"


def _of_stream(stream: _Stream, threshold: float) -> Column:
    return Column(
        name=stream.stream,
        summary=stream.summary,
        effect=stream.effect,
        interval=stream.interval,
        unit=stream.unit,
        strength=words.strength(stream.evidence, threshold) if threshold > 0 else None,
        is_blamed=stream.blamed,
        n_reference=stream.n_reference,
        n_current=stream.n,
        auc=stream.distances.auc if stream.unit == "sd" else None,
        psi=stream.distances.psi,
        psi_null=stream.distances.psi_if_unchanged,
        bars=_bars(stream.histogram),
    )


def _with_insight(column: Column, insight: ColumnInsight | None) -> Column:
    if insight is None:
        return column
    return replace(
        column,
        summary=insight.summary or column.summary,
        effect=insight.effect,
        interval=insight.interval,
        unit=insight.unit,
        n_reference=insight.n_reference,
        n_current=insight.n_current,
        shift_sd=insight.shift_sd,
        auc=insight.auc,
        psi=insight.psi,
        psi_null=insight.psi_null,
        wasserstein_sd=insight.wasserstein_sd,
        wasserstein_null=insight.wasserstein_null,
        new_share=insight.new_share,
        missing=insight.missing,
        bars=insight.histogram[:MAX_BARS] or column.bars,
    )


def _with_blame(column: Column, blame: Blame | None) -> Column:
    """Put in front what the alarm itself rests on."""
    if blame is None:
        return column
    return replace(
        column,
        summary=blame.summary or column.summary,
        is_blamed=True,
        effect=blame.effect,
        interval=blame.interval,
        unit=blame.unit,
        n_current=column.n_current or blame.n_current,
    )


def _cells(values: Mapping[str, Scalar]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name[:_LABEL_LENGTH], "missing" if value is None else _text(value))
        for name, value in list(values.items())[:MAX_CELLS]
    )


def _text(value: Scalar) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = str(value)
    return text if len(text) <= _CELL_LENGTH else f"{text[: _CELL_LENGTH - 1]}…"
