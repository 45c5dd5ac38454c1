"""How a configuration becomes the parts of a watcher: monitors, engine, plan, benchmark."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from proxy import benchmark, clock
from proxy.benchmark import Benchmark, BenchmarkError
from proxy.config import Loaded
from proxy.monitors import Engine, Monitor
from proxy.monitors.disagreement import Disagreement
from proxy.monitors.errors import Errors
from proxy.monitors.input_drift import InputDrift
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.latency import Latency
from proxy.monitors.output_drift import OutputDrift
from proxy.monitors.readiness import StableReadiness
from proxy.monitors.schema import Schema
from proxy.monitors.settings import AgreementSettings
from proxy.monitors.slow_drift import SlowDrift
from proxy.monitors.throughput import Throughput
from proxy.monitors.watching import Watching
from proxy.payload.decode import Decoder
from proxy.payload.learning import Learned, Pupil
from proxy.pipeline import Plan, Reader
from proxy.pipeline.reading import Compare
from proxy.stats.reference.compare import by_rule
from proxy.trial import strangers
from proxy.watcher.collector import Collector, Write
from proxy.watcher.insight import Explainer
from proxy.watcher.samples import Samples

log = logging.getLogger(__name__)


def monitors_of(loaded: Loaded, engine: Engine, certified: Benchmark | None) -> tuple[Monitor, ...]:
    """Give every monitor: adding one costs its file and a line here."""
    settings = loaded.config.monitors
    inputs = InputDrift(settings.input, certified, engine)
    outputs = OutputDrift(settings.output, certified, engine)
    return (
        inputs,
        outputs,
        Disagreement(settings.agreement, certified, engine),
        Schema(settings.schema, certified, engine),
        Latency(settings.latency, certified, engine),
        Throughput(settings.throughput, certified, engine),
        Errors(settings.errors, certified, engine),
        LabelQuality(settings.labels, certified, engine),
        StableReadiness(engine, has_stable=loaded.config.has_stable),
        Watching(engine),
        SlowDrift(settings.slow_drift, engine, inputs.sides() | outputs.sides()),
    )


def explainer_of(
    loaded: Loaded,
    monitors: Sequence[Monitor],
    certified: Benchmark | None,
    samples: Samples,
) -> Explainer:
    """Give who explains what the monitors of drift find."""
    explained = [one for one in monitors if isinstance(one, InputDrift | OutputDrift)]
    return Explainer(loaded.config.monitors.explain, explained, certified, samples)


def engine_of(loaded: Loaded) -> Engine:
    """Give how sure every alarm must be."""
    monitors, alarms = loaded.config.monitors, loaded.config.alarms
    return Engine(
        tick_s=monitors.tick_s,
        expected_run_length_s=alarms.expected_run_length_s,
        min_ticks=monitors.min_ticks,
        confirm_evidence=alarms.confirm_evidence,
        resolve_evidence=alarms.resolve_evidence,
        utc_offset_s=clock.utc_offset_s(),
    )


def plan_of(loaded: Loaded) -> Plan:
    """Give what the pipeline works by."""
    config = loaded.config
    return Plan(
        alarms=config.alarms,
        policy=config.policy,
        has_stable=config.has_stable,
        mirror_fraction=config.mirror.fraction,
        capacity=tuple(step.name for step in config.capacity.steps),
    )


def read_benchmark(loaded: Loaded) -> Benchmark | None:
    """Read the configured benchmark; `None` when none is configured.

    Raises:
        BenchmarkError: the file cannot be read, or is no benchmark of this version.
    """
    path = loaded.benchmark_path
    if path is None:
        return None
    try:
        return benchmark.load(path.read_bytes())
    except OSError as error:
        raise BenchmarkError(
            f"it cannot be read: {error.strerror}; write it with `stablehand certify`"
        ) from error


def certified_of(loaded: Loaded, notes: list[str]) -> Benchmark | None:
    """Give the benchmark; one that cannot be used is a note, since traffic must be watched."""
    try:
        certified = read_benchmark(loaded)
    except BenchmarkError as error:
        notes.append(f"The benchmark {loaded.config.benchmark} cannot be used: {error}.")
        log.error("the benchmark cannot be used: %s", error)  # noqa: TRY400  # one line says it
        return None
    if certified is None:
        notes.append(
            "No benchmark is configured, so nothing says what is normal: run `stablehand certify`."
        )
        return None
    notes += strangers(certified.models, loaded.config.models)
    return certified


def categories_of(certified: Benchmark | None) -> Mapping[str, frozenset[str]]:
    """Give the strings that were certified, by column: the decoder may keep these in clear."""
    if certified is None:
        return {}
    known: dict[str, frozenset[str]] = {}
    for profile in (certified.input, *certified.outputs.values()):
        for column in profile.columns:
            known[column.name] = known.get(column.name, frozenset()) | set(column.categories)
    return known


def decoder_of(loaded: Loaded, certified: Benchmark | None) -> Decoder:
    """Give the decoder, with what certification learned for it."""
    config = loaded.config
    return Decoder(
        config.payload,
        config.capture.redact,
        categories_of(certified),
        learned=certified.learned if certified is not None else None,
    )


def collector_of(loaded: Loaded, reader: Reader, write: Write) -> Collector:
    """Give who collects rows for a reference: it keeps strings in clear, to become known.

    It reads without the vocabularies and directions of the benchmark in force, but with those that
    it learns, as a watcher will that has the benchmark made of these rows.
    """
    redact = loaded.config.capture.redact
    clear = redact if redact.categories == "hash" else replace(redact, categories="clear")

    def make(learned: Learned | None, pupil: Pupil | None) -> Decoder:
        return Decoder(loaded.config.payload, clear, learned=learned, pupil=pupil)

    return Collector(reader, make, write)


def comparer_of(settings: AgreementSettings, certified: Benchmark | None) -> Compare:
    """Give what compares the answers of two models by the certified rule.

    Without one, answers that are numbers must be equal: the strictest rule, for counting only.
    """
    agreement = certified.agreement if certified is not None else None
    scales = agreement.scales if agreement is not None else {}
    far = agreement.far if agreement is not None else 0.0
    return partial(by_rule, scales=scales, far=far, max_rows=settings.max_rows_per_pair)
