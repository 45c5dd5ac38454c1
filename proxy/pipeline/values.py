"""What the line works by and gives, and who stands beside it. Declarations only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec import Struct

from proxy.alarms import AlarmSettings
from proxy.policy import Decision, Facts, PolicySettings
from proxy.records import (
    Alarm,
    AlarmName,
    Capture,
    Case,
    Exchange,
    Finding,
    Pair,
    Posture,
    Routing,
    Rows,
    Scalar,
    Side,
    Transition,
    Undecodable,
)


class Meter(Protocol):
    """Who counts what becomes of sampled bodies and pairs."""

    def capture_result(self, side: Side, result: str) -> None:
        """Count a body: `decoded`, or why not."""

    def arrival(self, exchange: Exchange, timings: Mapping[str, Sequence[Scalar]]) -> None:
        """Take over how a sampled answer arrived; empty timings: it did not come in pieces."""

    def pair(self, result: str) -> None:
        """Count a mirrored pair: `agree` or `differ`."""


class Reader(Protocol):
    """Who reads sampled bodies: a decoder, alone or with someone who looks over its shoulder."""

    def decode(self, capture: Capture) -> tuple[Rows | Undecodable, ...]:
        """Give the rows of each side, or why there are none; never raises."""


class Keeper(Protocol):
    """Who keeps decoded rows for people."""

    def keep(self, rows: Rows) -> None:
        """Offer rows to the sample."""

    def keep_case(self, case: Case) -> None:
        """Offer answers together with their questions."""

    def keep_pair(self, pair: Pair, apart: float) -> None:
        """Offer a pair whose answers lie `apart`, more than 0, to the strongest disagreements."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the line works by."""

    alarms: AlarmSettings
    policy: PolicySettings
    has_stable: bool
    mirror_fraction: float
    capacity: tuple[str, ...] = ()
    """Names of the capacity steps, in order."""


class Standing(Struct, frozen=True, kw_only=True):
    """Where alarms and remedies stood before a tick."""

    alarms: dict[AlarmName, Alarm]
    posture: Posture


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one tick came to."""

    at_s: float
    before: Standing
    facts: Facts
    """What the decision rested on."""
    findings: tuple[Finding, ...]
    transitions: tuple[Transition, ...]
    decision: Decision
    routing: Routing
