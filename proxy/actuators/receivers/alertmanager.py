"""Alertmanager's API v2: one alert per alarm, re-sent while it lasts.

Labels are an alert's identity, so they hold only what is the same for every replica, every re-send
and the end of the alert: replicas with one trouble become one alert. Everything that changes stands
in the annotations. An alert that is not re-sent ends by itself after `END_AFTER_S`.

Source: Prometheus' documentation of clients and of the alerts API.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import msgspec

from proxy.actuators.caller import Letter
from proxy.actuators.notice import Notice, severity_of
from proxy.actuators.settings import Receiver
from proxy.records import AlarmName

END_AFTER_S: Final = 300.0
"""How long an alert lives without being re-sent: five times the pause between two sends."""
RESEND_AFTER_S: Final = 60.0


def write(notice: Notice, receiver: Receiver) -> Letter | None:
    """Write the alerts of one notice; what was done is told in the annotations of the next."""
    if notice.kind == "action" or not notice.alarms:
        return None
    kinds = {"firing": (False,), "escalation": (True,), "resolved": (False, True)}[notice.kind]
    alerts = [
        _alert(alarm, notice, escalated=escalated) for alarm in notice.alarms for escalated in kinds
    ]
    return Letter(
        url=f"{receiver.url.rstrip('/')}/api/v2/alerts",
        body=msgspec.json.encode(alerts),
        id=notice.id,
        fields={},
    )


def _alert(alarm: str, notice: Notice, *, escalated: bool) -> dict[str, object]:
    """Write one alert; empty annotations are left out."""
    annotations = {
        "summary": notice.title,
        "description": notice.what,
        "cause": notice.cause,
        "blamed": "; ".join(notice.blamed),
        "done": notice.done,
        "next": notice.next,
        "undo": notice.undo,
        "incident": notice.incident,
        "source": notice.source,
        "false_alarms": notice.false_alarms,
        "report": notice.links.get("report", ""),
    }
    return {
        "labels": {
            "alertname": _alert_name(alarm, escalated=escalated),
            "alarm": alarm,
            "candidate": notice.candidate or "candidate",
            "severity": "critical" if escalated else severity_of(AlarmName(alarm)),
            "service": "stablehand",
        },
        "annotations": {name: text for name, text in annotations.items() if text},
        "startsAt": notice.since_utc,
        "endsAt": _ends_at(notice),
        "generatorURL": notice.links.get("status", ""),
    }


def _alert_name(alarm: str, *, escalated: bool) -> str:
    words = "".join(word.capitalize() for word in alarm.split("_"))
    return f"Stablehand{words}Escalated" if escalated else f"Stablehand{words}"


def _ends_at(notice: Notice) -> str:
    """Give the end: now for what is over, else the time by which it must have been re-sent."""
    if notice.kind == "resolved":
        return notice.at_utc
    at = datetime.fromisoformat(notice.at_utc) + timedelta(seconds=END_AFTER_S)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
