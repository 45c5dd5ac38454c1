"""A deployment on a virtual clock: two models, a benchmark of them, and traffic by script.

Nothing here sleeps or opens a socket. Requests and answers are real protocol bodies, so that the
whole line runs: decoder, monitors, alarms, policy. The dice are seeded: a run is repeatable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pytest

import judges
import made
from proxy.alarms import AlarmSettings
from proxy.benchmark import Benchmark
from proxy.monitors import Engine, Monitor
from proxy.monitors.readiness import StableReadiness
from proxy.monitors.watching import Watching
from proxy.payload.decode import Decoder
from proxy.payload.schema import infer
from proxy.payload.settings import Payload, Redact
from proxy.pipeline import Pipeline, Plan, Turn
from proxy.policy import PolicySettings
from proxy.records import (
    Capture,
    Case,
    Exchange,
    Failure,
    Health,
    Message,
    Model,
    Outcome,
    Pair,
    Position,
    Pulse,
    Rows,
    Scalar,
    Side,
    StepKind,
)
from proxy.stats.reference.floors import ErrorFloor, build_agreement
from proxy.stats.reference.latency import Timing, build_latency
from proxy.stats.reference.profile import build_profile

ROUTE = "/v1/models/{name}:predict"
TARGET = "/v1/models/m:predict"
JSON = {"content-type": "application/json"}
TICK_S = 10.0
PER_TICK = 40
MIRRORED = 0.5
CARRIERS = ("AA", "DL", "UA")
LATENCY_S = 0.02

Instance = dict[str, float | str]
Predict = Callable[[Instance], float]


def stable_model(row: Instance) -> float:
    """Predict with the simple model."""
    return 1 / (1 + math.exp(-(0.8 * float(row["delay"]) + 0.2 * (row["carrier"] == "AA"))))


def candidate_model(row: Instance) -> float:
    """Predict with the better model: close to the simple one, not equal."""
    delay = float(row["delay"])
    return 1 / (1 + math.exp(-(0.85 * delay + 0.05 * delay**2 + 0.2 * (row["carrier"] == "AA"))))


def broken_model(row: Instance) -> float:
    """Predict as the candidate does after a fix that took the sign of a column away."""
    return candidate_model({**row, "delay": abs(float(row["delay"])) + 1.0})


def untouched(row: Instance) -> Instance:
    """Let the input pass as it is."""
    return row


def instance(rng: np.random.Generator) -> Instance:
    """Give one row of healthy input."""
    return {"delay": float(rng.normal()), "carrier": str(rng.choice(CARRIERS, p=(0.5, 0.3, 0.2)))}


def _rows(model: Model, probability: float) -> Rows:
    return made.rows({"prediction": [probability]}, exchange_id=0, model=model, side=Side.OUTPUT)


@cache
def certified() -> Benchmark:
    """Give the benchmark of the two healthy models."""
    rng = np.random.default_rng(1)
    rows = [instance(rng) for _ in range(5000)]
    columns = {name: [row[name] for row in rows] for name in ("delay", "carrier")}
    answers = {
        Model.CANDIDATE: [candidate_model(row) for row in rows],
        Model.STABLE: [stable_model(row) for row in rows],
    }
    pairs = [
        Pair(
            pair_id=number,
            at_s=0.0,
            candidate=_rows(Model.CANDIDATE, candidate),
            stable=_rows(Model.STABLE, stable),
        )
        for number, (candidate, stable) in enumerate(
            zip(answers[Model.CANDIDATE], answers[Model.STABLE], strict=True)
        )
    ]
    timings = [
        Timing(latency_s=LATENCY_S * rng.lognormal(0, 0.2), in_flight=1, request_bytes=80)
        for _ in range(3000)
    ]
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "c", "stable": "s"},
        input=build_profile(columns, rng, ordered=True),
        schema=infer(Side.INPUT, columns, []),
        outputs={
            model.value: build_profile({"prediction": given}, rng, ordered=True)
            for model, given in answers.items()
        },
        output_schemas={
            model.value: schema
            for model, given in answers.items()
            if (schema := infer(Side.OUTPUT, {}, [_rows(model, one) for one in given]))
        },
        latency={model.value: build_latency(timings, ordered=True) for model in Model},
        errors={model.value: ErrorFloor(n=5000, failed={}) for model in Model},
        agreement=build_agreement(pairs, ordered=True),
        requests=5000,
    )


class Counts:
    """Counts what becomes of bodies and pairs, and keeps no rows."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}

    def capture_result(self, side: Side, result: str) -> None:
        """Count a body."""
        self.seen[f"{side}/{result}"] = self.seen.get(f"{side}/{result}", 0) + 1

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Look away: how answers arrive is not what is judged here."""

    def pair(self, result: str) -> None:
        """Count a pair."""
        self.seen[f"pair/{result}"] = self.seen.get(f"pair/{result}", 0) + 1

    def keep(self, rows: Rows) -> None:
        """Look at rows and let them go."""

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Keep nothing."""

    def keep_case(self, case: Case) -> None:
        """Let them go together, too."""


def monitors(engine: Engine) -> tuple[Monitor, ...]:
    """Give every monitor against the certified benchmark."""
    return (
        *judges.against(certified(), engine),
        StableReadiness(engine, has_stable=True),
        Watching(engine),
    )


