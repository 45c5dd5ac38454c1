"""The listening sockets of the data port: one per relay, bound before anything is started.

They belong to the supervisor, so that connections waiting in the backlog of a relay that died are
served by its successor (docs/adr/0004).
"""

from __future__ import annotations

import os
import socket
from typing import Final

from proxy.relay.settings import Listen

BACKLOG: Final = 4096
"""Connections that may wait for a relay: those of several seconds of a restart."""


class StartError(Exception):
    """stablehand cannot start; the message says what is in the way and what to do."""


def bind(listen: Listen) -> list[socket.socket]:
    """Bind one listening socket per relay.

    Raises:
        StartError: the address is in use or not ours.
    """
    found: list[socket.socket] = []
    port = listen.port
    try:
        if listen.workers > 1:
            # With SO_REUSEPORT two sidecars would share a port unnoticed: ask without it first.
            with _listening(listen.host, port, shared=False) as asked:
                port = asked.getsockname()[1]
        for _ in range(listen.workers):
            one = _listening(listen.host, port, shared=listen.workers > 1)
            found.append(one)
            port = one.getsockname()[1]
    except (OSError, UnicodeError) as error:
        for one in found:
            one.close()
        raise StartError(port_trouble("listen", listen.host, listen.port, error)) from error
    return found


def _listening(host: str, port: int, *, shared: bool) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)  # noqa: FBT003  # the system's own signature
    except OSError:
        listening.close()
        raise
    return listening


def port_trouble(key: str, host: str, port: int, error: OSError | UnicodeError) -> str:
    """Say in one line which port cannot be had, why, and what to do."""
    why = str(error)  # a host that cannot even be looked up
    if isinstance(error, OSError) and error.errno is not None:
        # asyncio writes a sentence of its own around the system's words; resolvers count below 0.
        why = os.strerror(error.errno) if error.errno > 0 else error.strerror or why
    return (
        f"{key}: {host}:{port} cannot be listened on: {why}; "
        f"end what uses it, or set {key}.port and {key}.host"
    )
