"""The e-detector: its recursion, its cap, its threshold."""

from __future__ import annotations

import math

import numpy as np
import pytest

from proxy.stats.basis.bets import BetTable
from proxy.stats.engine.e_detector import CEILING, EDetector, Layout


def table(growth: list[list[float]]) -> BetTable:
    """Give bets with these log factors: [bins][bets]."""
    array = np.array(growth, dtype=np.float32)
    return BetTable(
        growth=array,
        functional=np.zeros(array.shape[1], dtype=np.intp),
        upward=np.ones(array.shape[1], dtype=np.bool_),
    )


COIN = table([[-0.5], [0.4]])
WIDE = table([[-0.1, -0.2], [0.1, 0.2], [0.0, 0.3]])


def test_recursion_by_hand() -> None:
    """R <- (1 + R) e: two ticks of one row each, written out."""
    detector = EDetector(Layout([COIN], [1.0]), 1e6, 3)
    for counts in ([0, 1], [1, 1]):
        detector.fold(detector.score(np.array(counts, dtype=np.float32)))
    first = math.exp(0.4)
    second = (1 + first) * math.exp(-0.1)
    assert float(detector.wealth[0]) == pytest.approx(second, rel=1e-6)
    assert detector.evidence() == pytest.approx(math.log(second), rel=1e-6)


def test_tick_without_rows_changes_nothing() -> None:
    """An idle night neither adds nor takes evidence."""
    detector = EDetector(Layout([COIN], [1.0]), 1e6, 3)
    detector.fold(detector.score(np.array([0, 5], dtype=np.float32)))
    before = detector.wealth.copy()
    for _ in range(1000):
        detector.fold(detector.score(np.zeros(2, dtype=np.float32)))
    assert np.array_equal(detector.wealth, before)


@pytest.mark.parametrize("min_ticks", [1, 2, 3, 5])
def test_no_tick_however_bad_alarms_before_the_minimum(min_ticks: int) -> None:
    """With all bets of all streams winning at once, the alarm still needs the minimum of ticks."""
    for streams in (1, 50):
        layout = Layout([WIDE] * streams, [1.0] * streams)
        detector = EDetector(layout, 525_600, min_ticks)
        n = 0
        while detector.evidence() < detector.threshold:
            detector.fold(detector.score(np.full(layout.n_bins, 1e6, dtype=np.float32)))
            n += 1
        assert n >= min_ticks
        assert n <= min_ticks + 1


def test_wealth_is_bounded() -> None:
    """A breach that lasts does not pile up evidence that would delay recovery."""
    detector = EDetector(Layout([COIN], [1.0]), 1e6, 3)
    for _ in range(100):
        detector.fold(detector.score(np.array([0, 1e6], dtype=np.float32)))
    assert float(detector.wealth[0]) == pytest.approx(1e6 * CEILING, rel=1e-3)


def test_streams_of_different_shapes_keep_their_bins_apart() -> None:
    """Rows of one stream move its wealth and no other's, in any order of streams."""
    layout = Layout([COIN, WIDE, COIN], [1.0, 1.0, 1.0])
    detector = EDetector(layout, 1e6, 3)
    for stream in range(3):
        counts = np.zeros(layout.n_bins, dtype=np.float32)
        counts[layout.bins[stream]][1] = 3
        detector.reset()
        detector.fold(detector.score(counts))
        wealth = detector.stream_wealth()
        assert wealth[stream] > 1
        assert all(wealth[other] == 0 for other in range(3) if other != stream)


def test_weights_sum_to_one_and_favour_the_heavy() -> None:
    """A stream of weight 9 beside one of weight 1 has nine tenths of the average."""
    layout = Layout([COIN, COIN], [9.0, 1.0])
    assert layout.weights.tolist() == pytest.approx([0.9, 0.1])
    assert float(layout.bet_weights.sum()) == pytest.approx(1.0)


def test_layout_does_not_depend_on_memory_addresses() -> None:
    """Two layouts of equal streams are equal, so that saved evidence fits after a restart."""

    def build() -> Layout:
        first, second = table([[0.1], [0.2]]), table([[0.3], [0.4]])
        return Layout([second, first, second, first], [1.0] * 4)

    assert build().bins == build().bins
    assert build().order == build().order


def test_a_swapped_table_scores_its_stream_and_no_other() -> None:
    """Streams that share a table part when one of them gets another; wealth stays."""
    other = table((2 * COIN.growth).tolist())
    layout = Layout([COIN, WIDE, COIN], [1.0, 1.0, 1.0])
    detector = EDetector(layout, 1e6, 1)
    counts = np.zeros(layout.n_bins, dtype=np.float32)
    for bins in layout.bins:
        counts[bins][1] = 1
    before = detector.score(counts).copy()
    detector.fold(before)
    wealth = detector.wealth.copy()
    layout.swap(2, other)
    after = detector.score(counts)
    assert after[layout.bets[2]] == pytest.approx(2 * before[layout.bets[2]])
    for stream in (0, 1):
        assert (after[layout.bets[stream]] == before[layout.bets[stream]]).all()
    layout.swap(2, COIN)
    assert (detector.score(counts) == before).all()
    assert (detector.wealth == wealth).all()
