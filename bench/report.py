"""What the runs say: medians of paired ratios, and the targets they are held against."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median

from measure import Run

Results = dict[str, dict[str, list[Run]]]
GATE_CPU_RATIO = 2.3
"""CPU per request over the uvloop TCP relay's, above which something has gone wrong: far above what
is measured, so that a busy machine raises no alarm."""

Figure = Callable[[Results], float | None]


def paired(
    results: Results, cell: str, name: str, other: str, value: Callable[[Run], float]
) -> float | None:
    """Give the median over rounds of `name`'s value over `other`'s."""
    ours, theirs = results.get(cell, {}).get(name), results.get(cell, {}).get(other)
    if not ours or not theirs:
        return None
    ratios = [value(a) / value(b) for a, b in zip(ours, theirs, strict=True) if value(b) > 0]
    return median(ratios) if ratios else None


def rps(cell: str, name: str, other: str) -> Figure:
    """Give requests per second over another's."""
    return lambda results: paired(results, cell, name, other, lambda run: run.rps)


def cpu(cell: str, name: str, other: str) -> Figure:
    """Give processor time per request over another's."""
    return lambda results: paired(results, cell, name, other, lambda run: run.cpu_us)


def added_p50(cell: str, name: str, other: str) -> Figure:
    """Give the median latency added to `direct`, over another's."""

    def figure(results: Results) -> float | None:
        by = results.get(cell, {})
        if not all(by.get(one) for one in (name, other, "direct")):
            return None
        rounds = zip(by[name], by[other], by["direct"], strict=True)
        ratios = [(a.p50_us - d.p50_us) / (b.p50_us - d.p50_us) for a, b, d in rounds]
        return median(ratios)

    return figure


def later_p50(cell: str, name: str, other: str) -> Figure:
    """Give by how many microseconds the median is later than another's."""

    def figure(results: Results) -> float | None:
        by = results.get(cell, {})
        if not by.get(name) or not by.get(other):
            return None
        return median([a.p50_us - b.p50_us for a, b in zip(by[name], by[other], strict=True)])

    return figure


TARGETS: tuple[tuple[str, str, float, float, Figure], ...] = (
    ("rps over nginx, 2 KiB, c=8", ">=", 0.70, 1.0, rps("c8-2k", "ours bare", "nginx")),
    ("rps over nginx, 2 KiB, c=64", ">=", 0.70, 1.0, rps("c64-2k", "ours bare", "nginx")),
    (
        "everything on, over nginx with 10 % mirror",
        ">=",
        0.90,
        1.2,
        rps("c8-2k", "ours full", "nginx mirror 10 %"),
    ),
    (
        "the same, one core, c=1",
        ">=",
        0.90,
        1.2,
        rps("one-core", "ours full", "nginx mirror 10 %"),
    ),
    ("rps over Envoy", ">=", 2.2, 3.0, rps("c8-2k", "ours bare", "Envoy")),
    ("rps over Go ReverseProxy", ">=", 2.2, 3.0, rps("c8-2k", "ours bare", "Go ReverseProxy")),
    ("rps over aiohttp", ">=", 6.0, 8.0, rps("c8-2k", "ours bare", "aiohttp")),
    (
        "one core, c=1: added p50 over nginx's",
        "<=",
        1.4,
        1.1,
        added_p50("one-core", "ours bare", "nginx"),
    ),
    (
        "CPU per request over the uvloop TCP relay's",
        "<=",
        1.9,
        1.5,
        cpu("c8-2k", "ours bare", "uvloop TCP relay"),
    ),
    (
        "p99, everything on, over bare",
        "<=",
        0.0,
        0.0,
        lambda results: paired(results, "c8-2k", "ours full", "ours bare", lambda run: run.p99_us),
    ),
    (
        "5 ms upstream, c=64: rps over nginx",
        ">=",
        0.98,
        1.0,
        rps("c64-2k-5ms", "ours bare", "nginx"),
    ),
    ("everything on, over bare", ">=", 0.92, 0.97, rps("c8-2k", "ours full", "ours bare")),
    ("the same, one core, c=1", ">=", 0.92, 0.97, rps("one-core", "ours full", "ours bare")),
    (
        "for comparison: nginx with 10 % mirror, over nginx",
        ">=",
        0.0,
        0.0,
        rps("c8-2k", "nginx mirror 10 %", "nginx"),
    ),
    ("SSE, us later per chunk than nginx", "<=", 30.0, 0.0, later_p50("sse", "ours bare", "nginx")),
)


def cpu_over_floor(results: Results) -> float:
    """Give the CPU ratio to the floor in the steadiest cell; 0 when it was not measured."""
    return cpu("one-core", "ours bare", "uvloop TCP relay")(results) or 0.0


def tables(results: Results) -> str:
    """Give all tables as Markdown."""
    lines = ["| figure | at least | aim | measured |", "|---|---|---|---|"]
    for title, sign, least, aim, figure in TARGETS:
        value = figure(results)
        if value is not None:
            met = not least or (value >= least if sign == ">=" else value <= least)
            shown = f"{value:.2f}" if met else f"**{value:.2f}**"
            target = f"{sign} {least:g} | {aim:g}" if least else "- | -"
            lines.append(f"| {title} | {target} | {shown} |")
    for cell, by in results.items():
        lines += ["", f"`{cell}` (medians)", ""]
        lines += ["| contender | requests/s | x nginx | CPU us | p50 us | p99 us |"]
        lines += ["|---|---|---|---|---|---|"]
        lines += [_row(results, cell, name, runs) for name, runs in by.items() if runs]
    return "\n".join(lines) + "\n"


def _row(results: Results, cell: str, name: str, runs: list[Run]) -> str:
    ratio = rps(cell, name, "nginx")(results)
    errors = sum(run.errors for run in runs)
    return (
        f"| {name}{f' ({errors} errors)' if errors else ''} | {median(r.rps for r in runs):.0f} "
        f"| {'-' if ratio is None else f'{ratio:.2f}'} | {median(r.cpu_us for r in runs):.1f} "
        f"| {median(r.p50_us for r in runs):.0f} | {median(r.p99_us for r in runs):.0f} |"
    )
