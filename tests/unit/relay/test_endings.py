"""Endings on real sockets."""

from __future__ import annotations

import asyncio
import socket

import pytest

from proxy.relay.endings import has_left, reset


async def pair() -> tuple[asyncio.Transport, socket.socket]:
    """Give a transport that is not read from, and the peer's socket."""
    listening = socket.create_server(("127.0.0.1", 0))
    peer = socket.create_connection(listening.getsockname())
    accepted, _ = listening.accept()
    listening.close()
    transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
        asyncio.Protocol, accepted
    )
    transport.pause_reading()
    return transport, peer


def test_a_peer_that_left_is_noticed_without_reading() -> None:
    """While nothing is read, only the kernel knows that the peer has ended its side."""

    async def scenario() -> None:
        transport, peer = await pair()
        peer.sendall(b"unread")
        assert not has_left(transport)
        peer.close()
        while not has_left(transport):
            await asyncio.sleep(0.01)
        transport.abort()
        await asyncio.sleep(0.01)

    asyncio.run(scenario())


def test_a_reset_is_no_end() -> None:
    """The peer's read fails instead of coming to an end."""

    async def scenario() -> None:
        transport, peer = await pair()
        reset(transport)
        await asyncio.sleep(0.01)
        with peer, pytest.raises(ConnectionResetError):
            peer.recv(1)

    asyncio.run(scenario())


class NoSocket(asyncio.Transport):
    """A transport that has no socket to show."""

    def __init__(self) -> None:
        super().__init__()
        self.is_aborted = False

    def abort(self) -> None:
        """Note it."""
        self.is_aborted = True


def test_a_transport_without_a_socket_is_ended_all_the_same() -> None:
    """What cannot be reset is aborted, and is not taken for gone."""
    transport = NoSocket()
    assert not has_left(transport)
    reset(transport)
    assert transport.is_aborted
