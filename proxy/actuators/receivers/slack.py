"""Slack's incoming webhook: a short text for the notification, blocks for the channel.

Source of the limits: Slack's reference of block kit (header 150, section text 3000 characters).
"""

from __future__ import annotations

from typing import Final

import msgspec

from proxy.actuators.caller import Letter
from proxy.actuators.notice import Notice
from proxy.actuators.settings import Receiver

_HEADER_MAX: Final = 150
_SECTION_MAX: Final = 3000
_MARKS: Final = {
    "firing": ":rotating_light:",
    "resolved": ":white_check_mark:",
    "escalation": ":telephone_receiver:",
    "action": ":gear:",
}


def write(notice: Notice, receiver: Receiver) -> Letter:
    """Write a header, what was seen, what was done and is next, and where to look."""
    title = f"{_MARKS[notice.kind]} {notice.title}"
    sections = [_section(notice.what)]
    if notice.blamed:
        sections.append(_section("\n".join(f"• {it}" for it in notice.blamed)))
    course = [("Done", notice.done), ("Next", notice.next)]
    told = "\n".join(f"*{name}:* {text}" for name, text in course if text)
    if told:  # an action of a person leaves nothing to say
        sections.append(_section(told))
    if notice.undo:
        sections.append(_section(f"*Undo:* `{notice.undo}`"))
    context = _escape(f"{notice.source} · since {notice.since_utc} · {notice.false_alarms}")
    if "report" in notice.links:
        context = f"<{_escape(notice.links['report'])}|Report> · {context}"
    body = {
        "text": _escape(f"{title}: {notice.what}")[:_SECTION_MAX],
        "blocks": [
            {
                "type": "header",
                "text": {"type": "plain_text", "text": title[:_HEADER_MAX], "emoji": True},
            },
            *sections,
            {
                "type": "context",
                "elements": [{"type": "mrkdwn", "text": context[:_SECTION_MAX]}],
            },
        ],
    }
    return Letter(url=receiver.url, body=msgspec.json.encode(body), id=notice.id, fields={})


def _section(text: str) -> dict[str, object]:
    cut = _escape(text)[:_SECTION_MAX]
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut or " "}}


def _escape(text: str) -> str:
    """Escape the three characters that Slack reads as markup; a column may be called `<!here>`."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
