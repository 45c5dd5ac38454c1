"""Attribution and remedies: from alarms to what is to be done, and why, in words.

`decide` asks first who is alone with the trouble (`attribution`), then climbs the ladder that the
operator allowed (`ladder`), and says it (`diagnosis`). Everything here is a value in and a value
out: no clock, no network. Doing it is the actuators' business.
"""

from proxy.policy.attribution import reasoned
from proxy.policy.diagnosis import why
from proxy.policy.gate import Condition, Moment, demands
from proxy.policy.incidents import TICKETS
from proxy.policy.ladder import decide
from proxy.policy.posture import (
    NEWER_ON_DISK,
    acknowledge,
    capacity_in_force,
    is_acknowledged,
    open_incidents,
    override,
    resume,
    routing,
    settle,
    shifted,
)
from proxy.policy.settings import DEFAULT_LADDERS, PolicySettings, step
from proxy.policy.steps import is_dry
from proxy.policy.values import FIRING, RESOLVED, Cause, Decision, Facts, Incident

__all__ = [
    "DEFAULT_LADDERS",
    "FIRING",
    "NEWER_ON_DISK",
    "RESOLVED",
    "TICKETS",
    "Cause",
    "Condition",
    "Decision",
    "Facts",
    "Incident",
    "Moment",
    "PolicySettings",
    "acknowledge",
    "capacity_in_force",
    "decide",
    "demands",
    "is_acknowledged",
    "is_dry",
    "open_incidents",
    "override",
    "reasoned",
    "resume",
    "routing",
    "settle",
    "shifted",
    "step",
    "why",
]
