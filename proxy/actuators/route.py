"""The one cell that flows back: the routing, on disk, for relays that start without a watcher.

A running relay is told over the link; this file is for one that starts, or starts again, while the
watcher is away. It is replaced atomically: a reader sees the old routing or the new one.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from proxy.disk import replace_file
from proxy.records import Routing


class RouteCell:
    """The routing in force, in memory and on disk."""

    def __init__(self, path: Path) -> None:
        """Look after the file at `path`; nothing is read or written yet."""
        self._path = path
        self._current: Routing | None = None
        self.error = ""
        """Why the last write failed; empty when it did not."""

    def load(self) -> Routing | None:
        """Read the routing; `None` when there is none, or none that can be read."""
        try:
            raw = self._path.read_bytes()
            self._current = msgspec.msgpack.decode(raw, type=Routing)
        except (OSError, msgspec.MsgspecError) as error:
            self.error = "" if isinstance(error, FileNotFoundError) else str(error)
            return None
        return self._current

    def set(self, routing: Routing) -> bool:
        """Put a routing into the cell; false when the disk refused it (it is then in memory only).

        Raises:
            ValueError: the routing is older than the one in the cell; that is a bug of the caller.
        """
        if self._current is not None and routing.epoch < self._current.epoch:
            raise ValueError(f"epoch {routing.epoch} is older than {self._current.epoch}")
        self._current = routing
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self._path, msgspec.msgpack.encode(routing))
        except OSError as error:
            self.error = str(error)
            return False
        self.error = ""
        return True
