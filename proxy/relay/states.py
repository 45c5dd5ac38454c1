"""The states of both kinds of connection, and the moves between them, as data.

The protocols in `downstream` and `upstream` make the moves; the wire tests record every move that
connections make and hold it against these tables.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class DownstreamState(IntEnum):
    """The life of a client's connection; the table stands in `downstream`."""

    WAIT = 0
    BODY = 1
    ANSWER = 2
    LINGER = 3
    TUNNEL = 4
    CLOSING = 5
    CLOSED = 6


class UpstreamState(IntEnum):
    """The life of a connection to a model; the table stands in `upstream`."""

    IDLE = 0
    HEAD = 1
    LENGTH = 2
    CHUNKED = 3
    UNTIL_EOF = 4
    TUNNEL = 5
    CLOSED = 6


DOWNSTREAM_MOVES: Final[dict[DownstreamState, frozenset[DownstreamState]]] = {
    DownstreamState.WAIT: frozenset(
        {
            DownstreamState.BODY,
            DownstreamState.ANSWER,
            DownstreamState.LINGER,
            DownstreamState.CLOSING,
            DownstreamState.CLOSED,
        }
    ),
    DownstreamState.BODY: frozenset(
        {
            DownstreamState.ANSWER,
            DownstreamState.LINGER,
            DownstreamState.CLOSING,
            DownstreamState.CLOSED,
        }
    ),
    DownstreamState.ANSWER: frozenset(
        {
            DownstreamState.WAIT,
            DownstreamState.TUNNEL,
            DownstreamState.CLOSING,
            DownstreamState.CLOSED,
        }
    ),
    DownstreamState.LINGER: frozenset({DownstreamState.CLOSING, DownstreamState.CLOSED}),
    DownstreamState.TUNNEL: frozenset({DownstreamState.CLOSING, DownstreamState.CLOSED}),
    DownstreamState.CLOSING: frozenset({DownstreamState.CLOSED}),
    DownstreamState.CLOSED: frozenset(),
}
"""Where a client's connection may go from each state."""

UPSTREAM_MOVES: Final[dict[UpstreamState, frozenset[UpstreamState]]] = {
    UpstreamState.IDLE: frozenset({UpstreamState.HEAD, UpstreamState.CLOSED}),
    UpstreamState.HEAD: frozenset(
        {
            UpstreamState.IDLE,
            UpstreamState.LENGTH,
            UpstreamState.CHUNKED,
            UpstreamState.UNTIL_EOF,
            UpstreamState.TUNNEL,
            UpstreamState.CLOSED,
        }
    ),
    UpstreamState.LENGTH: frozenset({UpstreamState.IDLE, UpstreamState.CLOSED}),
    UpstreamState.CHUNKED: frozenset({UpstreamState.IDLE, UpstreamState.CLOSED}),
    UpstreamState.UNTIL_EOF: frozenset({UpstreamState.CLOSED}),
    UpstreamState.TUNNEL: frozenset({UpstreamState.CLOSED}),
    UpstreamState.CLOSED: frozenset(),
}
"""Where an upstream's connection may go from each state."""
