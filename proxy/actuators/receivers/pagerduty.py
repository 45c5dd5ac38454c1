"""PagerDuty's Events API v2: one PagerDuty incident per incident of ours.

Source: PagerDuty's reference of Events v2 (`dedup_key` at most 255, `summary` at most 1024
characters; severities critical, error, warning, info).
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from proxy.actuators.caller import Letter
from proxy.actuators.notice import Notice
from proxy.actuators.settings import Receiver

_KEY_MAX: Final = 255
_SUMMARY_MAX: Final = 1024


def write(notice: Notice, receiver: Receiver) -> Letter | None:
    """Trigger for what fires or is escalated, resolve for what is over; actions are no event."""
    if notice.kind == "action":
        return None
    body = {
        "routing_key": receiver.routing_key,
        "event_action": "resolve" if notice.kind == "resolved" else "trigger",
        "dedup_key": _key(notice.incident),
        "client": "stablehand",
        "client_url": notice.links.get("status", ""),
        "payload": {
            "summary": f"{notice.title} on {notice.source}"[:_SUMMARY_MAX],
            "source": notice.source,
            # Its word for what nobody needs to be woken by.
            "severity": "info" if notice.severity == "ticket" else notice.severity,
            "timestamp": notice.at_utc,
            "component": notice.candidate,
            "group": "stablehand",
            "class": notice.cause,
            "custom_details": {
                "what": notice.what,
                "since": notice.since_utc,
                "blamed": list(notice.blamed),
                "done": notice.done,
                "next": notice.next,
                "undo": notice.undo,
                "false_alarms": notice.false_alarms,
            },
        },
        "links": [{"href": link, "text": name} for name, link in notice.links.items()],
    }
    return Letter(url=receiver.url, body=msgspec.json.encode(body), id=notice.id, fields={})


def _key(incident: str) -> str:
    """Give a key of legal length that stays distinct."""
    if len(incident) <= _KEY_MAX:
        return incident
    return hashlib.sha256(incident.encode()).hexdigest()
