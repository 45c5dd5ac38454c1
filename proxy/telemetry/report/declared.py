"""What was declared: how often chance raises an alarm, by which versions and under which names."""

from __future__ import annotations

import math
from collections.abc import Iterator

from proxy.policy.words import false_alarms as budget
from proxy.telemetry.report.chronicle import Chronicle, Notice
from proxy.telemetry.report.live import Live


def false_alarms(told: Chronicle, live: Live, said: str) -> str:
    """Say the declared budget: as it was told, as configured, or as the journal has it."""
    run_length_s = live.expected_run_length_s or _rule(told, "expected_run_length_s")
    if said or run_length_s is None:
        return said
    return budget(run_length_s)


def confirmation(told: Chronicle) -> str:
    """Say how rarely a false detection passes the test on later data."""
    log_e = _rule(told, "confirm_evidence")
    if log_e is None:
        return ""
    return f"of false detections at most one in {math.exp(min(log_e, 50.0)):,.0f} is confirmed"


def provenance(told: Chronicle, live: Live, said: Notice) -> tuple[tuple[str, str], ...]:
    """Give versions and names: as the journal has them, and as a running sidecar knows them."""
    return tuple(dict((*_named(told, said), *live.provenance)).items())


def _named(told: Chronicle, said: Notice) -> Iterator[tuple[str, str]]:
    """Give versions and names as the journal has them."""
    for name, value in (
        ("candidate", said.candidate),
        ("stable model", said.stable),
        ("sidecar", said.source),
        *told.start.versions.items(),
    ):
        if value:
            yield name, value
    if told.n_entries:
        yield "journal", f"entries {told.first:,} to {told.last:,}"


def _rule(told: Chronicle, name: str) -> float | None:
    """Give one figure of the alarm rules that the journal began with."""
    rules = told.start.settings.get("alarms")
    value = rules.get(name) if isinstance(rules, dict) else None
    return float(value) if isinstance(value, int | float) else None
