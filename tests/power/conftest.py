"""What the power studies share: many normal columns, shown to the engine as counts per tick."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.streams import watch_columns
from proxy.stats.engine.watch import Watch
from proxy.stats.reference.profile import build_profile

MINUTES_PER_YEAR = 525_600.0
Cdf = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Study:
    """Normal columns with a sampled reference; rows are drawn as multinomial counts of its bins.

    Drawing counts instead of rows is exact for independent rows: a year takes minutes.
    """

    def __init__(
        self,
        seed: int,
        n_columns: int = 50,
        n_reference: int = 10_000,
        run_length: float = MINUTES_PER_YEAR,
    ) -> None:
        """Sample a reference and make a watch that expects `run_length` ticks to a false alarm."""
        self.rng = np.random.default_rng(seed)
        columns = {f"x{i}": list(self.rng.normal(size=n_reference)) for i in range(n_columns)}
        self.profile = build_profile(columns, self.rng, ordered=False)
        self._certainty = Certainty(run_length_ticks=run_length)
        self._streams = watch_columns(self.profile.columns, {}, Tolerance(effect=0.1))
        self.watch = Watch(self._streams, self._certainty)

    def fresh(self) -> Watch:
        """Start again without evidence."""
        self.watch = Watch(self._streams, self._certainty)
        return self.watch

    def masses(self, cdf: Cdf = norm.cdf, only: int | None = None) -> NDArray[np.float64]:
        """Give the chance of each bin, [columns, bins]; `only` that column has `cdf`."""
        masses = []
        for place, column in enumerate(self.profile.columns):
            own = cdf if only is None or only == place else norm.cdf
            inner = np.concatenate([[0.0], own(np.array(column.edges)), [1.0]])
            masses.append(np.concatenate([np.diff(inner), [0.0, 0.0]]))
        return np.array(masses)

    def run(self, masses: NDArray[np.float64], rows_per_tick: int, n_ticks: int) -> int | None:
        """Give the ticks until a breach; `None` when there was none in `n_ticks`."""
        chunk = 200
        order = np.array([bins.start for bins in self.watch.layout.bins])
        assert (np.diff(order) > 0).all()
        for start in range(0, n_ticks, chunk):
            size = min(chunk, n_ticks - start)
            counts = self.rng.multinomial(rows_per_tick, masses, size=(size, len(masses)))
            for number, tick in enumerate(counts.reshape(size, -1)):
                self.watch.pending[:] = tick
                self.watch.tick()
                if self.watch.breach is not None:
                    return start + number + 1
        return None


@pytest.fixture
def study() -> type[Study]:
    """Give the class of studies."""
    return Study
