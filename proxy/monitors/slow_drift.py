"""Is a column on its way out of its tolerance, so slowly that no alarm will say so in time?

The drift alarms forgive what is within tolerance. This monitor looks at the days behind them and
makes a ticket: somebody should look at the column, or plan the next training, while nothing is
wrong yet. It never pages and never switches; where a drift alarm fires, it has nothing to add.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from proxy.monitors import Engine
from proxy.monitors.settings import SlowDriftSettings
from proxy.records import AlarmName, Blame, Finding, Observation, Verdict
from proxy.stats.engine.conclude import unknown
from proxy.stats.watches.drift import ProfileWatch
from proxy.stats.watches.trend import MEANS, Demand, Line, SavedDays, Trend, moved_text

MAX_NAMED: Final = 8
STAYS: Final = 0.5
"""A ticket ends when its column is back below this part of what opened it."""
WEEK: Final = 7
FEW_DAYS: Final = 14


class SlowDrift:
    """Trends of the columns of inputs and answers over a month."""

    name = AlarmName.SLOW_DRIFT

    def __init__(
        self, settings: SlowDriftSettings, engine: Engine, sides: dict[str, ProfileWatch]
    ) -> None:
        """Look at the days of the watches of `sides`, which other monitors feed."""
        self._settings = settings
        self._engine = engine
        self._sides = sides if settings.enabled else {}
        for watch in self._sides.values():
            demand = Demand(
                effect=watch.rule.tolerance.effect,
                days=settings.days,
                min_days=settings.min_days,
                # The sides share one budget: with two, each may err half as often.
                run_length_s=engine.expected_run_length_s * len(self._sides),
            )
            watch.trend = Trend(watch.watch, demand)
        self._told: dict[tuple[str, str, str], float] = {}
        """When each ticket that is open began, by side, column and functional."""

    def observe(self, value: Observation) -> None:
        """See nothing: the drift monitors count the rows."""

    def judge(self, now_s: float) -> Finding:
        """Say which columns are on their way out."""
        trends = {side: trend for side, watch in self._sides.items() if (trend := watch.trend)}
        if not trends:
            why = "no certified profile" if self._settings.enabled else "switched off"
            return unknown(self.name, now_s, why)
        n_days = max(trend.n_days for trend in trends.values())
        lines = {side: self._leaving(side, trend) for side, trend in trends.items()}
        self._note(lines, now_s)
        found = [(side, line) for side, own in lines.items() for line in own]
        if not any(trend.lines for trend in trends.values()):
            needed = f"{self._settings.min_days} whole days with rows are needed"
            return unknown(self.name, now_s, f"{n_days} whole days so far, {needed}")
        if not found:
            quiet = unknown(self.name, now_s, f"no trend in {n_days} days")
            return msgspec.structs.replace(quiet, verdict=Verdict.OK, n_current=_rows(trends))
        return self._finding(found, now_s)

    def snapshot(self) -> bytes:
        """Give the days, and the tickets that are open, as bytes."""
        days = {side: w.trend.save() for side, w in self._sides.items() if w.trend is not None}
        offset_s = self._engine.utc_offset_s
        told = [(*key, since_s + offset_s) for key, since_s in self._told.items()]
        return msgspec.msgpack.encode(_Saved(days, told))

    def restore(self, raw: bytes) -> bool:
        """Go on from saved days of the same benchmark."""
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except (msgspec.DecodeError, ValueError):
            return False
        fitted = {
            side: watch.trend.load(saved.days[side]) if side in saved.days else False
            for side, watch in self._sides.items()
            if watch.trend is not None
        }
        offset_s = self._engine.utc_offset_s
        self._told = {
            (side, column, functional): utc_s - offset_s
            for side, column, functional, utc_s in saved.told
            if fitted.get(side)
        }
        return all(fitted.values())

    def detail(self) -> dict[str, object]:
        """Give the line of every column, the steepest first."""
        lines = [
            (side, line)
            for side, watch in self._sides.items()
            if watch.trend is not None
            for line in watch.trend.lines
        ]
        lines.sort(key=lambda pair: pair[1].p_value)
        return {"trends": [self._line_detail(side, line) for side, line in lines[:100]]}

    def reset(self) -> None:
        """Forget the days."""
        self._told.clear()
        for watch in self._sides.values():
            if watch.trend is not None:
                watch.trend.reset()

    def _leaving(self, side: str, trend: Trend) -> list[Line]:
        """Give the lines that are worth a ticket, the nearest to the tolerance first.

        While the side is in a breach only what was told before stays: the alarm says the rest.
        """
        is_breached = self._sides[side].watch.breach is not None
        found = [
            line
            for line in trend.lines
            if self._stays(line)
            if self._key(side, line) in self._told
            or (not is_breached and self._opens(line) and trend.significant(line))
        ]
        return sorted(found, key=lambda line: -abs(line.now))

    def _opens(self, line: Line) -> bool:
        lingers = abs(line.now) >= self._settings.lingering_part
        soon = line.days_left <= self._settings.horizon_days
        return line.is_leaving and abs(line.now) >= self._settings.least_part and (soon or lingers)

    def _stays(self, line: Line) -> bool:
        return abs(line.now) >= STAYS * self._settings.least_part

    def _key(self, side: str, line: Line) -> tuple[str, str, str]:
        watch = self._sides[side]
        return side, watch.watch.certified[line.stream].name, line.functional.name

    def _note(self, lines: dict[str, list[Line]], now_s: float) -> None:
        open_now = {self._key(side, line) for side, own in lines.items() for line in own}
        self._told = {key: self._told.get(key, now_s) for key in open_now}

    def _finding(self, found: list[tuple[str, Line]], now_s: float) -> Finding:
        blames = tuple(self._blame(side, line) for side, line in found[:MAX_NAMED])
        side, worst = found[0]
        more = f"; and {len(found) - MAX_NAMED} more" if len(found) > MAX_NAMED else ""
        return Finding(
            monitor=self.name,
            subject=self._key(side, worst)[1],
            at_s=now_s,
            effect=blames[0].effect,
            interval=blames[0].interval,
            unit=blames[0].unit,
            evidence=1.0,
            threshold=1.0,
            confirmation=0.0,
            recovery=0.0,
            n_reference=self._sides[side].watch.certified[worst.stream].n_reference,
            n_current=worst.rows,
            verdict=Verdict.BREACH,
            shared=Verdict.UNKNOWN,
            since_s=min(self._told.values()),
            blamed=blames,
            reason="; ".join(blame.summary for blame in blames[:3]) + more,
        )

    def _blame(self, side: str, line: Line) -> Blame:
        effect = self._sides[side].rule.tolerance.effect
        unit = "sd" if line.functional.name in MEANS else "h"
        return Blame(
            subject=self._key(side, line)[1],
            effect=line.now * effect,
            interval=None,
            unit=unit,
            evidence=1.0,
            n_current=line.rows,
            summary=self._sentence(side, line),
        )

    def _sentence(self, side: str, line: Line) -> str:
        effect = self._sides[side].rule.tolerance.effect
        name = self._key(side, line)[1]
        where = "" if side == "input" else f" of the {side}"
        whole = moved_text(line, line.per_day * line.span_days, effect)
        unit = " sd" if line.functional.name in MEANS else ""
        pace = f"{abs(line.per_day) * effect:.2g}{unit} a day"
        text = f"{name}{where} has moved {whole} in {line.span_days} days ({pace})"
        if line.days_left <= 0:
            return f"{text}; it has left the tolerance, though not clearly enough for an alarm"
        if line.days_left > self._settings.horizon_days:
            return f"{text}; it stands at {abs(line.now):.0%} of the tolerance"
        return f"{text}; at this pace it leaves the tolerance in {_time(line.days_left)}"

    def _line_detail(self, side: str, line: Line) -> dict[str, object]:
        effect = self._sides[side].rule.tolerance.effect
        return {
            "side": side,
            "stream": self._key(side, line)[1],
            "functional": line.functional.name,
            "effect": line.now * effect,
            "per_day": line.per_day * effect,
            "per_day_interval": [bound * effect for bound in line.interval],
            "days": line.n_days,
            "part_of_tolerance": abs(line.now),
            "p_value": line.p_value,
            "ticket": self._key(side, line) in self._told,
        }


class _Saved(Struct, frozen=True):
    days: dict[str, SavedDays]
    told: list[tuple[str, str, str, float]]
    """Open tickets: side, column, functional, and since when, in seconds since 1970 in UTC."""


def _rows(trends: dict[str, Trend]) -> int:
    return max((line.rows for trend in trends.values() for line in trend.lines), default=0)


def _time(days: float) -> str:
    """Say a number of days in words."""
    if days < FEW_DAYS:
        return f"{max(1, round(days))} day{'s' * (round(days) > 1)}"
    return f"{round(days / WEEK)} weeks"