@dataclass
class World:
    """A deployment and its traffic; a script changes the public fields between ticks."""

    seed: int = 0
    policy: PolicySettings = field(default_factory=PolicySettings)
    candidate: Predict = candidate_model
    """What the candidate answers with now."""
    twist: Callable[[Instance], Instance] = untouched
    """What happens to the input before it reaches anyone."""
    slowness: float = 1.0
    """Factor on the latency of the candidate."""
    refuses: bool = False
    """The candidate's server is gone."""
    stable_ready: bool = True
    now_s: float = 1000.0

    def __post_init__(self) -> None:
        """Begin."""
        self._rng = np.random.default_rng(self.seed)
        self._next_id = 1
        self.counts = Counts()
        self.turns: list[Turn] = []
        self.line = self.new_line()

    def new_line(self) -> Pipeline:
        """Give a fresh pipeline, as a new watcher would have."""
        alarms = AlarmSettings()
        engine = Engine(tick_s=TICK_S, expected_run_length_s=alarms.expected_run_length_s)
        known = {"carrier": frozenset(CARRIERS)}
        return Pipeline(
            Plan(
                alarms=alarms,
                policy=self.policy,
                has_stable=True,
                mirror_fraction=MIRRORED,
            ),
            monitors(engine),
            Decoder(Payload(), Redact(), known),
            compare=judges.comparing(certified()),
            meter=self.counts,
            keeper=self.counts,
        )

    def restart(self, away_s: float = 3.0) -> list[str]:
        """Kill the watcher and start another on its snapshot; the clock has begun anew."""
        raw = self.line.snapshot()
        self.line = self.new_line()
        jump_s = 50_000.0
        self.now_s += jump_s + away_s
        return self.line.restore(raw, jump_s)

    def run(self, minutes: float) -> None:
        """Let time pass with traffic."""
        for _ in range(round(minutes * 60 / TICK_S)):
            for _ in range(PER_TICK):
                self._one_request()
            self.line.observe(self._health(Model.CANDIDATE, ready=not self.refuses))
            self.line.observe(self._health(Model.STABLE, ready=self.stable_ready))
            self.now_s += TICK_S
            self.line.observe(Pulse(0, 1, self.now_s, True, False, 1, {}, 0.0, 0, {}))
            turn = self.line.tick(self.now_s)
            self.turns.append(turn)
            for action in turn.decision.actions:
                if action.step.kind not in {StepKind.ALERT, StepKind.ESCALATE}:
                    self.line.settle(Outcome(action=action, ok=True, error="", took_s=0.0))

    def _health(self, model: Model, *, ready: bool) -> Health:
        return Health(
            model=model, at_s=self.now_s, ready=ready, reason="" if ready else "connection refused"
        )

    def _one_request(self) -> None:
        """Let one request through, with its copy when it is drawn."""
        routing = self.line.routing
        row = self.twist(instance(self._rng))
        serving = routing.serving
        failed_over = serving is Model.CANDIDATE and self.refuses
        if failed_over:
            self.line.observe(self._exchange(Model.CANDIDATE, Position.SERVING, Failure.REFUSED))
            serving = Model.STABLE
        first = self._exchange(serving, Position.SERVING, None, failed_over=failed_over)
        body = Message(JSON, json.dumps({"instances": [row]}).encode(), False)
        self.line.observe(first)
        self.line.observe(Capture(first, TARGET, body, self._answer(serving, row)))
        if routing.shadow is None or failed_over or self._rng.random() >= routing.mirror_fraction:
            return
        gone = routing.shadow is Model.CANDIDATE and self.refuses
        failure = Failure.REFUSED if gone else None
        copy = self._exchange(routing.shadow, Position.SHADOW, failure, pair_id=first.id)
        self.line.observe(copy)
        if not gone:
            answer = self._answer(routing.shadow, row)
            self.line.observe(Capture(copy, TARGET, None, answer))

    def _answer(self, model: Model, row: Instance) -> Message:
        predict = self.candidate if model is Model.CANDIDATE else stable_model
        return Message(JSON, json.dumps({"predictions": [predict(row)]}).encode(), False)

    def _exchange(
        self,
        model: Model,
        position: Position,
        failure: Failure | None,
        *,
        pair_id: int | None = None,
        failed_over: bool = False,
    ) -> Exchange:
        """Give the record of one exchange."""
        self._next_id += 1
        took_s = LATENCY_S * float(self._rng.lognormal(0, 0.2))
        took_s *= self.slowness if model is Model.CANDIDATE else 1.0
        at_s = self.now_s + float(self._rng.uniform(0, TICK_S - 2))
        answered = failure is None
        return made.exchange(
            id=self._next_id,
            pair_id=pair_id,
            model=model,
            position=position,
            route=ROUTE,
            started_s=at_s,
            connected_s=at_s if answered else None,
            first_byte_s=at_s + took_s if answered else None,
            finished_s=at_s + took_s,
            status=200 if answered else 0,
            failure=failure,
            failed_over=failed_over,
        )


@pytest.fixture
def world() -> World:
    """Give a healthy deployment, ten minutes old."""
    healthy = World()
    healthy.run(minutes=10)
    return healthy
