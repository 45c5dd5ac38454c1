"""From the state of a watch to the finding that people and alarms get.

Not knowing comes first: without a reference, without rows or with too few of them the verdict is
unknown, and it moves no alarm.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from proxy.records import AlarmName, Blame, Finding, Verdict
from proxy.stats.basis.functionals import Floats
from proxy.stats.engine.effects import Effect, distances, effect_of
from proxy.stats.engine.history import FINE_TICKS
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch

MAX_SILENT_TICKS: Final = 10
"""After as many ticks without rows, "within tolerance" is not said any more."""
Describe = Callable[[WatchedStream, int, Floats], Effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """What one monitor is about."""

    name: AlarmName
    rows: str
    """What is counted, in the plural: `rows`, `answers`, `pairs`."""
    min_rows: int
    tick_s: float
    describe: Describe = effect_of


def conclude(watch: Watch, wording: Wording, now_s: float, shared: Verdict) -> Finding:
    """Give the finding of a watch after its tick.

    Args:
        watch: the engine of the monitor.
        wording: what the monitor is about.
        now_s: the time of the tick.
        shared: whether the stable model shows the same.
    """
    n = n_current(watch)
    stream = watch.strongest() if watch.breach is None else watch.blamed()[0]
    blames = tuple(blame_of(watch, wording, member) for member in watch.blamed())
    effect = wording.describe(watch.seen(stream), watch.carrier(stream), watch.current(stream))
    verdict, reason = _verdict(watch, wording, n)
    if blames:
        reason = "; ".join(blame.summary for blame in blames[:3])
    onset = None if watch.breach is None else now_s - watch.breach.onset * wording.tick_s
    return Finding(
        monitor=wording.name,
        subject=watch.subject(stream),
        at_s=now_s,
        effect=effect.value,
        interval=effect.interval,
        unit=effect.unit,
        evidence=watch.evidence,
        threshold=watch.detector.threshold,
        confirmation=watch.confirmation,
        spoke=watch.spoke,
        recovery=watch.recovery,
        n_reference=watch.streams[stream].n_reference,
        n_current=n,
        verdict=verdict,
        shared=shared,
        since_s=onset,
        blamed=blames,
        reason=reason,
    )


def unknown(name: AlarmName, now_s: float, reason: str) -> Finding:
    """Give the finding that nothing can be said, with its reason."""
    return Finding(
        monitor=name,
        subject="",
        at_s=now_s,
        effect=0.0,
        interval=None,
        unit="",
        evidence=0.0,
        threshold=1.0,
        confirmation=0.0,
        recovery=0.0,
        n_reference=0,
        n_current=0,
        verdict=Verdict.UNKNOWN,
        shared=Verdict.UNKNOWN,
        since_s=None,
        blamed=(),
        reason=reason,
    )


def verdict_of(watch: Watch, min_rows: int) -> Verdict:
    """Give the verdict alone: breach, OK, or unknown for want of rows."""
    if watch.breach is not None:
        return Verdict.BREACH
    if _are_clocks(watch):
        return Verdict.OK if watch.whole_days else Verdict.UNKNOWN
    if watch.ticks_without_rows > MAX_SILENT_TICKS or n_current(watch) < min_rows:
        return Verdict.UNKNOWN
    return Verdict.OK


def n_current(watch: Watch) -> int:
    """Give the rows of the last ticks: of the stream that got most, clocks left out."""
    counts = watch.history.last(FINE_TICKS, slice(None))
    pairs = zip(watch.certified, watch.layout.bins, strict=True)
    by_tick = [bins for stream, bins in pairs if stream.by_day is None] or watch.layout.bins
    return max((int(counts[bins].sum()) for bins in by_tick), default=0)


def blame_of(watch: Watch, wording: Wording, stream: int) -> Blame:
    """Give what one stream shows now."""
    watched = watch.seen(stream)
    effect = wording.describe(watched, watch.carrier(stream), watch.current(stream))
    return Blame(
        subject=watch.subject(stream),
        effect=effect.value,
        interval=effect.interval,
        unit=effect.unit,
        evidence=watch.stream_evidence(stream),
        n_current=effect.n,
        summary=effect.summary,
    )


def detail_of(watch: Watch, wording: Wording) -> dict[str, object]:
    """Give every stream with its effect, evidence and histograms, ready for JSON."""
    streams: list[dict[str, object]] = []
    for index in range(len(watch.streams)):
        watched = watch.seen(index)
        counts = watch.current(index)
        blame = blame_of(watch, wording, index)
        total = max(1.0, float(counts.sum()))
        streams.append(
            {
                "stream": watched.name,
                "effect": blame.effect,
                "interval": blame.interval,
                "unit": blame.unit,
                "evidence": blame.evidence,
                "n": blame.n_current,
                "n_reference": watched.n_reference,
                "summary": blame.summary,
                "blamed": index in watch.blamed(),
                "design_effect": max(watched.design_effects),
                "distances": distances(watched.masses, counts),
                "histogram": {
                    "bins": list(watched.bin_names),
                    "reference": [round(float(mass), 6) for mass in watched.masses],
                    "current": [round(float(count) / total, 6) for count in counts],
                },
            }
        )
    return {
        "evidence": watch.evidence,
        "threshold": watch.detector.threshold,
        "confirmation": watch.confirmation,
        "recovery": watch.recovery,
        "streams": streams,
    }


def _are_clocks(watch: Watch) -> bool:
    """Tell whether there is nothing but clocks, which speak once a day."""
    return all(stream.by_day is not None for stream in watch.certified)


def _verdict(watch: Watch, wording: Wording, n: int) -> tuple[Verdict, str]:
    verdict = verdict_of(watch, wording.min_rows)
    if verdict is Verdict.BREACH:
        return verdict, "a difference beyond tolerance"
    if _are_clocks(watch):
        is_ok = verdict is Verdict.OK
        told = "within tolerance on the last whole day" if is_ok else "no whole day has passed yet"
        return verdict, f"only clocks are watched: {told}"
    if watch.ticks_without_rows > MAX_SILENT_TICKS:
        return verdict, f"no {wording.rows} in the last {watch.ticks_without_rows} ticks"
    if verdict is Verdict.UNKNOWN:
        return verdict, f"only {n:,} {wording.rows} so far, {wording.min_rows:,} are needed"
    return verdict, f"within tolerance over the last {n:,} {wording.rows}"
