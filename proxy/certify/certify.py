"""The whole of certification: files in, models driven, benchmark out."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np

from proxy.benchmark import Benchmark
from proxy.certify.answers import (
    Decoded,
    certifying,
    decode_outputs,
    fingerprint,
    pairs,
    times_of,
)
from proxy.certify.conditional import conditional_of, questions
from proxy.certify.drive import Answer, Line, Step
from proxy.certify.files import CertifyError, hash_file
from proxy.certify.inputs import Inputs, Source, study_inputs, with_texts
from proxy.certify.lesson import Teacher
from proxy.certify.quality import Labels, certify_quality, read_labels
from proxy.certify.recorded import Recorded, read_requests
from proxy.clock import utc_text
from proxy.monitors.settings import Monitors
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.records import Model, Rows
from proxy.relay.settings import Models, Upstream
from proxy.stats.basis.demands import Certainty
from proxy.stats.promise.resampling import PARTS as STEPS
from proxy.stats.promise.self_test import SelfTest, self_test
from proxy.stats.reference.floors import ErrorFloor, build_agreement
from proxy.stats.reference.latency import LatencyProfile, Timing, build_latency
from proxy.stats.reference.profile import Profile, build_profile

ANSWER_CONCURRENCY: Final = 8
"""Requests running while answers are collected; their latency is not certified."""
FEW_REQUESTS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load under which latency is certified."""

    concurrencies: tuple[int, ...] = (1, 2, 4, 8, 16)
    """Requests running at once, level by level: one load cell of the benchmark each."""
    per_level: int = 1000
    """Answers timed at each level. A cell needs 300; 1,000 give a sharp 99 % quantile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is to be certified."""

    models: Models
    reference: Path | tuple[Path, ...]
    """Rows of training or of accepted traffic: CSV, JSON lines, Parquet or NumPy files, folders of
    them, or patterns such as `part-*.csv`."""
    requests: Path
    """Recorded requests: JSON lines."""
    payload: Payload = field(default_factory=Payload)
    redact: Redact = field(default_factory=Redact)
    ordered: bool = True
    """Both files are in order of time, so that dependence between rows is measured. Files in
    random order do no harm; files sorted by anything else make the monitors blind."""
    load: Load = field(default_factory=Load)
    time_column: str = ""
    """Column of the reference that tells when each row was taken. Then the rows are in order of
    time, sorted if need be, and the column itself is not watched. Empty: not known."""
    keep_sample: int = 1000
    """Rows of the reference kept in the benchmark, redacted; 0: none."""
    labels: Labels = field(default_factory=Labels)
    """True outcomes of the requests, for the certified quality."""
    monitors: Monitors = field(default_factory=Monitors)
    """What will be watched, for the self-test."""
    expected_run_length_s: float = 31_536_000.0
    """Seconds between false alarms that the alarms promise, for the self-test."""
    model_files: Mapping[Model, Path] = field(default_factory=dict)
    """Files of the models, for their hashes. Without one, its answers are hashed instead."""

    def source(self) -> Source:
        """Give which rows are the reference, and how they are read."""
        given = self.reference if isinstance(self.reference, tuple) else (self.reference,)
        return Source(
            paths=given,
            payload=self.payload,
            redact=self.redact,
            ordered=self.ordered,
            time_column=self.time_column,
        )


class Progress(Protocol):
    """Who is told how far certification is."""

    def begin(self, title: str, n: int) -> Step:
        """Begin a stage of `n` steps; give what is to be called once for each."""


class Silence:
    """A progress that tells nobody."""

    def begin(self, title: str, n: int) -> Step:
        """Begin a stage that is not shown."""
        del title, n
        return _nothing


def _nothing() -> None:
    """Show nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What was measured of one model."""

    decoded: Decoded
    errors: ErrorFloor
    latency: LatencyProfile
    capacity_per_s: dict[str, float]
    fingerprint: str
    """SHA-256 of its answers that were measured, in order."""


