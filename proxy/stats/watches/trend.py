"""Slow drift: where a column stood day by day, and whether that is a trend.

The drift alarm forgives what is within tolerance, for ever. Here each column's daily distance from
its certificate is kept for a month, and a straight line through it tells whether the column is on
its way out. A trend makes a ticket, never an alarm that switches.

The line is fitted by least squares; its error takes the scatter of the days, never less than the
rows allow, and their autocorrelation. Looks are counted: a trend is significant when its p-value is
below one in (looks in the wanted time between false tickets) times (everything looked at), so by
the union bound false tickets keep their budget whatever the dependence between looks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from proxy.stats.basis.functionals import Floats, Form, Functional
from proxy.stats.basis.hours import HOURS
from proxy.stats.basis.tolerances import error_in_tolerances, in_tolerances
from proxy.stats.engine.e_detector import Singles
from proxy.stats.engine.snapshot import reference_hash
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch
from proxy.units import DAY_S, HOUR_S

MAX_FOLLOWED: Final = 2000
"""Functionals that are followed, the first of the watch: 1 MB for a month."""
MEANS: Final = frozenset({"location", "spread"})
COMMON: Final = 0.05
"""Categories with a smaller share are followed by the drift alarm only."""
MIN_ROWS: Final = 50.0
"""Rows of a day from which it is a day."""
LARGEST_CORRELATION: Final = 0.8
"""Of neighbouring days: more cannot be told from a trend in a month."""
SURE: Final = 0.025
"""The interval of a slope that people see leaves this much out on either side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a trend must show to be told."""

    effect: float
    """The tolerance, in standard deviations and as Cohen's h."""
    days: int
    """Days that are looked back over."""
    min_days: int
    """Days with rows that are needed before anything is said."""
    run_length_s: float
    """Expected time to a false ticket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A straight line through the days of one functional; all in tolerances."""

    stream: int
    functional: Functional
    now: float
    """Distance from the certificate on the last day, on the line."""
    per_day: float
    interval: tuple[float, float]
    """Of `per_day`, 95 %."""
    n_days: int
    span_days: int
    """From the first to the last day."""
    p_value: float
    rows: int
    design_effect: float

    @property
    def is_leaving(self) -> bool:
        """Whether the column moves away from its certificate."""
        return self.per_day * self.now > 0

    @property
    def days_left(self) -> float:
        """Days until the tolerance is left at this pace; 0 when it is, infinite when never."""
        if abs(self.now) >= 1:
            return 0.0
        return (1 - abs(self.now)) / abs(self.per_day) if self.is_leaving else math.inf


class SavedDays(Struct, frozen=True, kw_only=True):
    """The days as they are saved."""

    size: int
    reference: bytes
    """Hash of the certificate that the days were compared with."""
    days: list[int]
    sums: bytes
    """float32 [days, 3, size]: what was counted, what the certificate expects, rows."""


