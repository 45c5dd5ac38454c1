"""The generic webhook: the notice itself as readable JSON; docs/alerts.md has every field."""

from __future__ import annotations

import msgspec

from proxy.actuators.caller import Letter
from proxy.actuators.notice import Notice
from proxy.actuators.settings import Receiver


def write(notice: Notice, receiver: Receiver) -> Letter:
    """Write the notice as JSON; nothing is left out."""
    body = msgspec.json.format(msgspec.json.encode(notice), indent=2)
    return Letter(
        url=receiver.url,
        body=body,
        id=notice.id,
        fields={"X-Stablehand-Kind": notice.kind},
    )
