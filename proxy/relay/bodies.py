"""Bodies that end by their length or with the connection, in the shape of `ChunkScanner`.

With all three in one shape a connection need not know how the body it passes on will end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from proxy.relay.chunks import ChunkScanner


class LengthScanner:
    """Follows a body of known length."""

    __slots__ = ("_left", "n_chunks", "payload_bytes", "rest")

    def __init__(self, length: int) -> None:
        """Expect `length` bytes, at least one."""
        self._left = length
        self.n_chunks = 0
        """Pieces in which it came."""
        self.payload_bytes = 0
        self.rest = b""
        """What came behind the end of the body."""

    @property
    def is_done(self) -> bool:
        """Whether the end of the body has been seen."""
        return self._left == 0

    def feed(self, data: bytes, keep: Callable[[bytes], None] | None = None) -> bytes:
        """Take the next bytes, give those that go on; show them to `keep`."""
        if len(data) > self._left:
            self.rest = data[self._left :]
            data = data[: self._left]
        self._left -= len(data)
        self.payload_bytes += len(data)
        if data:
            self.n_chunks += 1
            if keep is not None:
                keep(data)
        return data


class OpenScanner:
    """Follows a body that ends when its sender closes the connection."""

    __slots__ = ("n_chunks", "payload_bytes", "rest")

    is_done = False

    def __init__(self) -> None:
        """Expect anything."""
        self.n_chunks = 0
        self.payload_bytes = 0
        self.rest = b""
        """Nothing ever comes behind it."""

    def feed(self, data: bytes, keep: Callable[[bytes], None] | None = None) -> bytes:
        """Take the next bytes and give them back; show them to `keep`."""
        self.payload_bytes += len(data)
        if data:
            self.n_chunks += 1
            if keep is not None:
                keep(data)
        return data


BodyScanner: TypeAlias = ChunkScanner | LengthScanner | OpenScanner
