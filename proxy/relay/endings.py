"""How a client's connection ends, where the transport's own words for it are not enough."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Final

_AT_ONCE: Final = struct.pack("ii", 1, 0)
_ESTABLISHED: Final = 1
"""TCP's state of a connection that neither side has ended, as Linux numbers it."""


def reset(transport: asyncio.Transport) -> None:
    """End with a reset, so that no client takes what it has for the whole answer."""
    tcp = transport.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def has_left(transport: asyncio.Transport) -> bool:
    """Tell whether the peer has ended its side: while we do not read, nobody else tells us."""
    tcp = transport.get_extra_info("socket")
    if tcp is None:
        return False
    try:
        state: int = tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:
        # No TCP, or no connection any longer; the event loop will say what happened.
        return False
    return state != _ESTABLISHED
