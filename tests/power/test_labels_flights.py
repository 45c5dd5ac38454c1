"""Quality by labels on real rows: was a departure from New York really late?

The model of the demonstration is trained on January to May and certified on later departures whose
outcome is known. In random order the rows are independent; in the order of time a storm makes a
whole day hard to predict, and the certificate measures how much less its rows are worth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from proxy.demo import flights, models
from proxy.demo.flights import Flights
from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import LossCounter, Quality, build_quality, loss_counter
from proxy.stats.quality.estimate import expect
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]

TARGET = Target(kind=TargetKind.PROBABILITY, column="prediction")
TOLERANCE = Tolerance(effect=0.05, unmeasured_design_effect=2.0, worse_only=True)
YEAR_OF_MINUTES = 525_600.0
PER_TICK = 100
Predict = Callable[[Flights], NDArray[np.float64]]


def note(text: str) -> None:
    """Tell a figure, for the page that keeps it."""
    print(text)  # noqa: T201 - that is what a study is for


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Flights:
    """Give the departures whose outcome is known, in the order of time."""
    everything = flights.load(tmp_path_factory.mktemp("flights"))
    return everything.where(~np.isnan(everything.late))


@pytest.fixture(scope="module")
def predict(known: Flights, tmp_path_factory: pytest.TempPathFactory) -> Predict:
    """Give the candidate of the demonstration."""
    folder: Path = tmp_path_factory.mktemp("models")
    trained = models.train(known, folder)
    model = models.read(trained.candidate)

    def late(given: Flights) -> NDArray[np.float64]:
        parts = [
            model.predict(given.rows(start, min(start + 5000, len(given))))[:, 1]
            for start in range(0, len(given), 5000)
        ]
        return np.concatenate(parts)

    return late


def scored(given: Flights, chances: NDArray[np.float64]) -> list[Scored]:
    """Give predictions beside what came true."""
    return [
        score_row(TARGET, Answer(float(chance)), bool(late), 0.0, 1.0)
        for chance, late in zip(chances, given.late, strict=True)
    ]


def labels_until_alarm(counter: LossCounter, rows: list[Scored]) -> tuple[int | None, str]:
    """Give the labels until the alarm and what is blamed; `None` when there was none."""
    watch = Watch(counter.streams, Certainty(run_length_ticks=YEAR_OF_MINUTES))
    for start in range(0, len(rows), PER_TICK):
        for row in rows[start : start + PER_TICK]:
            for stream, place in counter.bins(row):
                watch.pending[watch.layout.bins[stream].start + place] += 1
        watch.tick()
        if watch.breach is not None:
            return start + PER_TICK, watch.streams[watch.blamed()[0]].name
    return None, ""


def accuracy(rows: list[Scored]) -> float:
    """Give the share of right answers."""
    return 1 - float(np.mean([row.error for row in rows]))


def with_column(given: Flights, name: str, values: NDArray[np.float64]) -> Flights:
    """Give the departures with one column replaced."""
    return replace(given, columns={**given.columns, name: values})


def test_in_random_order(known: Flights, predict: Predict) -> None:
    """No alarm in 150,000 healthy labels; what costs quality is found, what does not is not."""
    rng = np.random.default_rng(1)
    later = known.between(("2013-06-01", "2014-01-01"))
    order = rng.permutation(len(later))
    certified = later.where(np.isin(np.arange(len(later)), order[:10_000]))
    counter = loss_counter(
        build_quality(TARGET, scored(certified, predict(certified)), ordered=False), TOLERANCE
    )
    rest = order[10_000:]
    shuffled = Flights(
        columns={name: column[rest] for name, column in later.columns.items()},
        departed=later.departed[rest],
        late=later.late[rest],
    )
    healthy = scored(shuffled, predict(shuffled))
    note(f"healthy: {len(healthy)} labels, accuracy {accuracy(healthy):.3f}")
    assert labels_until_alarm(counter, healthy)[0] is None
    delay = shuffled.columns["departure_delay"].astype(np.float64)
    faults = {
        "delay lost": (np.full(len(rest), np.nan), 2000),
        "delay stuck at 0 in a third": (
            np.where(rng.random(len(rest)) < 1 / 3, 0.0, delay),
            15_000,
        ),
    }
    for name, (values, most) in faults.items():
        broken = with_column(shuffled, "departure_delay", values)
        rows = scored(broken, predict(broken))
        n, blamed = labels_until_alarm(counter, rows)
        note(f"{name}: accuracy {accuracy(rows):.3f}, alarm after {n} labels: {blamed}")
        assert n is not None
        assert n <= most
    rain = rng.permutation(shuffled.columns["rain"].astype(np.float64)) + 1.0
    harmless = with_column(shuffled, "rain", rain)
    rows = scored(harmless, predict(harmless))
    note(f"rain nonsense: accuracy {accuracy(rows):.3f}, {labels_until_alarm(counter, rows)}")


def test_in_the_order_of_time(known: Flights, predict: Predict) -> None:
    """Certified on June and July; August to December are watched on end, season and storms too."""
    certified = known.between(flights.CERTIFICATION)
    quality = build_quality(TARGET, scored(certified, predict(certified)), ordered=True)
    note(f"design effect of errors {quality.design_effect}, accuracy {1 - quality.mean_error:.3f}")
    replay = known.between(flights.REPLAY)
    rows = scored(replay, predict(replay))
    n, blamed = labels_until_alarm(loss_counter(quality, TOLERANCE), rows)
    note(f"replayed {len(rows)} labels: alarm after {n}: {blamed}")
    for month in range(8, 13):
        following = f"2013-{month + 1:02}-01" if month < 12 else "2014-01-01"
        part = known.between((f"2013-{month:02}-01", following))
        note(_month(f"2013-{month:02}", quality, scored(part, predict(part))))
    unaware = quality_without_dependence(quality)
    assert labels_until_alarm(loss_counter(unaware, TOLERANCE), rows)[0] is not None


def quality_without_dependence(quality: Quality) -> Quality:
    """Give the same certificate as if its rows had been independent."""
    return Quality(
        target=quality.target,
        n=quality.n,
        mean_error=quality.mean_error,
        figures=quality.figures,
        by_class=quality.by_class,
        design_effect=1.0,
    )


def _month(name: str, quality: Quality, rows: list[Scored]) -> str:
    """Say what was realised in a month, and what had been expected without labels."""
    assert quality.expected is not None
    expected = [expect(quality.expected, TARGET, Answer(row.predicted)) for row in rows]
    return f"{name}: accuracy {accuracy(rows):.3f}, estimated {1 - np.mean(expected):.3f}"
