"""Latency by rank within load cells: one stream over all cells, watched for growth only.

The bins of the stream are the bins of all cells side by side. Each cell has bets of its own, since
its certified answers have their own number and sampling error; the evidence of all cells adds up.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from scipy.special import ndtri

from proxy.stats.basis.bets import BetTable, bet_table
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.basis.functionals import Floats, Form, Functional, mid_ranks
from proxy.stats.basis.intervals import mean_interval
from proxy.stats.engine.effects import Effect
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.latency import (
    SLOW_TAILS,
    LatencyCell,
    LatencyProfile,
    cell_table,
    load_class,
    size_class,
)

FLUSH: Final = 1024
MILLISECONDS: Final = 1000
LOWEST: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRule:
    """What is forgiven."""

    tolerance: float
    """Relative slow-down."""
    tolerance_s: float = 0.0
    """Slow-down in seconds, on top."""
    tail_tolerance: float
    """Growth of the share of slow answers, as Cohen's h."""
    unmeasured_design_effect: float


class LatencyWatch:
    """The watch on the latency of one model."""

    def __init__(self, profile: LatencyProfile, rule: LatencyRule, certainty: Certainty) -> None:
        """Make a watch without evidence. The profile must have a cell."""
        self._profile = profile
        self._rule = rule
        self.terms = hashlib.sha256(msgspec.json.encode((profile, rule))).hexdigest()[:16]
        """Names what answers are ranked among and what is forgiven: ranks mean nothing else."""
        self._cells = cell_table(profile)
        self._binners = [cell.latency.binner() for cell in profile.cells]
        sizes = [binner.n_bins for binner in self._binners]
        self._starts = np.concatenate([[0], np.cumsum(sizes)]).astype(int)
        self.watch = Watch((_stream(profile, rule),), certainty)
        self._waiting: list[list[float]] = [[] for _ in profile.cells]
        self._n_waiting = 0
        self.n_counted = 0
        self.n_beyond = 0
        self._recent = (0.0, 0.0)

    def count(self, latency_s: float, in_flight: int, request_bytes: int) -> None:
        """Take one answer."""
        size = size_class(request_bytes, self._profile.size_edges_bytes)
        cell = self._cells[load_class(in_flight)][size]
        counted, beyond = self._recent
        # Old loads fade: the share beyond is of the last thousand answers or so.
        self._recent = counted * 0.999 + 1, beyond * 0.999 + (cell is None)
        if cell is None:
            self.n_beyond += 1
            return
        self.n_counted += 1
        self._waiting[cell].append(
            (latency_s - self._rule.tolerance_s) / (1 + self._rule.tolerance)
        )
        self._n_waiting += 1
        if self._n_waiting >= FLUSH:
            self._flush()

    def beyond_share(self) -> float:
        """Give the share of recent answers at a load that was not certified."""
        counted, beyond = self._recent
        return beyond / counted if counted else 0.0

    def tick(self) -> None:
        """Fold the answers since the last tick."""
        self._flush()
        self.watch.tick()

    def reset(self) -> None:
        """Forget the evidence."""
        for waiting in self._waiting:
            waiting.clear()
        self._n_waiting = 0
        self.watch.reset()

    def describe(self, stream: WatchedStream, _functional: int, counts: Floats) -> Effect:
        """Give how much slower answers are: the ratio of typical latency to the certified one."""
        functional = stream.functionals[0]
        n = float(counts.sum())
        low, high = mean_interval(
            functional.mean(counts) if n else 0.5,
            functional.variance(counts),
            n / stream.design_effects[0],
        )
        ratio, interval = self._ratio(counts, (low, high))
        certified_s, current_s = self._typical(counts)
        return Effect(
            value=ratio,
            interval=interval,
            unit="ratio",
            n=int(n),
            summary=(
                f"latency: {ratio:.2f} times the certified one under the same load (median "
                f"{certified_s * MILLISECONDS:.3g} -> {current_s * MILLISECONDS:.3g} ms)"
            ),
        )

    def cells(self) -> dict[str, object]:
        """Give each cell with its certified and current median, ready for JSON."""
        counts = self.watch.current(0)
        shown: list[dict[str, object]] = []
        for index, cell in enumerate(self._profile.cells):
            own = counts[self._starts[index] : self._starts[index + 1]]
            shown.append(
                {
                    "load": cell.load,
                    "size": cell.size,
                    "certified_answers": cell.latency.n,
                    "answers": int(own.sum()),
                    "certified_median_s": quantile(cell, np.asarray(cell.latency.masses), 0.5),
                    "current_median_s": self._scaled(quantile(cell, own, 0.5)),
                    "certified_p99_s": quantile(cell, np.asarray(cell.latency.masses), 0.99),
                    "current_p99_s": self._scaled(quantile(cell, own, 0.99)),
                }
            )
        beyond = {"answers_beyond_certified_load": self.n_beyond, "answers": self.n_counted}
        return {"cells": shown, **beyond}

    def _flush(self) -> None:
        for index, values in enumerate(self._waiting):
            if values:
                self.watch.add(0, self._binners[index].bins(values) + self._starts[index])
                values.clear()
        self._n_waiting = 0

    def _scaled(self, latency_s: float | None) -> float | None:
        """Give the measured latency back from the forgiving one."""
        if latency_s is None:
            return None
        return latency_s * (1 + self._rule.tolerance) + self._rule.tolerance_s

    def _typical(self, counts: Floats) -> tuple[float, float]:
        """Give the certified and the current median, averaged over cells by current answers."""
        certified = current = weight = 0.0
        for index, cell in enumerate(self._profile.cells):
            own = counts[self._starts[index] : self._starts[index + 1]]
            now = self._scaled(quantile(cell, own, 0.5))
            was = quantile(cell, np.asarray(cell.latency.masses), 0.5)
            if now is not None and was is not None:
                n = float(own.sum())
                certified, current, weight = certified + n * was, current + n * now, weight + n
        return (certified / weight, current / weight) if weight else (0.0, 0.0)

    def _ratio(
        self, counts: Floats, ranks: tuple[float, float]
    ) -> tuple[float, tuple[float, float]]:
        """Give the ratio of medians, and its interval by the spread of the certified latencies."""
        certified_s, current_s = self._typical(counts)
        if certified_s <= 0:
            return 1.0, (0.0, math.inf)
        ratio = current_s / certified_s
        functional = self.watch.streams[0].functionals[0]
        centre = functional.mean(counts) if counts.sum() else 0.5
        spread = self._log_spread()

        def scaled(rank: float) -> float:
            shift = _normal(rank) - _normal(centre)
            return ratio * math.exp(max(-50.0, min(50.0, spread * math.sqrt(2) * shift)))

        return ratio, (scaled(ranks[0]), scaled(ranks[1]))

    def _log_spread(self) -> float:
        """Give the standard deviation of log latency of the largest cell, from its quartiles."""
        cell = max(self._profile.cells, key=lambda cell: cell.latency.n)
        masses = np.asarray(cell.latency.masses)
        low, high = quantile(cell, masses, 0.25), quantile(cell, masses, 0.75)
        if not low or not high or low <= 0:
            return 0.5
        return max(0.01, math.log(high / low) / 1.349)


