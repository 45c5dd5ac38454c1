"""Latency cells: what load an answer is compared at."""

from __future__ import annotations

import numpy as np
import pytest

from proxy.stats.reference.latency import (
    ANY_SIZE,
    Timing,
    build_latency,
    find_cell,
    load_class,
    size_class,
)


def timings(loads: list[int], n: int, sizes: tuple[int, ...] = (100,)) -> list[Timing]:
    """Give `n` answers at each load and size."""
    rng = np.random.default_rng(1)
    return [
        Timing(latency_s=float(rng.gamma(4, 0.01) * load), in_flight=load, request_bytes=size)
        for _ in range(n)
        for load in loads
        for size in sizes
    ]


@pytest.mark.parametrize(
    ("in_flight", "expected"),
    [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (500, 5)],
)
def test_load_classes_are_powers_of_two(in_flight: int, expected: int) -> None:
    """ceil(log2(running exchanges)), at most 5."""
    assert load_class(in_flight) == expected


def test_size_classes_are_thirds() -> None:
    """Below the first border, between, beyond the second."""
    assert [size_class(size, (10.0, 20.0)) for size in (5, 10, 11, 20, 21)] == [0, 0, 1, 1, 2]


def test_cells_are_divided_by_size_only_where_answers_suffice() -> None:
    """A thick load class has three cells, a thinner one a single cell, a thin one none."""
    sizes = (10, 100, 1000)
    answers = timings([1], 400, sizes) + timings([4], 120, sizes) + timings([16], 7, sizes)
    profile = build_latency(answers, ordered=False)
    cells = [(cell.load, cell.size) for cell in profile.cells]
    assert cells == [(0, 0), (0, 1), (0, 2), (2, ANY_SIZE)]
    assert profile.n == 1581


def test_few_answers_still_make_one_cell() -> None:
    """A small certification has one cell rather than none."""
    assert len(build_latency(timings([1], 10), ordered=True).cells) == 1
    assert build_latency([], ordered=True).cells == ()


def test_answers_find_the_nearest_cell_unless_the_load_is_far_beyond() -> None:
    """One class beyond the certified load is compared with the highest, more is not judged."""
    profile = build_latency(timings([1, 2, 8], 300), ordered=False)
    loads = [profile.cells[index].load for index in (0, 1, 2)]
    assert loads == [0, 1, 3]
    assert find_cell(profile, 1, 100) == 0
    assert find_cell(profile, 4, 100) in (1, 2)
    assert find_cell(profile, 16, 100) == 2
    assert find_cell(profile, 30, 100) is None
    assert find_cell(build_latency([], ordered=False), 1, 1) is None


def test_dependence_of_answers_is_measured() -> None:
    """Pauses that slow fifty neighbours together show in the design effect of the tail."""
    rng = np.random.default_rng(1)
    slow = np.repeat(rng.random(200) < 0.06, 50)
    answers = [
        Timing(latency_s=float(rng.gamma(4, 0.01) + late), in_flight=1, request_bytes=1)
        for late in slow
    ]
    effects = build_latency(answers, ordered=True).design_effects
    assert effects is not None
    assert effects["slowest 5 %"] > 10
