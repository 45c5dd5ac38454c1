"""One file per kind of receiver: each turns a notice into the letter that its kind understands.

A receiver's file has one function, `write(notice, receiver) -> Letter | None`; `None` says that
this kind is not told such a notice. Nothing here sends anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from proxy.actuators.caller import Letter
from proxy.actuators.notice import Notice
from proxy.actuators.receivers import alertmanager, pagerduty, slack, webhook
from proxy.actuators.settings import Receiver

Write: TypeAlias = Callable[[Notice, Receiver], Letter | None]

WRITERS: Final[Mapping[str, Write]] = MappingProxyType(
    {
        "webhook": webhook.write,
        "alertmanager": alertmanager.write,
        "slack": slack.write,
        "pagerduty": pagerduty.write,
    }
)
"""By the receiver's `type`."""
