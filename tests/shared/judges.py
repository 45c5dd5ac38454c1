"""Every monitor that counts what flows, as one line of a test."""

from __future__ import annotations

from proxy.benchmark import Benchmark
from proxy.monitors import Engine, Monitor
from proxy.monitors.disagreement import Disagreement
from proxy.monitors.errors import Errors
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.latency import Latency
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.schema import Schema
from proxy.monitors.settings import Monitors
from proxy.monitors.throughput import Throughput
from proxy.pipeline.reading import Compare
from proxy.watcher.assembly import comparer_of


def against(known: Benchmark, engine: Engine) -> tuple[Monitor, ...]:
    """Give each monitor against a benchmark, with its defaults."""
    settings = Monitors()
    return (
        InputDrift(settings.input, known, engine),
        OutputDrift(settings.output, known, engine),
        Disagreement(settings.agreement, known, engine),
        Schema(settings.schema, known, engine),
        Latency(settings.latency, known, engine),
        Throughput(settings.throughput, known, engine),
        Errors(settings.errors, known, engine),
    )


def comparing(known: Benchmark) -> Compare:
    """Give what compares mirrored answers for them, as a watcher does."""
    return comparer_of(Monitors().agreement, known)
