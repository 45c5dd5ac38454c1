"""Deliver notices: at least once, each receiver on its own, from an outbox on disk.

Every receiver has one task and sees its notices in order; a receiver that is down holds up nobody
else. Tries are repeated with doubling, jittered pauses. After an outage a receiver gets the last
word on each incident instead of the whole story.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from proxy import clock
from proxy.actuators.caller import Caller, Reply
from proxy.actuators.notice import Notice
from proxy.actuators.outbox import Entry, Outbox
from proxy.actuators.receivers import WRITERS
from proxy.actuators.receivers.alertmanager import RESEND_AFTER_S
from proxy.actuators.settings import AlertsSettings, Receiver
from proxy.tasks import TaskGroup

log = logging.getLogger(__name__)

Count: TypeAlias = Callable[[str, str], None]
"""Told (receiver, result); results are `sent`, `failed` (will be tried again), `rejected`,
`expired`, `superseded`, `overflow` and `not_for_it`."""

_FIRST_PAUSE_S: Final = 1.0
_SEVERITIES: Final = ("info", "ticket", "warning", "critical")


class Notifier:
    """Tells the configured receivers."""

    def __init__(
        self,
        settings: AlertsSettings,
        outbox_path: Path,
        *,
        count: Callable[[str, str], None],
        resend_after_s: float = RESEND_AFTER_S,
    ) -> None:
        """Take up what an earlier life left in the outbox; nothing is sent before `start`."""
        self._settings = settings
        self._receivers = {it.name: it for it in settings.receivers}
        self._outbox = Outbox(outbox_path, settings.max_waiting)
        self._outbox.keep_only(self._receivers)
        self._count = count
        self._resend_after_s = resend_after_s
        self._wakes = {name: asyncio.Event() for name in self._receivers}
        self._tasks = TaskGroup("notify", limit=2 * len(self._receivers) + 1)
        self._caller = Caller(settings.max_answer_bytes)
        self._random = random.Random()
        self.last_error: dict[str, str] = {}
        """Why the last try failed, by receiver; absent when it did not."""

    def offer(self, notice: Notice, receivers: tuple[str, ...] = ()) -> None:
        """Take a notice in for delivery: to the named receivers, or to all that want it.

        A notice whose id was offered before is ignored, also after a restart.
        """
        known = self._audience(notice, receivers)
        for entry in self._outbox.put(notice, known, clock.utc().timestamp()):
            for name in entry.receivers:
                self._count(name, "overflow")
        for name in known:
            self._wakes[name].set()

    def start(self) -> None:
        """Begin to deliver."""
        for receiver in self._receivers.values():
            self._tasks.spawn(receiver.name, self._serve(receiver))
            if receiver.type == "alertmanager":
                self._tasks.spawn(f"{receiver.name}.resend", self._resend(receiver))

    async def close(self) -> None:
        """Stop delivering; what waits is on disk for the next life."""
        await self._tasks.close()
        await self._caller.close()

    def told(self, incident: str) -> tuple[str, ...]:
        """Give who heard of an incident that is not over."""
        return self._outbox.told(incident)

    def troubles(self) -> list[str]:
        """Say what keeps people from being told, a sentence for each receiver; empty: nothing."""
        troubles = [self._outbox.trouble] if self._outbox.trouble else []
        for name, error in self.last_error.items():
            n = len(self._outbox.waiting(name))
            left = f"it is tried again, {n} waiting" if n else "what it refused is given up"
            troubles.append(f"the receiver {name} could not be told: {error}; {left}")
        return troubles

    def waiting(self) -> dict[str, int]:
        """Give how many notices wait, by receiver."""
        return {name: len(self._outbox.waiting(name)) for name in self._receivers}

    def _audience(self, notice: Notice, receivers: tuple[str, ...]) -> tuple[str, ...]:
        """Give who is told. The end of an incident is told to those who heard of it."""
        asked = receivers
        if notice.kind == "resolved" and not asked:
            asked = self._outbox.told(notice.incident)
        known = tuple(name for name in asked if name in self._receivers)
        if known:
            return known
        return tuple(it.name for it in self._receivers.values() if _wants(it, notice))

    async def _serve(self, receiver: Receiver) -> None:
        """Deliver to one receiver, for ever."""
        wake = self._wakes[receiver.name]
        n_failures = 0
        while True:
            wake.clear()
            entries = self._outbox.waiting(receiver.name)
            if n_failures:
                entries = self._last_words(entries, receiver)
            if not entries:
                await wake.wait()
                continue
            if await self._try(entries[0], receiver):
                n_failures = 0
                continue
            n_failures += 1
            await asyncio.sleep(self._pause_s(n_failures))

    async def _try(self, entry: Entry, receiver: Receiver) -> bool:
        """Try one delivery; a bug in it costs this notice, never those behind it."""
        try:
            return await self._deliver(entry, receiver)
        except Exception as error:
            log.exception("a notice for %s is given up", receiver.name)
            self.last_error[receiver.name] = type(error).__name__
            return self._settle(entry, receiver, "rejected")

    async def _deliver(self, entry: Entry, receiver: Receiver) -> bool:
        """Try one delivery; true when it is settled, one way or the other."""
        age_s = clock.utc().timestamp() - entry.offered_utc_s
        if age_s > self._settings.max_age_s:
            return self._settle(entry, receiver, "expired")
        letter = WRITERS[receiver.type](entry.notice, receiver)
        if letter is None:
            return self._settle(entry, receiver, "not_for_it")
        reply = await self._caller.call(receiver, letter)
        if reply.ok:
            self.last_error.pop(receiver.name, None)
            return self._settle(entry, receiver, "sent")
        self._note(receiver, reply)
        if reply.is_final:
            return self._settle(entry, receiver, "rejected")
        self._count(receiver.name, "failed")
        return False

    def _note(self, receiver: Receiver, reply: Reply) -> None:
        """Keep why a try failed, and log it when it is another reason than before."""
        words = _words(reply, receiver)
        if self.last_error.get(receiver.name) != words:
            log.warning("the receiver %s could not be told: %s", receiver.name, words)
        self.last_error[receiver.name] = words

    def _settle(self, entry: Entry, receiver: Receiver, result: str) -> bool:
        self._outbox.done(entry, receiver.name)
        self._count(receiver.name, result)
        return True

    def _last_words(self, entries: tuple[Entry, ...], receiver: Receiver) -> tuple[Entry, ...]:
        """Keep the last notice of each incident; who was away is not told the whole story."""
        last = {entry.notice.incident: entry for entry in entries}
        for entry in entries:
            if last[entry.notice.incident] is not entry:
                self._settle(entry, receiver, "superseded")
        return tuple(entry for entry in entries if last[entry.notice.incident] is entry)

    def _pause_s(self, n_failures: int) -> float:
        """Double from a second to `retry_max_s`; half of it by chance, so that no herd forms."""
        full_s = min(self._settings.retry_max_s, _FIRST_PAUSE_S * 2.0 ** min(n_failures - 1, 30))
        return full_s * (0.5 + 0.5 * self._random.random())

    async def _resend(self, receiver: Receiver) -> None:
        """Keep open alerts alive at a receiver that forgets what it is not told again."""
        while True:
            await asyncio.sleep(self._resend_after_s)
            now = clock.utc_text()
            for notice in self._outbox.open_notices(receiver.name):
                try:
                    await self._say_again(msgspec.structs.replace(notice, at_utc=now), receiver)
                except Exception:
                    log.exception("an open notice for %s is not said again", receiver.name)

    async def _say_again(self, notice: Notice, receiver: Receiver) -> None:
        letter = WRITERS[receiver.type](notice, receiver)
        if letter is not None:
            await self._caller.call(receiver, letter)


def _wants(receiver: Receiver, notice: Notice) -> bool:
    """Say whether a receiver is told a notice that names nobody."""
    if receiver.only_escalations:
        return notice.kind == "escalation"
    return _SEVERITIES.index(notice.severity) >= _SEVERITIES.index(receiver.min_severity)


def _words(reply: Reply, receiver: Receiver) -> str:
    """Say why a try failed, with the receiver's words unless they quote what is secret."""
    text = " ".join(reply.text.split())
    parts = urlsplit(receiver.url)
    secrets = (parts.path.strip("/"), parts.query, receiver.token, receiver.routing_key)
    is_telling = any(secret and secret in text for secret in secrets)
    return reply.error if is_telling or not text else f"{reply.error} ({text})"
