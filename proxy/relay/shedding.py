"""What goes overboard when memory runs short, in order: samples and copies, then new connections.

The limit is that of the cgroup, which the kernel enforces by killing: what is shed before costs
statistics and a 503, what the kernel does costs every request that runs. Where there is no limit,
nothing is ever shed.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from proxy.relay.plane import Plane

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
_WATCHING_STOPS_AT: Final = 0.80
_CONNECTIONS_STOP_AT: Final = 0.95
_HYSTERESIS: Final = 0.05
"""How far below its mark the use must fall before a step is taken back."""


class Shedding:
    """Looks at the cgroup's memory once a second."""

    def __init__(self, plane: Plane, cgroup: Path = Path("/sys/fs/cgroup")) -> None:
        """Read the limit from `cgroup` (version 2, as a container sees its own)."""
        self._plane = plane
        self._cgroup = cgroup
        self._limit_bytes = self._number("memory.max")
        self._next_s = 0.0
        self._watches = True
        self._accepts = True

    def tick(self, at_s: float) -> None:
        """Shed, or take back, what the use calls for."""
        if self._limit_bytes is None or at_s < self._next_s:
            return
        self._next_s = at_s + _EVERY_S
        share = self._used_bytes() / self._limit_bytes
        watches = share < _WATCHING_STOPS_AT - (0 if self._watches else _HYSTERESIS)
        accepts = share < _CONNECTIONS_STOP_AT - (0 if self._accepts else _HYSTERESIS)
        if watches != self._watches:
            self._watches = watches
            log.warning("memory at %.0f %%: samples and copies %s", 100 * share, _word(watches))
            self._plane.suspend_watching(is_suspended=not watches)
        if accepts != self._accepts:
            self._accepts = accepts
            log.warning("memory at %.0f %%: new connections %s", 100 * share, _word(accepts))
            self._plane.max_clients = self._plane.listen.max_connections if accepts else 0

    def _used_bytes(self) -> int:
        """Give what the kernel could not free: without the file cache that nobody uses."""
        used = self._number("memory.current") or 0
        try:
            text = (self._cgroup / "memory.stat").read_text("ascii")
        except OSError:
            return used
        for line in text.splitlines():
            if line.startswith("inactive_file "):
                return used - int(line.split()[1])
        return used

    def _number(self, name: str) -> int | None:
        try:
            text = (self._cgroup / name).read_text("ascii").strip()
        except OSError:
            return None
        return int(text) if text.isdigit() else None


def _word(goes_on: bool) -> str:
    return "again" if goes_on else "stop"
