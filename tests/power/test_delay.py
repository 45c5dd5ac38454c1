"""How many rows a real change needs until it alarms: one of fifty columns, a year per alarm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]

CHANGES = {
    "0.25 sd": (lambda x: norm.cdf(x, loc=0.25), 20, 2900),
    "0.5 sd": (lambda x: norm.cdf(x, loc=0.5), 5, 350),
    "1 sd": (lambda x: norm.cdf(x, loc=1.0), 5, 90),
    "2 sd": (lambda x: norm.cdf(x, loc=2.0), 5, 50),
    "sd times 1.5": (lambda x: norm.cdf(x, scale=1.5), 5, 500),
    "sd times 2": (lambda x: norm.cdf(x, scale=2.0), 5, 150),
    "5 % at +6 sd": (lambda x: 0.95 * norm.cdf(x) + 0.05 * norm.cdf(x, loc=6), 5, 320),
}
"""Distribution after the change, rows per tick, largest median of rows until the alarm."""


@pytest.mark.parametrize("change", CHANGES)
def test_median_delay(study, change) -> None:  # noqa: ANN001 - a fixture that gives a class
    """The median number of rows until the alarm, over 40 references, is within the target."""
    cdf, rows_per_tick, target = CHANGES[change]
    delays = []
    for seed in range(40):
        s = study(1000 + seed)
        ticks = s.run(s.masses(cdf, only=7), rows_per_tick, 100_000 // rows_per_tick)
        delays.append(np.inf if ticks is None else ticks * rows_per_tick)
    print(f"{change}: median {np.median(delays):.0f} rows, p90 {np.quantile(delays, 0.9):.0f}")  # noqa: T201 - the figure
    assert np.median(delays) <= target
