"""The certified quality of one model, and the bets that it has become worse.

Every labelled row has a loss. Wrong answers are a bounded mean, bet on for growth; so are the wrong
answers of each true class, since a rare class hides in the whole; so is the Brier score. Residuals
have no bound: they are counted in the bins of their certified distribution, like any column. Only
worse matters: nothing here bets on improvement.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct

from proxy.stats.basis.bets import bet_table
from proxy.stats.basis.binning import Binner
from proxy.stats.basis.demands import Tolerance
from proxy.stats.basis.design_effect import batch_means, block_lengths
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Floats, Form, Functional
from proxy.stats.basis.intervals import mean_interval, share_interval, share_upper_bound
from proxy.stats.engine.effects import Effect, effect_of
from proxy.stats.engine.streams import WatchedStream, watch_columns
from proxy.stats.quality.estimate import Expected, learn
from proxy.stats.quality.measures import CalibrationBin, Measure, Scored, confident, figures
from proxy.stats.quality.target import Target, TargetKind
from proxy.stats.reference.column import ColumnProfile, build_column

MIN_CLASS_ROWS: Final = 100
"""Certified rows that a class needs to be watched by itself."""
MAX_CLASSES: Final = 16
CLASS_WEIGHT: Final = 0.5
"""A class weighs half of the whole: the budget is spent where most labels are."""
ERRORS: Final = "wrong answers"
BRIER: Final = "Brier score"
RESIDUAL: Final = "absolute error"
Z: Final = 3.0


class ClassErrors(Struct, frozen=True, kw_only=True):
    """How often rows of one true class were answered wrongly."""

    n: int
    n_wrong: int


class Quality(Struct, frozen=True, kw_only=True):
    """How good one model was when it was certified."""

    target: Target
    n: int
    """Labelled rows."""
    mean_error: float
    """Share of wrong answers, or mean |residual|."""
    figures: dict[str, Measure]
    by_class: dict[str, ClassErrors] = {}
    """By true class, where there are enough."""
    loss: ColumnProfile | None = None
    """Brier scores, or |residual|s. `None`: the model gives no probabilities."""
    calibration: tuple[CalibrationBin, ...] = ()
    expected: Expected | None = None
    """What tells the quality before labels come. `None`: too few rows."""
    design_effect: float | None = None
    """How many labelled rows count as one. `None`: not measured."""


def build_quality(target: Target, rows: Sequence[Scored], *, ordered: bool) -> Quality:
    """Give the certified quality of one model.

    Args:
        target: what it predicts.
        rows: its labelled predictions, at least one.
        ordered: they are in order of time. Then their dependence is measured.
    """
    errors = np.array([row.error for row in rows])
    is_number = target.kind is TargetKind.NUMBER
    losses = [row.loss for row in rows if not math.isnan(row.loss)]
    return Quality(
        target=target,
        n=len(rows),
        mean_error=float(errors.mean()),
        figures=figures(target, rows),
        by_class={} if is_number else _by_class(rows),
        loss=build_column(RESIDUAL if is_number else BRIER, losses, ordered=ordered)
        if losses
        else None,
        calibration=confident(rows),
        expected=learn(target, rows),
        design_effect=round(batch_means(errors, block_lengths(len(errors))), 2)
        if ordered
        else None,
    )


def _by_class(rows: Sequence[Scored]) -> dict[str, ClassErrors]:
    sizes = Counter(class_name(row) for row in rows)
    wrong = Counter(class_name(row) for row in rows if row.error)
    return {
        name: ClassErrors(n=n, n_wrong=wrong[name])
        for name, n in sizes.most_common(MAX_CLASSES)
        if n >= MIN_CLASS_ROWS
    }


def class_name(row: Scored) -> str:
    """Give the true class of a row, for people."""
    return row.truth if isinstance(row.truth, str) else f"{row.truth:g}"


@dataclass(frozen=True, slots=True)
class LossCounter:
    """Which bins a labelled row falls into."""

    streams: tuple[WatchedStream, ...]
    n_classes: dict[str, int]
    """Stream of the wrong answers of each class."""
    errors: int | None
    """Stream of all wrong answers. `None`: the target is a number."""
    loss: int | None
    binner: Binner | None

    def bins(self, row: Scored) -> list[tuple[int, int]]:
        """Give (stream, bin) of everything that a row says."""
        found: list[tuple[int, int]] = []
        if self.errors is not None:
            found.append((self.errors, int(row.error)))
            own = self.n_classes.get(class_name(row))
            if own is not None:
                found.append((own, int(row.error)))
        if self.loss is not None and self.binner is not None and not math.isnan(row.loss):
            found.append((self.loss, int(self.binner.bins([row.loss])[0])))
        return found


def loss_counter(quality: Quality, tolerance: Tolerance) -> LossCounter:
    """Give the streams of a certified quality, and where rows are counted in them."""
    design = quality.design_effect or tolerance.unmeasured_design_effect
    streams: list[WatchedStream] = []
    by_class: dict[str, int] = {}
    if quality.target.kind is not TargetKind.NUMBER:
        n_wrong = round(quality.mean_error * quality.n)
        whole = ClassErrors(n=quality.n, n_wrong=n_wrong)
        streams.append(_watch_errors(ERRORS, whole, tolerance, (1.0, design)))
        for name, errors in quality.by_class.items():
            by_class[name] = len(streams)
            title = f"{ERRORS} where the truth is {name}"
            streams.append(_watch_errors(title, errors, tolerance, (CLASS_WEIGHT, design)))
    n_shares = len(streams)
    if quality.loss is not None and n_shares:
        streams.append(_watch_brier(quality.loss, tolerance, design))
    elif quality.loss is not None:
        streams += watch_columns((quality.loss,), {}, tolerance)
    return LossCounter(
        streams=tuple(streams),
        n_classes=by_class,
        errors=0 if n_shares else None,
        loss=n_shares if quality.loss is not None else None,
        binner=quality.loss.binner() if quality.loss is not None else None,
    )


def _watch_errors(
    name: str, certified: ClassErrors, tolerance: Tolerance, costs: tuple[float, float]
) -> WatchedStream:
    """Watch a share of wrong answers as a mean, whose bets are finer than those on rare shares.

    The error of the certified share is the larger of three standard errors and the distance to
    the Clopper-Pearson bound, which matters where few answers were wrong.

    Args:
        name: of the stream.
        certified: how many were wrong.
        tolerance: what is forgiven.
        costs: weight of the stream, and how many rows count as one.
    """
    weight, design = costs
    share = (certified.n_wrong + 0.5) / (certified.n + 1)
    variance = share * (1 - share)
    bound = share_upper_bound(certified.n_wrong, certified.n) - share
    error = max(bound, Z * math.sqrt(variance / certified.n), 1e-6)
    # As many rows as have this sampling error: a small count is worth less than its number.
    n_counted = max(1.0, variance * (Z / error) ** 2)
    functional = Functional(
        name=name,
        form=Form.MEAN,
        values=np.array([0.0, 1.0]),
        applies=np.ones(2, dtype=np.bool_),
    )
    masses = np.array([1 - share, share])
    table = bet_table((functional,), masses, n_counted, {name: design}, tolerance)
    return WatchedStream(
        name=name,
        weight=weight,
        masses=masses,
        n_reference=certified.n,
        functionals=(functional,),
        table=table,
        design_effects=(design,),
        bin_names=("right", "wrong"),
    )


def _watch_brier(loss: ColumnProfile, tolerance: Tolerance, design: float) -> WatchedStream:
    """Watch the mean of Brier scores, in their own unit.

    By ranks, as residuals are, a hair more on every good answer would weigh like a real loss.
    """
    values = bin_values(loss, beyond=(loss.edges[-1] + 1) / 2)
    applies = np.ones(len(values), dtype=np.bool_)
    applies[-N_SPECIAL_BINS:] = False
    functional = Functional(name=BRIER, form=Form.MEAN, values=values, applies=applies)
    masses = np.asarray(loss.masses)
    deff = max(design, (loss.design_effects or {}).get("location", 1.0))
    return WatchedStream(
        name=BRIER,
        weight=1.0,
        masses=masses,
        n_reference=loss.n,
        functionals=(functional,),
        table=bet_table((functional,), masses, loss.n, {BRIER: deff}, tolerance),
        design_effects=(deff,),
        bin_names=tuple(loss.bin_names()),
    )


def bin_values(loss: ColumnProfile, beyond: float) -> Floats:
    """Give the loss that each bin counts as, so that the certified mean is what it was.

    All bins count as the same part of the way from their lower to their upper edge: about the
    middle for losses without ties, the lower edge where they have few values, as a tree's have.

    Args:
        loss: certified losses.
        beyond: what a loss beyond all certified ones counts as.

    Returns:
        float array [bins]; 0 for the special bins, which no loss falls into.
    """
    edges, masses = np.array(loss.edges), np.asarray(loss.masses)[:-N_SPECIAL_BINS]
    # Below the edges, between them (with ties also at the last one), and beyond.
    low = edges[: len(masses) - 2]
    widths = np.append(edges[1:], edges[-1])[: len(low)] - low
    inner = masses[1:-1]
    ends = masses[0] * edges[0] + masses[-1] * beyond
    missing, room = loss.mean * masses.sum() - ends - inner @ low, inner @ widths
    part = min(1.0, max(0.0, float(missing / room))) if room > 0 else 0.0
    return np.concatenate([edges[:1], low + part * widths, [beyond], np.zeros(N_SPECIAL_BINS)])


def describe_loss(stream: WatchedStream, functional: int, counts: Floats) -> Effect:
    """Give the growth of a share of wrong answers, or the shift of a loss in its certified sd."""
    if stream.column is not None:
        return effect_of(stream, functional, counts)
    watched = stream.functionals[functional]
    certified, n = watched.mean(stream.masses), float(counts[watched.applies].sum())
    now = watched.mean(counts) if n > 0 else certified
    independent = n / stream.design_effects[0]
    if stream.name != BRIER:
        low, high = share_interval(now * independent, independent)
        return Effect(
            value=now - certified,
            interval=(low - certified, high - certified),
            unit="share",
            n=int(n),
            summary=f"{stream.name}: {now:.2%} of {int(n)}, certified {certified:.2%}",
        )
    sd = math.sqrt(max(watched.variance(stream.masses), 1e-12))
    low, high = mean_interval(now, watched.variance(counts), independent)
    return Effect(
        value=(now - certified) / sd,
        interval=((low - certified) / sd, (high - certified) / sd),
        unit="sd",
        n=int(n),
        summary=f"{BRIER}: {now:.3f} on average of {int(n)}, certified {certified:.3f}",
    )