async def certify(order: Order, progress: Progress, rng: np.random.Generator) -> Benchmark:
    """Measure the models and give their benchmark.

    Raises:
        CertifyError: a file is missing or damaged, a model cannot be reached or is broken, or
            nothing of its requests or answers can be read.
    """
    requests, requests_sha256 = read_requests(order.requests)
    told = read_labels(order.labels, requests)
    upstreams = _upstreams(order.models)
    hashes = {model: _hash_file(path) for model, path in order.model_files.items()}
    teacher = Teacher(order.payload, order.redact, requests)
    inputs = study_inputs(order.source(), requests, teacher.lesson(), rng)
    answers = await _collect(upstreams, requests, progress)
    timed = await _time(upstreams, requests, order.load, progress)
    for model, given in answers.items():
        teacher.answers(model, given)
    lesson = teacher.lesson()
    decoder = Decoder(order.payload, certifying(order.redact), learned=lesson.learned)
    measured = {
        model: _measure(
            decode_outputs(decoder, model, requests, answers[model], lesson.taught),
            model,
            requests,
            answers[model],
            timed[model],
        )
        for model in upstreams
    }
    candidate, stable = measured[Model.CANDIDATE], measured.get(Model.STABLE)
    matched = pairs(candidate.decoded, stable.decoded) if stable is not None else []
    rows = questions(decoder, requests)
    outputs = {model: one.decoded.outputs for model, one in measured.items()}
    quality, notes = certify_quality(told, order.labels.wish, outputs, ordered=order.ordered)
    return Benchmark(
        created_utc=utc_text(),
        models={model.value: upstream.name for model, upstream in upstreams.items()},
        sha256={
            "reference": inputs.sha256,
            "requests": requests_sha256,
            **({"labels": told.sha256} if told.sha256 else {}),
            **{model.value: hashes.get(model, one.fingerprint) for model, one in measured.items()},
        },
        input=inputs.profile,
        schema=inputs.schema,
        learned=with_texts(lesson.learned, inputs.text_columns),
        self_test=_try(order, inputs, progress, rng),
        sample=inputs.sample(order.keep_sample, rng),
        outputs={
            model.value: _profile_answers(one.decoded, requests, rows, inputs.profile, rng)
            for model, one in measured.items()
        },
        output_schemas={
            model.value: schema
            for model, one in measured.items()
            if (schema := one.decoded.schema()) is not None
        },
        latency={model.value: one.latency for model, one in measured.items()},
        errors={model.value: one.errors for model, one in measured.items()},
        agreement=build_agreement(matched, ordered=order.ordered) if matched else None,
        quality=quality,
        capacity_per_s={model.value: one.capacity_per_s for model, one in measured.items()},
        requests=len(requests),
        warnings=(*inputs.warnings, *lesson.warnings(), *_warn_of_answers(measured, order), *notes),
    )


def _try(order: Order, inputs: Inputs, progress: Progress, rng: np.random.Generator) -> SelfTest:
    """Test the input profile with the reference, by the settings it will be watched with."""
    tick_s = order.monitors.tick_s
    certainty = Certainty(
        run_length_ticks=order.expected_run_length_s / tick_s, min_ticks=order.monitors.min_ticks
    )
    step = progress.begin("self-test", STEPS)
    return self_test(inputs.subject(), rng, order.monitors.input.rule(tick_s), certainty, step)


def _profile_answers(
    decoded: Decoded,
    requests: Sequence[Recorded],
    asked: Sequence[Rows | None],
    profile: Profile,
    rng: np.random.Generator,
) -> Profile:
    """Give the profile of one model's answers, with what belongs to each predicted class."""
    times_s = times_of(requests, decoded)
    columns = decoded.columns()
    outputs = build_profile(columns, rng, ordered=profile.ordered, times_s=times_s)
    within = conditional_of(asked, decoded, profile, outputs)
    return msgspec.structs.replace(outputs, conditional=within)


def _upstreams(models: Models) -> dict[Model, Upstream]:
    found = {Model.CANDIDATE: models.candidate}
    return found | {Model.STABLE: models.stable} if models.stable is not None else found


def _hash_file(path: Path) -> str:
    """Give the SHA-256 of a model's file, or of all files of its folder with their names.

    Raises:
        CertifyError: it cannot be read.
    """
    if not path.is_dir():
        return hash_file(path, "model's file")
    digest = hashlib.sha256()
    for file in sorted(inner for inner in path.rglob("*") if inner.is_file()):
        digest.update(file.relative_to(path).as_posix().encode() + b"\0")
        digest.update(bytes.fromhex(hash_file(file, "model's file")))
    return digest.hexdigest()


