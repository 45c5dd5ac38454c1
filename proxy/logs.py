"""JSON lines on standard error that can never stop the process.

A container runtime that stops reading a 64 KiB pipe blocks every process that logs into it. Here a
log call formats its line and leaves it in a bounded queue; one thread writes. When the queue is
full, lines are dropped and counted, and a line says so once there is room again. Nothing of
stablehand logs per request.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from datetime import UTC, datetime
from queue import Empty, SimpleQueue
from typing import Final

import msgspec

MAX_LINES: Final = 1000
"""Lines that wait for the writer, unless told otherwise."""
MAX_TEXT: Final = 8_192
"""Characters kept of one message or traceback."""

_OWN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
"""Attributes that every record has; the others came through `extra`."""


class JsonFormatter(logging.Formatter):
    """One record as one JSON object: at_utc, level, process, logger, message, then extras."""

    def __init__(self, process: str) -> None:
        """Name the process, such as `watcher`."""
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        """Give the record as one line without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, object] = {
            "at_utc": at.replace("+00:00", "Z"),
            "level": record.levelname,
            "process": self._process,
            "logger": record.name,
            "message": _text(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _OWN:
                line.setdefault(name, value if _is_plain(value) else _text(str(value)))
        if record.exc_info:
            line["error"] = _text(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


class QueueWriter(logging.Handler):
    """A handler that leaves lines to one thread and never waits."""

    def __init__(self, file: int, *, max_lines: int) -> None:
        """Write to the open file descriptor `file`; at most `max_lines` lines wait."""
        super().__init__()
        self._file = file
        self._max_lines = max_lines
        # SimpleQueue.put is re-entrant: a log call from a finalizer inside a log call is safe.
        self._lines: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write_lines, name="log-writer", daemon=True)
        self._n_told = 0
        self._closed = False
        self.n_dropped = 0
        """Lines lost since the start: queue full, unwritable, or not formattable."""
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record, or count it as dropped."""
        if self._lines.qsize() >= self._max_lines:
            self.n_dropped += 1
            return
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # a log call that cannot be formatted must not raise
            self.n_dropped += 1
            return
        self._lines.put(line.encode("utf-8", "replace") + b"\n")

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, for at most `timeout_s`; then leave it, since nobody reads."""
        if not self._closed:  # `logging.shutdown` closes once more at exit
            self._closed = True
            self._lines.put(None)
            self._thread.join(timeout_s)
        super().close()

    def _write_lines(self) -> None:
        while (line := self._lines.get()) is not None:
            parts = [line]
            # One write for all that waits: fewer, larger writes, and lines are never interleaved.
            try:
                while len(parts) < self._max_lines:
                    following = self._lines.get_nowait()
                    if following is None:
                        self._write(parts)
                        return
                    parts.append(following)
            except Empty:
                pass  # all that waited is in `parts`
            self._write(parts)
        self._write([])  # tells of what was dropped last

    def _write(self, parts: list[bytes]) -> None:
        if self.n_dropped > self._n_told:
            n_dropped = self.n_dropped
            note = logging.LogRecord(
                __name__, logging.WARNING, "", 0, "dropped %d log lines", (n_dropped,), None
            )
            parts.append(self.format(note).encode() + b"\n")
            self._n_told = n_dropped
        view = memoryview(b"".join(parts))
        while view:
            try:
                view = view[os.write(self._file, view) :]
            except BlockingIOError:
                select.select([], [self._file], [])
            except OSError:
                self.n_dropped += len(parts)
                return


def start(
    process: str, *, level: str = "INFO", max_lines: int = MAX_LINES, file: int = 2
) -> QueueWriter:
    """Send all logging of this process through one `QueueWriter`; give it, to be closed at exit."""
    writer = QueueWriter(file, max_lines=max_lines)
    writer.setFormatter(JsonFormatter(process))
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    root.addHandler(writer)
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    return writer


def _text(text: str) -> str:
    """Bound a text and replace what is not valid Unicode (a lone surrogate from a header)."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, float))
