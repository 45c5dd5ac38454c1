"""glibc's allocator: told to keep what large bodies need, and to give back what nobody needs.

By default every 256 KiB body costs three system calls and the page faults of its memory, 380 µs
instead of 110 µs. Keeping more means that a burst of large bodies would stay resident for ever, so
free memory is given back when nothing runs. Other C libraries are left as they are.
"""

from __future__ import annotations

import contextlib
import ctypes
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from proxy.relay.plane import Plane

_TRIM_THRESHOLD: Final = (-1, 16 << 20)
_TOP_PAD: Final = (-2, 4 << 20)
_MMAP_THRESHOLD: Final = (-3, 32 << 20)
_EVERY_S: Final = 5.0


def _libc() -> ctypes.CDLL | None:
    with contextlib.suppress(OSError):
        libc = ctypes.CDLL("libc.so.6")
        if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim"):
            return libc
    return None


def tune() -> None:
    """Set the thresholds."""
    libc = _libc()
    if libc is not None:
        for option, value in (_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD):
            libc.mallopt(option, value)


class Trimmer:
    """Gives free memory back when nothing runs: the millisecond it takes then hurts no one."""

    def __init__(self, plane: Plane) -> None:
        """Look at what runs on `plane`."""
        self._plane = plane
        self._libc = _libc()
        self._next_s = 0.0
        self._has_worked = False
        self.n_trims = 0

    def tick(self, at_s: float) -> None:
        """Trim, if there was work since the last time and there is none now."""
        if self._plane.n_in_flight:
            self._has_worked = True
        elif self._has_worked and at_s >= self._next_s:
            self._has_worked = False
            self._next_s = at_s + _EVERY_S
            self.n_trims += 1
            if self._libc is not None:
                self._libc.malloc_trim(0)
