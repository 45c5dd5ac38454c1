"""Latency under the load it was measured at: cells of concurrency and payload size.

Latency rises with load, so comparing it without its load finds rush hours instead of slow models.
Every answer is compared with the certified answers of the same cell: ceil(log2(running exchanges))
times the third of request sizes it falls in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
from msgspec import Struct, structs

from proxy.stats.basis import design_effect
from proxy.stats.basis.functionals import Floats, mid_ranks
from proxy.stats.reference.column import ColumnProfile, build_column

MAX_LOAD: Final = 5
"""The highest load class: 32 or more running exchanges."""
MIN_CELL: Final = 300
"""Cells with fewer certified answers borrow their neighbour's: their tail is not known."""


N_SIZES: Final = 3
"""Thirds of request sizes."""
ANY_SIZE: Final = -1
"""Size of a cell that holds all request sizes."""
SLOW_TAILS: Final = (
    ("slowest 10 %", 0.9),
    ("slowest 5 %", 0.95),
    ("slowest 1 %", 0.99),
    ("slowest 0.1 %", 0.999),
)
"""The tails of the certified latencies whose share is watched."""


class Timing(Struct, frozen=True, kw_only=True):
    """One measured answer."""

    latency_s: float
    in_flight: int
    """Running exchanges when it began, itself included."""
    request_bytes: int


class LatencyCell(Struct, frozen=True, kw_only=True):
    """The certified latencies of one cell."""

    load: int
    """ceil(log2(in_flight)), at most 5."""
    size: int
    """Third of request sizes: 0, 1 or 2; -1 when the cell holds all sizes."""
    latency: ColumnProfile


class LatencyProfile(Struct, frozen=True, kw_only=True):
    """The certified latencies of one model."""

    n: int
    size_edges_bytes: tuple[float, float]
    """Borders between the thirds of request sizes."""
    cells: tuple[LatencyCell, ...]
    design_effects: dict[str, float] | None = None
    """Design effect by functional of the rank within the cell; `None`: not measured."""

    def trouble(self) -> str:
        """Say how a profile read from a file contradicts itself; empty when it does not."""
        places = [(cell.load, cell.size) for cell in self.cells]
        if len(set(places)) < len(places):
            return "a latency cell stands twice"
        if not all(0 <= load <= MAX_LOAD and ANY_SIZE <= size < N_SIZES for load, size in places):
            return "a latency cell is of no class of load or size"
        if not all(cell.latency.n > 0 for cell in self.cells):
            return "a latency cell is of no answer"
        if not all(effect >= 1 for effect in (self.design_effects or {}).values()):
            return "a design effect of latency is below 1"
        return next(filter(None, (cell.latency.trouble() for cell in self.cells)), "")


def load_class(in_flight: int) -> int:
    """Give ceil(log2(in_flight)), from 0 (alone) to 5 (more than 16 running)."""
    return min(MAX_LOAD, max(0, in_flight - 1).bit_length())


def size_class(request_bytes: int, edges_bytes: tuple[float, float]) -> int:
    """Give the third of request sizes: 0, 1 or 2."""
    return int(request_bytes > edges_bytes[0]) + int(request_bytes > edges_bytes[1])


def build_latency(timings: Sequence[Timing], *, ordered: bool) -> LatencyProfile:
    """Give the latency profile of one model from measured answers.

    Args:
        timings: answers of certification; about 1,000 per load class make a sharp profile.
        ordered: they are in order of time. Then their dependence is measured.
    """
    sizes = np.array([timing.request_bytes for timing in timings], dtype=np.float64)
    edges = (0.0, 0.0)
    if len(sizes):
        edges = (float(np.quantile(sizes, 1 / 3)), float(np.quantile(sizes, 2 / 3)))
    latencies = _by_cell(timings, edges)
    cells = tuple(
        LatencyCell(load=load, size=size, latency=build_column("latency", values, ordered=False))
        for (load, size), values in sorted(latencies.items())
    )
    profile = LatencyProfile(n=len(timings), size_edges_bytes=edges, cells=cells)
    if not ordered:
        return profile
    return structs.replace(profile, design_effects=_measure(timings, profile))


def cell_table(profile: LatencyProfile) -> list[list[int | None]]:
    """Give `find_cell` for every class of load and size, so that an answer costs two lookups."""
    return [[_nearest(profile, load, size) for size in range(3)] for load in range(MAX_LOAD + 1)]


def find_cell(profile: LatencyProfile, in_flight: int, request_bytes: int) -> int | None:
    """Give the index of the cell that an answer is compared with.

    A load class between certified ones takes the nearest. `None`: the load is beyond what was
    certified by more than one class, so nothing can be said about this answer.
    """
    load, size = load_class(in_flight), size_class(request_bytes, profile.size_edges_bytes)
    return _nearest(profile, load, size)


def _nearest(profile: LatencyProfile, load: int, size: int) -> int | None:
    best: tuple[int, int, int] | None = None
    for index, cell in enumerate(profile.cells):
        if cell.size in (size, ANY_SIZE):
            distance = (abs(cell.load - load), abs(cell.size - size), index)
            best = distance if best is None else min(best, distance)
    if best is None:
        return None
    beyond = load - max(cell.load for cell in profile.cells)
    return best[2] if beyond <= 1 else None


def _by_cell(
    timings: Sequence[Timing], edges: tuple[float, float]
) -> dict[tuple[int, int], list[float]]:
    """Group latencies by cell; a load class with a thin cell is not divided by size."""
    by_load: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for timing in timings:
        entry = size_class(timing.request_bytes, edges), timing.latency_s
        by_load[load_class(timing.in_flight)].append(entry)
    largest = max(by_load, key=lambda load: len(by_load[load]), default=0)
    cells: dict[tuple[int, int], list[float]] = {}
    for load, entries in by_load.items():
        by_size = [[latency for size, latency in entries if size == third] for third in range(3)]
        if min(len(values) for values in by_size) >= MIN_CELL:
            cells |= {(load, third): values for third, values in enumerate(by_size)}
        elif len(entries) >= MIN_CELL or load == largest:
            cells[load, ANY_SIZE] = [latency for _, latency in entries]
    return cells


def _measure(timings: Sequence[Timing], profile: LatencyProfile) -> dict[str, float]:
    """Give the design effects of the rank of each answer within its cell."""
    binners = [cell.latency.binner() for cell in profile.cells]
    ranks = [mid_ranks(np.asarray(cell.latency.masses)) for cell in profile.cells]
    in_order: list[float] = []
    for timing in timings:
        index = find_cell(profile, timing.in_flight, timing.request_bytes)
        if index is not None:
            in_order.append(float(ranks[index][binners[index].bins([timing.latency_s])[0]]))
    rank: Floats = np.array(in_order)
    lengths = design_effect.block_lengths(len(rank))
    measured = {"location": design_effect.batch_means(rank, lengths)}
    for name, level in SLOW_TAILS:
        slow = (rank > level).astype(np.float64)
        known = slow.sum() >= design_effect.MIN_HITS
        borrowed = max(measured.values())
        measured[name] = design_effect.batch_means(slow, lengths) if known else borrowed
    return {name: round(value, 2) for name, value in measured.items() if value > 1}
