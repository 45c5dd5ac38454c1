"""One watched deployment, from what is observed to what is decided; see `proxy.pipeline`."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from proxy import alarms as alarm_rules
from proxy import policy
from proxy.monitors import Monitor, Pooled
from proxy.monitors.label_quality import LabelQuality
from proxy.pipeline.reading import Compare, Reading
from proxy.pipeline.values import Keeper, Meter, Plan, Reader, Standing, Turn
from proxy.policy import Decision, Facts
from proxy.records import (
    Action,
    Alarm,
    AlarmName,
    AlarmState,
    Capture,
    Compared,
    Exchange,
    Finding,
    FleetState,
    Health,
    Model,
    Observation,
    Outcome,
    Position,
    Posture,
    Pulse,
    Routing,
    Transition,
    Verdict,
)
from proxy.stats.engine.watch import Watch

PAIRS_SPAN_S: Final = 1800.0
"""Span over which pairs are counted before the policy trusts the comparison."""
STATE_VERSION: Final = 1


class _Saved(Struct, frozen=True):
    """The line's state on disk."""

    version: int
    alarms: dict[AlarmName, Alarm]
    posture: Posture
    routing: Routing
    monitors: dict[str, bytes]
    pairs: list[tuple[float, int]]


class Pipeline:
    """One watched deployment: its monitors, its alarms, its posture."""

    def __init__(
        self,
        plan: Plan,
        monitors: Sequence[Monitor],
        decoder: Reader,
        *,
        compare: Compare,
        meter: Meter,
        keeper: Keeper,
    ) -> None:
        """Begin with nothing known: no evidence, no alarm, traffic on the candidate.

        `compare` says how far the answers of a pair lie apart, by the certified rule.
        """
        self._plan = plan
        self._monitors: Mapping[AlarmName, Monitor] = {one.name: one for one in monitors}
        self._rules = {name: plan.alarms.rule(name) for name in self._monitors}
        self._reading = Reading(decoder, compare=compare, meter=meter, keeper=keeper)
        self._pairs: deque[tuple[float, int]] = deque()
        self._pairs_now = 0
        self._ready: dict[Model, Health] = {}
        self._ahead: Pulse | None = None
        """The pulse of a relay whose routing is newer than ours."""
        self.alarms: dict[AlarmName, Alarm] = {name: Alarm(name=name) for name in self._monitors}
        self.posture = Posture()
        self.routing = self._route(Routing())
        self.decision = Decision(posture=self.posture, actions=(), diagnosis="")

    # What is shown to the monitors.

    def observe(self, report: Exchange | Capture | Pulse | Health | FleetState) -> None:
        """Take one report; a sampled body is decoded, and paired when it was mirrored."""
        if isinstance(report, Capture):
            for value in self._reading.take(report, has_shadow=self.routing.shadow is not None):
                self._pairs_now += isinstance(value, Compared)
                self._show(value)
            return
        if isinstance(report, Health):
            self._ready[report.model] = report
        elif isinstance(report, Pulse):
            known = self.routing.epoch if self._ahead is None else self._ahead.epoch
            self._ahead = report if report.epoch > known else self._ahead
        elif self._ahead is not None and isinstance(report, Exchange):
            self._follow(report, self._ahead)
        self._show(report)

    def _follow(self, exchange: Exchange, ahead: Pulse) -> None:
        """Believe relays that follow a newer routing than is known here: a bad disk lost it.

        They would not go back to an older one, and switches would be decided and not happen. Who
        serves is told by the first answer of a request that began since.
        """
        serves = exchange.position is Position.SERVING and not exchange.failed_over
        if serves and exchange.started_s >= ahead.at_s:
            found = msgspec.structs.replace(self.routing, serving=exchange.model, epoch=ahead.epoch)
            self.adopt(
                found, exchange.started_s, "the relays follow a newer routing than was saved"
            )
            self._ahead = None

    def _show(self, value: Observation) -> None:
        for monitor in self._monitors.values():
            monitor.observe(value)

    def pooled(self, names: Iterable[str]) -> dict[str, Watch]:
        """Give the watches of these monitors, for their counts to be added up over replicas.

        To be called just before `tick`, which folds what is then pending.
        """
        wanted = frozenset(names)
        return {
            f"{name}/{part}": watch
            for name, monitor in self._monitors.items()
            if name in wanted and isinstance(monitor, Pooled)
            for part, watch in monitor.pooled().items()
        }

    # What comes of it, once per tick.

    def tick(self, now_s: float) -> Turn:
        """Let every monitor judge, move the alarms, and ask the policy what to do."""
        self._count_pairs(now_s)
        before = Standing(alarms=dict(self.alarms), posture=self.posture)
        findings = tuple(monitor.judge(now_s) for monitor in self._monitors.values())
        transitions = tuple(
            change for finding in findings if (change := self._advance(finding)) is not None
        )
        facts = self.facts()
        self.decision = policy.decide(self.posture, facts, self._plan.policy, now_s)
        self.posture = self.decision.posture
        self.routing = self._route(self.routing)
        return Turn(
            at_s=now_s,
            before=before,
            facts=facts,
            findings=findings,
            transitions=transitions,
            decision=self.decision,
            routing=self.routing,
        )

    def _advance(self, finding: Finding) -> Transition | None:
        name = finding.monitor
        self.alarms[name], change = alarm_rules.advance(
            self.alarms[name], finding, self._rules[name]
        )
        dropped = change is not None and change.to is AlarmState.INACTIVE
        if dropped and finding.verdict is Verdict.BREACH:
            # The detection was never confirmed: the monitor would stay latched on it.
            self._monitors[name].reset()
        return change

    def _count_pairs(self, now_s: float) -> None:
        self._reading.expire(now_s)
        self._pairs.append((now_s, self._pairs_now))
        self._pairs_now = 0
        while self._pairs and now_s - self._pairs[0][0] > PAIRS_SPAN_S:
            self._pairs.popleft()

    def _route(self, before: Routing) -> Routing:
        return policy.routing(
            self.posture,
            before,
            has_stable=self._plan.has_stable,
            mirror_fraction=self._plan.mirror_fraction,
        )

    @property
    def n_pairs(self) -> int:
        """Mirrored pairs joined in the last half hour."""
        return sum(n for _, n in self._pairs) + self._pairs_now

    def facts(self) -> Facts:
        """Give what a decision rests on."""
        return Facts(
            alarms=dict(self.alarms),
            stable_ready=self.is_ready(Model.STABLE),
            candidate_ready=self.is_ready(Model.CANDIDATE),
            has_stable=self._plan.has_stable,
            n_pairs=self.n_pairs,
            capacity=self._plan.capacity,
        )

    def is_ready(self, model: Model) -> bool | None:
        """Give what the last probe of a model said; `None` before the first."""
        health = self._ready.get(model)
        return None if health is None else health.ready

    def health(self, model: Model) -> Health | None:
        """Give the last probe of a model."""
        return self._ready.get(model)

    def detail(self, name: AlarmName) -> dict[str, object]:
        """Give what one monitor can tell people; empty when there is no such monitor."""
        monitor = self._monitors.get(name)
        return {} if monitor is None else monitor.detail()

    def labels(self) -> LabelQuality | None:
        """Give the monitor that takes true outcomes; `None` when there is none."""
        monitor = self._monitors.get(AlarmName.LABEL_QUALITY)
        return monitor if isinstance(monitor, LabelQuality) else None

    # What people and the world answer.

    def acknowledge(self, name: AlarmName | None, by: str, why: str, now_s: float) -> None:
        """Note that a person has seen one alarm, or with `None` every open one."""
        self.posture = policy.acknowledge(self.posture, name, by, why, self.alarms, now_s)

    def override(self, model: Model | None, by: str, now_s: float) -> Action:
        """Route as a person says; `None` decides automatically again."""
        self.posture, action = policy.override(self.posture, model, by, now_s)
        self.routing = self._route(self.routing)
        return action

    def adopt(self, found: Routing, now_s: float, because: str = policy.NEWER_ON_DISK) -> bool:
        """Take over a routing that is newer than the posture: a crash came between the two."""
        if found.epoch <= self.routing.epoch:
            return False
        self.posture = policy.resume(self.posture, self.routing, found, now_s, because)
        self.routing = self._route(found)
        return True

    def settle(self, outcome: Outcome) -> None:
        """Take into account what came of an action."""
        self.posture = policy.settle(self.posture, outcome)
        self.routing = self._route(self.routing)

    # What survives a restart.

    def snapshot(self) -> bytes:
        """Give evidence, alarms and posture as bytes."""
        saved = _Saved(
            version=STATE_VERSION,
            alarms=self.alarms,
            posture=self.posture,
            routing=self.routing,
            monitors={name.value: one.snapshot() for name, one in self._monitors.items()},
            pairs=list(self._pairs),
        )
        return msgspec.msgpack.encode(saved)

    def restore(self, raw: bytes, delta_s: float) -> list[str]:
        """Go on from a snapshot whose times lie `delta_s` behind; give what could not be used.

        A monitor whose evidence does not fit (another benchmark, another version) starts fresh, and
        its alarm with it; routing and posture are kept in any case.
        """
        try:
            saved = msgspec.msgpack.decode(raw, type=_Saved)
        except msgspec.MsgspecError as error:
            return [f"the saved state cannot be read ({error}); everything starts fresh"]
        if saved.version != STATE_VERSION:
            return [f"the saved state has version {saved.version}; everything starts fresh"]
        notes = []
        for name, monitor in self._monitors.items():
            evidence = saved.monitors.get(name.value)
            alarm = saved.alarms.get(name)
            if alarm is None or evidence is None:
                continue
            if monitor.restore(evidence):
                self.alarms[name] = alarm_rules.shifted(alarm, delta_s)
                continue
            monitor.reset()  # a part of the evidence may have fitted
            # Episodes go on counting: the id of an alert must never be used twice.
            self.alarms[name] = Alarm(name=name, episode=alarm.episode)
            if evidence:
                notes.append(f"{name}: the saved evidence does not fit and starts fresh")
        self.posture = policy.shifted(saved.posture, delta_s)
        self.routing = self._route(saved.routing)
        self._pairs = deque((at_s + delta_s, n) for at_s, n in saved.pairs)
        return notes
