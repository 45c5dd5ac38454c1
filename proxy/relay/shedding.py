"""What goes overboard, and when: nothing here ever touches a request that runs.

When memory runs short: samples and copies, then new connections. The limit is that of the cgroup,
which the kernel enforces by killing: what is shed before costs statistics and a 503, what the
kernel does costs every request that runs. Where there is no limit, nothing is shed for memory.

When the watcher cannot keep up: a part of the samples, by the same fair draw that chooses them, so
that what is left is still uniform and carries its true weight. A full link would lose them in
bursts, and records of exchanges with them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from proxy.relay.capture import Sampler
    from proxy.relay.plane import Plane

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
_WATCHING_STOPS_AT: Final = 0.80
_CONNECTIONS_STOP_AT: Final = 0.95
_HYSTERESIS: Final = 0.05
"""How far below its mark the use must fall before a step is taken back."""
_LINK_IS_FILLING: Final = 0.2
_LINK_IS_EMPTY: Final = 0.02
_LESS, _MORE = 0.5, 1.1
"""Down at once and up by a tenth: the usual way to find what a link carries without filling it."""
_LEAST: Final = 0.01
"""Some samples always pass: a link that is empty again must be noticed by what it carries."""


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


class Outbox(Protocol):
    """The way to the watcher, as far as it matters here."""

    @property
    def fullness(self) -> float:
        """How full it is, 0 to 1."""


class Relief:
    """Fits the samples to what the watcher takes, four times a second."""

    def __init__(self, sampler: Sampler, outbox: Outbox) -> None:
        """Begin with all samples that the settings allow."""
        self._sampler = sampler
        self._outbox = outbox
        self._share = 1.0

    def tick(self, _at_s: float) -> None:
        """Take fewer samples while the outbox fills, and more again when it is empty."""
        fullness, share = self._outbox.fullness, self._share
        if fullness > _LINK_IS_FILLING:
            share = max(_LEAST, share * _LESS)
        elif fullness < _LINK_IS_EMPTY:
            share = min(1.0, share * _MORE)
        if share != self._share:
            self._share = share
            self._sampler.give_way(share)


def _word(goes_on: bool) -> str:
    return "again" if goes_on else "stop"
