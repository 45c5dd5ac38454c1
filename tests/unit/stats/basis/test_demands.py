"""Demands: plain values that the supervisor may load without numpy."""

from __future__ import annotations

import math

import pytest

from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance


def test_defaults_are_those_of_the_documentation() -> None:
    """Three standard errors, three ticks, a thousand to one for recovery."""
    assert Tolerance(effect=0.1).reference_z == 3.0
    assert Certainty(run_length_ticks=1e6).min_ticks == 3
    assert Certainty(run_length_ticks=1e6).resolve_evidence == pytest.approx(math.log(1000))
    assert DriftRule(tolerance=Tolerance(effect=0.1)).max_rows == 100