def quantile(cell: LatencyCell, counts: Floats, level: float) -> float | None:
    """Give a quantile of the binned latencies of a cell in seconds; `None` without any."""
    total = float(counts.sum())
    edges = cell.latency.edges
    if total <= 0 or not edges:
        return None
    below = np.cumsum(counts) / total
    place = int(np.searchsorted(below, level))
    if place <= 0:
        return edges[0]
    if place >= len(edges):
        return edges[-1]
    before, inside = float(below[place - 1]), float(counts[place]) / total
    part = (level - before) / inside if inside > 0 else 0.0
    return edges[place - 1] + part * (edges[place] - edges[place - 1])


def _stream(profile: LatencyProfile, rule: LatencyRule) -> WatchedStream:
    """Give the one stream: bins, masses and bets of all cells side by side."""
    tables = [_cell_bets(cell, profile, rule) for cell in profile.cells]
    per_cell = [_functionals(np.asarray(cell.latency.masses)) for cell in profile.cells]
    total = sum(cell.latency.n for cell in profile.cells)
    masses = np.concatenate(
        [np.asarray(cell.latency.masses) * cell.latency.n / total for cell in profile.cells]
    )
    functionals = tuple(_side_by_side(same) for same in zip(*per_cell, strict=True))
    effects = profile.design_effects
    default = rule.unmeasured_design_effect
    return WatchedStream(
        name="latency",
        weight=1.0,
        masses=masses,
        n_reference=total,
        functionals=functionals,
        table=BetTable(
            growth=np.concatenate([table.growth for table in tables], axis=0),
            functional=tables[0].functional,
            upward=tables[0].upward,
        ),
        design_effects=tuple(
            default if effects is None else effects.get(functional.name, 1.0)
            for functional in functionals
        ),
        bin_names=tuple(
            f"load {cell.load} size {cell.size}: {name}"
            for cell in profile.cells
            for name in cell.latency.bin_names()
        ),
    )


def _cell_bets(cell: LatencyCell, profile: LatencyProfile, rule: LatencyRule) -> BetTable:
    """Give the bets of a cell: its location without further tolerance, its tails with."""
    masses = np.asarray(cell.latency.masses)
    location, *tails = _functionals(masses)
    effects = profile.design_effects
    tables = []
    for functionals, effect in (((location,), 0.0), (tuple(tails), rule.tail_tolerance)):
        tolerance = Tolerance(
            effect=effect,
            unmeasured_design_effect=rule.unmeasured_design_effect,
            worse_only=True,
        )
        tables.append(bet_table(functionals, masses, cell.latency.n, effects, tolerance))
    return BetTable(
        growth=np.concatenate([table.growth for table in tables], axis=1),
        functional=np.concatenate([tables[0].functional, tables[1].functional + 1]),
        upward=np.concatenate([table.upward for table in tables]),
    )


def _functionals(masses: Floats) -> tuple[Functional, ...]:
    """Give location and slow tails of one cell."""
    everything = np.ones(len(masses), dtype=np.bool_)
    rank = mid_ranks(masses)
    above = 1 - np.cumsum(masses) + masses
    tails = []
    for name, level in SLOW_TAILS:
        slow = (above <= (1 - level) * 1.2) & (rank > 0.5)  # noqa: PLR2004 - not the special bins
        slow[-3] = True
        tails.append(
            Functional(
                name=name, form=Form.SHARE, values=slow.astype(np.float64), applies=everything
            )
        )
    location = Functional(name="location", form=Form.MEAN, values=rank, applies=everything)
    return location, *tails


def _side_by_side(same: tuple[Functional, ...]) -> Functional:
    """Give one functional over the bins of all cells."""
    return Functional(
        name=same[0].name,
        form=same[0].form,
        values=np.concatenate([functional.values for functional in same]),
        applies=np.concatenate([functional.applies for functional in same]),
    )


def _normal(rank: float) -> float:
    return float(ndtri(min(1 - LOWEST, max(LOWEST, rank))))
