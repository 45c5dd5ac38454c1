"""Does the input still have the form that was certified?

Four shares of requests, each watched for growth: requests that lack a certified column, that carry
an unknown one, that have a value of another type in a numeric column, and requests whose body
cannot be read. Which columns it is, is told by name. Values are the business of input drift.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.settings import SchemaSettings
from proxy.records import AlarmName, Finding, Observation, Rows, Scalar, Side, Undecodable, Verdict
from proxy.stats import snapshot
from proxy.stats.conclude import Wording, conclude, detail_of, unknown
from proxy.stats.demands import Tolerance
from proxy.stats.effects import Effect, absolute_share
from proxy.stats.functionals import Floats
from proxy.stats.intervals import share_upper_bound
from proxy.stats.reference import ColumnProfile, Kind
from proxy.stats.streams import WatchedStream, watch_shares
from proxy.stats.watch import Watch

FORMS: Final = ("column missing", "column unknown", "value of wrong type", "body unreadable")
MISSING, UNKNOWN, WRONG_TYPE, UNREADABLE = range(len(FORMS))
NUMBERS: Final = frozenset({float, int, bool, type(None)})
"""Types that a numeric column may hold."""
OUR_LIMITS: Final = frozenset({"truncated", "too_large", "decoder_failed", "media_unavailable"})
"""Reasons for which a body cannot be read that speak of us, not of the client."""
NAMED: Final = 3
FORGET: Final = 0.9
"""Share of a name's count that is kept from tick to tick: names of the last ten ticks or so."""


class Schema:
    """The form of the input against the certified columns."""

    name = AlarmName.SCHEMA

    def __init__(
        self, settings: SchemaSettings, benchmark: Benchmark | None, engine: Engine
    ) -> None:
        """Watch against the certified input columns; without them nothing can be said."""
        columns = benchmark.input.columns if benchmark is not None and settings.enabled else ()
        self._settings = settings
        self._expected = frozenset(column.name for column in columns)
        self._numeric = frozenset(c.name for c in columns if c.kind is Kind.NUMERIC)
        self._watch: Watch | None = None
        if benchmark is not None and columns:
            self._watch = _watch_of(columns, benchmark.input.n, settings, engine)
        self._names: list[Counter[str]] = [Counter() for _ in FORMS]
        self._wording = Wording(
            name=self.name,
            rows="requests",
            min_rows=settings.min_rows,
            tick_s=engine.tick_s,
            describe=self._describe,
        )
        self._why_unknown = "switched off" if not settings.enabled else "no certified input columns"

    def observe(self, value: Observation) -> None:
        """Look at the form of one request."""
        if self._watch is None:
            return
        if isinstance(value, Rows) and value.side is Side.INPUT and value.n > 0:
            self._look(self._watch, value)
        elif isinstance(value, Undecodable) and _speaks_of_the_client(value):
            self._remember(UNREADABLE, [value.reason])
            self._count(self._watch, UNREADABLE, bad=True)

    def _look(self, watch: Watch, rows: Rows) -> None:
        present = frozenset(rows.columns)
        missing, unknown_columns = self._expected - present, present - self._expected
        odd = [
            name
            for name, values in zip(rows.columns, rows.values, strict=False)
            if name in self._numeric and not _are_numbers(values)
        ]
        for form, names in ((MISSING, missing), (UNKNOWN, unknown_columns), (WRONG_TYPE, odd)):
            if names:
                self._remember(form, names)
            self._count(watch, form, bad=bool(names))
        self._count(watch, UNREADABLE, bad=False)

    def _count(self, watch: Watch, form: int, *, bad: bool) -> None:
        watch.pending[watch.layout.bins[form].start + bad] += 1

    def _remember(self, form: int, names: Sequence[str] | frozenset[str]) -> None:
        """Count the names to blame; beyond the bound new names are not remembered."""
        counted = self._names[form]
        for name in names:
            if name in counted or len(counted) < self._settings.max_new_columns:
                counted[name] += 1000

    def _describe(self, stream: WatchedStream, functional: int, counts: Floats) -> Effect:
        """Give the share of requests, with the columns that carry it."""
        effect = absolute_share(stream, functional, counts)
        names = [name for name, _ in self._names[FORMS.index(stream.name)].most_common(NAMED)]
        if not names:
            return effect
        return Effect(
            value=effect.value,
            interval=effect.interval,
            unit=effect.unit,
            n=effect.n,
            summary=f"{stream.name} ({', '.join(names)}): {effect.value:.2%} of requests",
        )

    def judge(self, now_s: float) -> Finding:
        """Fold the requests since the last tick and conclude."""
        if self._watch is None:
            return unknown(self.name, now_s, self._why_unknown)
        self._watch.tick()
        breached = self._watch.breach is not None
        finding = conclude(
            self._watch, self._wording, now_s, Verdict.BREACH if breached else Verdict.OK
        )
        for counted in self._names:
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
        if self._watch is None:
            return {"reason": self._why_unknown}
        return detail_of(self._watch, self._wording) | {
            "names": {form: sorted(self._names[place]) for place, form in enumerate(FORMS)},
            "expected": sorted(self._expected),
        }

    def reset(self) -> None:
        """Forget the evidence."""
        if self._watch is not None:
            self._watch.reset()
        for counted in self._names:
            counted.clear()


def _watch_of(
    columns: Sequence[ColumnProfile], n: int, settings: SchemaSettings, engine: Engine
) -> Watch:
    """Give the watch on the four shares; certified were complete rows, but for odd values."""
    never = share_upper_bound(0, max(1, n))
    odd = sum(column.masses[-1] for column in columns if column.kind is Kind.NUMERIC)
    shares = dict.fromkeys(FORMS, min(0.9, never))
    shares[FORMS[WRONG_TYPE]] = min(0.9, max(never, odd))
    tolerance = Tolerance(effect=settings.tolerance, worse_only=True)
    return Watch(watch_shares("", shares, n, tolerance, 1.0), engine.certainty)


def _are_numbers(values: Sequence[Scalar]) -> bool:
    return set(map(type, values)) <= NUMBERS


def _speaks_of_the_client(value: Undecodable) -> bool:
    return value.side is Side.INPUT and value.reason not in OUR_LIMITS
