"""Does the input still have the form that was certified?

What breaks the form is said in `payload.schema`; here the shares of requests that do are watched
for growth, one for each kind of break and one for bodies that cannot be read. A column that had
missing values when it was certified has a stream of its own, for their share. Which columns it is,
is told by name. How values are distributed within the form is the business of input drift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import SchemaSettings
from proxy.payload.schema import BreakKind, Check
from proxy.records import AlarmName, Finding, Observation, Rows, Side, Undecodable, Verdict
from proxy.stats import snapshot
from proxy.stats.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.demands import Tolerance
from proxy.stats.effects import Effect, absolute_share
from proxy.stats.functionals import Floats
from proxy.stats.intervals import share_upper_bound
from proxy.stats.streams import WatchedStream, watch_shares
from proxy.stats.watch import Watch

UNREADABLE: Final = "body unreadable"
FORMS: Final = (*(kind.value for kind in BreakKind), UNREADABLE)
NULL_RATE: Final = "null rate of"
MAX_NULL_RATES: Final = 100
"""Columns whose share of missing values is watched by itself."""
OUR_LIMITS: Final = frozenset({"truncated", "too_large", "decoder_failed", "media_unavailable"})
"""Reasons for which a body cannot be read that speak of us, not of the client."""
UNMEASURED_DESIGN_EFFECT: Final = 4.0
"""How many dependent requests are worth one where the break is not new but more frequent, and the
benchmark has not measured it: such cells come in bursts. What never happened has no bursts."""
LARGEST_SHARE: Final = 0.9
"""A share beyond it cannot grow noticeably: nothing is claimed about it."""
NAMED: Final = 3
FORGET: Final = 0.9
"""Share of a name's count that is kept from tick to tick: names of the last ten ticks or so."""


