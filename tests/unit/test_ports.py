"""The data port is bound once per relay, and what stands in the way is told in one line."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import pytest

from proxy.ports import StartError, bind
from proxy.relay.settings import Listen


def port_of(listening: socket.socket) -> int:
    """Give the port that the system chose."""
    port: int = listening.getsockname()[1]
    return port


def test_each_relay_has_a_socket_of_its_own_on_one_port() -> None:
    """Three workers get three sockets that share the port."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(one) for one in bind(Listen(host="127.0.0.1", port=0, workers=3))
        ]
        assert len({one.fileno() for one in sockets}) == 3
        assert len({port_of(one) for one in sockets}) == 1


def test_clients_connect_before_any_relay_accepts() -> None:
    """The socket already listens: a connection waits in its backlog for a relay to come."""
    (listening,) = bind(Listen(host="127.0.0.1", port=0))
    with (
        listening,
        socket.create_connection(("127.0.0.1", port_of(listening)), timeout=5) as client,
    ):
        client.sendall(b"early")
        listening.setblocking(True)
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.recv(5) == b"early"


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_in_use_is_told_in_one_line(workers: int) -> None:
    """The message names key, address, cause and remedy; with several workers it is noticed too."""
    (taken,) = bind(Listen(host="127.0.0.1", port=0))
    with taken:
        port = port_of(taken)
        with pytest.raises(StartError) as caught:
            bind(Listen(host="127.0.0.1", port=port, workers=workers))
    text = str(caught.value)
    assert f"listen: 127.0.0.1:{port} cannot be listened on: Address already in use" in text
    assert "set listen.port" in text
    assert "\n" not in text


def test_an_address_that_is_not_ours_is_told_in_one_line() -> None:
    """192.0.2.1 is set aside for documentation and belongs to nobody."""
    with pytest.raises(StartError, match=r"192\.0\.2\.1:1 cannot be listened on"):
        bind(Listen(host="192.0.2.1", port=1))
