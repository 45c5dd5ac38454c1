"""Labels through the whole line, from bodies to decisions, on a virtual clock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pytest

import made
import sampled
from proxy.alarms import AlarmSettings
from proxy.benchmark import Benchmark
from proxy.monitors import Engine
from proxy.monitors.label_quality import LabelQuality
from proxy.monitors.readiness import StableReadiness
from proxy.monitors.settings import LabelSettings
from proxy.payload.decode import Decoder
from proxy.payload.settings import Payload, Redact
from proxy.pipeline import Pipeline, Plan
from proxy.policy import Cause, PolicySettings
from proxy.records import (
    AlarmName,
    AlarmState,
    Capture,
    Case,
    Exchange,
    Fate,
    Health,
    Message,
    Model,
    Pair,
    Position,
    Rows,
    Scalar,
    Side,
    StepKind,
    Truth,
)
from proxy.stats.quality.certified_quality import build_quality
from proxy.stats.quality.measures import Scored, score_row
from proxy.stats.quality.target import Answer, Target, TargetKind
from proxy.stats.reference.profile import Profile

TICK_S: Final = 10.0
PER_TICK: Final = 8
MIRRORED: Final = 0.3
TARGET: Final = Target(kind=TargetKind.PROBABILITY, column="prediction")
TARGET_PATH: Final = "/v1/models/m:predict"
JSON: Final = {"content-type": "application/json"}


class Silent:
    """Counts nothing and keeps nothing."""

    def capture_result(self, side: Side, result: str) -> None:
        """Look away."""

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Look away."""

    def pair(self, result: str) -> None:
        """Look away."""

    def keep(self, rows: Rows) -> None:
        """Let the rows go."""

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Keep nothing."""

    def keep_case(self, case: Case) -> None:
        """Let them go together, too."""


def certified(rng: np.random.Generator) -> Benchmark:
    """Give a benchmark of two models that say the true chance."""
    rows: list[Scored] = []
    for score in rng.normal(scale=3.0, size=5000):
        chance = float(1 / (1 + np.exp(-score)))
        rows.append(score_row(TARGET, Answer(chance), bool(rng.random() < chance), 0.0, 1.0))
    quality = build_quality(TARGET, rows, ordered=True)
    return Benchmark(
        created_utc="2026-01-01T00:00:00Z",
        models={"candidate": "new", "stable": "old"},
        input=Profile(n=0, ordered=False, columns=()),
        quality={model.value: quality for model in Model},
    )


class World:
    """Two models and a world that answers: truths come in one file at the end of every hour."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = np.random.default_rng(seed)
        alarms, engine = AlarmSettings(), Engine(tick_s=TICK_S)
        silent = Silent()
        self.line = Pipeline(
            Plan(alarms=alarms, policy=PolicySettings(), has_stable=True, mirror_fraction=MIRRORED),
            (
                LabelQuality(LabelSettings(), certified(self._rng), engine),
                StableReadiness(engine, has_stable=True),
            ),
            Decoder(Payload(), Redact()),
            compare=sampled.compared,
            meter=silent,
            keeper=silent,
        )
        self.now_s = 1000.0
        self.broken: set[Model] = set()
        """Models that have lost what told the outcomes apart."""
        self.fired: set[AlarmName] = set()
        self.causes: set[Cause] = set()
        self.steps: list[StepKind] = []
        self.fates: dict[Fate, int] = {}
        self._untold: list[Truth] = []
        self._key = 0

    def run(self, hours: float) -> None:
        """Let time pass; what is decided is carried out at once."""
        for _ in range(round(hours * 3600 / TICK_S)):
            for _ in range(PER_TICK):
                self._request()
            self.now_s += TICK_S
            for model in Model:
                self.line.observe(Health(model=model, at_s=self.now_s, ready=True, reason=""))
            if self.now_s % 3600 < TICK_S:
                monitor = self.line.labels()
                assert monitor is not None
                receipt = monitor.tell(self._untold, self.now_s)
                self._untold = []
                for fate, n in receipt.fates.items():
                    self.fates[fate] = self.fates.get(fate, 0) + n
            turn = self.line.tick(self.now_s)
            self.fired |= {c.alarm for c in turn.transitions if c.to is AlarmState.FIRING}
            self.steps += [action.step.kind for action in turn.decision.actions]
            self.causes |= {one.cause for one in turn.decision.incidents if not one.is_over}

    def _request(self) -> None:
        self._key += 2
        score = float(self._rng.normal(scale=3.0))
        truth = bool(self._rng.random() < 1 / (1 + np.exp(-score)))
        serving = self.line.routing.serving
        self._answer(self._key, serving, score, None)
        if self._rng.random() < MIRRORED:
            self._answer(self._key + 1, serving.other, score, self._key)
        self._untold.append(Truth(id=f"r-{self._key}", value=truth, at_s=self.now_s + 60))

    def _answer(self, key: int, model: Model, score: float, pair_id: int | None) -> None:
        """Let a model answer, and the relay report it."""
        seen = score if model not in self.broken else float(self._rng.normal(scale=3.0))
        body = json.dumps({"predictions": [1 / (1 + np.exp(-seen))]}).encode()
        exchange = made.exchange(
            id=key,
            pair_id=pair_id,
            model=model,
            position=Position.SERVING if pair_id is None else Position.SHADOW,
            started_s=self.now_s,
            finished_s=self.now_s,
            capture=0.5,
        )
        asked = Message({**JSON, "x-request-id": f"r-{key}"}, b'{"instances": [[1.0]]}', False)
        request = asked if pair_id is None else None
        self.line.observe(Capture(exchange, TARGET_PATH, request, Message(JSON, body, False)))


@pytest.fixture(scope="module")
def healthy() -> World:
    """Give a deployment that was well for four hours."""
    world = World()
    world.run(hours=4)
    return world


def test_four_healthy_hours_of_labels_raise_nothing(healthy: World) -> None:
    """11,500 requests, labelled by the hour: every label joins, the quality is known and fine."""
    finding = healthy.line.alarms[AlarmName.LABEL_QUALITY].finding
    assert finding is not None
    assert finding.verdict == "ok"
    assert (healthy.fired, healthy.steps) == (set(), [])
    assert set(healthy.fates) <= {Fate.JOINED, Fate.UNKNOWN, Fate.WAITING}
    assert healthy.fates[Fate.JOINED] > 8_000


def test_a_candidate_that_alone_lost_its_quality_becomes_the_shadow() -> None:
    """Truth says so, the stable's answers to the same requests hold: traffic is led to it."""
    world = World(seed=2)
    world.run(hours=1)
    world.broken = {Model.CANDIDATE}
    world.run(hours=2)
    assert world.fired == {AlarmName.LABEL_QUALITY}
    assert world.causes == {Cause.MODEL}
    assert StepKind.DOWNGRADE in world.steps
    assert world.line.routing.serving is Model.STABLE


def test_a_world_that_changed_moves_no_traffic() -> None:
    """Both models lost their quality: people are told, and no model is blamed."""
    world = World(seed=3)
    world.run(hours=1)
    world.broken = set(Model)
    world.run(hours=2)
    assert world.fired == {AlarmName.LABEL_QUALITY}
    assert Cause.MODEL not in world.causes
    assert StepKind.ALERT in world.steps
    assert StepKind.DOWNGRADE not in world.steps
