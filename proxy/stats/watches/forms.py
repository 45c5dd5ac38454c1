"""The form of one side as streams of evidence: how often it breaks, and in which way.

One stream for each kind of break, one for bodies that cannot be read, and one for the missing
values of each column that was certified with some. Which columns break is remembered by name. What
breaks a form is said in `payload.schema`; whether it breaks too often is the monitor's to conclude.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.payload.schema import BreakKind, Check, Schema
from proxy.records import Rows
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.functionals import Floats
from proxy.stats.basis.intervals import share_upper_bound
from proxy.stats.engine.effects import Effect, absolute_share
from proxy.stats.engine.streams import WatchedStream, watch_shares
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.column import ColumnProfile

UNREADABLE: Final = "body unreadable"
FORMS: Final = (*(kind.value for kind in BreakKind), UNREADABLE)
NULL_RATE: Final = "null rate of"
MAX_NULL_RATES: Final = 100
"""Columns whose share of missing values is watched by itself."""
UNMEASURED_DESIGN_EFFECT: Final = 4.0
"""How many dependent exchanges are worth one where the break is not new but more frequent, and the
benchmark has not measured it: such cells come in bursts. What never happened has no bursts."""
LARGEST_SHARE: Final = 0.9
"""A share beyond it cannot grow noticeably: nothing is claimed about it."""
NAMED: Final = 3
FORGET: Final = 0.9
"""Share of a name's count that is kept from tick to tick: names of the last ten ticks or so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormRule:
    """What is forgiven, and in which words it is told."""

    tolerance: float
    """Smallest growth of a share that matters, as Cohen's h."""
    max_names: int
    """Names of columns remembered for each kind of break."""
    label: str = ""
    """Put before the names of the streams."""
    rows: str = "requests"
    """What is counted, in the plural."""


class FormWatch:
    """The streams of one schema, and what they count.

    `streams` may stand in a watch beside others: `join` finds their places.
    """

    def __init__(self, schema: Schema, columns: Sequence[ColumnProfile], rule: FormRule) -> None:
        """Watch against `schema`; `columns` are the certified profiles of the same side."""
        self.schema = schema
        self.check = Check(schema)
        self._rule = rule
        self._names: dict[str, Counter[str]] = {form: Counter() for form in FORMS}
        self.streams = _streams(schema, columns, rule)
        self._forms = {self._title(form): form for form in FORMS}
        self._places: dict[str, int] = {}
        self._watch: Watch | None = None

    def join(self, watch: Watch) -> None:
        """Count into `watch` from now on, which holds `streams` among others."""
        own = {stream.name for stream in self.streams}
        self._watch = watch
        self._places = {
            stream.name: int(place.start)
            for stream, place in zip(watch.streams, watch.layout.bins, strict=True)
            if stream.name in own
        }

    def has(self, stream: str) -> bool:
        """Tell whether a stream of the watch is one of this form."""
        return stream in self._places

    def look(self, rows: Rows) -> None:
        """Count one exchange: in each form with the part of its rows that breaks it.

        Rows of one exchange depend on each other, so it counts as one observation whatever its
        size. Parts keep the bets valid: a factor is convex in the part, so its mean is at most that
        of all or nothing with the same share.
        """
        parts = dict.fromkeys(FORMS, 0.0)
        for one in self.check.breaks(rows):
            part = one.n / rows.n
            parts[one.kind] = min(1.0, parts[one.kind] + part)
            self._remember(one.kind, one.column, part)
        for form, part in parts.items():
            self._count(self._title(form), part)
        for name, values in zip(rows.columns, rows.values, strict=True):
            stream = self._title(f"{NULL_RATE} {name}")
            if stream in self._places:
                self._count(stream, values.count(None) / rows.n)

    def unreadable(self, reason: str) -> None:
        """Count one exchange whose body could not be read."""
        self._remember(UNREADABLE, reason, 1.0)
        self._count(self._title(UNREADABLE), 1.0)

    def describe(self, stream: WatchedStream, functional: int, counts: Floats) -> Effect:
        """Give the share of exchanges, with the columns that carry it."""
        effect = absolute_share(stream, functional, counts)
        form = self._forms.get(stream.name)
        if form is None:
            return replace(effect, summary=f"{stream.name}: {effect.value:.2%} of its values")
        names = self.named(stream.name)
        if not names:
            return effect
        told = f"{stream.name} ({', '.join(names)}): {effect.value:.2%} of {self._rule.rows}"
        return replace(effect, summary=told)

    def named(self, stream: str) -> list[str]:
        """Give the columns that carry a stream, those that break most often first."""
        form = self._forms.get(stream)
        if form is None:
            return [stream.removeprefix(self._title(f"{NULL_RATE} "))]
        counted = sorted(self._names[form].items(), key=lambda one: (-one[1], one[0]))
        return [name for name, _ in counted[:NAMED]]

    def names(self) -> dict[str, list[str]]:
        """Give the names remembered for each kind of break, ready for JSON."""
        return {self._title(form): sorted(names) for form, names in self._names.items()}

    def fade(self) -> None:
        """Let names fade, once per tick."""
        for counted in self._names.values():
            for name in list(counted):
                counted[name] = int(counted[name] * FORGET)
                if counted[name] == 0:
                    del counted[name]

    def reset(self) -> None:
        """Forget the names."""
        for counted in self._names.values():
            counted.clear()

    def _title(self, form: str) -> str:
        return f"{self._rule.label}{form}"

    def _count(self, stream: str, part: float) -> None:
        if self._watch is not None:
            place = self._places[stream]
            self._watch.pending[place] += 1 - part
            self._watch.pending[place + 1] += part

    def _remember(self, form: str, name: str, part: float) -> None:
        """Count the names to blame; beyond the bound new names are not remembered."""
        counted = self._names[form]
        if name in counted or len(counted) < self._rule.max_names:
            counted[name] += max(1, int(1000 * part))


def _streams(
    schema: Schema, columns: Sequence[ColumnProfile], rule: FormRule
) -> tuple[WatchedStream, ...]:
    """Give the streams on the share of each form, and on the null rates.

    The null rates together weigh as much as one form, so that wide tables do not make the forms
    slower to be found.
    """
    tolerance = Tolerance(effect=rule.tolerance, worse_only=True)

    def watched(form: str, share: float, effect: float) -> WatchedStream:
        tolerated = {f"{rule.label}{form}": _tolerated(share, schema.n)}
        return watch_shares("", tolerated, schema.n, tolerance, effect)[0]

    certified = {kind.value: share for kind, share in schema.shares.items()}
    if schema.unreadable > 0:
        certified[UNREADABLE] = schema.unreadable
    forms = [
        watched(
            form, certified.get(form, 0.0), UNMEASURED_DESIGN_EFFECT if form in certified else 1
        )
        for form in FORMS
    ]
    effects = {
        column.name: column.design_effects.get("missing", 1.0)
        for column in columns
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
    return (*forms, *(replace(stream, weight=1.0 / len(rates)) for stream in rates))


def _tolerated(share: float, n: int) -> float:
    """Give the largest share that is compatible with what was certified."""
    return min(LARGEST_SHARE, share_upper_bound(round(share * n), max(1, n)))
