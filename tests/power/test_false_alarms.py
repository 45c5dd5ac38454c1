"""How often the engine alarms although nothing changed, or nothing that matters.

Figures of statistics and papers to compare with: `docs/detection.md`.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import lfilter
from scipy.stats import norm

import made
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.settings import DriftSettings
from proxy.stats.reference.profile import Profile, build_profile

pytestmark = [pytest.mark.power, pytest.mark.timeout(3600)]
YEAR = 525_600
MONTH = 43_200
DAY = 1_440


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_false_alarm_in_a_year_of_fifty_columns(study, seed) -> None:  # noqa: ANN001 - a fixture that gives a class
    """Fifty unchanged columns, 100 rows a minute, a reference of 10,000: no alarm in a year."""
    s = study(seed)
    assert s.run(s.masses(), 100, YEAR) is None


@pytest.mark.parametrize(("rows_per_tick", "seed"), [(100, 1), (6000, 2)])
def test_shift_at_the_tolerance_never_alarms(study, rows_per_tick, seed) -> None:  # noqa: ANN001 - a fixture that gives a class
    """Every column shifted by 0.1 sd for a month, with little and with much traffic: no alarm."""
    s = study(seed)
    masses = s.masses(lambda x: norm.cdf(x, loc=0.1))
    assert s.run(masses, rows_per_tick, MONTH) is None


@pytest.mark.parametrize("target", [200, 1000])
def test_mean_run_length_is_at_least_what_was_asked(study, target) -> None:  # noqa: ANN001 - a fixture that gives a class
    """With a short budget that can be measured, the mean run length exceeds it."""
    lengths = []
    for seed in range(30):
        s = study(seed, n_columns=10, run_length=float(target))
        cap = 10 * target
        lengths.append(s.run(s.masses(), 100, cap) or cap)
    assert np.mean(lengths) >= target


def dependent_month(within: float, over_time: float, seed: int) -> int:
    """Give the alarms in a month of dependent rows, the design effect learnt from one day.

    Rows of one tick share an effect with correlation `within`; the effects follow an
    autoregression with coefficient `over_time`. 20 columns, 100 rows a minute.
    """
    rng = np.random.default_rng(seed)
    n_columns, n_rows = 20, 100
    names = tuple(f"x{i}" for i in range(n_columns))

    def draw(n_ticks: int, start: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.normal(size=(n_ticks, n_columns)) * np.sqrt(1 - over_time**2)
        effects, state = lfilter([1.0], [1.0, -over_time], noise, axis=0, zi=start)
        rows = np.sqrt(within) * effects[:, None, :]
        rows = rows + np.sqrt(1 - within) * rng.normal(size=(n_ticks, n_rows, n_columns))
        return rows, state

    state = (over_time * rng.normal(size=n_columns))[None, :]
    reference, state = draw(DAY, state)
    flat = reference.reshape(-1, n_columns)
    profile: Profile = build_profile(
        {name: flat[:, i].tolist() for i, name in enumerate(names)}, rng, ordered=True
    )
    benchmark = Benchmark(created_utc="", models={}, input=profile)
    monitor = InputDrift(DriftSettings(), benchmark, Engine(tick_s=60.0))
    alarms, breached = 0, False
    for start in range(0, MONTH, DAY):
        rows, state = draw(DAY, state)
        for number, tick in enumerate(rows):
            monitor.observe(made.rows(dict(zip(names, tick.T.tolist(), strict=True))))
            watch = monitor._watch
            assert watch is not None
            watch.tick()
            if watch.watch.breach is not None and not breached:
                alarms += 1
            breached = watch.watch.breach is not None
            assert start + number >= 0
    return alarms


@pytest.mark.parametrize(("within", "over_time"), [(0.05, 0.0), (0.05, 0.9), (0.02, 0.98)])
def test_dependent_rows_do_not_alarm(within, over_time) -> None:  # noqa: ANN001 - a fixture that gives a class
    """Rows that depend on each other, with the design effect learnt from one day: no alarm."""
    assert dependent_month(within, over_time, seed=4) == 0


def test_shuffled_references_learn_the_dependence_from_live_traffic() -> None:
    """A reference in random order, dependent traffic: after one learning day, a month without."""
    rng = np.random.default_rng(9)
    names = tuple(f"x{i}" for i in range(20))

    def draw(n_ticks: int, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        noise = rng.normal(size=(n_ticks, 20)) * np.sqrt(1 - 0.9**2)
        effects, state = lfilter([1.0], [1.0, -0.9], noise, axis=0, zi=state)
        own = rng.normal(size=(n_ticks, 100, 20))
        return np.sqrt(0.05) * effects[:, None, :] + np.sqrt(0.95) * own, state

    reference, state = draw(DAY, 0.9 * rng.normal(size=(1, 20)))
    mixed = rng.permutation(reference.reshape(-1, 20))
    columns = {name: mixed[:, i].tolist() for i, name in enumerate(names)}
    profile = build_profile(columns, rng, ordered=False)
    benchmark = Benchmark(created_utc="", models={}, input=profile)
    monitor = InputDrift(DriftSettings(), benchmark, Engine(tick_s=60.0))
    days_with_alarm = []
    for day in range(31):
        rows, state = draw(DAY, state)
        breached = False
        for tick in rows:
            monitor.observe(made.rows(dict(zip(names, tick.T.tolist(), strict=True))))
            watch = monitor._watch
            assert watch is not None
            watch.tick()
            breached |= watch.watch.breach is not None
        if breached:
            days_with_alarm.append(day)
    print(f"days with an alarm: {days_with_alarm}")  # noqa: T201 - the figure
    # A breach of the learning day lasts until the probation of the learnt figures, on day 1.
    assert [day for day in days_with_alarm if day > 1] == []
