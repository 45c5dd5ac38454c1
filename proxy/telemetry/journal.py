"""The journal: an append-only, hash-chained record of what was concluded, decided and done.

One JSON line per entry. `hash` is the SHA-256 of the line's bytes before `,"hash"`, and `prev` is
the hash of the entry before, also across rotated files; so a changed, removed or reordered entry is
found by `verify`. A disk that is full or read-only never stops the watcher: entries wait in memory
and are written when the disk is back. What the entries mean is not known here.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from proxy.telemetry.settings import JournalSettings

log = logging.getLogger(__name__)

BEGINNING: Final = "0" * 64
"""`prev` of the first entry of all."""

MAX_WAITING: Final = 1_000
"""Entries that wait for a disk; beyond it the oldest is lost, and `verify` shows the gap."""

MAX_MEMORY_BYTES: Final = 8 * 1024 * 1024
"""Bytes of the last entries that memory holds, and of those that wait: of the longest entries some
thirty, of recorded ticks far more than `_MEMORY`."""

MAX_ENTRY_BYTES: Final = 256 * 1024
"""A longer entry is replaced by a note of its length: nothing sensible is that long."""

_MARK: Final = b',"hash":"'
_HEAD_BYTES: Final = 160
"""Number, time and kind of an entry take fewer."""
_TAIL_BYTES: Final = 1024 * 1024
_MEMORY: Final = 1_000
_encoder = msgspec.json.Encoder(enc_hook=str)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the journal."""

    n: int
    """Counts all entries of one journal from 1."""
    at_utc: str
    kind: str
    body: object
    prev: str
    hash: str = ""


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """What `verify` found."""

    ok: bool
    n_entries: int
    trouble: str
    """First thing wrong, with file and line; empty when `ok`."""


class _Lines:
    """Lines in order, bounded by number and bytes: the newest stay."""

    def __init__(self, max_lines: int) -> None:
        self._max_lines = max_lines
        self._lines: deque[bytes] = deque()
        self._n_bytes = 0

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines)

    def __reversed__(self) -> Iterator[bytes]:
        return reversed(self._lines)

    def append(self, line: bytes) -> int:
        """Add a line; give how many of the oldest had to go."""
        self._lines.append(line)
        self._n_bytes += len(line)
        n_gone = 0
        while len(self._lines) > self._max_lines or self._n_bytes > MAX_MEMORY_BYTES:
            self.popleft()
            n_gone += 1
        return n_gone

    def popleft(self) -> None:
        """Take the oldest out."""
        self._n_bytes -= len(self._lines.popleft())


