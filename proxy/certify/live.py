"""A benchmark of live traffic: what the serving model was asked and answered lately.

It certifies how things are, not that they are right: a fault that is there already becomes the
reference. What only load of our own can measure (capacity, latency at other concurrencies) is not
in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from proxy.benchmark import Benchmark
from proxy.certify.answers import stack
from proxy.certify.certify import Progress
from proxy.certify.files import CertifyError
from proxy.certify.sample import keep_sample
from proxy.clock import utc_text
from proxy.monitors.settings import DriftSettings
from proxy.payload.schema import infer
from proxy.records import Model, Pair, Rows, Side
from proxy.stats.basis.demands import Certainty
from proxy.stats.promise.resampling import PARTS, Subject
from proxy.stats.promise.self_test import YEAR_OF_TICKS, self_test
from proxy.stats.reference.floors import ErrorFloor, build_agreement
from proxy.stats.reference.latency import MIN_CELL, Timing, build_latency
from proxy.stats.reference.profile import build_profile

KEPT_ROWS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """What a running sidecar collected, in the order in which it came."""

    bodies: Sequence[Rows]
    timings: Mapping[str, Sequence[tuple[float, int, int]]] = field(default_factory=dict)
    """By model: seconds, running exchanges, bytes of the request."""
    answers: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By model and class of failure."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Of the models."""
    utc_offset_s: float = 0.0
    """Seconds since 1970 are the times of the bodies plus this."""


def certify_lately(
    lately: Lately, progress: Progress, rng: np.random.Generator, keep: int = KEPT_ROWS
) -> Benchmark:
    """Give the benchmark of what was collected.

    Raises:
        CertifyError: no input row could be read.
    """
    asked = sorted((r for r in lately.bodies if r.side is Side.INPUT), key=lambda rows: rows.at_s)
    columns = stack(asked)
    if not columns:
        raise CertifyError("no input row was read meanwhile; see `payload` in the configuration")
    times_s = [rows.at_s + lately.utc_offset_s for rows in asked for _ in range(rows.n)]
    profile = build_profile(columns, rng, ordered=True, times_s=times_s)
    given = {
        model: [r for r in lately.bodies if r.side is Side.OUTPUT and r.model is model]
        for model in Model
    }
    outputs = {model: rows for model, rows in given.items() if rows}
    matched = _pairs(given[Model.CANDIDATE], given[Model.STABLE])
    timings = {model: timed for model, timed in lately.timings.items() if len(timed) >= MIN_CELL}
    subject = Subject(columns=columns, profile=profile, times_s=times_s)
    step = progress.begin("self-test", PARTS)
    certainty = Certainty(run_length_ticks=YEAR_OF_TICKS)
    return Benchmark(
        created_utc=utc_text(),
        models=dict(lately.names),
        sha256={"reference": hashlib.sha256(msgspec.json.encode(columns)).hexdigest()},
        input=profile,
        schema=infer(Side.INPUT, columns, asked),
        outputs={
            model.value: build_profile(stack(rows), rng, ordered=True)
            for model, rows in outputs.items()
        },
        output_schemas={
            model.value: schema
            for model, rows in outputs.items()
            if (schema := infer(Side.OUTPUT, {}, rows)) is not None
        },
        latency={
            model: build_latency([_timing(one) for one in timed], ordered=True)
            for model, timed in timings.items()
        },
        errors={
            model: ErrorFloor(n=n, failed=dict(lately.failed.get(model, {})))
            for model, n in lately.answers.items()
            if n
        },
        agreement=build_agreement(matched, ordered=True) if matched else None,
        self_test=self_test(subject, rng, DriftSettings().rule(), certainty, step),
        sample=keep_sample(columns, profile, keep, rng),
        requests=len(asked),
        warnings=_warnings(lately, asked, timings),
    )


def _timing(one: tuple[float, int, int]) -> Timing:
    return Timing(latency_s=one[0], in_flight=one[1], request_bytes=one[2])


def _pairs(candidate: Sequence[Rows], stable: Sequence[Rows]) -> list[Pair]:
    """Give the answers of both models to the same request: a shadow names whose copy it is."""
    known = {_asked(rows): rows for rows in stable}
    return [
        Pair(pair_id=_asked(rows), at_s=rows.at_s, candidate=rows, stable=known[_asked(rows)])
        for rows in candidate
        if _asked(rows) in known
    ]


def _asked(rows: Rows) -> int:
    return rows.exchange_id if rows.pair_id is None else rows.pair_id


def _warnings(
    lately: Lately, asked: Sequence[Rows], timings: Mapping[str, object]
) -> tuple[str, ...]:
    took_s = asked[-1].at_s - asked[0].at_s
    n = sum(rows.n for rows in asked)
    learned = (
        f"Learned from {n:,} rows of live traffic in {took_s / 60:,.1f} minutes: it certifies how "
        "the models behave today, not that this is right; a fault that was there already is now "
        "the reference."
    )
    told = [learned, "Capacity was not measured, and latency only at the load that was there."]
    slow = sorted(lately.answers.keys() - timings.keys())
    if slow:
        told.append(f"Too few answers to certify the latency of: {', '.join(slow)}.")
    return tuple(told)