class Schema:
    """The form of the input against the certified schema."""

    name = AlarmName.SCHEMA

    def __init__(
        self, settings: SchemaSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified schema; without one nothing can be said."""
        self._settings = settings
        self._check: Check | None = None
        self._watch: Watch | None = None
        if settings.enabled and benchmark is not None and benchmark.schema is not None:
            self._check = Check(benchmark.schema)
            self._watch = _watch_of(benchmark, settings, engine)
        self._places = _places(self._watch)
        self._names: dict[str, Counter[str]] = {form: Counter() for form in FORMS}
        self._wording = Wording(
            name=self.name,
            rows="requests",
            min_rows=settings.min_rows,
            tick_s=engine.tick_s,
            describe=self._describe,
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified schema"

    def observe(self, value: Observation) -> None:
        """Look at the form of one request."""
        if self._watch is None or self._check is None:
            return
        if isinstance(value, Rows) and value.side is Side.INPUT and value.n > 0:
            self._look(self._watch, self._check, value)
        elif isinstance(value, Undecodable) and _speaks_of_the_client(value):
            self._remember(UNREADABLE, value.reason, 1.0)
            self._count(self._watch, UNREADABLE, 1.0)

    def _look(self, watch: Watch, check: Check, rows: Rows) -> None:
        """Count one request: in each form with the part of its rows that breaks it.

        Rows of one request depend on each other, so it counts as one observation whatever its
        size. Parts keep the bets valid: a factor is convex in the part, so its mean is at most that
        of all or nothing with the same share.
        """
        parts = dict.fromkeys(FORMS, 0.0)
        for one in check.breaks(rows):
            part = one.n / rows.n
            parts[one.kind] = min(1.0, parts[one.kind] + part)
            self._remember(one.kind, one.column, part)
        for form, part in parts.items():
            self._count(watch, form, part)
        for name, values in zip(rows.columns, rows.values, strict=True):
            form = f"{NULL_RATE} {name}"
            if form in self._places:
                self._count(watch, form, values.count(None) / rows.n)

    def _count(self, watch: Watch, form: str, part: float) -> None:
        place = self._places[form]
        watch.pending[place] += 1 - part
        watch.pending[place + 1] += part

    def _remember(self, form: str, name: str, part: float) -> None:
        """Count the names to blame; beyond the bound new names are not remembered."""
        counted = self._names[form]
        if name in counted or len(counted) < self._settings.max_new_columns:
            counted[name] += max(1, int(1000 * part))

    def _describe(self, stream: WatchedStream, functional: int, counts: Floats) -> Effect:
        """Give the share of requests, with the columns that carry it."""
        effect = absolute_share(stream, functional, counts)
        if stream.name not in self._names:
            return replace(effect, summary=f"{stream.name}: {effect.value:.2%} of its values")
        names = [name for name, _ in self._names[stream.name].most_common(NAMED)]
        if not names:
            return effect
        told = f"{stream.name} ({', '.join(names)}): {effect.value:.2%} of requests"
        return replace(effect, summary=told)

    def judge(self, now_s: float) -> Finding:
        """Fold the requests since the last tick and conclude."""
        if self._watch is None:
            return unknown(self.name, now_s, self._why_unknown)
        self._watch.tick()
        breached = self._watch.breach is not None
        finding = conclude(
            self._watch, self._wording, now_s, Verdict.BREACH if breached else Verdict.OK
        )
        for counted in self._names.values():
            for name in list(counted):
                counted[name] = int(counted[name] * FORGET)
                if counted[name] == 0:
                    del counted[name]
        return finding

    def snapshot(self) -> bytes:
        """Give the evidence as bytes."""
        return b"" if self._watch is None else snapshot.save(self._watch)

    def restore(self, raw: bytes) -> bool:
        """Go on from a snapshot of the same benchmark."""
        return self._watch is not None and snapshot.load(self._watch, raw)

    def detail(self) -> dict[str, object]:
        """Give the share of each form and the columns that carry it."""
        if self._watch is None or self._check is None:
            return {"reason": self._why_unknown}
        return detail_of(self._watch, self._wording) | {
            "names": {form: sorted(names) for form, names in self._names.items()},
            "expected": sorted(self._check.columns),
        }

    def reset(self) -> None:
        """Forget the evidence."""
        if self._watch is not None:
            self._watch.reset()
        for counted in self._names.values():
            counted.clear()


def _watch_of(benchmark: Benchmark, settings: SchemaSettings, engine: Engine) -> Watch | None:
    """Give the watch on the share of each form, and on the null rates.

    The null rates together weigh as much as one form, so that wide tables do not make the forms
    slower to be found.
    """
    schema = benchmark.schema
    if schema is None:
        return None
    tolerance = Tolerance(effect=settings.tolerance, worse_only=True)

    def watched(form: str, share: float, effect: float) -> WatchedStream:
        tolerated = {form: _tolerated(share, schema.n)}
        return watch_shares("", tolerated, schema.n, tolerance, effect)[0]

    certified = {kind.value: share for kind, share in schema.shares.items()}
    forms = [
        watched(
            form, certified.get(form, 0.0), UNMEASURED_DESIGN_EFFECT if form in certified else 1
        )
        for form in FORMS
    ]
    effects = {
        column.name: column.design_effects.get("missing", 1.0)
        for column in benchmark.input.columns
        if column.design_effects is not None
    }
    nullable = [column for column in schema.columns if 0 < column.missing_share < LARGEST_SHARE]
    rates = [
        watched(
            f"{NULL_RATE} {column.name}",
            column.missing_share,
            effects.get(column.name, UNMEASURED_DESIGN_EFFECT),
        )
        for column in nullable[:MAX_NULL_RATES]
    ]
    weighted = [replace(stream, weight=1.0 / len(rates)) for stream in rates]
    return Watch((*forms, *weighted), engine.certainty)


def _tolerated(share: float, n: int) -> float:
    """Give the largest share that is compatible with what was certified."""
    return min(LARGEST_SHARE, share_upper_bound(round(share * n), max(1, n)))


def _places(watch: Watch | None) -> dict[str, int]:
    """Give where the counts of each stream begin."""
    if watch is None:
        return {}
    bins: Sequence[slice] = watch.layout.bins
    return {
        stream.name: int(place.start) for stream, place in zip(watch.streams, bins, strict=True)
    }


def _speaks_of_the_client(value: Undecodable) -> bool:
    return value.side is Side.INPUT and value.reason not in OUR_LIMITS