class Trend:
    """The days of all columns of one watch."""

    def __init__(self, watch: Watch, demand: Demand) -> None:
        """Begin without a day beside the watch of a side; memory is fixed from now on."""
        self.demand = demand
        self.streams = watch.certified
        self._layout = watch.layout
        self._reference = reference_hash(self.streams)
        followed = [
            (place, index)
            for place, stream in enumerate(self.streams)
            for index in _followed(stream)
        ]
        self._followed = followed[:MAX_FOLLOWED]
        self._days: dict[int, NDArray[np.float32]] = {}
        self._counted: Singles = np.zeros(watch.layout.n_bins, dtype=np.float32)
        self._hour: int | None = None
        self._entered: tuple[WatchedStream, ...] = self.streams
        self.lines: tuple[Line, ...] = ()
        """Through the days up to yesterday, by functional; made anew once a day."""

    def tick(self, counts: Singles, utc_s: float, streams: Sequence[WatchedStream]) -> None:
        """Count one tick.

        Args:
            counts: float array [bins].
            utc_s: the middle of the tick, seconds since 1970.
            streams: what the tick is compared with; it changes with the hour only.
        """
        hour = math.floor(utc_s / HOUR_S)
        if hour != self._hour:
            self._turn(hour)
            self._entered = tuple(streams)
        self._counted += counts

    def adopt(self, watch: Watch) -> None:
        """Go on beside a new watch of the same streams: dependence was learnt. The days stay."""
        self.streams, self._layout = watch.certified, watch.layout
        self._entered = self.streams
        self._counted[:] = 0

    @property
    def n_days(self) -> int:
        """Whole days with enough rows."""
        return sum(self._is_day(day) for day in self._days)

    def significant(self, line: Line) -> bool:
        """Tell whether a line is beyond chance, over everything looked at and all looks."""
        looks = max(1.0, self.demand.run_length_s / DAY_S)
        return line.p_value * looks * len(self._followed) < 1

    def reset(self) -> None:
        """Forget all days."""
        self._days.clear()
        self._counted[:] = 0
        self.lines = ()

    def save(self) -> SavedDays:
        """Give the days as bytes; the hour that runs is not kept."""
        sums = [self._days[day] for day in self._days]
        raw = np.stack(sums).tobytes() if sums else b""
        return SavedDays(
            size=len(self._followed), reference=self._reference, days=list(self._days), sums=raw
        )

    def load(self, saved: SavedDays) -> bool:
        """Go on from saved days; false, and no change, when they do not fit."""
        size, n_days = len(self._followed), len(saved.days)
        if saved.reference != self._reference or saved.size != size:
            return False
        if len(saved.sums) != n_days * 3 * size * 4:
            return False
        if n_days > self.demand.days + 1 or len(set(saved.days)) != n_days:
            return False
        whole = np.frombuffer(saved.sums, np.float32).reshape(n_days, 3, size)
        if not np.isfinite(whole).all():
            return False
        self._days = {day: whole[place].copy() for place, day in enumerate(saved.days)}
        self._fit(max(saved.days, default=0) + 1)
        return True

    def _turn(self, hour: int) -> None:
        """Add the hour that ended to its day; when a day ended, draw the lines anew."""
        before, self._hour = self._hour, hour
        if before is None:
            return
        if self._counted.any():
            day = before // HOURS
            if day not in self._days:
                self._days[day] = np.zeros((3, len(self._followed)), dtype=np.float32)
            self._days[day] += self._sums()
            self._counted[:] = 0
        if before // HOURS != hour // HOURS:
            self._fit(hour // HOURS)

    def _sums(self) -> NDArray[np.float32]:
        sums = np.zeros((3, len(self._followed)), dtype=np.float32)
        for place, (stream, index) in enumerate(self._followed):
            entered = self._entered[stream]
            functional = entered.functionals[index]
            own = self._counted[self._layout.bins[stream]].astype(np.float64)
            rows = float(own[functional.applies].sum())
            sums[0, place] = float((own * functional.values)[functional.applies].sum())
            sums[1, place] = rows * functional.mean(entered.masses)
            sums[2, place] = rows
        return sums

    def _is_day(self, day: int) -> bool:
        return bool(self._days[day][2].max(initial=0.0) >= MIN_ROWS)

    def _fit(self, today: int) -> None:
        """Forget days that are too old or, after the clock was set back, to come; draw lines."""
        oldest = today - self.demand.days
        self._days = {day: self._days[day] for day in sorted(self._days) if oldest <= day <= today}
        whole = [day for day in self._days if day < today and self._is_day(day)]
        self.lines = ()
        if len(whole) < max(4, self.demand.min_days):
            return
        days = np.array(whole, dtype=np.float64)
        sums = np.stack([self._days[day] for day in whole]).astype(np.float64)
        lines = [self._line(place, days, sums[:, :, place]) for place in range(sums.shape[2])]
        self.lines = tuple(line for line in lines if line is not None)

    def _line(self, place: int, days: Floats, sums: Floats) -> Line | None:
        """Give the line through what is followed at `place`; `None` with too few days.

        Args:
            place: of the functional among those followed.
            days: float array [days], since 1970.
            sums: float array [days, 3]: counted, expected, rows.
        """
        stream, index = self._followed[place]
        watched = self.streams[stream]
        functional, effect = watched.functionals[index], self.demand.effect
        rows = sums[:, 2]
        kept = rows >= MIN_ROWS
        if kept.sum() < max(4, self.demand.min_days):
            return None
        days, rows = days[kept], rows[kept]
        counted, expected = sums[kept, 0] / rows, sums[kept, 1] / rows
        moved = in_tolerances(functional, watched.masses, counted - expected, effect)
        design = watched.design_effects[index]
        errors = error_in_tolerances(functional, watched.masses, rows / design, effect)
        if not np.isfinite(errors).all():
            return None
        fitted = fit(days, moved, errors)
        now, per_day, error, freedom = fitted
        margin = float(stdtrit(freedom, 1 - SURE)) * error
        return Line(
            stream=stream,
            functional=functional,
            now=now,
            per_day=per_day,
            interval=(per_day - margin, per_day + margin),
            n_days=len(days),
            span_days=int(days[-1] - days[0]),
            p_value=2 * float(stdtr(freedom, -abs(per_day) / error)),
            rows=int(rows.sum()),
            design_effect=design,
        )


def fit(days: Floats, values: Floats, errors: Floats) -> tuple[float, float, float, float]:
    """Fit a straight line; give its value on the last day, slope, slope's error, freedom.

    Days weigh alike unless their rows are fewer than usual. The error takes the larger of the days'
    own scatter and what their rows allow, times (1 + r) / (1 - r) for the correlation r of
    neighbouring days, which also takes degrees of freedom: Bayley and Hammersley (1946), "The
    effective number of independent observations in an autocorrelated time series", J. R. Stat. Soc.
    Suppl. 8(2).
    """
    precision = 1 / errors**2
    weights = np.minimum(precision / np.median(precision), 1.0)
    total = float(weights.sum())
    middle = float((weights * days).sum()) / total
    off = days - middle
    spread = float((weights * off**2).sum())
    level = float((weights * values).sum()) / total
    slope = float((weights * off * values).sum()) / spread
    left = values - level - slope * off
    n = len(days)
    scatter = float((weights * left**2).sum()) / (n - 2)
    variance = max(scatter, float(np.median(errors)) ** 2)
    square = float((left**2).sum())
    correlation = float((left[1:] * left[:-1]).sum()) / square + 2 / n if square > 0 else 0.0
    correlation = min(LARGEST_CORRELATION, max(0.0, correlation))
    inflation = (1 + correlation) / (1 - correlation)
    freedom = max(1.0, n / inflation - 2)
    return (
        level + slope * float(days[-1] - middle),
        slope,
        math.sqrt(variance * inflation / spread),
        freedom,
    )


def _followed(stream: WatchedStream) -> list[int]:
    """Give the functionals of a stream that are followed: what people can do something about."""
    if stream.column is None or stream.members:
        return []
    return [
        index
        for index, functional in enumerate(stream.functionals)
        if functional.name in MEANS
        or functional.name == "missing"
        or (functional.name.startswith("category ") and functional.mean(stream.masses) >= COMMON)
        or functional.name == "category other"
    ]


def moved_text(line: Line, amount: float, effect: float) -> str:
    """Say an amount of tolerances in units that people know."""
    if line.functional.form is Form.SHARE:
        return f"{abs(amount) * effect:.2g} (Cohen's h of its share of {line.functional.name!r})"
    spread = "" if line.functional.name == "location" else f" (its {line.functional.name})"
    return f"{abs(amount) * effect:.2g} sd{spread}"
