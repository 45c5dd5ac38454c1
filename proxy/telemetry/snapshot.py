"""State files: written whole or not at all, and never believed when damaged.

A state file is one header line (what, version, length, SHA-256) and the body. It is written beside
its place, flushed to the disk and renamed over the old one, so that a crash at any moment leaves
either the old file or the new one. What is in the body is the business of its owner.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final

from proxy.disk import replace_file

log = logging.getLogger(__name__)

MAGIC: Final = "stablehand-state"
MAX_BODY_BYTES: Final = 256 * 1024 * 1024
"""Longest body that is read: a state is tens of kilobytes per feature, so more is not ours."""

_MAX_HEADER_BYTES: Final = 512
_N_WORDS: Final = 5


class SnapshotError(Exception):
    """A state file that cannot be believed; the message says why."""


class StateFile:
    """One piece of state under one path. Not for two writers at once."""

    def __init__(self, path: Path, *, kind: str, version: int) -> None:
        """Name the place. `kind` is one word; raise `version` when the body's meaning changes."""
        self.path = path
        self.kind = kind
        self.version = version
        self.n_failed = 0
        """Writes that failed since the start."""
        self.trouble = ""
        """Why the last write or read did not work, for people; empty when it did."""

    def write(self, body: bytes) -> bool:
        """Replace the file; `False` when the disk is full, read-only or gone. Blocks on fsync."""
        digest = hashlib.sha256(body).hexdigest()
        header = f"{MAGIC} {self.kind} {self.version} {len(body)} {digest}\n".encode()
        try:
            replace_file(self.path, header + body)
        except OSError as error:
            if not self.n_failed or not self.trouble:
                log.warning("state file %s cannot be written: %s", self.path, error.strerror)
            self.n_failed += 1
            self.trouble = f"the file {self.path.name} cannot be written ({error.strerror})"
            return False
        self.trouble = ""
        return True

    def read(self) -> bytes | None:
        """Give the body, or `None` to start fresh: no file, another version, damage.

        A damaged file is put aside as `NAME.damaged` for people, and `trouble` says what it was.
        """
        self.trouble = ""
        try:
            return self._read()
        except FileNotFoundError:
            return None
        except OSError as error:
            self.trouble = f"{self.path.name} cannot be read: {error.strerror}"
        except SnapshotError as error:
            self.trouble = f"{self.path.name} was not used: {error}"
            self._put_aside()
        log.warning("%s; starting fresh", self.trouble)
        return None

    def _read(self) -> bytes:
        with self.path.open("rb") as file:
            header = file.readline(_MAX_HEADER_BYTES)
            body = file.read(MAX_BODY_BYTES + 1)
        words = header.decode("ascii", "replace").split()
        if len(words) != _N_WORDS or words[0] != MAGIC or not header.endswith(b"\n"):
            raise SnapshotError("it does not begin like a state file")
        _, kind, version, length, digest = words
        if kind != self.kind:
            raise SnapshotError(f"it holds {kind!r}, not {self.kind!r}")
        if version != str(self.version):
            raise SnapshotError(f"it has version {version}, this program writes {self.version}")
        if length != str(len(body)):
            raise SnapshotError(f"it has {len(body)} bytes of {length}")
        if hashlib.sha256(body).hexdigest() != digest:
            raise SnapshotError("its checksum is wrong")
        return body

    def _put_aside(self) -> None:
        try:
            self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
        except OSError as error:
            log.warning("%s cannot be put aside: %s", self.path, error.strerror)
