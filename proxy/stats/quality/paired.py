"""Losses of both models on the very same rows, as counts: was the candidate alone with its loss?

Each model's losses are sorted into steps of its certified distribution, and rows are counted by the
steps of both. So replicas can add the counts up, as they do with everything else, and a residual
beyond all that was certified weighs no more than the last step. That is on the safe side: where
both models fail badly, neither seems to be alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from proxy.records import Verdict
from proxy.stats.basis.bets import bet_table
from proxy.stats.basis.binning import Binner
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.basis.functionals import N_SPECIAL_BINS, Bins, Floats, Form, Functional
from proxy.stats.basis.intervals import mean_interval
from proxy.stats.engine.acquittal import SHARED_PART
from proxy.stats.engine.streams import WatchedStream
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import Quality, bin_values
from proxy.stats.quality.measures import Scored
from proxy.stats.quality.target import TargetKind
from proxy.stats.reference.column import ColumnProfile

N_STEPS: Final = 20
"""Equal parts of the certified residuals; those beyond them are a step of their own."""
BEYOND: Final = 1.5
"""A residual beyond the certified ones counts as so many times the largest."""
MIN_PAIRS: Final = 30
"""Rows labelled for both models before their losses are compared."""
NAME: Final = "losses of both models"


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that losses of one model are sorted into."""

    values: Floats
    """float array [steps]: the loss that a row of this step counts as."""
    masses: Floats
    """float array [steps]: certified share of each."""
    binner: Binner | None
    """`None`: answers are right or wrong, which are the two steps."""
    of_bin: Bins
    """int array [bins of the certified column]: the step of each."""

    @property
    def certified(self) -> float:
        """The certified mean loss."""
        return float(self.masses @ self.values)

    def place(self, row: Scored) -> int:
        """Give the step of a row."""
        if self.binner is None:
            return int(row.error)
        return int(self.of_bin[self.binner.bins([row.loss])[0]])


def steps_of(quality: Quality) -> Steps:
    """Give the steps of a certified quality."""
    if quality.target.kind is TargetKind.NUMBER and quality.loss is not None:
        return _residual_steps(quality.loss)
    wrong = quality.mean_error
    values, masses = np.array([0.0, 1.0]), np.array([1 - wrong, wrong])
    return Steps(values=values, masses=masses, binner=None, of_bin=np.arange(2))


def _residual_steps(loss: ColumnProfile) -> Steps:
    masses = np.asarray(loss.masses)[:-N_SPECIAL_BINS]
    shares = masses / masses.sum()
    losses = bin_values(loss, beyond=BEYOND * loss.edges[-1])[:-N_SPECIAL_BINS]
    step = np.minimum(((np.cumsum(shares) - shares / 2) * N_STEPS).astype(np.intp), N_STEPS - 1)
    step[-1] = N_STEPS
    # Steps without a bin of their own, where values repeat, are left out.
    used, step = np.unique(step, return_inverse=True)
    total: Floats = np.bincount(step, shares, minlength=len(used)).astype(np.float64)
    weighted = np.bincount(step, shares * losses, minlength=len(used))
    plain = np.bincount(step, losses) / np.bincount(step)
    values = np.where(total > 0, weighted / np.where(total > 0, total, 1), plain)
    # Missing values cannot come: a label without a prediction has no residual.
    of_bin = np.concatenate([step, np.full(N_SPECIAL_BINS, step[-1])])
    return Steps(values=values, masses=total, binner=loss.binner(), of_bin=of_bin)


class PairedLosses:
    """Rows that both models answered, by the losses of both."""

    def __init__(
        self, candidate: Quality, stable: Quality, tolerance: Tolerance, certainty: Certainty
    ) -> None:
        """Compare two models whose quality was certified.

        Losses that come in bursts at one model do so at both: as many rows count as one as at the
        model where they depend more on each other.
        """
        unmeasured = tolerance.unmeasured_design_effect
        self._design = max(one.design_effect or unmeasured for one in (candidate, stable))
        self._steps = (steps_of(candidate), steps_of(stable))
        left, right = self._steps
        self._gaps = (left.values[:, None] - right.values[None, :]).ravel()
        stream = self._stream(min(candidate.n, stable.n), tolerance)
        self.watch = Watch((stream,), certainty)
        """Holds the counts, and can be pooled; its evidence is not asked for."""

    def _stream(self, n: int, tolerance: Tolerance) -> WatchedStream:
        left, right = self._steps
        masses = np.outer(left.masses, right.masses).ravel()
        widest = max(float(np.abs(self._gaps).max()), 1e-300)
        functional = Functional(
            name=NAME,
            form=Form.MEAN,
            values=(1 + self._gaps / widest) / 2,
            applies=np.ones(len(masses), dtype=np.bool_),
        )
        return WatchedStream(
            name=NAME,
            weight=1.0,
            masses=masses,
            n_reference=n,
            functionals=(functional,),
            table=bet_table((functional,), masses, n, {NAME: self._design}, tolerance),
            design_effects=(self._design,),
            bin_names=tuple(
                f"{i} and {j}" for i in range(len(left.values)) for j in range(len(right.values))
            ),
        )

    def place(self, candidate: Scored, stable: Scored) -> int:
        """Give the bin of a row that both models answered."""
        left, right = self._steps
        return left.place(candidate) * len(right.values) + right.place(stable)

    def count(self, place: int) -> None:
        """Count a row."""
        self.watch.pending[self.watch.layout.bins[0].start + place] += 1

    def shared(self, n_ticks: int) -> Verdict:
        """Say whether the stable model lost as well, over the last ticks that had such rows.

        Returns:
            OK: the candidate lost more than certified, more than the stable did (interval of the
            mean difference), and the stable less than half as much. BREACH: the stable lost as
            well. UNKNOWN: there are too few rows to tell.
        """
        counts = self.watch.history.last(n_ticks, self.watch.layout.bins[0])
        n = float(counts.sum())
        if not n_ticks or n < MIN_PAIRS:
            return Verdict.UNKNOWN
        left, right = self._steps
        gap = float(counts @ self._gaps) / n
        variance = float(counts @ (self._gaps - gap) ** 2) / n
        low, high = mean_interval(gap, variance, n / self._design)
        apart = left.certified - right.certified
        by_step = counts.reshape(len(left.values), len(right.values)) / n
        lost = float(by_step.sum(axis=1) @ left.values) - left.certified
        lost_too = float(by_step.sum(axis=0) @ right.values) - right.certified
        if lost > 0 and low > apart and lost_too < SHARED_PART * lost:
            return Verdict.OK
        is_shared = lost > 0 and (low > apart or high - apart < SHARED_PART * lost)
        return Verdict.BREACH if is_shared else Verdict.UNKNOWN
