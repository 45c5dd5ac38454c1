"""Carry out what the pipeline decided: write it down, tell people, move traffic, add capacity.

Every turn goes through `carry_out` in the same order: journal first, then routing, then people, so
that what was told can always be found in the journal. Slow actions run beside the ticks and report
back through the pipeline.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from proxy import clock, policy
from proxy.actuators.capacity import Capacity
from proxy.actuators.notice import Notice, Scene, acted, compose
from proxy.actuators.pager import Offer, Pager
from proxy.actuators.route import RouteCell
from proxy.config import Config
from proxy.pipeline import Pipeline, Turn
from proxy.recording import Recorder, Settings
from proxy.records import (
    Action,
    AlarmName,
    AlarmState,
    Finding,
    Outcome,
    Routing,
    StepKind,
    Transition,
)
from proxy.tasks import TaskGroup
from proxy.telemetry.journal import Journal, entries
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.report import abridged

log = logging.getLogger(__name__)

_Kind = TypeVar("_Kind")

MAX_RUNNING_ACTIONS = 8
"""Capacity calls under way at once; the policy asks for one at a time."""

CAPACITY = frozenset({StepKind.EXPAND, StepKind.UNDO})
LOOK_BACK = 1_000
"""Entries in which calls of the last life are looked for: all that the journal remembers."""
LONG_KINDS = frozenset({"tick", "evidence", "insight", "transition", "notice"})
"""Entries that tell nothing of them."""

DETAILED = (AlarmName.INPUT_DRIFT, AlarmName.OUTPUT_DRIFT, AlarmName.DISAGREEMENT)
"""Monitors of which the metrics show every stream, not only those to blame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What decisions are carried out with."""

    journal: Journal
    metrics: Metrics
    tell: Offer
    """Takes notices in for delivery; no receiver named means all that want it."""
    pager: Pager
    capacity: Capacity
    cell: RouteCell
    broadcast: Callable[[Routing], None]
    """Tells every relay."""
    save: Callable[[], None]
    """Writes the state down, so that what was decided is not forgotten."""


class Hands:
    """Carries out the turns of one pipeline."""

    def __init__(
        self, config: Config, pipeline: Pipeline, tools: Tools, *, instance: str, admin_url: str
    ) -> None:
        """Speak for `instance`, whose status page is at `admin_url`."""
        self._config = config
        self._pipeline = pipeline
        self._tools = tools
        self._instance = instance
        self._admin_url = admin_url
        self._tasks = TaskGroup("actions", limit=MAX_RUNNING_ACTIONS)
        self._recorder = Recorder()
        self._last = pipeline.routing
        self.routing_since_utc = clock.utc_text()
        """When the routing in force began."""

    def carry_out(self, turn: Turn) -> None:
        """Do what one tick came to."""
        tools = self._tools
        for finding in turn.findings:
            tools.metrics.finding(finding)
        for transition in turn.transitions:
            self.write("transition", transition)
            tools.metrics.transition(transition)
        for alarm in self._pipeline.alarms.values():
            tools.metrics.alarm(alarm)
        tick = self._recorder.choose(turn)
        if tick is not None:
            self.write("tick", tick)
        for action in turn.decision.actions:
            self._do(action)
        for transition in turn.transitions:
            self._keep_evidence(transition)
        for name in DETAILED:
            tools.metrics.detail(name, self._pipeline.detail(name))
        labels = self._pipeline.labels()
        if labels is not None:
            tools.metrics.labels(labels.news())
        in_force = policy.capacity_in_force(self._pipeline.posture)
        tools.metrics.desired_replicas(tools.capacity.desired_replicas(in_force))
        self.route("policy")
        alarms = self._pipeline.alarms
        waiting = policy.open_incidents(self._pipeline.posture, alarms)
        tools.pager.tick(turn.at_s, waiting)
        if turn.transitions or turn.decision.actions:
            tools.save()

    def _keep_evidence(self, transition: Transition) -> None:
        """Write down what the monitor shows when its alarm fires: a report of it may come late."""
        if transition.to is AlarmState.FIRING:
            name = transition.alarm
            detail = abridged(self._pipeline.detail(name))
            self.write("evidence", {"alarm": name, "detail": detail})

    def _do(self, action: Action) -> None:
        self.write("action", action)
        if action.step.kind is StepKind.ALERT:
            self._tell(action)
        elif action.step.kind is StepKind.ESCALATE:
            self._escalate(action)
        elif policy.is_dry(action):
            self._report(Outcome(action=action, ok=True, error="", took_s=0.0))
        elif action.step.kind in CAPACITY:
            self._call_for_capacity(action)
        else:
            self.switch(action)

    def _call_for_capacity(self, action: Action) -> None:
        """Ask beside the ticks; what comes of it is reported when it is known."""
        if self._tasks.spawn(action.step.kind, self._change_capacity(action)) is None:
            error = "too many actions are still running"
            self._report(Outcome(action=action, ok=False, error=error, took_s=0.0))

    def switch(self, action: Action) -> None:
        """Put the pipeline's routing into force and report it as the outcome of `action`."""
        began_s = clock.now_s()
        self.route(action.alarms[0] if action.alarms else "override")
        # A cell that the disk refused is in force all the same: relays are told over the link.
        took_s = clock.now_s() - began_s
        self._report(Outcome(action=action, ok=True, error="", took_s=took_s))

    def route(self, cause: str) -> None:
        """Tell relays and disk where traffic goes, when that has changed.

        `cause`: one word for the metrics, an alarm's name or `override`.
        """
        routing = self._pipeline.routing
        if routing == self._last:
            return
        self._last = routing
        self.routing_since_utc = clock.utc_text()
        if not self._tools.cell.set(routing):
            log.error("the routing cannot be kept on disk: %s", self._tools.cell.error)
        self._tools.broadcast(routing)
        self._tools.metrics.routing(routing, cause)
        because = self._pipeline.posture.because
        self.write("routing", {"serving": routing.serving, "because": because, "routing": routing})

    async def _change_capacity(self, action: Action) -> None:
        self._report(await self._tools.capacity.apply(action))

    def _report(self, outcome: Outcome) -> None:
        """Let everyone know what came of an action."""
        self._pipeline.settle(outcome)
        self.write("outcome", outcome)
        self._tools.metrics.action(outcome)
        decision = self._pipeline.decision
        incident = decision.incident_of(outcome.action)
        notice = acted(outcome, incident, self._finding(outcome.action), self._scene())
        self._offer(notice)

    def _tell(self, action: Action) -> None:
        notice = self._composed(action)
        if notice is not None:
            self._offer(notice)
            self._tools.metrics.action(Outcome(action=action, ok=True, error="", took_s=0.0))

    def _escalate(self, action: Action) -> None:
        notice = self._composed(action)
        incident = self._pipeline.decision.incident_of(action)
        if notice is None or incident is None:
            return
        self.write("notice", notice)
        self._tools.pager.call(incident.id, notice, action.at_s, action.step.argument)
        self._tools.metrics.action(Outcome(action=action, ok=True, error="", took_s=0.0))

    def _composed(self, action: Action) -> Notice | None:
        incident = self._pipeline.decision.incident_of(action)
        if incident is None:
            log.error("action %s belongs to no incident; nobody is told", action.id)
            return None
        return compose(action, incident, self._finding(action), self._scene())

    def _offer(self, notice: Notice) -> None:
        self.write("notice", notice)
        self._tools.tell(notice, ())

    def _finding(self, action: Action) -> Finding | None:
        for name in action.alarms:
            alarm = self._pipeline.alarms.get(name)
            if alarm is not None and alarm.finding is not None:
                return alarm.finding
        return None

    def _scene(self) -> Scene:
        models = self._config.models
        return Scene(
            instance=self._instance,
            source=self._instance,
            candidate=models.candidate.name,
            stable=models.stable.name if models.stable is not None else "",
            admin_url=self._admin_url,
            expected_run_length_s=self._config.alarms.expected_run_length_s,
            now_s=clock.now_s(),
            utc=clock.utc(),
        )

    def begin(self, text: str, versions: Mapping[str, str]) -> None:
        """Write down that watching begins, by which rules, and with which versions.

        Calls for capacity that the last life made, and of which it heard nothing more, are made
        again: under the same key, so that the receiver acts once.
        """
        rules = Settings(alarms=self._config.alarms, policy=self._config.policy)
        open_calls = self._open_calls()
        self.write("start", {"text": text, "settings": rules, "versions": versions})
        for action in open_calls:
            log.warning("%s was under way when the last life ended; asking again", action.id)
            self._call_for_capacity(action)

    def _open_calls(self) -> list[Action]:
        """Give the calls for capacity of the last life that have no outcome and still count."""
        found: dict[str, Action] = {}
        for entry in entries(self._tools.journal.lines(LOOK_BACK, LONG_KINDS)):
            if entry.kind == "start":
                found.clear()
            elif entry.kind == "action" and (action := _read(entry.body, Action)) is not None:
                if action.step.kind in CAPACITY and not policy.is_dry(action):
                    found[action.id] = action
            elif entry.kind == "outcome" and (outcome := _read(entry.body, Outcome)) is not None:
                found.pop(outcome.action.id, None)
        in_force = self._pipeline.posture.capacity_ids
        return [
            one for one in found.values() if one.step.kind is StepKind.UNDO or one.id in in_force
        ]

    def person_spoke(self, kind: str, body: object) -> None:
        """Write down what a person ordered; it must outlive a crash in the next moment."""
        self.write(kind, body)
        self._tools.save()

    def write(self, kind: str, body: object) -> None:
        """Put one entry into the journal."""
        self._tools.journal.append(kind, body, clock.utc_text())

    async def close(self) -> None:
        """End running actions; what was offered to people waits on disk."""
        await self._tasks.close()


def _read(body: object, kind: type[_Kind]) -> _Kind | None:
    """Read the body of an entry; `None`: another version wrote it."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError:
        return None
