"""What `stablehand certify` does: certification with a progress bar, and the file it writes."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from proxy.benchmark import Benchmark, dump
from proxy.certify.certify import Order, certify
from proxy.certify.drive import Step
from proxy.certify.files import CertifyError, write_whole
from proxy.certify.quality import told_of
from proxy.certify.telling import plain, show_self_test
from proxy.stats.reference.column import ColumnProfile

MAX_NOTES: Final = 8


class Bars:
    """Progress as rich bars, one for each stage."""

    def __init__(self, bars: Progress) -> None:
        """Show stages in `bars`."""
        self._bars = bars

    def begin(self, title: str, n: int) -> Step:
        """Begin a stage of `n` steps; give what is to be called once for each."""
        task = self._bars.add_task(title, total=n)

        def step() -> None:
            self._bars.advance(task)

        return step


def run(order: Order, output: Path, console: Console) -> Benchmark:
    """Certify, write the benchmark to `output`, and tell what was measured.

    Raises:
        CertifyError: see `certify`, or the benchmark cannot be written.
    """
    check_place(output)
    columns = (
        TextColumn("{task.description:<36}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        benchmark = asyncio.run(certify(order, Bars(bars), np.random.default_rng()))
    write(benchmark, output)
    show(benchmark, console)
    tell_next(output, console)
    return benchmark


def check_place(output: Path) -> None:
    """Look whether a file can go there: said before the models are driven for a minute, not after.

    Raises:
        CertifyError: there is no such folder, or a folder of this name.
    """
    if not output.parent.is_dir():
        raise CertifyError(f"{output}: the folder does not exist; make it, or choose another -o")
    if output.is_dir():
        raise CertifyError(f"{output} is a folder; name the file, as {output / 'benchmark.json'}")


def write(benchmark: Benchmark, output: Path) -> str:
    """Write the benchmark whole or not at all; give the SHA-256 of the file.

    Raises:
        CertifyError: it cannot be written.
    """
    content = dump(benchmark)
    try:
        write_whole(output, content)
    except OSError as error:
        raise CertifyError(
            f"{output}: the benchmark cannot be written: {error.strerror}"
        ) from error
    return hashlib.sha256(content).hexdigest()


def tell_next(output: Path, console: Console) -> None:
    """Say where the benchmark is, and what makes a sidecar use it."""
    told = f"Benchmark written to {output}; name it as `benchmark` in the configuration"
    console.print(plain(f"{told}, then run it, or reload one that runs"), soft_wrap=True)


def show(benchmark: Benchmark, console: Console) -> None:
    """Tell people what was certified."""
    table = Table(title=f"Certified {benchmark.created_utc}", title_justify="left")
    table.add_column("model")
    table.add_column("requests", justify="right")
    table.add_column("failed", justify="right")
    table.add_column("median", justify="right")
    table.add_column("99 %", justify="right")
    table.add_column("per second", justify="right")
    for model, name in benchmark.models.items():
        # What was learned from traffic has no capacity, and of a shadow no latency either.
        floor = benchmark.errors.get(model)
        timed = benchmark.latency.get(model)
        alone = timed.cells if timed is not None else ()
        rates = benchmark.capacity_per_s.get(model, {}).values()
        table.add_row(
            plain(f"{model} ({name})"),
            f"{floor.n:,}" if floor is not None else "-",
            f"{sum(floor.failed.values()):,}" if floor is not None else "-",
            _quantile_ms(alone[0].latency, 0.5) if alone else "-",
            _quantile_ms(alone[0].latency, 0.99) if alone else "-",
            f"{max(rates):,.0f}" if rates else "-",
        )
    console.print(table)
    n_columns = len(benchmark.input.columns)
    console.print(f"Reference: {benchmark.input.n:,} rows of {n_columns} columns")
    if benchmark.agreement is not None and benchmark.agreement.n:
        share = benchmark.agreement.n_differ / benchmark.agreement.n
        console.print(f"The models differ in {share:.2%} of {benchmark.agreement.n:,} answers")
    for sentence in told_of(benchmark.quality):
        console.print(plain(sentence), soft_wrap=True)
    if benchmark.self_test is not None:
        show_self_test(benchmark.self_test, console)
    profiles = {"input": benchmark.input, **benchmark.outputs}
    of_columns = [f"{side}: {text}" for side, one in profiles.items() for text in one.warnings]
    of_test = benchmark.self_test.warnings if benchmark.self_test is not None else ()
    said = [*benchmark.warnings, *of_test, *of_columns]
    for warning in said[:MAX_NOTES]:
        console.print(Text("note ", style="yellow") + plain(warning))
    if len(said) > MAX_NOTES:
        console.print(f"and {len(said) - MAX_NOTES} more notes in the file")


def _quantile_ms(latency: ColumnProfile, level: float) -> str:
    """Give a quantile of the certified latencies, by the edge where its share is reached."""
    below = 0.0
    for mass, edge in zip(latency.masses, latency.edges, strict=False):
        below += mass
        if below >= level:
            return f"{edge * 1000:.2f} ms"
    return f"{latency.edges[-1] * 1000:.2f} ms" if latency.edges else "-"
