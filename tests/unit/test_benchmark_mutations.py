"""Damaged benchmarks: refused in words, or harmless; never a watcher that falls over later."""

from __future__ import annotations

import copy
import json
import random
from functools import cache
from typing import TypeAlias

import numpy as np
import pytest

import judges
import made
from proxy.benchmark import Benchmark, BenchmarkError, dump, load
from proxy.certify.sample import keep_sample
from proxy.monitors import Engine
from proxy.payload.decode import Decoder
from proxy.payload.learning import Learned
from proxy.payload.schema import infer
from proxy.payload.settings import Payload, Redact
from proxy.payload.tensor import Basis
from proxy.records import Model, Pair, Rows, Scalar, Side
from proxy.stats.basis.demands import Certainty, DriftRule, Tolerance
from proxy.stats.promise.resampling import Replayed
from proxy.stats.promise.self_test import SelfTest, detectable
from proxy.stats.reference.floors import ErrorFloor, build_agreement
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.reference.profile import build_profile

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Path: TypeAlias = "tuple[str | int, ...]"
N = 30 * 24
ROUNDS = 400
VALUES: tuple[Json, ...] = (
    -1, 0, 1, 0.5, 1e300, -1e300, 10**25, None, "", "x", True, [], {}, [1], [[1, 2]], {"a": 1},
)  # fmt: skip


def columns(rng: np.random.Generator) -> dict[str, list[Scalar]]:
    """Draw rows of two correlated numbers, one with a daily wave, and a word."""
    age = rng.normal(40, 10, N)
    load_ = 2 * np.sin(np.arange(N) / 24 * 2 * np.pi) + rng.normal(size=N)
    return {
        "age": age.tolist(),
        "pay": (age + rng.normal(size=N)).tolist(),
        "load": load_.tolist(),
        "city": [str(city) for city in rng.choice(["york", "bath"], N)],
    }


def rows(side: Side, given: dict[str, list[Scalar]], model: Model = Model.CANDIDATE) -> Rows:
    """Give rows of one exchange."""
    return made.rows(given, model=model, side=side)


@cache
def benchmark() -> Benchmark:
    """Give a benchmark that has every part."""
    rng = np.random.default_rng(0)
    given = columns(rng)
    times_s = (1.7e9 + 3600.0 * np.arange(N)).tolist()
    profile = build_profile(given, rng, ordered=True, times_s=times_s)
    answers = {model: {"p": rng.random(N).tolist()} for model in Model}
    pairs = [
        Pair(
            pair_id=i, at_s=0.0,
            candidate=rows(Side.OUTPUT, {"p": answers[Model.CANDIDATE]["p"][i : i + 1]}),
            stable=rows(Side.OUTPUT, {"p": answers[Model.STABLE]["p"][i : i + 1]}, Model.STABLE),
        )
        for i in range(N)
    ]  # fmt: skip
    timings = [
        Timing(latency_s=float(rng.lognormal(-3, 0.2)), in_flight=1, request_bytes=80)
        for _ in range(600)
    ]
    rule = DriftRule(tolerance=Tolerance(effect=0.1))
    certainty = Certainty(run_length_ticks=1e6)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "c", "stable": "s"},
        sha256={"reference": "ab"},
        input=profile,
        schema=infer(Side.INPUT, given, []),
        learned=Learned(
            text_columns=("note",), vocabularies={"note": (1, 2)},
            bases={"x": Basis(mean=[0.0, 1.0], directions=[[1.0, 0.0]])},
        ),
        outputs={m.value: build_profile(answers[m], rng, ordered=True) for m in Model},
        latency={m.value: build_latency(timings, ordered=True) for m in Model},
        errors={m.value: ErrorFloor(n=N, failed={"server": 3}) for m in Model},
        agreement=build_agreement(pairs, ordered=True),
        capacity_per_s={m.value: {"1": 10.0, "8": 40.0} for m in Model},
        self_test=SelfTest(
            detectable=detectable(profile, rule, certainty), halves_ticks=1, halves_alarms=0,
            halves_blamed=(), warnings=(),
            replayed=Replayed(
                ticks=1, rows_per_tick=1, block_rows=1, alarms=0, budget_ticks=1e6,
            ),
        ),
        sample=keep_sample(given, profile, 20, rng),
        requests=N,
    )  # fmt: skip


def watch(known: Benchmark) -> None:
    """Build every monitor on a benchmark, show it traffic, and let it judge."""
    monitors = judges.against(known, Engine(expected_run_length_s=1e6))
    Decoder(Payload(), Redact(), learned=known.learned)
    rng = np.random.default_rng(1)
    given = {name: values[:50] for name, values in columns(rng).items()}
    output = {"p": rng.random(50).tolist()}
    exchange = made.exchange()
    pair = Pair(
        pair_id=1,
        at_s=0.0,
        candidate=rows(Side.OUTPUT, output),
        stable=rows(Side.OUTPUT, output, Model.STABLE),
    )
    for tick in range(3):
        for monitor in monitors:
            for value in (rows(Side.INPUT, given), rows(Side.OUTPUT, output), exchange, pair):
                monitor.observe(value)
            monitor.judge(10.0 * tick)
            monitor.detail()


def places(value: Json, path: Path = ()) -> list[Path]:
    """Give the path of everything in a value."""
    found = [path] if path else []
    if isinstance(value, dict):
        inside: list[tuple[str | int, Json]] = list(value.items())
    else:
        inside = list(enumerate(value[:3])) if isinstance(value, list) else []
    for key, child in inside:
        found += places(child, (*path, key))
    return found


def mutated(dice: random.Random, whole: Json, path: Path) -> Json:
    """Change, remove or double what stands at a path."""
    changed = copy.deepcopy(whole)
    parent = changed
    for key in path[:-1]:
        parent = parent[key]  # type: ignore[index,call-overload]  # the path is the value's own
    last = path[-1]
    action = dice.choice(["replace", "replace", "remove", "double"])
    if action == "replace":
        parent[last] = dice.choice(VALUES)  # type: ignore[index,call-overload]  # same
    elif action == "remove":
        del parent[last]  # type: ignore[union-attr,arg-type]  # same
    elif isinstance(parent, list):
        parent.append(copy.deepcopy(parent[last]))  # type: ignore[call-overload]  # same
    else:
        parent["more"] = copy.deepcopy(parent[last])  # type: ignore[index,call-overload]  # same
    return changed


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_benchmark_is_refused_or_can_be_watched_with(seed: int) -> None:
    """A value changed by a hand or a disk, anywhere: no monitor may fall over hours later."""
    whole = json.loads(dump(benchmark()))
    assert whole["input"]["seasons"] is not None
    assert whole["input"]["multivariate"] is not None
    found = places(whole)
    # By the shape of the path, so that rare parts are damaged as often as common ones.
    kinds = sorted({tuple(key if isinstance(key, str) else 0 for key in path) for path in found})
    dice = random.Random(seed)
    refused: list[str] = []
    for _ in range(ROUNDS // 4):
        kind = dice.choice(kinds)
        path = dice.choice(
            [p for p in found if tuple(k if isinstance(k, str) else 0 for k in p) == kind]
        )
        raw = json.dumps(mutated(dice, whole, path)).encode()
        try:
            known = load(raw)
        except BenchmarkError as error:
            refused.append(str(error))
            continue
        try:
            watch(known)
        except Exception as error:
            raise AssertionError(f"{path}: {error!r}") from error
    assert len(refused) > ROUNDS // 16
    assert not any("\n" in text for text in refused)
