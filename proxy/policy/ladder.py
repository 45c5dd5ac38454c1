"""Climb the ladders: which remedy is due now."""

from __future__ import annotations

from proxy.policy.settings import PolicySettings
from proxy.policy.values import Decision, Facts
from proxy.records import Posture


def decide(posture: Posture, facts: Facts, settings: PolicySettings, now_s: float) -> Decision:
    """Decide what is to be done now."""
    del facts, settings, now_s
    return Decision(posture=posture, actions=(), diagnosis="")
