"""What a running sidecar knows beside its journal. A declaration only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from proxy.policy import Incident
from proxy.records import Alarm, AlarmName, Insight
from proxy.telemetry.desk import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What a running sidecar knows beside its journal; a journal alone has none of it."""

    made_utc: str
    alarms: Mapping[AlarmName, Alarm] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    detail: Callable[[AlarmName], JsonObject] = lambda _: {}
    """What a monitor tells of its streams."""
    insights: Mapping[AlarmName, Insight] = field(default_factory=dict)
    utc: Callable[[float], str] = lambda _: ""
    """Turns a time on the monotonic clock into text."""
    watched: str = ""
    expected_run_length_s: float | None = None
    provenance: tuple[tuple[str, str], ...] = ()
