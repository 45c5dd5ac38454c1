"""The certified quality as bets: growth of losses alarms, chance and improvement do not."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import (
    BRIER,
    ERRORS,
    RESIDUAL,
    Quality,
    bin_values,
    build_quality,
    describe_loss,
    loss_counter,
)
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind

CLASSES = Target(kind=TargetKind.CLASS, column="prediction")
BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")
NUMBERS = Target(kind=TargetKind.NUMBER, column="prediction")
TOLERANCE = Tolerance(effect=0.05, unmeasured_design_effect=1.0, worse_only=True)


def classes(rng: np.random.Generator, n: int, accuracy: float) -> list[Scored]:
    """Give rows of a classifier of two classes, one of them rare."""
    truths = np.where(rng.random(n) < 0.2, "b", "a")
    return [
        score_row(CLASSES, Answer(str(y) if right else "ab".replace(str(y), "")), str(y), 0.0, 1.0)
        for y, right in zip(truths, rng.random(n) < accuracy, strict=True)
    ]


def numbers(rng: np.random.Generator, n: int, spread: float) -> list[Scored]:
    """Give rows of a regression."""
    return [score_row(NUMBERS, Answer(float(e)), 0.0, 0.0, 1.0) for e in rng.normal(0, spread, n)]


def run(quality: Quality, rows: list[Scored], per_tick: int = 50) -> tuple[Watch, int | None]:
    """Count rows tick by tick; give the watch, and the rows until a breach."""
    counter = loss_counter(quality, TOLERANCE)
    watch = Watch(counter.streams, Certainty(run_length_ticks=1e6))
    for start in range(0, len(rows), per_tick):
        for row in rows[start : start + per_tick]:
            for stream, place in counter.bins(row):
                watch.pending[watch.layout.bins[stream].start + place] += 1
        watch.tick()
        if watch.breach is not None:
            return watch, start + per_tick
    return watch, None


def test_a_loss_of_accuracy_is_found_and_a_gain_is_not() -> None:
    """The same quality and a better one stay quiet over 20,000 rows; a worse one is blamed."""
    rng = np.random.default_rng(1)
    quality = build_quality(CLASSES, classes(rng, 5000, 0.9), ordered=True)
    assert run(quality, classes(rng, 20_000, 0.9))[1] is None
    assert run(quality, classes(rng, 5000, 0.97))[1] is None
    watch, n = run(quality, classes(rng, 5000, 0.8))
    assert n is not None
    assert n <= 1500
    assert watch.streams[watch.blamed()[0]].name.startswith(ERRORS)


def test_a_rare_class_is_watched_by_itself() -> None:
    """It fails altogether while the whole hardly moves: its own stream is blamed."""
    rng = np.random.default_rng(2)
    quality = build_quality(CLASSES, classes(rng, 5000, 0.9), ordered=False)
    assert set(quality.by_class) == {"a", "b"}
    rows = [
        score_row(CLASSES, Answer("a"), row.truth, 0.0, 1.0) if row.truth == "b" else row
        for row in classes(rng, 2000, 0.99)
    ]
    watch, n = run(quality, rows)
    assert n is not None
    assert "where the truth is b" in watch.streams[watch.blamed()[0]].name


def test_residuals_are_held_against_their_certified_distribution() -> None:
    """A third more spread is found, less spread is not; the words have a unit people know."""
    rng = np.random.default_rng(3)
    quality = build_quality(NUMBERS, numbers(rng, 5000, 10.0), ordered=True)
    assert quality.mean_error == pytest.approx(10 * np.sqrt(2 / np.pi), rel=0.05)
    assert quality.loss is not None
    assert quality.loss.name == RESIDUAL
    assert run(quality, numbers(rng, 10_000, 10.0))[1] is None
    assert run(quality, numbers(rng, 3000, 5.0))[1] is None
    watch, n = run(quality, numbers(rng, 5000, 13.3))
    assert n is not None
    effect = describe_loss(watch.streams[0], watch.carrier(0), watch.current(0))
    assert effect.unit in {"sd", "share"}
    assert RESIDUAL in effect.summary


def test_probabilities_have_a_brier_score_beside_their_errors() -> None:
    """A model that becomes too sure of itself loses without erring more often."""
    rng = np.random.default_rng(4)

    def rows(n: int, sharpness: float) -> list[Scored]:
        score = rng.normal(scale=1.5, size=n)
        truth = rng.random(n) < 1 / (1 + np.exp(-score))
        said = 1 / (1 + np.exp(-sharpness * score))
        return [
            score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
            for p, y in zip(said, truth, strict=True)
        ]

    quality = build_quality(BINARY, rows(5000, 1.0), ordered=True)
    assert {"accuracy", "auc", "brier", "log_loss"} <= set(quality.figures)
    assert quality.expected is not None
    assert run(quality, rows(10_000, 1.0))[1] is None
    watch, n = run(quality, rows(5000, 6.0))
    assert n is not None
    assert watch.streams[watch.blamed()[0]].name == BRIER


def test_the_error_of_a_small_certificate_is_forgiven() -> None:
    """Certified with no error in 200 rows, a true error share of 1 % stays quiet."""
    rng = np.random.default_rng(5)
    quality = build_quality(CLASSES, classes(rng, 200, 1.0), ordered=False)
    assert quality.mean_error == 0.0
    assert run(quality, classes(rng, 10_000, 0.99))[1] is None
    assert run(quality, classes(rng, 3000, 0.85))[1] is not None


def test_the_words_name_both_shares() -> None:
    """The share of wrong answers with what was certified, and its growth as the effect."""
    rng = np.random.default_rng(6)
    quality = build_quality(CLASSES, classes(rng, 1000, 0.9), ordered=False)
    stream = loss_counter(quality, TOLERANCE).streams[0]
    effect = describe_loss(stream, 0, np.array([70.0, 30.0]))
    assert effect.summary.startswith("wrong answers: 30.00% of 100, certified ")
    low, high = effect.interval
    assert low < effect.value < high
    none = describe_loss(stream, 0, np.zeros(2))
    assert (none.value, none.n) == (0.0, 0)


@pytest.mark.parametrize("chances", [(0.0, 1.0), (0.1, 0.3, 0.8, 0.95), ()])
def test_the_watched_brier_score_is_the_certified_one(chances: tuple[float, ...]) -> None:
    """Of a model that is always sure, of a tree with four leaves, and of one with any chance."""
    rng = np.random.default_rng(4)
    said = rng.choice(chances, 3000) if chances else rng.uniform(size=3000)
    truths = rng.random(3000) < np.clip(said, 0.1, 0.9)
    rows = [
        score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
        for p, y in zip(said, truths, strict=True)
    ]
    quality = build_quality(BINARY, rows, ordered=False)
    stream = loss_counter(quality, TOLERANCE).streams[-1]
    certified = quality.figures["brier"].value
    assert stream.functionals[0].mean(stream.masses) == pytest.approx(certified, abs=2e-3)
    assert describe_loss(stream, 0, stream.masses * 1000).value == pytest.approx(0, abs=1e-9)


def test_the_values_of_bins_have_the_certified_mean_and_rise() -> None:
    """Residuals without ties, of few values, and all the same."""
    rng = np.random.default_rng(5)
    for sizes in (rng.exponential(size=2000), rng.integers(0, 4, 2000), np.ones(2000)):
        rows = [score_row(NUMBERS, Answer(float(size)), 0.0, 0.0, 1.0) for size in sizes]
        loss = build_quality(NUMBERS, rows, ordered=False).loss
        assert loss is not None
        values, masses = bin_values(loss, 2 * loss.edges[-1]), np.array(loss.masses)
        assert len(values) == len(masses)
        assert (np.diff(values[:-2]) >= 0).all()
        mean = float(values[:-2] @ masses[:-2]) / masses[:-2].sum()
        assert mean == pytest.approx(sizes.mean(), rel=0.002)
