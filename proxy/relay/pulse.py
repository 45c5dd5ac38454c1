"""The relay's sign of life: once a second, to the supervisor's pipe and to the watcher."""

from __future__ import annotations

import logging
import os
from typing import Final, Protocol

from proxy.link.frames import pulse_frame
from proxy.records import Pulse
from proxy.relay.plane import Plane
from proxy.relay.server import Server, ServerState
from proxy.relay.sweep import INTERVAL_S

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0


class Link(Protocol):
    """The way to the watcher, with what it dropped."""

    dropped: dict[str, int]


class Heart:
    """Beats."""

    def __init__(self, plane: Plane, server: Server, link: Link, pipe: int | None) -> None:
        """Report on `plane` and `server`, to `pipe` (a file descriptor) if there is one."""
        self._plane = plane
        self._server = server
        self._link = link
        self._pipe = pipe
        self._next_s = 0.0
        if pipe is not None:
            os.set_blocking(pipe, False)
        plane.sweep.every_tick(self._tick)

    def _tick(self, at_s: float) -> None:
        # Half an interval early rather than a whole one late.
        if at_s >= self._next_s - INTERVAL_S / 2:
            self.beat(at_s)

    def beat(self, at_s: float) -> None:
        """Send a pulse now."""
        self._next_s = at_s + _EVERY_S
        plane = self._plane
        dropped = dict(self._link.dropped)
        for kind, count in plane.dropped.items():
            dropped[kind] = dropped.get(kind, 0) + count
        pulse = Pulse(
            worker=plane.settings.worker,
            pid=os.getpid(),
            at_s=at_s,
            listening=self._server.is_listening,
            draining=self._server.state != ServerState.SERVING,
            connections=plane.n_clients,
            in_flight=plane.switch.in_flight(),
            lag_s=plane.sweep.lag_s,
            epoch=plane.switch.routing.epoch,
            dropped=dropped,
        )
        plane.sweep.lag_s = 0.0
        plane.report(pulse)
        self._send(pulse)

    def _send(self, pulse: Pulse) -> None:
        if self._pipe is None:
            return
        try:
            # A frame is far shorter than what a pipe writes in one piece.
            os.write(self._pipe, pulse_frame(pulse))
        except BlockingIOError:
            # The supervisor does not read: it learns from the next pulse.
            pass
        except OSError as error:
            # Nobody would restart us or end us: an orphan that keeps the port is worse than an end.
            log.warning("the supervisor is gone (%s); draining", error)
            self._pipe = None
            self._server.drain()