async def _collect(
    upstreams: Mapping[Model, Upstream], requests: Sequence[Recorded], progress: Progress
) -> dict[Model, list[Answer]]:
    """Send every request once to every model; both models at the same time."""
    async with AsyncExitStack() as lines:
        open_lines = await _open(lines, upstreams, requests[0])
        step = progress.begin("answers to all requests", len(requests) * len(upstreams))
        given = await asyncio.gather(
            *(
                line.drive(requests, ANSWER_CONCURRENCY, len(requests), step)
                for line in open_lines.values()
            )
        )
    return dict(zip(open_lines, given, strict=True))


async def _open(
    lines: AsyncExitStack, upstreams: Mapping[Model, Upstream], first: Recorded
) -> dict[Model, Line]:
    found: dict[Model, Line] = {}
    for model, upstream in upstreams.items():
        found[model] = Line(model.value, upstream)
        lines.push_async_callback(found[model].close)
        await found[model].check(first)
    return found


async def _time(
    upstreams: Mapping[Model, Upstream],
    requests: Sequence[Recorded],
    load: Load,
    progress: Progress,
) -> dict[Model, dict[int, list[Answer]]]:
    """Time answers at each level; one model at a time, so that neither slows the other down."""
    timed: dict[Model, dict[int, list[Answer]]] = {}
    async with AsyncExitStack() as lines:
        open_lines = await _open(lines, upstreams, requests[0])
        for model, line in open_lines.items():
            timed[model] = {}
            for concurrency in load.concurrencies:
                title = f"latency of {model.value}, {concurrency} at once"
                step = progress.begin(title, load.per_level)
                answers = await line.drive(requests, concurrency, load.per_level, step)
                timed[model][concurrency] = answers
    return timed


def _measure(
    decoded: Decoded,
    model: Model,
    requests: Sequence[Recorded],
    answers: Sequence[Answer],
    timed: Mapping[int, Sequence[Answer]],
) -> _Measured:
    """Put together what was measured of one model.

    Raises:
        CertifyError: none of its answers can be read.
    """
    if not any(decoded.outputs):
        reasons = ", ".join(reason for reason, _ in decoded.reasons.most_common(3))
        raise CertifyError(
            f"{model.value} model: none of its {len(answers)} answers can be read "
            f"({reasons or 'no answer was a success'}); see `payload` in the configuration"
        )
    everything = [*answers, *(answer for level in timed.values() for answer in level)]
    failed = Counter(one for answer in everything if (one := answer.failed_class) is not None)
    return _Measured(
        decoded=decoded,
        errors=ErrorFloor(n=len(everything), failed=dict(failed)),
        latency=_latency(requests, timed),
        capacity_per_s={str(level): _rate(given) for level, given in timed.items()},
        fingerprint=fingerprint(decoded.outputs),
    )


def _latency(requests: Sequence[Recorded], timed: Mapping[int, Sequence[Answer]]) -> LatencyProfile:
    timings = [
        Timing(
            latency_s=answer.finished_s - answer.started_s,
            in_flight=answer.in_flight,
            request_bytes=len(requests[index % len(requests)].body),
        )
        for level in timed.values()
        for index, answer in enumerate(level)
        if answer.failure is None
    ]
    return build_latency(timings, ordered=True)


def _rate(answers: Sequence[Answer]) -> float:
    """Give completed answers per second of one level."""
    done = [answer for answer in answers if answer.failed_class is None]
    took_s = max(answer.finished_s for answer in answers) - answers[0].started_s
    return round(len(done) / took_s, 1) if took_s > 0 else 0.0


def _warn_of_answers(measured: Mapping[Model, _Measured], order: Order) -> list[str]:
    warnings = []
    for model, one in measured.items():
        n_lost = sum(rows is None for rows in one.decoded.outputs) - one.decoded.n_skipped
        if n_lost:
            most = one.decoded.reasons.most_common(1)
            why = most[0][0] if most else "the answers were errors"
            warnings.append(f"{n_lost} answers of the {model.value} model were not read: {why}.")
        if model not in order.model_files:
            warnings.append(f"The hash of the {model.value} model is that of its answers.")
    n = len(next(iter(measured.values())).decoded.outputs)
    if n < FEW_REQUESTS:
        warnings.append(few_requests(n))
    return warnings


def few_requests(n: int) -> str:
    """Say what fewer than `FEW_REQUESTS` do not tell."""
    return f"Only {n} requests: rare errors and disagreements were not measured."
