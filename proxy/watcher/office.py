"""The parts of a watcher that its answers to people rest on, under one name each. No behaviour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from proxy.actuators.notify import Notifier
from proxy.config import Loaded
from proxy.pipeline import Pipeline
from proxy.records import AlarmName, Insight, Pulse
from proxy.telemetry.journal import Journal
from proxy.telemetry.metrics import Metrics
from proxy.telemetry.traffic import Traffic
from proxy.watcher.collector import Collector
from proxy.watcher.hands import Hands
from proxy.watcher.memory import Memory
from proxy.watcher.samples import Samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """What the desk looks at."""

    loaded: Loaded
    pipeline: Pipeline
    hands: Hands
    journal: Journal
    memory: Memory
    notifier: Notifier
    metrics: Metrics
    traffic: Traffic
    samples: Samples
    collector: Collector
    pulses: Mapping[int, Pulse]
    notes: Sequence[str]
    """Things to know since the start: no benchmark, state that could not be used."""
    started_utc: str
    insights: Mapping[AlarmName, Insight]
    """The last explanation of each drift alarm."""