class Journal:
    """The journal under one path. One process at a time writes it; a lock sees to that."""

    def __init__(self, path: Path, settings: JournalSettings | None = None) -> None:
        """Open and repair the file, or begin it. Never raises for a bad disk: see `trouble`."""
        self.path = path
        self._settings = settings or JournalSettings()
        self._file: int | None = None
        self._n_bytes = 0
        self._n = 0
        self._last = BEGINNING
        self._waiting = _Lines(MAX_WAITING)
        self._recent = _Lines(_MEMORY)
        self.n_failed = 0
        """Entries that could not be written when they were made."""
        self.n_lost = 0
        """Entries that had to be given up, because too many waited."""
        self.trouble = ""
        """Why entries wait; empty when all are on the disk."""
        self._repaired = ""
        self._write_waiting()
        if self._repaired:
            log.warning("journal %s: %s", path, self._repaired)

    def append(self, kind: str, body: object, at_utc: str) -> Entry:
        """Add one entry; it is on the disk on return, or waits in memory while the disk is bad.

        `body`: anything msgspec can write; what it cannot becomes text. Never raises: an entry that
        JSON cannot hold is replaced by the reason, since the tick that writes it must go on.
        """
        body = _fitting(kind, body)
        self._n += 1
        entry = Entry(n=self._n, at_utc=at_utc, kind=kind, body=body, prev=self._last)
        line, digest = _seal(entry)
        self._last = digest
        self._recent.append(line)
        self.n_lost += self._waiting.append(line)
        self._write_waiting()
        if self._waiting:
            self.n_failed += 1
        return msgspec.structs.replace(entry, hash=digest)

    def lines(self, n: int, without: Collection[str] = ()) -> list[bytes]:
        """Give the last `n` entries as JSON, oldest first, from memory and unread.

        Those of the kinds in `without` are passed over: insights are long, and the status page asks
        every few seconds.
        """
        hidden = {kind.encode() for kind in without}
        wanted = (line for line in reversed(self._recent) if _kind(line) not in hidden)
        return list(islice(wanted, max(0, n)))[::-1]

    def tail(self, n: int, without: Collection[str] = ()) -> list[dict[str, object]]:
        """Give the last `n` entries, read: for few of them, since reading takes its time."""
        return [
            msgspec.json.decode(line, type=dict[str, object]) for line in self.lines(n, without)
        ]

    def close(self) -> None:
        """Write what waits and let go of the file."""
        self._write_waiting()
        self._release()

    def _write_waiting(self) -> None:
        try:
            if self._file is not None and not self._is_in_place(self._file):
                self._release()
            if self._file is None:
                self._open()
            while (line := next(iter(self._waiting), None)) is not None:
                self._write(line)
                self._waiting.popleft()
                if self._n_bytes >= self._settings.max_bytes:
                    self._rotate()
        except OSError as error:
            trouble = f"the journal cannot be written: {error.strerror}"
            if trouble != self.trouble:
                log.warning("%s (%s); entries wait in memory", trouble, self.path)
            self.trouble = trouble
            self._release()
        else:
            self.trouble = ""

    def _is_in_place(self, file: int) -> bool:
        """Tell whether the open file is still the one under the path: people archive and remove."""
        try:
            return os.path.samestat(os.fstat(file), self.path.stat())
        except FileNotFoundError:
            return False

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        file = os.open(self.path, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._repair(file)
        except OSError:
            os.close(file)
            raise
        self._file = file

    def _repair(self, file: int) -> None:
        """Cut off a line that a crash left unfinished, and go on where the file ends."""
        size = os.fstat(file).st_size
        start = max(0, size - _TAIL_BYTES)
        raw = os.pread(file, size - start, start)
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            os.ftruncate(file, start + len(whole))
            self._repaired = f"cut off an unfinished line of {len(raw) - len(whole)} bytes"
        self._n_bytes = start + len(whole)
        if self._n:
            return  # the file was open before: what is known in memory is newer
        lines = whole.splitlines()[1 if start else 0 :] or _last_lines(_aside(self.path, 1))
        entry: Entry | None = None
        for line in lines:
            entry = _open_seal(line)
            if entry is not None:
                self._n, self._last = entry.n, entry.hash
                self._recent.append(line)
        if lines and entry is None:
            self._repaired = "the last line is not sealed as it should be"

    def _write(self, line: bytes) -> None:
        if self._file is None:
            raise OSError(None, "not open")
        data = line + b"\n"
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
            if self._settings.sync:
                os.fsync(self._file)
        except OSError:
            # Half a line on a full disk would break the chain for good.
            os.ftruncate(self._file, self._n_bytes)
            raise
        self._n_bytes += len(data)

    def _rotate(self) -> None:
        self._release()
        _aside(self.path, self._settings.keep).unlink(missing_ok=True)
        for age in range(self._settings.keep - 1, 0, -1):
            older = _aside(self.path, age)
            if older.exists():
                older.replace(_aside(self.path, age + 1))
        self.path.replace(_aside(self.path, 1))
        self._open()

    def _release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def verify(path: Path) -> Verification:
    """Check the chain of a journal, over its rotated files, oldest first.

    Raises:
        OSError: the file cannot be read.
    """
    before: Entry | None = None
    n = 0
    for place, line in _all_lines(path):
        entry = _open_seal(line)
        trouble = ""
        if entry is None:
            trouble = "was changed: its hash does not fit its text"
        elif before is not None and entry.n != before.n + 1:
            trouble = f"entry {entry.n} follows entry {before.n}: entries are missing or doubled"
        elif before is not None and entry.prev != before.hash:
            trouble = f"entry {entry.n} does not continue entry {before.n}"
        if trouble:
            return Verification(ok=False, n_entries=n, trouble=f"{place}: {trouble}")
        before = entry
        n += 1
    return Verification(ok=True, n_entries=n, trouble="")


def entries(lines: Iterable[bytes]) -> Iterator[Entry]:
    """Read lines that the journal keeps in memory; their seals were made or checked before."""
    decode = msgspec.json.Decoder(Entry).decode
    return map(decode, lines)


def read(path: Path) -> Iterator[Entry]:
    """Give every readable entry, over the rotated files, oldest first.

    Raises:
        OSError: the file cannot be read.
    """
    for _, line in _all_lines(path):
        entry = _open_seal(line)
        if entry is not None:
            yield entry


def _all_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    age = 1
    while _aside(path, age).exists():
        age += 1
    for file in [*(_aside(path, older) for older in range(age - 1, 0, -1)), path]:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield f"{file.name} line {number}", line.rstrip(b"\n")


def _aside(path: Path, age: int) -> Path:
    return path.with_name(f"{path.name}.{age}")


def _kind(line: bytes) -> bytes:
    """Give the kind of an entry, which stands in the beginning of its line."""
    return line[:_HEAD_BYTES].partition(b'"kind":"')[2].partition(b'"')[0]


def _fitting(kind: str, body: object) -> object:
    """Give the body of an entry, or a note in its place when it is too long or no JSON."""
    try:
        n_bytes = len(_encoder.encode(body))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        log.error("an entry of kind %s cannot be written: %s", kind, error)  # noqa: TRY400  # one line
        return {"unwritable": type(error).__name__}
    return body if n_bytes <= MAX_ENTRY_BYTES else {"left_out_bytes": n_bytes}


def _last_lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return file.read().splitlines()[-_MEMORY:]
    except OSError:
        return []  # no rotated file: the journal begins here


def _seal(entry: Entry) -> tuple[bytes, str]:
    """Give the line of an entry and its hash."""
    text = msgspec.json.encode(entry, enc_hook=str)
    open_text = text[: text.rindex(_MARK)]
    digest = hashlib.sha256(open_text).hexdigest()
    return open_text + _MARK + digest.encode() + b'"}', digest


def _open_seal(line: bytes) -> Entry | None:
    """Give the entry of a line, or `None` when the line is not as it was written."""
    at = line.rfind(_MARK)
    if at < 0:
        return None
    digest = hashlib.sha256(line[:at]).hexdigest()
    if line[at + len(_MARK) :] != digest.encode() + b'"}':
        return None
    try:
        return msgspec.json.decode(line, type=Entry)
    except msgspec.MsgspecError:
        return None
