"""What is still to be delivered, on disk: one small file per notice, and what is open.

A notice is written before it is sent and its file goes when the last receiver has it, so that a
crash in between delivers it again rather than never. Everything is bounded; a disk that refuses is
counted and the outbox goes on in memory.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from proxy.actuators.notice import Notice
from proxy.disk import replace_file

log = logging.getLogger(__name__)

_SUFFIX: Final = ".notice"
_MEMORY: Final = "memory.json"
MAX_KNOWN: Final = 2000
"""Ids remembered after their delivery, so that a decision repeated after a crash is told once."""


class Entry(Struct, frozen=True, kw_only=True):
    """A notice with the receivers that do not have it yet."""

    number: int
    notice: Notice
    receivers: tuple[str, ...]
    offered_utc_s: float
    """Seconds since 1970: the age must survive a restart of the host."""


class _Memory(Struct, kw_only=True):
    """What outlives the notices themselves."""

    known: list[str] = []
    open: dict[str, Notice] = {}
    heard: dict[str, tuple[str, ...]] = {}
    """Who is told each of the open notices."""
    told: dict[str, tuple[str, ...]] = {}
    """Who heard of an incident that is not over."""


class Outbox:
    """The notices that wait, oldest first."""

    def __init__(self, path: Path, max_waiting: int) -> None:
        """Read what an earlier life left in the folder at `path`; damaged files are put away."""
        self._path = path
        self._max_waiting = max_waiting
        self._entries: dict[str, Entry] = {}
        self._memory = _Memory()
        self.n_unsaved = 0
        """Writes that the disk refused."""
        self.trouble = ""
        """Why the last write failed; empty when it did not."""
        self._read()

    def __len__(self) -> int:
        """Give the number of notices that wait."""
        return len(self._entries)

    def put(self, notice: Notice, receivers: tuple[str, ...], utc_s: float) -> tuple[Entry, ...]:
        """Take a notice in; give what had to go to make room. One already known is ignored."""
        name = _name(notice.id)
        if name in self._memory.known or name in self._entries:
            return ()
        gone = []
        if receivers:
            while len(self._entries) >= self._max_waiting:
                gone.append(self._drop(next(iter(self._entries))))
            number = max((it.number for it in self._entries.values()), default=0) + 1
            self._store(
                name,
                Entry(number=number, notice=notice, receivers=receivers, offered_utc_s=utc_s),
            )
        # Only now: a crash in between tells it twice, the other order would lose it.
        self._remember(name, notice, receivers)
        return tuple(gone)

    def waiting(self, receiver: str) -> tuple[Entry, ...]:
        """Give what waits for one receiver, oldest first."""
        return tuple(it for it in self._entries.values() if receiver in it.receivers)

    def done(self, entry: Entry, receiver: str) -> None:
        """Note that a receiver has a notice, or never will."""
        name = _name(entry.notice.id)
        current = self._entries.get(name)
        if current is None:
            return
        left = tuple(it for it in current.receivers if it != receiver)
        if left:
            self._store(name, msgspec.structs.replace(current, receivers=left))
        else:
            self._drop(name)

    def keep_only(self, receivers: Collection[str]) -> None:
        """Let go of receivers that are configured no longer: nobody would deliver to them."""
        for entry in tuple(self._entries.values()):
            for name in entry.receivers:
                if name not in receivers:
                    log.info("outbox: %s is no receiver any more; not told %s", name, entry.number)
                    self.done(entry, name)

    def open_notices(self, receiver: str) -> tuple[Notice, ...]:
        """Give the last words on every incident that is not over, for one that forgets.

        Only what it was told: others may be told more, or be called by name.
        """
        memory = self._memory
        return tuple(
            notice
            for name, notice in memory.open.items()
            if receiver in memory.heard.get(name, memory.told.get(notice.incident, ()))
        )

    def told(self, incident: str) -> tuple[str, ...]:
        """Give who heard of an incident that is not over."""
        return self._memory.told.get(incident, ())

    def _remember(self, name: str, notice: Notice, receivers: tuple[str, ...]) -> None:
        """Keep in mind what was told to whom, within bounds."""
        memory = self._memory
        memory.known = [*memory.known, name][-MAX_KNOWN:]
        if notice.kind == "resolved":
            for kind in ("firing", "escalation"):
                memory.open.pop(f"{notice.incident}>{kind}", None)
                memory.heard.pop(f"{notice.incident}>{kind}", None)
            memory.told.pop(notice.incident, None)
        elif notice.kind != "action":
            key = f"{notice.incident}>{notice.kind}"
            memory.open[key] = notice
            for told, whom in ((memory.heard, key), (memory.told, notice.incident)):
                told[whom] = tuple(dict.fromkeys((*told.get(whom, ()), *receivers)))
        while len(memory.open) > self._max_waiting:
            oldest = next(iter(memory.open))
            memory.open.pop(oldest)
            memory.heard.pop(oldest, None)
        while len(memory.told) > self._max_waiting:
            memory.told.pop(next(iter(memory.told)))
        self._write(_MEMORY, msgspec.json.encode(self._memory))

    def _store(self, name: str, entry: Entry) -> None:
        self._entries[name] = entry
        self._write(f"{entry.number:012d}-{name}{_SUFFIX}", msgspec.json.encode(entry))

    def _drop(self, name: str) -> Entry:
        entry = self._entries.pop(name)
        try:
            (self._path / f"{entry.number:012d}-{name}{_SUFFIX}").unlink(missing_ok=True)
        except OSError as error:
            self._count(error)
        return entry

    def _write(self, name: str, raw: bytes) -> None:
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            replace_file(self._path / name, raw)
        except OSError as error:
            self._count(error)
        else:
            self.trouble = ""

    def _count(self, error: OSError) -> None:
        if self.n_unsaved == 0:
            log.warning("outbox: %s; undelivered alerts are in memory only", error.strerror)
        self.n_unsaved += 1
        self.trouble = f"undelivered alerts cannot be kept on disk: {error.strerror}"

    def _read(self) -> None:
        try:
            files = sorted(self._path.glob(f"*{_SUFFIX}")) if self._path.is_dir() else []
        except OSError as error:
            self._count(error)
            return
        for file in files:
            entry = self._read_one(file)
            if entry is not None:
                self._entries[_name(entry.notice.id)] = entry
        try:
            raw = (self._path / _MEMORY).read_bytes()
            self._memory = msgspec.json.decode(raw, type=_Memory)
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("outbox: %s cannot be read (%s); starting without", _MEMORY, error)

    def _read_one(self, file: Path) -> Entry | None:
        try:
            return msgspec.json.decode(file.read_bytes(), type=Entry)
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("outbox: %s cannot be read (%s); put away", file.name, error)
        try:
            file.replace(file.with_suffix(".damaged"))
        except OSError as error:
            self._count(error)
        return None


def _name(notice_id: str) -> str:
    """Give a file name for an id, which may hold any character."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:24]
