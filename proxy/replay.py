"""Run a recorded journal through the code that decided: why it did, or what other rules would do.

While something is wrong the watcher writes every tick's findings into the journal. Here they go
through the same `alarms.advance` and `policy.decide` again, with the settings of that time or with
others, and both stories are told side by side. The evidence itself is not computed again: it is in
the findings.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from proxy import alarms as alarm_rules
from proxy import policy
from proxy.alarms import AlarmSettings
from proxy.policy import Decision, Facts, PolicySettings
from proxy.recording import Settings, Tick
from proxy.records import (
    Action,
    Alarm,
    AlarmName,
    Model,
    Posture,
    Transition,
)
from proxy.telemetry.journal import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened, in the record or in the replay."""

    at_utc: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A journal told twice."""

    recorded: tuple[Event, ...]
    replayed: tuple[Event, ...]
    n_ticks: int
    unreadable: int
    """Entries of another version, or damaged, that were left out."""

    @property
    def is_same(self) -> bool:
        """Whether the replay decided what was decided then."""
        return [one.what for one in self.recorded] == [one.what for one in self.replayed]


class ReplayError(Exception):
    """The journal holds nothing that can be replayed; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision that asked for something, with all that it rested on."""

    at_utc: str
    at_s: float
    before: Posture
    facts: Facts
    rules: PolicySettings
    decision: Decision


def decisions(entries: Iterable[Entry]) -> tuple[Decided, ...]:
    """Give the recorded decisions that asked for anything, oldest first, by the rules of then."""
    machine = _Machine(None)
    for entry in entries:
        machine.feed(entry)
    return tuple(machine.decided)


def replay(entries: Iterable[Entry], rules: Settings | None = None) -> Story:
    """Tell what a journal says, and what `rules` (default: those of that time) make of it.

    Raises:
        ReplayError: the journal has no recorded tick.
    """
    machine = _Machine(rules)
    for entry in entries:
        machine.feed(entry)
    if not machine.n_ticks:
        raise ReplayError(
            "the journal holds no recorded tick: nothing went wrong while it was written"
        )
    return Story(
        recorded=tuple(machine.recorded),
        replayed=tuple(machine.replayed),
        n_ticks=machine.n_ticks,
        unreadable=machine.n_unreadable,
    )


def show(story: Story) -> Iterator[str]:
    """Give the story line by line: `=` told alike, `-` only in the record, `+` only replayed."""
    yield f"{story.n_ticks} recorded ticks"
    if story.unreadable:
        yield f"{story.unreadable} entries could not be read and were left out"
    recorded = [one.what for one in story.recorded]
    replayed = [one.what for one in story.replayed]
    matcher = difflib.SequenceMatcher(a=recorded, b=replayed, autojunk=False)
    for kind, low, high, begin, end in matcher.get_opcodes():
        if kind == "equal":
            yield from (f"= {one.at_utc}  {one.what}" for one in story.recorded[low:high])
            continue
        yield from (f"- {one.at_utc}  {one.what}" for one in story.recorded[low:high])
        yield from (f"+ {one.at_utc}  {one.what}" for one in story.replayed[begin:end])
    yield "the same was decided" if story.is_same else "other rules, or another version, differ"


class _Machine:
    """The state of one replay."""

    def __init__(self, rules: Settings | None) -> None:
        self._fixed = rules
        self._rules = rules or Settings(alarms=AlarmSettings(), policy=PolicySettings())
        self._alarms: dict[AlarmName, Alarm] = {}
        self._posture = Posture()
        self._at_s = 0.0
        self.recorded: list[Event] = []
        self.replayed: list[Event] = []
        self.decided: list[Decided] = []
        self.n_ticks = 0
        self.n_unreadable = 0

    def feed(self, entry: Entry) -> None:
        """Take one entry; kinds that decide nothing are passed over."""
        try:
            match entry.kind:
                case "start":
                    self._start(entry)
                case "tick":
                    self._tick(entry.at_utc, msgspec.convert(entry.body, Tick, strict=False))
                case "override" | "ack":
                    self._person(entry)
                case "transition":
                    change = msgspec.convert(entry.body, Transition, strict=False)
                    self.recorded.append(Event(at_utc=entry.at_utc, what=_of_change(change)))
                case "action":
                    action = msgspec.convert(entry.body, Action, strict=False)
                    self.recorded += [Event(at_utc=entry.at_utc, what=_of_action(action))]
        except msgspec.ValidationError:
            self.n_unreadable += 1

    def _start(self, entry: Entry) -> None:
        if self._fixed is None and isinstance(entry.body, dict) and "settings" in entry.body:
            self._rules = msgspec.convert(entry.body["settings"], Settings, strict=False)

    def _tick(self, at_utc: str, tick: Tick) -> None:
        self.n_ticks += 1
        self._at_s = tick.at_s
        if tick.before is not None:
            self._alarms = dict(tick.before.alarms)
            self._posture = tick.before.posture
        told = [*self._advance(tick), *self._decide(at_utc, tick)]
        self.replayed += [Event(at_utc=at_utc, what=what) for what in told]

    def _advance(self, tick: Tick) -> Iterator[str]:
        for finding in tick.findings:
            name = finding.monitor
            alarm = self._alarms.get(name, Alarm(name=name))
            moved, change = alarm_rules.advance(alarm, finding, self._rules.alarms.rule(name))
            self._alarms[name] = moved
            if change is not None:
                yield _of_change(change)

    def _decide(self, at_utc: str, tick: Tick) -> Iterator[str]:
        facts = Facts(
            alarms=dict(self._alarms),
            stable_ready=tick.stable_ready,
            candidate_ready=tick.candidate_ready,
            has_stable=tick.has_stable,
            n_pairs=tick.n_pairs,
            capacity=tick.capacity,
        )
        rules, before = self._rules.policy, self._posture
        decision = policy.decide(before, facts, rules, tick.at_s)
        self._posture = decision.posture
        if decision.actions:
            self.decided.append(
                Decided(
                    at_utc=at_utc,
                    at_s=tick.at_s,
                    before=before,
                    facts=facts,
                    rules=rules,
                    decision=decision,
                )
            )
        for action in decision.actions:
            yield _of_action(action)

    def _person(self, entry: Entry) -> None:
        """Let a person's order have the effect it had."""
        body = msgspec.convert(entry.body, _Order, strict=False)
        if entry.kind == "override":
            model = None if body.model == "auto" else Model(body.model)
            self._posture, _ = policy.override(self._posture, model, body.by, self._at_s)
            return
        for name in body.alarms:
            self._posture = policy.acknowledge(
                self._posture, name, body.by, body.why, self._alarms, self._at_s
            )


class _Order(Struct, frozen=True):
    """What a person ordered, as the journal has it."""

    by: str = ""
    why: str = ""
    model: str = "auto"
    alarms: tuple[AlarmName, ...] = ()


def _of_change(change: Transition) -> str:
    return f"{change.alarm}: {change.was} -> {change.to}"


def _of_action(action: Action) -> str:
    return f"{action.step.kind} ({action.id})"
