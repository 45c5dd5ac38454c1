"""A benchmark of live traffic: what the serving model was asked and answered lately.

It certifies how things are, not that they are right: a fault that is there already becomes the
reference. What only load of our own can measure (capacity, latency at other concurrencies) is not
in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from proxy.benchmark import Benchmark
from proxy.certify.answers import Decoded, fingerprint, stack
from proxy.certify.certify import FEW_REQUESTS, Progress, few_requests
from proxy.certify.conditional import conditional_of
from proxy.certify.files import CertifyError
from proxy.certify.sample import keep_sample
from proxy.clock import utc_text
from proxy.monitors.settings import Monitors
from proxy.payload.learning import Learned
from proxy.payload.schema import infer
from proxy.records import Model, Pair, Rows, Side
from proxy.stats.basis.demands import Certainty
from proxy.stats.promise.resampling import PARTS, Subject
from proxy.stats.promise.self_test import SelfTest, self_test
from proxy.stats.reference.floors import ErrorFloor, build_agreement
from proxy.stats.reference.latency import MIN_CELL, Timing, build_latency
from proxy.stats.reference.profile import Profile, build_profile
from proxy.units import DAY_S

KEPT_ROWS: Final = 1000
EVEN: Final = 1.05
"""How much more thinly some hours may be sampled than others and still be compared with them."""


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
    unread: Mapping[str, int] = field(default_factory=dict)
    """Bodies that could not be read: `input`, or the model that answered."""
    learned: Learned | None = None
    """Words and main directions with which the bodies were read."""
    n_taught: int = 0
    """Exchanges that taught them, and are not among the bodies."""
    utc_offset_s: float = 0.0
    """Seconds since 1970 are the times of the bodies plus this."""
    monitors: Monitors = field(default_factory=Monitors)
    """What will be watched, for the self-test."""
    expected_run_length_s: float = 365 * DAY_S
    """Seconds between false alarms that the alarms promise, for the self-test."""

    def times(self, bodies: Sequence[Rows]) -> list[float]:
        """Give the time of each row of bodies, in seconds since 1970."""
        return [rows.at_s + self.utc_offset_s for rows in bodies for _ in range(rows.n)]


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
    times_s = lately.times(asked)
    profile = build_profile(columns, rng, ordered=True, times_s=times_s, is_even=_is_even(asked))
    answers = _answers(lately.bodies)
    matched = _pairs(answers)
    timings = {model: timed for model, timed in lately.timings.items() if len(timed) >= MIN_CELL}
    subject = Subject(columns=columns, profile=profile, times_s=times_s)
    return Benchmark(
        created_utc=utc_text(),
        models=dict(lately.names),
        sha256={
            "reference": hashlib.sha256(msgspec.json.encode(columns)).hexdigest(),
            **{model: fingerprint(rows) for model, rows in answers.items()},
        },
        input=profile,
        schema=infer(Side.INPUT, columns, asked, lately.unread.get(Side.INPUT, 0)),
        learned=lately.learned,
        outputs={
            model: _profile(lately, rows, asked, profile, rng) for model, rows in answers.items()
        },
        output_schemas={
            model: schema
            for model, rows in answers.items()
            if (schema := infer(Side.OUTPUT, {}, rows, lately.unread.get(model, 0))) is not None
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
        self_test=_try(lately, subject, progress, rng),
        sample=keep_sample(columns, profile, keep, rng),
        requests=len(asked),
        warnings=tuple(_warnings(lately, asked, timings)),
    )


def _try(
    lately: Lately, subject: Subject, progress: Progress, rng: np.random.Generator
) -> SelfTest:
    """Test the input profile with its rows, by the settings it will be watched with."""
    monitors = lately.monitors
    certainty = Certainty(
        run_length_ticks=lately.expected_run_length_s / monitors.tick_s,
        min_ticks=monitors.min_ticks,
    )
    step = progress.begin("self-test", PARTS)
    return self_test(subject, rng, monitors.input.rule(monitors.tick_s), certainty, step)


def _answers(bodies: Sequence[Rows]) -> dict[str, list[Rows]]:
    """Give the answers by model, in the order in which they came; models without one are left."""
    given = {
        model.value: [r for r in bodies if r.side is Side.OUTPUT and r.model is model]
        for model in Model
    }
    return {model: rows for model, rows in given.items() if rows}


def _profile(
    lately: Lately,
    answers: Sequence[Rows],
    asked: Sequence[Rows],
    profile: Profile,
    rng: np.random.Generator,
) -> Profile:
    """Give the profile of one model's answers, with what belongs to each predicted class."""
    outputs = build_profile(
        stack(answers),
        rng,
        ordered=True,
        times_s=lately.times(answers),
        is_even=_is_even(answers),
    )
    known = {_asked(rows): rows for rows in answers}
    given = Decoded(outputs=[known.get(_asked(rows)) for rows in asked])
    within = conditional_of(asked, given, profile, outputs)
    return msgspec.structs.replace(outputs, conditional=within)


def _is_even(bodies: Sequence[Rows]) -> bool:
    """Tell whether bodies were sampled as thinly at all hours."""
    weights = [rows.weight for rows in bodies]
    return max(weights, default=1.0) <= EVEN * min(weights, default=1.0)


def _timing(one: tuple[float, int, int]) -> Timing:
    return Timing(latency_s=one[0], in_flight=one[1], request_bytes=one[2])


def _pairs(answers: Mapping[str, Sequence[Rows]]) -> list[Pair]:
    """Give the answers of both models to the same request: a shadow names whose copy it is."""
    known = {_asked(rows): rows for rows in answers.get(Model.STABLE, ())}
    return [
        Pair(pair_id=_asked(rows), at_s=rows.at_s, candidate=rows, stable=known[_asked(rows)])
        for rows in answers.get(Model.CANDIDATE, ())
        if _asked(rows) in known
    ]


def _asked(rows: Rows) -> int:
    return rows.exchange_id if rows.pair_id is None else rows.pair_id


def _warnings(
    lately: Lately, asked: Sequence[Rows], timings: Mapping[str, object]
) -> Iterator[str]:
    """Say what the benchmark is worth, and what is not in it."""
    took_s = asked[-1].at_s - asked[0].at_s
    n = sum(rows.n for rows in asked)
    yield (
        f"Learned from {n:,} rows of live traffic in {took_s / 60:,.1f} minutes: it certifies how "
        "the models behave today, not that this is right; a fault that was there already is now "
        "the reference."
    )
    yield (
        "Capacity was not measured, and latency only at the load that was there: a model that "
        "slows down under more load is only known by `certify`."
    )
    yield (
        "The quality is not certified, since traffic does not tell what is true: `label_quality` "
        "shows figures, but cannot alarm; `certify --labels` changes that."
    )
    if lately.n_taught:
        yield (
            f"{lately.n_taught:,} exchanges taught the words of texts or the main directions of "
            "tensors; they are not part of the profiles."
        )
    slow = sorted(lately.answers.keys() - timings.keys())
    if slow:
        yield f"Too few answers to certify the latency of: {', '.join(slow)}."
    for whose, n_lost in sorted(lately.unread.items()):
        what = "requests" if whose == Side.INPUT else f"answers of the {whose} model"
        yield f"{n_lost:,} {what} could not be read: that many are normal from now on."
    if len(asked) < FEW_REQUESTS:
        yield few_requests(len(asked))
