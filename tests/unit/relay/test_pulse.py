"""The sign of life."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from proxy.link.frames import FrameSplitter, read_pulse
from proxy.relay.plane import Nowhere
from proxy.relay.pulse import Heart
from proxy.relay.server import Server, ServerState

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Rig


class Linked(Nowhere):
    """A link that has dropped something."""

    dropped = {"exchange": 2, "capture": 0}  # noqa: RUF012  # a constant of this test


def test_a_pulse_goes_to_the_pipe_and_to_the_watcher(rig: Rig) -> None:
    """Both get the same, with what the link and the plane have dropped."""
    read, write = os.pipe()
    with socket.socket() as listening:
        heart = Heart(rig.plane, Server(rig.plane, listening), Linked(), write)
        rig.plane.drop("exchange")
        rig.plane.drop("mirror_full")
        rig.sweep.lag_s = 0.5
        heart.beat(100.0)
    (body,) = FrameSplitter().feed(os.read(read, 65_536))
    pulse = read_pulse(body)
    assert rig.reports == [pulse]
    assert pulse.dropped == {"exchange": 3, "capture": 0, "mirror_full": 1}
    assert (pulse.lag_s, rig.sweep.lag_s) == (0.5, 0.0)
    assert (pulse.connections, pulse.listening, pulse.draining) == (1, False, False)
    os.close(read)
    os.close(write)


def test_it_beats_once_a_second(rig: Rig) -> None:
    """Of four ticks a second one beats."""
    with socket.socket() as listening:
        heart = Heart(rig.plane, Server(rig.plane, listening), Nowhere(), None)
        for n in range(40):
            heart._tick(100.0 + n * 0.2501)
    assert len(rig.reports) == 10


def test_a_pipe_that_nobody_reads_stops_nothing(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """A full pipe loses pulses; a closed one means that the supervisor is gone, and it drains."""
    read, write = os.pipe()
    with socket.socket() as listening:
        server = Server(rig.plane, listening)
        heart = Heart(rig.plane, server, Nowhere(), write)
        for n in range(2000):
            heart.beat(float(n))
        assert caplog.text == ""
        assert server.state is ServerState.SERVING
        os.close(read)
        heart.beat(3000.0)
        heart.beat(3001.0)
    assert caplog.text.count("the supervisor is gone") == 1
    assert server.state is ServerState.LAME_DUCK
    os.close(write)
