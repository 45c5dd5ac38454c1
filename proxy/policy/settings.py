"""Settings of the policy: which remedies an operator allows, and how patient each one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar, Final, Literal

from proxy.records import AlarmName, Step, StepKind
from proxy.units import STRICT, CountOrZero, Seconds, SecondsOrZero

DEFAULT_LADDERS: Final[Mapping[AlarmName, tuple[str, ...]]] = MappingProxyType(
    {
        AlarmName.INPUT_DRIFT: ("alert", "escalate"),
        AlarmName.OUTPUT_DRIFT: ("alert", "downgrade", "escalate"),
        AlarmName.SCHEMA: ("alert", "downgrade"),
        AlarmName.DISAGREEMENT: ("alert", "downgrade", "escalate"),
        AlarmName.LATENCY: ("alert", "expand", "downgrade", "escalate"),
        AlarmName.THROUGHPUT: ("alert", "expand", "escalate"),
        AlarmName.ERRORS: ("alert", "downgrade", "escalate"),
        AlarmName.LABEL_QUALITY: ("alert", "downgrade", "escalate"),
        AlarmName.STABLE_UNREADY: ("alert",),
        AlarmName.WATCHING: ("alert",),
        AlarmName.SLOW_DRIFT: ("alert",),
    }
)
"""Cheapest remedy first; a person last."""

_ALLOWED: Final = frozenset(
    {StepKind.ALERT, StepKind.EXPAND, StepKind.DOWNGRADE, StepKind.ESCALATE}
)
_WITH_ARGUMENT: Final = frozenset({StepKind.EXPAND, StepKind.ESCALATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Which remedies are allowed, in which order, and how often."""

    __pydantic_config__: ClassVar[dict[str, object]] = STRICT

    ladders: Mapping[AlarmName, tuple[str, ...]] = field(default_factory=dict)
    """Steps per alarm, in order: `alert`, `expand` (every capacity step, one after another;
    `expand:NAME`: up to and including that one), `downgrade`, `escalate` (or
    `escalate:RECEIVER`). An alarm that is not named keeps its default ladder; an empty list watches
    without telling anyone."""
    settle_s: SecondsOrZero = 300.0
    """Time given to a remedy before the next rung of the ladder is taken, in seconds. Default: 5
    minutes, enough for new replicas to take load and for evidence to turn."""
    switch_hold_s: SecondsOrZero = 600.0
    """How long an alarm must have lasted, counted from its detection, before it may switch traffic,
    in seconds. Default: 10 minutes: with 5, transients of a healthy candidate switch eight times as
    often. Hard failures do not wait."""
    cool_down_s: SecondsOrZero = 3600.0
    """Least time between two automatic switches, in seconds. Default: one hour."""
    max_switches_per_day: CountOrZero = 1
    """Automatic switches allowed in any 24 hours; beyond, a person is called. 0: never switch.
    Default: 1."""
    min_pairs: CountOrZero = 200
    """Mirrored pairs of the last half hour below which the stable model counts as unmeasured, so
    that no traffic is led to it. Default: 200."""
    undo_after_s: Seconds = 3600.0
    """How long no alarm must need the capacity steps in force before the last one is taken back, in
    seconds. Default: one hour; scaling down sooner brings the alarm back."""
    restore: Literal["manual"] = "manual"
    """Who leads the traffic back to the candidate. Only a person may: the data of a shadow cannot
    show what serving does to it."""
    dry_run: bool = False
    """Decide and tell, but leave routing and capacity alone. Default: false."""

    def __post_init__(self) -> None:
        """Refuse ladders that cannot be read.

        Raises:
            ValueError: a rung is not a step that an operator may allow.
        """
        for name, rungs in self.ladders.items():
            for rung in rungs:
                _check(name, rung)

    def ladder(self, name: AlarmName) -> tuple[Step, ...]:
        """Give the rungs of one alarm's ladder."""
        return tuple(step(rung) for rung in self.ladders.get(name, DEFAULT_LADDERS[name]))


def step(rung: str) -> Step:
    """Read one rung, such as `expand:more-replicas`.

    Raises:
        ValueError: no such kind of step.
    """
    kind, _, argument = rung.partition(":")
    return Step(kind=StepKind(kind), argument=argument)


def _check(name: AlarmName, rung: str) -> None:
    allowed = ", ".join(sorted(_ALLOWED))
    try:
        read = step(rung)
    except ValueError:
        raise ValueError(f"{name}: {rung!r} is not a step; allowed: {allowed}") from None
    if read.kind not in _ALLOWED:
        raise ValueError(f"{name}: {rung!r} cannot be automatic; allowed: {allowed}")
    if read.argument and read.kind not in _WITH_ARGUMENT:
        raise ValueError(f"{name}: {read.kind} takes no argument, but {rung!r} has one")
