"""What is asked of evidence: what is forgiven, and how sure an alarm must be.

Plain values without arrays, so that settings may know them: the supervisor reads the settings, and
must not load numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """What is forgiven before a shift counts."""

    effect: float
    """In standard deviations for means, as Cohen's h for shares."""
    reference_z: float = 3.0
    """Standard errors of the reference that are forgiven on top."""
    unmeasured_design_effect: float = 1.0
    """Used where the reference's design effect was not measured."""
    worse_only: bool = False
    """Bet on growth only: for distances, latencies and failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """How sure a breach and its end must be."""

    run_length_ticks: float
    """Expected ticks to a false alarm."""
    min_ticks: int = 3
    """Ticks that a breach needs at least."""
    resolve_evidence: float = math.log(1000)
    """Log e-value of recovery at which a breach ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftRule:
    """Which columns are watched, and what is forgiven."""

    tolerance: Tolerance
    weights: dict[str, float] = field(default_factory=dict)
    """Importance by column; 1 where not named."""
    ignore: frozenset[str] = frozenset()
    max_rows: int = 100
    """Rows of one exchange that are counted."""
    max_columns: int = 1000
    learn_ticks: int = 0
    """Ticks of live traffic in which dependence is learnt where the reference could not show it."""
    recent_past: bool = False
    """Compare with the same hours of the last days, too."""
