"""Call people, level by level, until one of them answers.

The first level is called at once; each level that does not acknowledge in its time is followed by
the next; the last is called again and again. No task and no clock here: `tick` is told the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec import Struct

from proxy.actuators.notice import Notice
from proxy.actuators.settings import AlertsSettings

Offer: TypeAlias = Callable[[Notice, tuple[str, ...]], None]
"""Told (notice, receivers); no receiver means all that want it."""


class Page(Struct, frozen=True, kw_only=True):
    """One incident that a person must answer."""

    notice: Notice
    receiver: str
    """The receiver that the ladder names; empty: the configured levels."""
    level: int
    """The level called last, from 0."""
    n_calls: int
    called_s: float


class Pager:
    """The calls that nobody has answered yet."""

    def __init__(self, settings: AlertsSettings, offer: Offer) -> None:
        """Call through `offer`; nobody is called yet."""
        self._levels = settings.escalation
        self._repeat_after_s = settings.repeat_after_s
        self._offer = offer
        self._pages: dict[str, Page] = {}

    @property
    def pages(self) -> tuple[Page, ...]:
        """The calls that nobody has answered yet."""
        return tuple(self._pages.values())

    def call(self, incident: str, notice: Notice, now_s: float, receiver: str = "") -> None:
        """Call the first level, or the receiver that the ladder names, about an incident."""
        page = Page(notice=notice, receiver=receiver, level=0, n_calls=0, called_s=now_s)
        self._ring(f"{incident}>{receiver}", page, now_s)

    def tick(self, now_s: float, open_incidents: frozenset[str]) -> None:
        """Call whoever is next; drop what is over or acknowledged.

        `open_incidents`: those that fire and that no person has acknowledged.
        """
        for name, page in list(self._pages.items()):
            if name.partition(">")[0] not in open_incidents:
                del self._pages[name]
            elif self._is_due(page, now_s):
                last = max(0, len(self._levels) - 1)
                level = page.level if page.receiver else min(page.level + 1, last)
                self._ring(name, msgspec.structs.replace(page, level=level), now_s)

    def snapshot(self) -> bytes:
        """Give the calls as bytes, for the next life."""
        return msgspec.msgpack.encode(self._pages)

    def restore(self, raw: bytes, delta_s: float = 0.0) -> bool:
        """Take up the calls of an earlier life; false when they cannot be read.

        `delta_s` is added to every time: the host's monotonic clock may have begun anew.
        """
        try:
            pages = msgspec.msgpack.decode(raw, type=dict[str, Page])
        except msgspec.MsgspecError:
            return False
        self._pages = {
            name: msgspec.structs.replace(page, called_s=page.called_s + delta_s)
            for name, page in pages.items()
        }
        return True

    def _is_due(self, page: Page, now_s: float) -> bool:
        waited_s = now_s - page.called_s
        if not page.receiver and page.level < len(self._levels) - 1:
            return waited_s >= self._levels[page.level].wait_s
        wait_s = self._repeat_after_s
        return wait_s > 0 and waited_s >= wait_s

    def _ring(self, name: str, page: Page, now_s: float) -> None:
        """Call the page's level; each call is a notice of its own, or it would be a duplicate."""
        n_calls = page.n_calls + 1
        again = f"{page.notice.id}/{n_calls}" if n_calls > 1 else page.notice.id
        notice = msgspec.structs.replace(page.notice, id=again)
        self._pages[name] = msgspec.structs.replace(page, n_calls=n_calls, called_s=now_s)
        self._offer(notice, self._called(page))

    def _called(self, page: Page) -> tuple[str, ...]:
        if page.receiver:
            return (page.receiver,)
        return self._levels[page.level].receivers if self._levels else ()
