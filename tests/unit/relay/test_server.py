"""How the relay is left."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from proxy.relay.server import Server, ServerState
from proxy.relay.settings import Listen

if TYPE_CHECKING:
    from tests.unit.relay.conftest import Kit, Rig


def test_leaving_goes_by_its_states(kit: type[Kit]) -> None:
    """Lame duck until its time is over, then draining until all are gone, then the end."""
    rig = kit.Rig(listen=Listen(lame_duck_s=5, grace_s=30))
    with socket.socket() as listening:
        server = Server(rig.plane, listening)
        server.drain()
        assert server.state is ServerState.LAME_DUCK
        assert rig.plane.is_draining
        begun_s = server._drain_from_s
        server._look(begun_s + 4.9)
        assert server.state is ServerState.LAME_DUCK
        server.state = ServerState.DRAINING
        rig.stock()
        rig.client.data_received(kit.GET)
        server._look(begun_s + 6)
        assert server.state is ServerState.DRAINING
        server._look(begun_s + 30)
        assert server.state is ServerState.ENDED


def test_quiet_connections_are_closed_while_draining(rig: Rig) -> None:
    """One that has been quiet for a second is closed, one that has just come is not."""
    with socket.socket() as listening:
        server = Server(rig.plane, listening)
        server.drain()
        server.state = ServerState.DRAINING
        server._look(rig.sweep.at_s + 0.5)
        assert rig.paper.end == ""
        server._look(rig.sweep.at_s + 1.5)
        assert rig.paper.end == "close"
        rig.client.connection_lost(None)
        server._look(rig.sweep.at_s + 1.75)
        assert server.state is ServerState.ENDED


def test_draining_twice_is_draining_once(rig: Rig) -> None:
    """A second call does not begin the lame-duck time anew."""
    with socket.socket() as listening:
        server = Server(rig.plane, listening)
        server.drain()
        begun_s = server._drain_from_s
        server.drain()
        assert server._drain_from_s == begun_s
