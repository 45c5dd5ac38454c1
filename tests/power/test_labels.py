"""Quality by labels: false alarms over a long calm, and how many labels a real loss needs."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.basis.demands import Certainty, Tolerance
from proxy.stats.engine.watch import Watch
from proxy.stats.quality.certified_quality import LossCounter, build_quality, loss_counter
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind

pytestmark = [pytest.mark.power, pytest.mark.timeout(1800)]

MINUTES_PER_YEAR = 525_600.0
CLASSES = Target(kind=TargetKind.CLASS, column="prediction")
BINARY = Target(kind=TargetKind.PROBABILITY, column="prediction")
NUMBERS = Target(kind=TargetKind.NUMBER, column="prediction")
TOLERANCE = Tolerance(effect=0.05, worse_only=True)
N_LABELS = 5000
RARE = 0.3


def note(text: str) -> None:
    """Tell a figure, for the page that keeps it."""
    print(text)  # noqa: T201 - that is what a study is for


def classifier(rng: np.random.Generator, n: int, accuracy: float) -> list[Scored]:
    """Give labelled rows of a classifier of two classes, 30 % of the one."""
    rows = []
    for is_rare, is_right in zip(rng.random(n) < RARE, rng.random(n) < accuracy, strict=True):
        truth = "b" if is_rare else "a"
        said = truth if is_right else {"a": "b", "b": "a"}[truth]
        rows.append(score_row(CLASSES, Answer(said), truth, 0.0, 1.0))
    return rows


def scorer(rng: np.random.Generator, n: int, flips: float) -> list[Scored]:
    """Give rows of a model that says the true chance; some truths fall against it."""
    score = rng.normal(scale=3.6, size=n)
    chance = 1 / (1 + np.exp(-score))
    truth = rng.random(n) < chance
    truth = np.where(rng.random(n) < flips, chance < 0.5, truth)
    return [
        score_row(BINARY, Answer(float(p)), bool(y), 0.0, 1.0)
        for p, y in zip(chance, truth, strict=True)
    ]


def regression(rng: np.random.Generator, n: int, spread: float) -> list[Scored]:
    """Give rows of a regression whose residuals have this spread."""
    return [score_row(NUMBERS, Answer(float(e)), 0.0, 0.0, 1.0) for e in rng.normal(0, spread, n)]


def certified(target: Target, rows: list[Scored]) -> LossCounter:
    """Give the streams of a quality that was certified without measuring dependence."""
    return loss_counter(build_quality(target, rows, ordered=False), TOLERANCE)


def calm(counter: LossCounter, seed: int, accuracy: float, ticks: int, run_length: float) -> Watch:
    """Show a classifier of this accuracy for some ticks of 100 labels, until it alarms."""
    rng = np.random.default_rng(seed)
    watch = Watch(counter.streams, Certainty(run_length_ticks=run_length))
    rare = rng.binomial(100, RARE, ticks)
    wrong = [rng.binomial(100 - rare, 1 - accuracy), rng.binomial(rare, 1 - accuracy)]
    of_class = [counter.n_classes["a"], counter.n_classes["b"]]
    starts = [watch.layout.bins[stream].start for stream in (0, *of_class)]
    for tick in range(ticks):
        sizes = (100, 100 - rare[tick], rare[tick])
        losses = (wrong[0][tick] + wrong[1][tick], wrong[0][tick], wrong[1][tick])
        for start, size, n_wrong in zip(starts, sizes, losses, strict=True):
            watch.pending[start : start + 2] = size - n_wrong, n_wrong
        watch.tick()
        if watch.breach is not None:
            break
    return watch


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_year_of_healthy_labels(seed: int) -> None:
    """525,600 ticks of 100 labels at the certified accuracy, one false alarm a year allowed: none.

    Certified on 5,000 labels, whose own error stays for the whole year.
    """
    rng = np.random.default_rng(seed)
    counter = certified(CLASSES, classifier(rng, N_LABELS, 0.9))
    watch = calm(counter, 100 + seed, 0.9, int(MINUTES_PER_YEAR), MINUTES_PER_YEAR)
    note(f"year {seed}: {watch.detector.evidence():.1f} of {watch.detector.threshold:.1f}")
    assert watch.breach is None


def test_a_month_at_the_edge_of_the_tolerance() -> None:
    """An accuracy that stays 1.5 points below the certified one never alarms."""
    rng = np.random.default_rng(5)
    counter = certified(CLASSES, classifier(rng, 50_000, 0.9))
    assert calm(counter, 6, 0.885, 43_200, MINUTES_PER_YEAR).breach is None


@pytest.mark.parametrize("run_length", [200, 1000])
def test_the_mean_run_length_holds(run_length: int) -> None:
    """At the very edge of what is forgiven, the mean time to an alarm is as long as asked."""
    rng = np.random.default_rng(7)
    counter = certified(CLASSES, classifier(rng, N_LABELS, 0.9))
    certified_share = float(counter.streams[0].masses[1])
    forgiven = certified_share + (0.05 + 3 / np.sqrt(N_LABELS)) * np.sqrt(
        certified_share * (1 - certified_share)
    )
    lengths = [
        calm(counter, seed, 1 - forgiven, 20 * run_length, run_length).history.n_ticks
        for seed in range(20)
    ]
    note(f"asked {run_length}, mean {np.mean(lengths):.0f}")
    assert np.mean(lengths) >= run_length


LOSSES = {
    "accuracy .90 to .85": (CLASSES, classifier, 0.9, 0.85, 6000),
    "accuracy .90 to .80": (CLASSES, classifier, 0.9, 0.8, 1200),
    "accuracy .90 to .70": (CLASSES, classifier, 0.9, 0.7, 400),
    "with probabilities, 6 % of truths turned": (BINARY, scorer, 0.0, 0.06, 3000),
    "with probabilities, 12 % of truths turned": (BINARY, scorer, 0.0, 0.12, 1200),
    "residuals times 1.15": (NUMBERS, regression, 1.0, 1.15, 9000),
    "residuals times 1.3": (NUMBERS, regression, 1.0, 1.3, 1000),
}
"""Target, how its rows are made, their argument before and after, largest median of labels."""


@pytest.mark.parametrize("loss", LOSSES)
def test_labels_until_the_alarm(loss: str) -> None:
    """The median number of labels until the alarm, over 20 certificates of 5,000 labels."""
    target, make, before, after, most = LOSSES[loss]
    needed = []
    for seed in range(20):
        rng = np.random.default_rng(1000 + seed)
        counter = certified(target, make(rng, N_LABELS, before))
        watch = Watch(counter.streams, Certainty(run_length_ticks=MINUTES_PER_YEAR))
        n = 0
        while watch.breach is None and n < 40_000:
            for row in make(rng, 20, after):
                for stream, place in counter.bins(row):
                    watch.pending[watch.layout.bins[stream].start + place] += 1
            watch.tick()
            n += 20
        needed.append(n if watch.breach is not None else np.inf)
    high = np.quantile(needed, 0.9, method="higher")
    note(f"{loss}: median {np.median(needed):.0f}, p90 {high:.0f}")
    assert np.median(needed) <= most
